"""Damaged files of every kind, through the commands that read them: one short sentence, or the right answer, but no
traceback."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.untrusted import FINITE, TEXT, check, loads

TINY = """
name = "tiny"
version = 1
summary = "for tests"
[settings]
epochs = 1
warmup = 0
images = 16
batch = 8
valid_batch = 8
channels = 2
cells = 3
[evaluation.settings]
epochs = 1
images = 16
test_images = 8
batch = 8
size = "3x4"
cutout = 0
auxiliary = 0
"""
SUITE = """
summary = "for tests"
protocol = "tiny.toml"
[[search]]
method = ["darts-1st"]
space = ["s2"]
dataset = ["digits"]
seed = [0]
"""
ASKED = ("--method=darts-1st", "--space=s2", "--dataset=digits", "--protocol=tiny.toml", "--device=cpu")
ANALYSES = {"eigenvalue": ("--set=batches=1",), "ess": ("--set=samples=2", "--set=updates=1", "--set=finetune_steps=0")}


def harness(*arguments: str | Path) -> Result:
    """The command in this process; an exception that is no exit is a bug, and raised."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module", autouse=True)
def as_before() -> Iterator[None]:
    """Commands switch torch's deterministic mode on, and set its threads, for good."""
    deterministic, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(deterministic)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run, its evaluation and two analyses, a baseline, a split file and a suite."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("tiny.toml").write_text(TINY)
        Path("suite.toml").write_text(SUITE)
        Path("split.json").write_text(json.dumps({"train": ["int", [str(i) for i in range(8)]], "valid": [8, 9]}))
        part = {"data": "x", "seeds": [0, 1], "figures": {"darts-1st": {"loss at the end": [1.0, 2.0]}}}
        Path("baseline.json").write_text(json.dumps({"made": {"torch": "2"}, "parts": {"supernet": part}}))
        assert harness("run", *ASKED).exit_code == 0
        (run,) = Path("results/tiny").glob("darts*")
        assert harness("evaluate", run, "--device=cpu").exit_code == 0
        for kind, settings in ANALYSES.items():
            assert harness("analyse", kind, run, *settings, "--device=cpu").exit_code == 0
        run.rename("results/tiny/run")  # the commands are given it by this name
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to damage. Figures are printed once, not in every form."""
    monkeypatch.setattr("reports.writing.FORMS", ("svg",))
    shutil.copytree(made, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def answers_in_a_sentence(*arguments: str | Path) -> str:
    """What it says on stderr; that it did, or gave up with few words."""
    result = harness(*arguments)
    assert result.exit_code in (0, 1, 2), result.output
    for line in result.stderr.splitlines():
        assert len(line) < 420, line
        assert line.isprintable(), repr(line)
    if result.exit_code == 2:
        assert len(result.stderr.splitlines()) <= 3, result.stderr
    return result.stderr


RUN = Path("results/tiny/run")
READERS: dict[str, list[tuple[str | Path, ...]]] = {
    "result.json": [("describe", RUN), ("evaluate", RUN, "--device=cpu"), ("report", "statistics")],
    "spec.json": [
        ("analyse", "eigenvalue", RUN, "--set=batches=1", "--device=cpu"),
        ("describe", RUN),
        ("evaluate", RUN, "--device=cpu"),
        ("report", "statistics"),
    ],
    "records.jsonl": [
        ("evaluate", RUN, "--at-epoch=1", "--device=cpu"),
        ("report", "figures", "--out=out"),
    ],
    "evaluation-*.json": [("evaluate", RUN, "--device=cpu"), ("report", "table3"), ("report", "statistics")],
    "analysis-eigenvalue.json": [
        ("analyse", "eigenvalue", RUN, "--set=batches=1", "--device=cpu"),
        ("report", "statistics"),
    ],
    "analysis-ess.json": [
        ("analyse", "ess", RUN, *ANALYSES["ess"], "--device=cpu"),
        ("report", "figures", "--out=out"),
    ],
    "../../../split.json": [("run", *ASKED, "--set=split_file=split.json")],
    "../../../baseline.json": [("regress", "--part=supernet", "--baseline=baseline.json", "--json")],
}
"""Files of a run folder, and the commands that read each."""


def deep(content: bytes) -> bytes:
    return b'{"spec": ' * 100_000


def fairly_deep(content: bytes) -> bytes:
    """Deep enough to trouble whatever walks it, not the parser."""
    return _with_first(content, b'{"a":' * 500 + b"1" + b"}" * 500)


def _with_first(content: bytes, text: bytes) -> bytes:
    """The first value of the object replaced by this text."""
    key = next(iter(json.loads(content.splitlines()[0] if content.count(b"\n{") else content)))
    return b'{"' + key.encode() + b'": ' + text + b"}"


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "deep": deep,
    "fairly deep": fairly_deep,
    "digits": lambda content: _with_first(content, b"9" * 400),
    "many digits": lambda content: _with_first(content, b"9" * 5000),
    "not a number": lambda content: _with_first(content, b"NaN"),
    "infinite": lambda content: _with_first(content, b"1e999"),
    "binary": lambda content: bytes(range(256)) * 8,
    "flipped": lambda content: bytes([content[0] ^ 4, *content[1:]]),
    "flipped within": lambda content: content[:40] + bytes([content[40] ^ 0x80]) + content[41:],
    "list": lambda content: b"[1, [2]]",
    "number": lambda content: b"3",
    "null": lambda content: b"null",
    "control": lambda content: b'{"\\u001b[31m\\u0000": "\\u202e"}',
}


TO_EVERY_READER = ("truncated", "fairly deep", "not a number", "list")
"""Damages that all commands are given which read the file. The first alone gets the others: one function reads it for
all."""


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_costs_a_sentence(name: str, damage: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = RUN.glob(name) if "*" in name else [RUN / name]
    if name.endswith("baseline.json"):
        _without_measuring(monkeypatch)
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    before = file.read_bytes()
    readers = READERS[name] if damage in TO_EVERY_READER else READERS[name][:1]
    said = [answers_in_a_sentence(*command) for command in readers]
    assert any(said), "nobody noticed"
    assert file.read_bytes() == before


def _without_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """A regression check that has measured in no time."""

    def check_nothing(*_: object) -> tuple[dict[str, Any], dict[str, str]]:
        return {}, {"supernet": "x"}

    monkeypatch.setattr("harness.regress.measuring.check", check_nothing)


WRONG = (None, 3, -1, "x", "\x1b[31m", [], [[1]], {}, {"a": {"b": 1}}, True, 1e300)


def mutations(value: Any, draw: random.Random, count: int) -> Iterator[Any]:
    """Copies in each of which one value, anywhere, is another or is gone."""
    for _ in range(count):
        copy = json.loads(json.dumps(value))
        place = copy
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw.choice(keys)
            if isinstance(place[key], dict | list) and place[key] and draw.random() < 0.7:
                place = place[key]
                continue
            if draw.random() < 0.2:
                del place[key]
            else:
                place[key] = draw.choice(WRONG)
            break
        yield copy


@pytest.mark.parametrize("name", [name for name in READERS if not name.endswith(("baseline.json", "split.json"))])
def test_a_value_of_another_type_is_no_traceback(name: str, here: Path) -> None:
    (file,) = RUN.glob(name) if "*" in name else [RUN / name]
    content = [json.loads(line) for line in file.read_text().splitlines()] if name.endswith("l") else file.read_text()
    value = content[0] if isinstance(content, list) else json.loads(content)
    for wrong in mutations(value, random.Random(0), 2):
        file.write_text(json.dumps(wrong) + "\n")
        for command in READERS[name]:
            answers_in_a_sentence(*command)


@pytest.mark.parametrize(("key", "name"), [("space", "nasbench"), ("method", "zarts-msg")])
def test_a_name_in_a_spec_that_is_not_known_here(key: str, name: str, here: Path) -> None:
    saved = json.loads((RUN / "spec.json").read_text())
    saved["spec"][key] = name
    (RUN / "spec.json").write_text(json.dumps(saved))
    said = answers_in_a_sentence("analyse", "eigenvalue", RUN, "--device=cpu")
    assert f"unknown {key} '{name}'; did you mean" in said
    for command in READERS["spec.json"]:
        answers_in_a_sentence(*command)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("describe", "[" * 40_000), "cannot be read as the tuples"),
        (("evaluate", "Genotype(" * 9000, "--dataset=digits"), "cannot be read as a DARTS"),
        (("evaluate", "a" * 40_000, "--dataset=digits"), "is neither a run folder nor a genotype"),
        (("run", *ASKED, "--set=lr=" + "9" * 400), "is not a finite number"),
        (("run", *ASKED, "--set=images=" + "9" * 400), "is not an integer"),
        (("run", *ASKED, "--set=images=" + "9" * 5000), "is not an integer"),
        (("run", *ASKED, "--set=batch=-" + "9" * 18), "is out of range"),
        (("run", *ASKED, "--set=" + "x" * 4000), "must have the form name=value"),
        (("run", *ASKED, "--set=" + "x" * 4000 + "=1"), "unknown setting"),
        (("run", *ASKED, "--device=" + "x\x1b" * 400), "is not known; use auto"),
        (("run", *ASKED, "--seed=" + "9" * 5000), "is not in the range"),
        (("run", *ASKED, "--epochs=" + "9" * 5000), "is not a valid integer"),
        (("list", "x" * 4000), "unknown kind"),
        (("report", "x" * 4000), "unknown report"),
        (("analyse", "\x1b[31m" * 100, "."), "unknown analysis"),
        (("suite", "plan", "x" * 4000), "unknown suite"),
        (("nothing" * 400,), "No such command"),
    ],
    ids=lambda value: " ".join(map(str, value))[:30] if isinstance(value, tuple) else "",
)
def test_no_message_echoes_a_huge_value(arguments: tuple[str, ...], message: str, here: Path) -> None:
    result = harness(*arguments)
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert message in last
    assert len(last) < 350
    assert last.isprintable()


@pytest.mark.parametrize(
    "line",
    [
        "seed = [" + "9" * 400 + "]",
        "seed = [" + "9" * 19 + "]",
        "seed = [" + "9" * 5000 + "]",
        "seed = [0x" + "f" * 9000 + "]",
        "seed = " + "[" * 3000 + "]" * 3000,
        'seed = ["\\u001b[31m"]',
        "seed = [0]\nset = { lr = " + "9" * 400 + " }",
        'seed = [0]\n"' + "k" * 4000 + '" = 1',
    ],
    ids=["400 digits", "19 digits", "5000 digits", "hexadecimal", "brackets", "control", "setting", "key"],
)
def test_a_suite_with_a_huge_value(line: str, here: Path) -> None:
    Path("suite.toml").write_text(SUITE.replace("seed = [0]", line))
    result = harness("suite", "plan", "suite.toml", "--device=cpu")
    assert result.exit_code == 2
    assert len(result.stderr) < 400
    assert result.stderr[:-1].isprintable()


@pytest.mark.parametrize("content", [b"[1]", b"{", b'[{"folder": 3}]', b'{"a":' * 100_000, b"\xff"])
def test_a_damaged_cache_of_a_suite_is_made_anew(content: bytes, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    told = harness("suite", "status", "suite.toml", "--json").stdout
    (cache,) = Path("cache/harness/suites").glob("*.json")
    cache.write_bytes(content)
    assert harness("suite", "status", "suite.toml", "--json").stdout == told
    assert json.loads(cache.read_bytes())


def test_the_reader_takes_what_the_program_writes() -> None:
    value = {"a": [1, -(2**62), 1.5, None, True, "x"], "b": {"c": [[[]]]}}
    assert loads(json.dumps(value)) == value
    for wrong, message in ((b"[" * 33 + b"]" * 33, "nested too deeply"), (b"1" * 20, "holds the number 1111")):
        with pytest.raises(ValueError, match=message):
            loads(wrong)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "it has no 'a'"),
        ({"a": {}}, "a has no 'b'"),
        ({"a": {"b": "x"}}, "a.b is 'x' and must be a finite number"),
        ({"a": {"b": float("nan")}}, "a.b is nan and must be a finite number"),
        ({"a": {"b": 1}, "c": "x"}, "c is 'x' and must be a list"),
        ({"a": {"b": 1}, "c": ["x", 3]}, r"c\[1\] is 3 and must be text"),
        ({"a": {"b": True}}, "a.b is True"),
        ([], r"it is \[\] and must be an object"),
    ],
)
def test_a_shape_names_the_first_place_that_has_not_got_it(value: Any, message: str) -> None:
    shape = {"a": {"b": FINITE}, "c?": [TEXT]}
    check({"a": {"b": 1, "more": 2}, "c": None}, shape)
    with pytest.raises(ValueError, match=message):
        check(value, shape)


def test_errors_are_of_the_one_kind() -> None:
    assert not issubclass(HarnessError, ValueError), "or a damaged file could be taken for a mistake of the user"
