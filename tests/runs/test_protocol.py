"""Protocols: the shipped ones fit the methods, tables win in order, and a malformed file is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core import toml
from harness.core.errors import HarnessError
from harness.core.types import Budget
from harness.runs import protocol
from harness.runs.folder import check_protocol, claim_protocol
from methods import CATALOGUE, METHODS
from methods.families import all_settings, applies
from spaces import SPACES

HEAD = 'name = "mine"\nversion = 2\nsummary = "a test"\n'
BODY = """
[settings]
epochs = 3
lr = 0.5
[[when]]
method = ["zarts-*", "darts-2nd"]
set = { epochs = 4, warmup = 1 }
[[when]]
space = ["s[12]"]
dataset = ["digits"]
set = { epochs = 5 }
"""


def resolved(method: str, space: str, dataset: str) -> dict[str, object]:
    merged: dict[str, object] = {}
    for layer in protocol.parse(HEAD + BODY, "here").layers(method, space, dataset):
        merged |= layer
    return merged


@pytest.mark.parametrize(
    ("names", "epochs"),
    [
        (("darts-1st", "s3", "digits"), 3),
        (("zarts-mgs", "s3", "digits"), 4),
        (("darts-2nd", "s3", "digits"), 4),
        (("zarts-mgs", "s1", "digits"), 5),
        (("darts-1st", "s2", "digits"), 5),
        (("darts-1st", "s1", "cifar10"), 3),
    ],
)
def test_a_table_counts_where_all_its_patterns_match_and_the_last_one_wins(names, epochs: int) -> None:
    values = resolved(*names)
    assert values["epochs"] == epochs
    assert values["lr"] == 0.5
    assert ("warmup" in values) == (names[0] != "darts-1st")


def test_what_a_file_says() -> None:
    found = protocol.parse(HEAD + BODY, "here")
    assert (found.name, found.version, found.summary, found.text) == ("mine", 2, "a test", HEAD + BODY)
    assert found.mentioned() == {"epochs", "lr", "warmup"}
    assert protocol.parse(HEAD, "here").layers("a", "b", "c") == [{}]


def test_settings_for_evaluation_are_apart_from_those_for_searches() -> None:
    text = 'settings = { epochs = 3 }\n[evaluation]\nsettings = { size = "8x16" }\n'
    text += '[[evaluation.when]]\ndataset = ["svhn"]\nset = { epochs = 9 }\n'
    found = protocol.parse(HEAD + text, "here")
    assert found.layers("a", "b", "svhn") == [{"epochs": 3}]
    assert found.evaluation is not None
    assert found.evaluation.layers("cifar", "s1", "svhn") == [{"size": "8x16"}, {"epochs": 9}]
    assert found.evaluation.layers("cifar", "s1", "cifar10") == [{"size": "8x16"}]
    assert found.evaluation.mentioned() == {"size", "epochs"}
    assert protocol.parse(HEAD, "here").evaluation is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("evaluation = 1", "evaluation = 1 must be a table of settings"),
        ("[evaluation]\nepochs = 3", "unknown key 'epochs'; known: settings, when"),
        ('[[evaluation.when]]\nmethod = ["a"]\nset = {}', "unknown key 'method'; known: recipe, space, dataset, set"),
    ],
)
def test_what_an_evaluation_table_is_not(text: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        protocol.parse(HEAD + text, "here")


def test_settings_beat_one_another_in_order() -> None:
    """Part's default < space < method < protocol < user < the budget's epochs."""

    def parts(method: str, space: str, layers=(), user=None, epochs=None):
        return METHODS[method].parts(SPACES[space], Budget(epochs), layers, user)

    assert parts("zarts-mgs", "darts").training.weight_decay == 3e-4
    assert parts("zarts-mgs", "nasbench201").training.weight_decay == 5e-4
    assert parts("zarts-mgs", "nasbench201").schedule.warmup == 10
    layers = [{"warmup": 2, "weight_decay": 1.0, "epochs": 20, "lr": 1}, {"warmup": 3, "epochs": 30}]
    found = parts("zarts-mgs", "nasbench201", layers, {"epochs": "40", "lr": "0.25"}, 50)
    assert (found.schedule.warmup, found.training.weight_decay) == (3, 1.0)
    assert (found.training.epochs, found.training.lr) == (50, 0.25)


@pytest.mark.parametrize("name", protocol.available())
def test_shipped_protocols_fit_every_method_on_every_space(name: str) -> None:
    shipped = protocol.load(name)
    assert shipped.name == name
    assert shipped.mentioned() <= all_settings()
    for method in CATALOGUE:
        for space in filter(lambda name: applies(CATALOGUE[method], SPACES[name]), SPACES):
            METHODS[method].parts(SPACES[space], Budget(), shipped.layers(method, space, "digits"))


WRONG = {
    "name =": "is not valid TOML: Invalid value",
    "": "'name' is missing",
    HEAD.replace("version = 2\n", ""): "'version' is missing",
    HEAD + "setings = {}": "unknown key 'setings'; known: name, version, summary, settings, when",
    HEAD.replace("2", '"two"'): "version = 'two' must be a whole number from 1 on",
    HEAD.replace("2", "1.5"): "version = 1.5 must be",
    HEAD.replace("2", "true"): "version = True must be",
    HEAD.replace("2", "0"): "version = 0 must be",
    HEAD.replace("mine", "a/b"): "name = 'a/b' must be letters, digits",
    HEAD.replace("mine", "../b"): "name = '../b' must be",
    HEAD.replace("mine", ""): "name = '' must be",
    HEAD.replace('"a test"', "3"): "summary = 3 must be a string",
    HEAD + "settings = [1]": "settings = \\[1\\] must be a table",
    HEAD + "when = 3": "when = 3 must be an array of tables",
    HEAD + "when = [3]": "when = 3 must be an array of tables",
    HEAD + "[when]\nset = {}": "must be an array of tables: \\[\\[when\\]\\]",
    HEAD + '[[when]]\nmethod = ["a"]': "'set' is missing",
    HEAD + '[[when]]\nmetod = ["a"]\nset = {}': "unknown key 'metod'; known: method, space, dataset, set",
    HEAD + '[[when]]\nmethod = "zarts-*"\nset = {}': "method = 'zarts-\\*' must be a list of patterns",
    HEAD + "[[when]]\nmethod = [3]\nset = {}": "method = \\[3\\] must be a list of patterns",
    HEAD + "[[when]]\nset = 3": "set = 3 must be a table of settings",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_malformed_file_is_explained(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(HarnessError, match=WRONG[text]) as error:
        protocol.load(str(file))
    assert str(error.value).startswith(f"protocol {file}")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "folder.toml").mkdir()
    for name, why in (("binary", "not UTF-8"), ("folder", "Is a directory"), ("absent", "No such file")):
        with pytest.raises(HarnessError, match=f"{name}.toml cannot be read: .*{why}"):
            protocol.load(str(tmp_path / f"{name}.toml"))
    with pytest.raises(HarnessError, match="unknown protocol 'proxi'; did you mean 'proxy'"):
        protocol.load("proxi")


# Protocols that build on another


BASE = (
    HEAD
    + BODY
    + """
[evaluation.settings]
epochs = 1
[[evaluation.when]]
recipe = ["cifar"]
set = { size = "8x16" }
"""
)
LONGER = """
name = "longer"
version = 1
summary = '"mine", longer'
extends = "../base.toml"
[settings]
lr = 0.25
momentum = 1e-5
[[when]]
method = ["darts-2nd"]
set = { epochs = 9, nesterov = true }
[[evaluation.when]]
dataset = ["svhn"]
set = { epochs = 2 }
"""


@pytest.fixture
def longer(tmp_path: Path) -> Path:
    (tmp_path / "base.toml").write_text(BASE)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "longer.toml").write_text(LONGER)
    return tmp_path / "sub" / "longer.toml"


def test_a_file_that_extends_another_is_merged_into_it(longer: Path) -> None:
    found = protocol.load(str(longer))
    assert (found.name, found.version, found.summary) == ("longer", 1, '"mine", longer')
    assert found.settings == {"epochs": 3, "lr": 0.25, "momentum": 1e-5}
    assert [when.settings for when in found.when] == [
        {"epochs": 4, "warmup": 1}, {"epochs": 5}, {"epochs": 9, "nesterov": True}
    ]  # fmt: skip
    assert found.evaluation is not None
    assert found.evaluation.settings == {"epochs": 1}
    assert [when.settings for when in found.evaluation.when] == [{"size": "8x16"}, {"epochs": 2}]


def test_what_is_kept_is_the_whole_and_reads_as_the_same(longer: Path, tmp_path: Path) -> None:
    found = protocol.load(str(longer))
    claim_protocol(tmp_path / "results", found)
    copy = protocol.load(str(tmp_path / "results" / "longer" / "protocol.toml"))
    assert copy == found
    (tmp_path / "base.toml").write_text(BASE.replace("lr = 0.5\n", "lr = 0.5\nclip = 1.0\n"))
    with pytest.raises(HarnessError, match="holds runs of another version of protocol 'longer'"):
        check_protocol(tmp_path / "results", protocol.load(str(longer)))


def test_a_shipped_protocol_can_be_extended_and_one_alone_is_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(HEAD + 'extends = "proxy"')
    found, proxy = protocol.load(str(tmp_path / "mine.toml")), protocol.load("proxy")
    assert (found.settings, found.when, found.evaluation) == (proxy.settings, proxy.when, proxy.evaluation)
    assert proxy.text == toml.read("protocol", "proxy")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a": HEAD + 'extends = "./a.toml"'}, r"a\.toml extends itself: .*a\.toml -> .*a\.toml; break the cycle"),
        ({"a": HEAD + 'extends = "b.toml"', "b": HEAD + 'extends = "a.toml"'}, r"a\.toml -> .*b\.toml -> .*a\.toml"),
        ({"a": HEAD + 'extends = "prox"'}, "unknown protocol 'prox'; did you mean 'proxy'"),
        ({"a": HEAD + "extends = 3"}, r"a\.toml: extends = 3 must be the name of one protocol"),
        ({"a": HEAD + 'extends = "b.toml"'}, r"b\.toml cannot be read: No such file"),
        ({"a": HEAD + 'extends = "b.toml"', "b": HEAD + "[whens]"}, r"protocol .*b\.toml: unknown key 'whens'"),
        ({"a": 'name = "x"\nextends = "proxy"'}, r"a\.toml: 'version' is missing"),
        ({"a": HEAD + 'extends = "b.toml"\nwhen = 3', "b": HEAD + BODY}, r"a\.toml: when = 3 must be an array"),
    ],
)
def test_an_extension_that_cannot_be_is_explained(files: dict[str, str], message: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(HarnessError, match=message):
        protocol.load(str(tmp_path / "a.toml"))
