"""Registries: where members come from, and that a bad plugin costs one sentence and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.core import registry
from harness.core.errors import HarnessError
from harness.core.registry import add_plugins, forget_plugins, load_plugin, offers, plugin_names
from methods import CATALOGUE, METHODS
from methods.catalogue.variants import CROSSES
from methods.rules import RULES
from methods.rules.adam import Adam
from spaces import SPACES

GOOD = """
from methods.composition import Composition
from methods.rules.adam import Adam
RULES = {"mine": Adam, "made": Adam(alpha_lr=1.0)}
METHODS = {"my-method": Composition("summary", "source", rule="mine", lookahead="first-order")}
"""


@pytest.fixture(autouse=True)
def none_taken_in() -> Iterator[None]:
    forget_plugins()
    yield
    forget_plugins()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def refused(name: str, message: str) -> None:
    with pytest.raises(HarnessError) as raised:
        load_plugin(name)
    assert str(raised.value) == message


# Members


def test_a_plugin_adds_members_and_says_where_they_come_from(here: Path) -> None:
    (here / "good.py").write_text(GOOD)
    known = list(RULES)
    add_plugins(["good.py"])
    assert list(RULES) == [*known, "mine", "made"]
    assert RULES["mine"] == Adam()
    assert RULES["made"] == Adam(alpha_lr=1.0)
    assert CATALOGUE["my-method"].rule == "mine"
    assert (RULES.origin("mine"), RULES.origin("adam")) == ("plugin good.py", "built in")
    assert plugin_names() == (str(here / "good.py"),)
    assert list(offers(load_plugin("good.py"))) == ["methods", "rules"]
    forget_plugins()
    assert list(RULES) == known


def test_a_rule_of_a_plugin_has_a_method_and_every_cross_and_they_are_not_listed(here: Path) -> None:
    (here / "good.py").write_text(GOOD)
    prefixes = ["-".join(variant.prefix for variant in variants) for variants in CROSSES]
    names = ["zarts-mine", *(f"{prefix}-zarts-mine" for prefix in prefixes)]
    assert {"p", "g", "pc", "aux", "p-g"} < set(prefixes)
    assert not any(name in METHODS for name in names)
    add_plugins(["good.py"])
    for name in names:
        assert (METHODS[name].name, METHODS[name].composition.rule) == (name, "mine")
        assert name not in CATALOGUE
    assert METHODS["zarts-mine"].composition.lookahead == "fine-tuned"
    assert METHODS["g-zarts-mine"].composition.relaxation == "gumbel"
    described = CliRunner().invoke(main, ["describe", "p-zarts-mine", "--plugin", "good.py"])
    assert described.exit_code == 0, described.output
    assert "zarts-mine, operations dropped on the way" in described.stdout


def test_a_method_that_a_plugin_calls_so_itself_is_crossed_as_it_is(here: Path) -> None:
    (here / "good.py").write_text(GOOD.replace('"my-method"', '"zarts-mine"'))
    add_plugins(["good.py"])
    for name in ("zarts-mine", "g-zarts-mine"):
        assert METHODS[name].composition.lookahead == "first-order"
    (here / "broken.py").write_text('METHODS = {"broken": 1}')
    add_plugins(["broken.py"])
    assert METHODS["g-zarts-made"].composition.rule == "made"  # a broken one takes nothing else with it


def test_a_module_is_a_plugin_too(here: Path) -> None:
    (here / "good_module.py").write_text(GOOD)
    load_plugin("good_module")
    assert RULES.origin("mine") == "plugin good_module"
    assert plugin_names() == ("good_module",)


def test_an_object_stands_for_itself_if_it_fits() -> None:
    rule = Adam(alpha_lr=2.0)
    assert RULES.find(rule) is rule
    assert RULES.find("adam") == Adam()
    with pytest.raises(HarnessError, match=r"rule 'object' of Python does not fit: it has no start, as methods\.rules"):
        RULES.find(object())


# Plugins that will not do


def test_a_file_or_module_that_is_not_there(here: Path) -> None:
    there = "is not there; give a Python file, or the name of a module."
    refused("missing.py", f"plugin missing.py {there}")
    refused("folder/missing", f"plugin folder/missing {there}")
    refused("./", f"plugin ./ {there}")
    refused(
        "no_such_module",
        "plugin no_such_module cannot be imported: ModuleNotFoundError, No module named 'no_such_module'; mend it, or "
        "leave it out.",
    )


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("x = 1\nRULES = {", "SyntaxError, '{' was never closed (line 2 of bad.py)"),
        ("\nimport no_such", "ModuleNotFoundError, No module named 'no_such' (line 2 of bad.py)"),
        ("from methods.rules.adam import Adem", "ImportError, cannot import name 'Adem' from 'methods.rules.adam'"),
        ("RULES = {'a': 1 / 0}", "ZeroDivisionError, division by zero (line 1 of bad.py)"),
        ("import sys\nsys.exit(3)", "SystemExit, 3 (line 2 of bad.py)"),
    ],
)
def test_a_file_that_cannot_be_imported(here: Path, source: str, fault: str) -> None:
    (here / "bad.py").write_text(source)
    with pytest.raises(HarnessError) as raised:
        load_plugin("bad.py")
    assert str(raised.value).startswith(f"plugin bad.py cannot be imported: {fault}")
    assert str(raised.value).endswith("; mend it, or leave it out.")
    assert not [name for name in sys.modules if name.startswith("plugin_bad")]
    assert "adam" in RULES  # and is not tried again


@pytest.mark.parametrize("source", ["RULES = [1]", "RULES = {1: None}"])
def test_a_mapping_that_is_none(here: Path, source: str) -> None:
    (here / "bad.py").write_text(source)
    refused("bad.py", "plugin bad.py: RULES must map names to rules; call what is something else otherwise.")


def test_a_file_that_offers_nothing(here: Path) -> None:
    (here / "bad.py").write_text("rules = {}")
    with pytest.raises(HarnessError, match=r"plugin bad\.py offers nothing: it must hold one or more of the mappings"):
        load_plugin("bad.py")


@pytest.mark.parametrize(
    ("member", "fault"),
    [
        ("type('R', (), {'start': lambda self, alpha: {}})", "it has no step, as methods.rules.rule.Rule describes it"),
        (
            "type('R', (), {'start': lambda self, alpha: {}, 'step': lambda self, alpha: alpha})",
            "its step must take (alpha, oracle, memory, clock, draw)",
        ),
        ("type('R', (), {'start': 3, 'step': 4})", "its start must take (alpha)"),
    ],
)
def test_a_member_with_another_interface(here: Path, member: str, fault: str) -> None:
    (here / "bad.py").write_text(
        f"RULES = {{'bad': {member}, 'good': __import__('methods.rules.adam').rules.adam.Adam}}"
    )
    add_plugins(["bad.py"])
    with pytest.raises(HarnessError) as raised:
        RULES["bad"]
    assert str(raised.value) == f"rule 'bad' of plugin bad.py does not fit: {fault}."
    found, broken = RULES.working()
    assert {"adam", "good"} < set(found)
    assert list(broken) == ["bad"]


def test_a_member_of_another_kind_and_one_that_cannot_be_made(here: Path) -> None:
    (here / "bad.py").write_text(
        "class Needs:\n    def __init__(self, x):\n        pass\nSPACES = {'bad': 3}\nRULES = {'needs': Needs}"
    )
    add_plugins(["bad.py"])
    with pytest.raises(
        HarnessError, match=r"space 'bad' of plugin bad\.py does not fit: it is of type int and must be a spaces"
    ):
        SPACES["bad"]
    with pytest.raises(HarnessError, match=r"rule 'needs' of plugin bad\.py cannot be made: TypeError, .*'x'; mend it"):
        RULES["needs"]


def test_a_name_that_is_taken_twice_names_both_places(here: Path) -> None:
    for name in ("first.py", "second.py"):
        (here / name).write_text(GOOD)
    add_plugins(["first.py", "second.py"])
    with pytest.raises(HarnessError, match=r"'mine' is defined twice, by plugin first\.py and by plugin second\.py; "):
        RULES["mine"]
    assert RULES["adam"] == Adam()
    (here / "third.py").write_text("from methods.rules.adam import Adam\nRULES = {'adam': Adam}")
    add_plugins(["third.py"])
    with pytest.raises(HarnessError, match=r"'adam' is defined twice, by .+ and by plugin third\.py; rename"):
        RULES["adam"]


# Installed packages


def install(folder: Path, entry_points: str, **modules: str) -> None:
    """What an installed package of that name leaves in a folder of sys.path."""
    info = folder / "nas_extras-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nas-extras\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(entry_points)
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)


@pytest.fixture
def installed(here: Path) -> Iterator[Path]:
    registry._all_entry_points.cache_clear()
    yield here
    registry._all_entry_points.cache_clear()


def test_a_package_adds_members_by_entry_points(installed: Path) -> None:
    points = "[zarts_harness.rules]\npackaged = nas_extras_good:RULES_MADE\n"
    install(installed, points, nas_extras_good="from methods.rules.adam import Adam as RULES_MADE")
    assert RULES["packaged"] == Adam()
    assert RULES.origin("packaged") == "package nas-extras 1.2"
    assert registry.installed("nas-extras") == {"rules": ["packaged"]}
    assert registry.installed("nas") == {}
    assert registry.installed_modules() == ["nas_extras_good"]


def test_an_entry_point_that_fails_hurts_nothing_else(installed: Path) -> None:
    points = "[zarts_harness.methods]\nbroken = nas_extras_bad:METHOD\nlost = nas_extras_gone:METHOD\n"
    install(installed, points, nas_extras_bad="import no_such_thing")
    found, broken = CATALOGUE.working()
    assert "zarts-mgs" in found
    assert broken == {
        "broken": "method 'broken' of package nas-extras 1.2 cannot be made: ModuleNotFoundError, No module named "
        "'no_such_thing' (line 1 of nas_extras_bad.py); mend it, or remove it.",
        "lost": "method 'lost' of package nas-extras 1.2 cannot be made: ModuleNotFoundError, No module named "
        "'nas_extras_gone'; mend it, or remove it.",
    }
    listed = CliRunner().invoke(main, ["list", "methods"])
    assert listed.exit_code == 0
    lines = listed.stdout.splitlines()
    assert any("broken" in line and "cannot be used: method 'broken' of package" in line for line in lines)


def test_a_rule_need_not_be_a_dataclass(here: Path) -> None:
    from methods.families import resolve

    (here / "plain.py").write_text(
        "from methods.rules.adam import Adam\n"
        "class Plain:\n"
        "    def start(self, alpha):\n        return {}\n"
        "    def step(self, alpha, oracle, memory, clock, draw):\n        ...\n"
        "RULES = {'plain': Plain}\n"
        "from methods.composition import Composition\n"
        "METHODS = {'plain': Composition('', '', rule='plain', lookahead='first-order')}\n"
    )
    load_plugin("plain.py")
    parts = resolve(CATALOGUE["plain"], SPACES["s1"])
    assert parts.settings()["rule"] == {}
