"""`harness regress`: planted regressions are found, an unchanged tree gets no alarm, and the test is what it says."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from toy_table import toy_table, write_toy_table

from harness import data
from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.types import Budget
from harness.describing.listing import family
from harness.regress import judging, measuring, parts
from harness.tables.nasbench201_truth import NasBench201
from methods import METHODS
from methods.catalogue import CATALOGUE
from methods.lookaheads.fine_tuned import FineTunedOracle
from methods.rules.gld import GLD
from methods.rules.mgs import MGS
from methods.tabular.data import TableData
from spaces import SPACES

ON_TABLE = replace(
    parts.RULES, settings=dict(parts.RULES.settings) | {"updates": 20, "smallest_radius": 0.03}, epochs=5
)
SUPERNET = replace(parts.SUPERNET, settings=dict(parts.SUPERNET.settings) | {"channels": 2})


@pytest.fixture(scope="module")
def table() -> TableData:
    return TableData("cifar10", NasBench201(toy_table()))


@pytest.fixture(autouse=True)
def same_threads():
    """The command sets one thread, for good."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


class Negated:
    """An oracle that calls the worst the best."""

    def __init__(self, oracle) -> None:
        self.oracle = oracle

    def losses(self, alphas):
        return -self.oracle.losses(alphas)


def flip_the_sign_of_the_weights(patch: pytest.MonkeyPatch) -> None:
    """exp(L / tau) in place of exp(-L / tau)."""
    weights = MGS.log_weights
    patch.setattr(MGS, "log_weights", lambda self, losses, *rest: weights(self, -losses, *rest))


def accept_the_worst(patch: pytest.MonkeyPatch) -> None:
    step = GLD.step
    patch.setattr(GLD, "step", lambda self, alpha, oracle, *rest: step(self, alpha, Negated(oracle), *rest))


def keep_sigma(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MGS, "sigma_at", lambda self, clock: self.sigma)


def do_not_fine_tune(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FineTunedOracle, "_batches", lambda self: [])


def test_seeds_that_go_together_have_the_figures_that_they_have_alone(table: TableData) -> None:
    short = replace(ON_TABLE, settings={"updates": 2}, epochs=2)
    found = measuring.measure(short, "zarts-mgs", range(3, 6), table)
    alone = METHODS["zarts-mgs"](seed=4, settings={"updates": 2}).search(SPACES[short.space], table, Budget(2))
    assert {name: values[1] for name, values in found.items()} == measuring.figures(alone)
    beyond = replace(short, settings={"updates": 2, "alpha_lr": 1e308})
    with pytest.raises(HarnessError, match="alpha is not finite"):
        measuring.measure(beyond, "darts-1st", range(2), table)


def alarms(part, method, dataset, break_it, monkeypatch) -> list[judging.Verdict]:
    def measured(seeds):
        found = measuring.measure(part, method, seeds, dataset)
        return {(part.name, method, figure): values for figure, values in found.items()}

    baseline, again = measured(range(100, 108)), measured(range(6))
    assert not any(verdict.regressed for verdict in judging.judge(again, baseline))
    break_it(monkeypatch)
    return [verdict for verdict in judging.judge(measured(range(6)), baseline) if verdict.regressed]


@pytest.mark.parametrize(
    ("method", "break_it", "figure"),
    [
        ("zarts-mgs", flip_the_sign_of_the_weights, "loss at the end"),
        ("zarts-gld", accept_the_worst, "test error, %"),
        ("zarts-mgs", keep_sigma, "step at the end"),
    ],
)
def test_a_broken_rule_is_found_on_the_table(method, break_it, figure, table, monkeypatch) -> None:
    assert figure in [verdict.figure for verdict in alarms(ON_TABLE, method, table, break_it, monkeypatch)]


def test_fine_tuning_that_does_nothing_is_found_on_the_supernet(monkeypatch) -> None:
    digits = data.load("digits")
    found = alarms(SUPERNET, "zarts-mgs", digits, do_not_fine_tune, monkeypatch)
    assert "loss of candidates" in [verdict.figure for verdict in found]


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["regress", *map(str, arguments)])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """One method on a toy table, and the path of its baseline."""
    part = replace(ON_TABLE, methods=("zarts-mgs",), seeds=8, baseline_seeds=12)
    monkeypatch.setattr(parts, "PARTS", {"table": (part,), "supernet": ()})
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    write_toy_table(tmp_path / "cache" / "nasbench201.parquet")
    return tmp_path / "baselines" / "b.json"


def test_the_command_from_the_baseline_to_the_alarm(small: Path, monkeypatch) -> None:
    missing = call("--baseline", small)
    assert missing.exit_code == 2
    assert "make one with `harness regress --update`" in missing.stderr
    assert call("--baseline", small, "--update").exit_code == 0
    stored = json.loads(small.read_text())
    assert stored["parts"]["table, rules"]["data"] == toy_table().digest
    quiet = call("--baseline", small)
    assert quiet.exit_code == 0, quiet.output
    assert "No regression." in quiet.stdout
    assert call("--baseline", small, "--first-seed", "1000").exit_code == 0
    flip_the_sign_of_the_weights(monkeypatch)
    loud = call("--baseline", small)
    assert loud.exit_code == 1
    assert "**1 regressed: zarts-mgs (table, rules)**" in loud.stdout
    assert "| **worse** | zarts-mgs | table, rules | " in loud.stdout
    facts = json.loads(call("--baseline", small, "--json").stdout)
    assert facts["regressed"]
    assert facts["false_alarms"] == judging.FALSE_ALARMS
    assert call("--baseline", small, "--update").exit_code == 0
    assert call("--baseline", small).exit_code == 0, "what was accepted is no regression"


def test_every_family_is_checked() -> None:
    checked = {family(CATALOGUE[method]) for of in parts.PARTS.values() for part in of for method in part.methods}
    assert checked == {family(entry) for entry in CATALOGUE.values()}


def test_a_table_that_is_not_there_is_named(small: Path, monkeypatch, tmp_path) -> None:
    assert call("--baseline", small, "--update").exit_code == 0
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "none"))
    rest = call("--baseline", small)
    assert rest.exit_code == 0
    assert "**Only the supernet was checked**: there is no NAS-Bench-201 table here." in rest.stdout
    required = call("--baseline", small, "--part", "table")
    assert required.exit_code == 2
    assert "there is no NAS-Bench-201 table at " in required.stderr


def test_a_baseline_that_was_made_otherwise_is_refused(small: Path) -> None:
    assert call("--baseline", small, "--update").exit_code == 0
    content = json.loads(small.read_text())
    content["parts"]["table, rules"]["epochs"] = 7
    small.write_text(json.dumps(content))
    ended = call("--baseline", small)
    assert ended.exit_code == 2
    assert "the baseline's part 'table, rules' was made with other epochs; accept a new one with" in ended.stderr
    with pytest.raises(HarnessError, match="the baseline has nothing on a, b, c"):
        judging.judge({("a", "b", "c"): [1.0]}, {})


def test_the_p_value_is_that_of_mann_and_whitney() -> None:
    assert judging.p_larger([4.0, 5.0, 6.0], [1.0, 2.0, 3.0]) == pytest.approx(1 / 20)  # of 6 over 3, one
    assert judging.p_larger([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) == pytest.approx(1)
    assert judging.p_larger([2.0, 2.0], [2.0, 2.0, 2.0]) == 1.0


def test_holm_steps_down_and_stops_at_the_first_that_holds(monkeypatch) -> None:
    values = {("", "", str(p)): [p] for p in (0.001, 0.004, 0.0055, 0.5)}
    monkeypatch.setattr(judging, "p_larger", lambda now, baseline: now[0])
    verdicts = judging.judge(values, values, false_alarms=0.01)
    # Against 0.01 / 4, / 3, / 2 and / 1; the second holds, and so do all after it.
    assert [(v.p, v.regressed) for v in verdicts] == [(0.001, True), (0.004, False), (0.0055, False), (0.5, False)]


def test_false_alarms_are_no_more_frequent_than_stated() -> None:
    """With figures of every kind that occurs: continuous, with many ties, the same for all."""
    draw, repeats, rate, alarmed = random.Random(0), 200, 0.05, 0

    def sample(kind: int, count: int) -> list[float]:
        kinds = (draw.random, lambda: float(draw.random() < 0.2), lambda: round(draw.gauss(0, 2)) / 1, lambda: 1.0)
        return [kinds[kind]() for _ in range(count)]

    for _ in range(repeats):
        now = {("", "", str(i)): sample(i % 4, 20) for i in range(20)}
        baseline = {key: sample(int(key[2]) % 4, 40) for key in now}
        alarmed += any(verdict.regressed for verdict in judging.judge(now, baseline, rate))
    assert alarmed <= 20  # 10 are expected at most; more than 20 have a probability of 0.1 %
