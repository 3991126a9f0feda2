"""What there is by name: lists in short and in groups, descriptions of every kind, and suggestions for near misses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.core.errors import LONGEST_MESSAGE, quoted, unknown, visible
from harness.describing.describe import describe
from harness.describing.listing import KINDS, family, groups, registry
from harness.evaluation.recipes import RECIPES
from harness.runs import protocol
from harness.suite import definition
from methods.catalogue import CATALOGUE
from methods.families import all_settings
from reports import REPORTS


def harness(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_everything_is_listed_in_short_without_a_kind() -> None:
    shown = harness("list").stdout
    words = shown.replace(",", " ").split()
    for kind in KINDS:
        assert f"{kind} ({len(registry(kind))})" in shown
        assert set(registry(kind)) <= set(words)
    assert max(map(len, shown.splitlines())) <= 105
    assert json.loads(harness("list", "--json").stdout) == {kind: registry(kind) for kind in KINDS}
    assert harness("list", "Methods").stdout == harness("list", "methods").stdout


def test_methods_are_grouped_by_what_sets_them_apart() -> None:
    found = groups("methods")
    assert {name for group in found.values() for name in group} == set(CATALOGUE)
    of = {name: heading for heading, group in found.items() for name in group}
    assert {name: of[name] for name in ("darts-1st", "zarts-mgs", "p-zarts", "gdas", "mergezarts", "rea")} == {
        "darts-1st": "gradient",
        "zarts-mgs": "zero-order",
        "p-zarts": "progressive",
        "gdas": "sampled",
        "mergezarts": "merged",
        "rea": "black-box",
    }
    lines = harness("list", "methods").stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == list(found)


def test_a_method_of_new_parts_is_of_the_family_of_its_rule() -> None:
    """An entry in the catalogue is enough: nothing lists methods a second time."""
    plain = CATALOGUE["zarts-mgs"]
    assert family(replace(plain, edge="a-new-edge")) == "zero-order"  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("suite", name) for name in definition.available()),
        *(("report", name) for name in REPORTS),
        *(("recipe", name) for name in RECIPES),
        *(("setting", name) for name in ("sigma", "lr", "epochs", "size", "warmup", "population", "channels")),
    ],
)
def test_every_kind_is_described(kind: str, name: str) -> None:
    found = describe(f"{kind}:{name}", classes=10)
    assert (found.name, found.kind) == (name, kind)
    assert str(found).startswith(f"{name} ({kind})\n\nsummary\n  ")
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["kind"] == kind


def test_a_setting_names_its_parts_its_default_its_range_and_its_source() -> None:
    shown = harness("describe", "sigma").stdout
    assert "rule mgs  0.025" in shown
    assert "from 1e-12 to 1000" in shown
    assert "0.2  space s1, space s2, space s3, space s4" in shown
    facts = json.loads(harness("describe", "sigma", "--json").stdout)
    assert facts["declared"][0]["default"] == "0.025"


@pytest.mark.parametrize("name", sorted(all_settings())[::7])
def test_every_setting_is_declared_by_something(name: str) -> None:
    assert describe(f"setting:{name}", classes=10).facts["declared"]


def test_a_name_of_several_kinds_says_how_to_ask_for_the_others(tmp_path: Path) -> None:
    shown = harness("describe", "smoke").stdout
    assert shown.startswith("smoke (protocol)")
    assert shown.endswith("others of this name\n  harness describe suite:smoke\n")
    (tmp_path / "mine.toml").write_text(
        'summary = "mine"\nprotocol = "smoke"\n[[search]]\nmethod = ["rea"]\nspace = ["nasbench201-table"]\n'
        'dataset = ["cifar10"]\nseed = [0]\n'
    )
    assert "1 searches and 0 evaluations" in harness("describe", f"suite:{tmp_path / 'mine.toml'}").stdout
    assert "unknown suite 'Table9'; did you mean 'table" in harness("describe", "suite:Table9").stderr


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["describe", "S1"], "s1"),
        (["describe", "ZARTS-MGS"], "zarts-mgs"),
        (["describe", "zarts_mgs"], "zarts-mgs"),
        (["describe", "Zarts MGS"], "zarts-mgs"),
        (["describe", "CIFAR-10"], "cifar10"),
        (["describe", "darts_v2"], "DARTS_V2"),
        (["run", "--method=ZARTS_MGS", "--space=s1", "--dataset=digits"], "zarts-mgs"),
        (["run", "--method=P-ZARTS-MGS", "--space=s1", "--dataset=digits"], "p-zarts-mgs"),
        (["run", "--method=zarts-mgs", "--space=S1", "--dataset=digits"], "s1"),
        (["run", "--method=zarts-mgs", "--space=NAS-Bench-201", "--dataset=digits"], "nasbench201"),
        (["run", "--method=zarts-mgs", "--space=s1", "--dataset=CIFAR10"], "cifar10"),
        (["run", "--method=zarts-mgs", "--space=s1", "--dataset=digits", "--protocol=Proxy"], "proxy"),
        (["run", "--method=zarts-mgs", "--space=s1", "--dataset=digits", "--set=Sigma=1"], "sigma"),
        (["evaluate", "DARTS_V2", "--dataset=digits", "--recipe=CIFAR"], "cifar"),
        (["data", "check", "SVHN"], "svhn"),
        (["suite", "plan", "Table2"], "table2"),
        (["report", "Supp_Table2"], "supp-table2"),
        (["analyse", "Landscape", "."], "landscape"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else value,
)
def test_case_and_separators_get_a_suggestion(
    arguments: list[str], suggestion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = harness(*arguments)
    assert refused.exit_code == 2
    assert f"did you mean '{suggestion}'?" in refused.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("known", [list(CATALOGUE), protocol.available(), sorted(all_settings())])
def test_no_message_lists_fifty_names(known: list[str]) -> None:
    assert len(str(unknown("name", "q" * 5000, known))) < LONGEST_MESSAGE


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("short", "'short'"),
        ("\x1b[31m\n\u202e", "'\\x1b[31m\\n\\u202e'"),
        (10**400, "1" + "0" * 36 + "..." + "0" * 20),
        (10**5000, "a huge int"),
        ([1, "a"], "[1, 'a']"),
    ],
    ids=["short", "control", "400 digits", "5000 digits", "list"],
)
def test_a_value_is_quoted_short_and_visible(value: object, shown: str) -> None:
    assert quoted(value) == shown


def test_quoting_keeps_the_ends_of_what_is_long() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert quoted(deep) == "a huge list"
    for text in (quoted("a" * 10**6 + "z"), visible("a" * 10**6 + "z"), quoted("\x00" * 1000)):
        assert len(text) == 60
    assert visible("a" * 10**6 + "z").endswith("az")
    assert visible("one\ntwo") == "one\\ntwo"
    while deep:  # Python's own destructor would recurse
        deep = deep[0]  # type: ignore[assignment]
