"""Settings: types, ranges, and which of several values wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.core.settings import applicable, check_epochs, declared, override, parse_assignments, setting, specified


@dataclass(frozen=True)
class Optimiser:
    lr: float = setting(0.1, "a paper", minimum=0)
    steps: int = setting(10, "a paper", minimum=1, maximum=100)
    nesterov: bool = setting(False, "a paper")
    decay: str = setting("cosine", "a script", choices=("cosine", "none"))
    label: str = setting("", "a script")
    internal: int = 3
    """Not a hyper-parameter."""


@dataclass(frozen=True)
class Data:
    images: int = setting(0, "a script", minimum=0)


PARTS = {"optimiser": Optimiser(), "data": Data()}


def test_only_settings_are_declared() -> None:
    assert list(declared(Optimiser())) == ["lr", "steps", "nesterov", "decay", "label"]
    assert declared(object.__new__(Data))["images"].source == "a script"


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("lr", "1e-3", 1e-3),
        ("lr", 1, 1.0),
        ("lr", "0", 0.0),
        ("steps", "100", 100),
        ("steps", 2.0, 2),
        ("nesterov", "true", True),
        ("nesterov", "False", False),
        ("nesterov", True, True),
        ("decay", "none", "none"),
        ("label", "anything", "anything"),
    ],
)
def test_values_are_brought_to_their_type(name: str, given: Any, value: Any) -> None:
    found = getattr(override(PARTS, {name: given})["optimiser"], name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("lr", "fast", "lr='fast' is not a finite number."),
        ("lr", "nan", "lr='nan' is not a finite number."),
        ("lr", float("inf"), "lr=inf is not a finite number."),
        ("lr", 10**400, "is not a finite number."),
        ("lr", True, "lr=True is not a finite number."),
        ("lr", [0.1], "lr=[0.1] is not a finite number."),
        ("lr", -0.1, "lr=-0.1 is out of range; it must be at least 0."),
        ("steps", "1.5", "steps='1.5' is not an integer."),
        ("steps", 1.5, "steps=1.5 is not an integer."),
        ("steps", float("inf"), "steps=inf is not an integer."),
        ("steps", False, "steps=False is not an integer."),
        ("steps", 0, "steps=0 is out of range; it must be from 1 to 100."),
        ("steps", "101", "steps=101 is out of range; it must be from 1 to 100."),
        ("nesterov", "1", "nesterov='1' is neither true nor false."),
        ("nesterov", 1, "nesterov=1 is neither true nor false."),
        ("decay", "linear", "decay='linear' is not one of cosine, none."),
        ("label", 3, "label=3 is not a word."),
        ("step", 3, "unknown setting 'step'; did you mean 'steps'?"),
        ("internal", 3, "unknown setting 'internal'; known: decay, images, label, lr, nesterov, steps."),
    ],
)
def test_wrong_values_are_named(name: str, given: Any, message: str) -> None:
    with pytest.raises(HarnessError) as error:
        override(PARTS, {name: given})
    assert str(error.value).endswith(message)


def test_what_is_allowed_is_said() -> None:
    allowed = {name: item.range for name, item in declared(Optimiser()).items()}
    assert allowed == {
        "lr": "at least 0",
        "steps": "from 1 to 100",
        "nesterov": "true | false",
        "decay": "cosine | none",
        "label": "any",
    }


def test_overriding_finds_the_owner_and_changes_nothing_else() -> None:
    changed = override(PARTS, {"images": 5, "lr": 1})
    assert changed == {"optimiser": Optimiser(lr=1.0), "data": Data(images=5)}
    assert PARTS["data"] == Data()


def test_names_of_other_methods_pass() -> None:
    assert applicable(PARTS, {"sigma": 1, "images": 5}) == {"images": 5}


def test_assignments_are_split_at_the_first_equals_sign_and_the_last_one_wins() -> None:
    assert parse_assignments([" lr = 0.1", "label=a=b", "lr=0.2"]) == {"lr": "0.2", "label": "a=b"}


@pytest.mark.parametrize("item", ["", "lr", "lr=", "=0.1", " = "])
def test_an_assignment_without_a_side_is_refused(item: str) -> None:
    with pytest.raises(HarnessError, match="must have the form name=value"):
        parse_assignments([item])


def test_a_setting_that_came_later_stands_in_a_spec_only_where_it_is_set() -> None:
    @dataclass(frozen=True)
    class Grown(Data):
        resize: int = setting(0, "a script", minimum=0, omit_default=True)

    assert specified(Grown()) == specified(Data()) == {"images": 0}
    assert specified(Grown(resize=32)) == {"images": 0, "resize": 32}
    assert "resize" in declared(Grown())


def test_epochs_are_said_once():
    check_epochs(None, {"epochs": "3"})
    check_epochs(3, {"lr": "0.1"})
    with pytest.raises(HarnessError, match="--epochs 3 and --set epochs=5 say the same thing; give one"):
        check_epochs(3, {"epochs": "5"})
