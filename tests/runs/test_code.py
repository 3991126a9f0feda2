"""Which code a run was made by: found by reading, deaf to comments, and never taken for other code."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from processes import forked, harness

from harness.core.errors import HarnessError
from harness.core.registry import forget_plugins
from harness.core.types import Budget
from harness.runs import sources
from harness.runs.code import changed, code_of, digest_of
from harness.runs.folder import check_code, set_aside
from harness.runs.sources import Kept, said
from methods import METHODS
from methods.search.search import Search
from spaces import SPACES

PLUGIN = '''
"""A rule that goes down the signs of the gradient."""

from dataclasses import dataclass

from harness.core.settings import setting
from methods.composition import Composition
from methods.rules.rule import Move


@dataclass(frozen=True)
class Signs:
    stride: float = setting(0.1, "choice", minimum=0)

    def start(self, alpha):
        return {}

    def step(self, alpha, oracle, memory, clock, draw):
        return Move(alpha - self.stride * oracle.gradient(alpha).sign(), {}, {})


RULES = {"signs": Signs()}
METHODS = {"darts-signs": Composition("signs of the gradient", "nowhere", rule="signs", lookahead="first-order")}
'''


def code_on(method: str, space: str) -> dict[str, str]:
    parts = METHODS[method].parts(SPACES[space], Budget())
    return dict(code_of([Search, *parts.by_name().values(), SPACES[space]]))


def test_a_run_s_code_is_what_its_parts_import_and_no_more() -> None:
    files = code_on("zarts-mgs", "s1")
    assert {"methods/rules/mgs.py", "methods/lookaheads/fine_tuned.py", "spaces/edges/sum.py"} <= set(files)
    assert {"spaces/darts/supernet.py", "methods/training/weights.py", "harness/core/rng.py"} <= set(files)
    assert not {"methods/rules/gld.py", "spaces/edges/merged.py", "spaces/nasbench201/supernet.py"} & set(files)
    assert not [name for name in files if name.startswith(("harness/commands", "reports", "harness/cli"))]
    other = code_on("zarts-gld", "nasbench201")
    assert {"methods/rules/gld.py", "spaces/nasbench201/supernet.py"} <= set(other)
    assert all(other[name] == digest for name, digest in files.items() if name in other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("x = 1\n", "x = 1  # why\n\n\n", True),
        ('def f():\n    """Says it."""\n    return 1\n', "def f():\n    return 1\n", True),
        ('class A:\n    x: int = 1\n    """What x is."""\n', "class A:\n    x: int = 1\n", True),
        ('x = "a  # no comment"\n', 'x = "a"\n', False),
        ("def f():\n    return 1\n", "def f():\n    return 2\n", False),
        ("if a:\n    b()\n    c()\n", "if a:\n    b()\nc()\n", False),
        ('f("""text""")\n', 'f("""other""")\n', False),
    ],
)
def test_a_digest_hears_what_a_file_says(one: str, other: str, same: bool) -> None:
    assert (said(one) == said(other)) is same


def test_a_file_is_read_once_for_each_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, other = b"from a import b\nimport c.d\n\ndef f():\n    from .. import g\n", b"x = 1\n"
    file = tmp_path / "cache" / "sources.json"
    first = Kept(file)
    source = first.of(content)
    assert source.imports == ("a b", "c.d ", ".. g")
    first.save()
    second = Kept(file)
    second.of(other)
    second.save()
    monkeypatch.setattr(sources, "said", None)  # so that nothing can be read anew
    third = Kept(file)
    assert third.of(content) == source
    assert third.of(other).imports == ()
    with pytest.raises(TypeError):
        third.of(other + b"# and more\n")
    file.write_text("{")
    with pytest.raises(TypeError):
        Kept(file).of(content)


def test_files_that_changed_come_first() -> None:
    assert changed({"a": "1", "b": "2", "c": "3"}, {"b": "9", "c": "3", "d": "4"}) == ["b", "a", "d"]
    assert digest_of({"a": "1"}) != digest_of({"a": "2"})


def test_a_run_of_other_code_is_refused_and_one_from_before_passes(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps({"spec": {}, "code": {"a.py": "1"}}))
    check_code(tmp_path, {"a.py": "1"})
    with pytest.raises(HarnessError, match=r"made by other code: a\.py changed since\. Give --again to make it anew"):
        check_code(tmp_path, {"a.py": "2"})
    (tmp_path / "spec.json").write_text(json.dumps({"spec": {}}))
    check_code(tmp_path, {"a.py": "2"})


def test_what_is_set_aside_is_kept(tmp_path: Path) -> None:
    folder, file = tmp_path / "run", tmp_path / "run.json"
    set_aside(folder, file)
    for number in (1, 2):
        folder.mkdir()
        file.write_text(str(number))
        set_aside(folder, file)
        assert not folder.exists()
        assert (tmp_path / ".replaced" / str(number) / "run.json").read_text() == str(number)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "signs.py"
    path.write_text(PLUGIN)
    yield path
    forget_plugins()
    for name in [name for name in sys.modules if name.startswith("plugin_")]:
        del sys.modules[name]


def search(*more: str) -> object:
    options = ["--method=darts-signs", "--space=s2", "--dataset=digits", "--protocol=smoke", "--plugin=signs.py"]
    return forked(harness(["run", *options, *more]))


def test_an_edited_plugin_is_not_taken_for_the_one_that_ran(plugin: Path) -> None:
    first = search()
    assert first.code == 0, first.err
    (folder,) = Path("results/smoke").glob("darts-signs-*")
    assert "signs.py" in json.loads((folder / "spec.json").read_text())["code"]
    plugin.write_text(PLUGIN.replace('"""A rule', '"""The rule') + "# a comment\n")
    assert "was done before" in search().out
    plugin.write_text(PLUGIN.replace("alpha - ", "alpha + "))
    done = search()
    assert done.code == 2
    assert "made by other code: signs.py changed since" in done.err
    (folder / "result.json").unlink()  # as if it had been killed before its end
    unfinished = search()
    assert unfinished.code == 2
    assert "made by other code: signs.py changed since" in unfinished.err
    again = search("--again")
    assert again.code == 0, again.err
    assert "was done before" not in again.out
    assert len(list(Path("results/smoke/.replaced").glob("*/darts-signs-*"))) == 1
