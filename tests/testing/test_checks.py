"""The conformance suite finds what is broken, names it in a sentence, and passes what is not."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from harness.cli import main
from harness.core.registry import forget_plugins
from harness.data.catalogue import DATASETS
from harness.data.source import Source, in_memory
from harness.testing import Broken, conformance, datasets, finish, operations, rules, searches, spaces, strategies
from harness.testing.conformance import findings
from harness.testing.subjects import REGISTRIES, subjects_of
from methods.composition import Composition
from methods.method import Method
from methods.rules.adam import Adam
from methods.rules.mgs import MGS
from methods.rules.random_search import RandomSearch
from methods.rules.rule import Move
from methods.strategies.random import Random
from methods.strategies.strategy import Proposal
from spaces import SPACES
from spaces.operations import OPERATIONS


@pytest.fixture(autouse=True)
def none_taken_in() -> Iterator[None]:
    forget_plugins()
    yield
    forget_plugins()


# What is sound


@pytest.mark.parametrize("rule", [Adam(), MGS(), RandomSearch()])
def test_rules_of_the_harness_pass(rule) -> None:
    for check in rules.CHECKS.values():
        check(rule)
    rules.agrees_with(rule, rule)


@pytest.mark.parametrize("name", ["random", "evolution", "reinforce", "hyperband", "bohb"])
def test_strategies_of_the_harness_pass(name: str) -> None:
    strategy = REGISTRIES["strategies"][name]
    for check in strategies.CHECKS.values():
        check(strategy)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_of_the_harness_pass(name: str) -> None:
    for check in operations.CHECKS.values():
        check(OPERATIONS[name])


def test_the_digits_pass() -> None:
    for check in datasets.CHECKS.values():
        check("digits")


# What is broken


class Descent:
    """Sound; each of its subclasses breaks one thing."""

    def start(self, alpha):
        return {}

    def step(self, alpha, oracle, memory, clock, draw):
        return Move(alpha - 0.1 * oracle.gradient(alpha), {}, {})


class Short(Descent):
    def step(self, alpha, *rest):
        return super().step(alpha, *rest)._replace(alpha=alpha[:3])


class Double(Descent):
    def step(self, alpha, *rest):
        return super().step(alpha, *rest)._replace(alpha=alpha.double())


class InPlace(Descent):
    def step(self, alpha, *rest):
        alpha += 1
        return super().step(alpha, *rest)


class Careless(Descent):
    def step(self, alpha, *rest):
        return super().step(alpha + torch.randn(alpha.shape, dtype=alpha.dtype), *rest)


class Forgetful(Descent):
    """Momentum that only the object knows of."""

    def __init__(self) -> None:
        self.velocity = 0.0

    def start(self, alpha):
        self.velocity = 0.0
        return {"velocity": torch.zeros_like(alpha)}

    def step(self, alpha, oracle, memory, clock, draw):
        self.velocity = 0.9 * self.velocity + oracle.gradient(alpha)
        return Move(alpha - 0.1 * self.velocity, memory, {})


class Idle(Descent):
    def step(self, alpha, oracle, memory, clock, draw):
        return Move(alpha + 1, {}, {})


class PlainMemory(Descent):
    def start(self, alpha):
        return {"updates": 0}


class Tuple(Descent):
    def step(self, alpha, *rest):
        return alpha


class Vector(Descent):
    def step(self, alpha, *rest):
        return super().step(alpha, *rest)._replace(diagnostics={"norm": alpha})


class Flat(Descent):
    def step(self, alpha, oracle, memory, clock, draw):
        oracle.losses(alpha)
        return super().step(alpha, oracle, memory, clock, draw)


@pytest.mark.parametrize(
    ("rule", "check", "words"),
    [
        (Short(), "keeps the shape of alpha", r"its step returns an alpha of shape \(3,\) for \(30,\)\."),
        (Double(), "keeps the shape of alpha", r"returns an alpha of torch\.float64 for torch\.float32\."),
        (Tuple(), "keeps the shape of alpha", "its step returns a Tensor, not a Move of alpha, memory and diagnostics"),
        (PlainMemory(), "keeps the shape of alpha", "its start returns a memory that is no dict of tensors"),
        (Vector(), "keeps the shape of alpha", "its diagnostic 'norm' is not a tensor of one number"),
        (Flat(), "keeps the shape of alpha", r"its losses are asked at \(30,\), where candidates are rows \(n, 30\)"),
        (InPlace(), "changes no argument", "its step changes the alpha that it is given"),
        (Idle(), "asks the oracle", "asks the oracle for neither a gradient nor losses"),
        (Careless(), "draws from its generator", "two walks with the same draws differ"),
        (Forgetful(), "remembers in its memory", "a walk that is saved and loaded after every step ends elsewhere"),
    ],
)
def test_a_broken_rule_is_found(rule, check: str, words: str) -> None:
    for sound in rules.CHECKS.values():
        sound(Descent())
    with pytest.raises(Broken, match=words):
        rules.CHECKS[check](rule)


def test_a_rule_that_differs_from_its_reference_is_found() -> None:
    with pytest.raises(Broken, match=r"after update 1 its alpha is up to 0\..* away from the plain reference's"):
        rules.agrees_with(Descent(), Adam())


def finished_with(rule):
    method = Method("broken", Composition("", "", rule=rule, lookahead="first-order"))
    return finish(method, SPACES["nasbench201-table"])


@pytest.mark.parametrize(
    ("rule", "check", "words"),
    [
        (Careless(), "repeats itself", "two searches of one seed differ after a step"),
        (Careless(), "resumes to the bit", "saved and loaded after every step ends otherwise"),
        (Forgetful(), "resumes to the bit", "saved and loaded after every step ends otherwise"),
        (Idle(), "counts its costs", "0 looks at the objective for 4 updates"),
    ],
)
def test_a_broken_method_is_found(rule, check: str, words: str) -> None:
    sound = finished_with(Descent())
    for passing in searches.CHECKS.values():
        passing(sound)
    with pytest.raises(Broken, match=words):
        searches.CHECKS[check](finished_with(rule))


class OutOfRange(Random):
    def propose(self, choices, history, memory, draw):
        return Proposal(tuple(99 for node in choices for _ in node), 0, memory)


class FewOptions(Random):
    def propose(self, choices, history, memory, draw):
        return Proposal((0,), 0, memory)


class CarelessStrategy(Random):
    def propose(self, choices, history, memory, draw):
        return super().propose(choices, history, memory, torch.default_generator)


@pytest.mark.parametrize(
    ("strategy", "check", "words"),
    [
        (OutOfRange(), "proposes cells", "it proposes option 99, where a choice has options 0 to 0"),
        (FewOptions(), "proposes cells", "it proposes 1 options, and there are 24 choices"),
        (CarelessStrategy(), "draws from its generator", "two walks with the same draws differ"),
    ],
)
def test_a_broken_strategy_is_found(strategy, check: str, words: str) -> None:
    with pytest.raises(Broken, match=words):
        strategies.CHECKS[check](strategy)


def test_a_broken_operation_is_found() -> None:
    with pytest.raises(Broken, match=r"and a stride of 2 it makes \(2, 4, 8, 8\)"):
        operations.keeps_channels_and_divides_sides(lambda channels, stride, affine: torch.nn.Identity())
    with pytest.raises(Broken, match="two forwards of one state differ"):
        operations.repeats_itself(lambda channels, stride, affine: torch.nn.Dropout())


def test_a_broken_space_is_found() -> None:
    class Rounded(type(SPACES["s1"])):
        def decode(self, code):
            return super().decode([0] * len(code))

    broken = Rounded(**{field.name: getattr(SPACES["s1"], field.name) for field in dataclasses.fields(SPACES["s1"])})
    with pytest.raises(Broken, match="50 codes are decoded to 1 cells"):
        spaces.options_are_cells(broken)


def test_a_broken_data_set_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mislabelled:
        summary = "a class too few"

        def read(self, root, download):
            return Source(("a", "b"), in_memory(torch.zeros(9, 3, 8, 8).byte(), torch.arange(9) % 3), None)

    monkeypatch.setattr(type(DATASETS), "__getitem__", lambda registry, name: Mislabelled())
    with pytest.raises(Broken, match="its training labels are from 0 to 2, and it names 2 classes"):
        datasets.holds_labelled_squares("digits")


# By command, and by pytest

BROKEN = """
from methods.rules.adam import Adam
from methods.rules.rule import Move

class Short(Adam):
    def step(self, alpha, oracle, memory, clock, draw):
        move = super().step(alpha, oracle, memory, clock, draw)
        return move._replace(alpha=move.alpha[:3])

class NoStep:
    def start(self, alpha):
        return {}

RULES = {"short": Short, "stepless": NoStep, "sound": Adam}
REFERENCES = {"sound": Adam(), "short": Adam()}
"""


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_the_command_says_what_fails(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    result = check(tmp_path / "broken.py")
    assert result.exit_code == 1
    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]
    outcomes = {" ".join(line.split()) for line in result.stdout.splitlines()}
    assert len(lines) == len(outcomes)
    shape = "failed: its step returns an alpha of shape (3,) for (30,)."
    assert f"rule short keeps the shape of alpha {shape}" in outcomes
    assert any(line.startswith("rule short on s1 runs to its end failed: RuntimeError, ") for line in outcomes)
    misfit = f"failed: rule 'stepless' of plugin {tmp_path / 'broken.py'} does not fit: it has no step, as "
    assert any(line.startswith(f"rule stepless fits its interface {misfit}") for line in outcomes)
    assert "rule sound agrees with its reference passed" in outcomes
    assert not any("failed" in line for line in outcomes if line.startswith("rule sound"))
    assert "rule sound on nasbench201-table resumes to the bit passed" in outcomes
    assert len([line for line in outcomes if line.startswith("rule stepless")]) == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [(None, "is not there"), ("x = (", "cannot be imported: SyntaxError"), ("REPORTS = {'r': 1}", "cannot be checked")],
)
def test_the_command_refuses_what_is_no_plugin(tmp_path: Path, source: str | None, words: str) -> None:
    path = tmp_path / "plugin.py"
    if source is not None:
        path.write_text(source)
    result = check(path)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_every_check_is_a_case_of_pytests(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    subjects = subjects_of(tmp_path / "broken.py")
    (mark,) = conformance(tmp_path / "broken.py").pytestmark
    assert [case.id for case in mark.args[1]] == [f"{s.name}: {words}" for s in subjects for words in s.checks]
    first = next(findings(subjects[:1]))
    assert (first.subject, first.check, first.fault) == ("rule short", "fits its interface", "")


def test_the_suite_needs_no_pytest_until_it_is_a_test_of_it() -> None:
    folder = Path(rules.__file__).parent
    for path in folder.glob("*.py"):
        outside = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert "pytest" not in {alias.name for node in outside for alias in node.names}, path
