"""How a supernet ranks a made table's cells: by hand, resumed to the bit, by the command line, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from scipy.stats import kendalltau
from toy_table import toy_table

from harness.analysis import Asked, analyse
from harness.analysis.reopened import ReopenedRun
from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.types import Budget, Cost
from harness.runs import protocol as protocols
from harness.runs import runner
from harness.tables.nasbench201 import default_path
from methods.rankings.shared_weights import MODES, SharedWeights
from methods.search.selecting import trained
from spaces import SPACES
from spaces.paths import path_gates

SMALL = ("ranking_batch=16", "recalibration_batches=1", "recalibration_batch=16", "resamples=20")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """A run of one epoch on digits, with a toy table at hand."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(folder / "cache"))
        (folder / "cache").mkdir()
        toy_table().save(default_path())
        request = runner.Request(
            *("rsps", "nasbench201", "digits", protocols.load("smoke"), Budget(1)),
            seed=1,
            assignments=("images=48",),
            device="cpu",
            results=folder,
        )
        yield runner.run(runner.plan(request))


def asked(folder: Path, *more: str) -> Asked:
    return Asked("ranking", folder, ("cells=5", *SMALL, *more), "cpu")


def test_a_stopped_analysis_goes_on_and_scores_cells_with_the_runs_weights(made: runner.Outcome) -> None:
    class Killed(Exception):
        pass

    def kill(done: int, of: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        analyse(asked(made.folder), advance=kill)
    counted: list[int] = []
    found = analyse(asked(made.folder), advance=lambda done, of: counted.append(done))
    assert counted == [3, 4, 5]
    assert analyse(asked(made.folder)) == found
    first = found["scored"][0]
    assert first["accuracy"] == toy_table().accuracy(first["cell"], "cifar10", "test", 200, "mean")
    run = ReopenedRun(made.folder, "cpu")
    space = SPACES["nasbench201"]
    code = next(code for code in _codes() if str(space.decode(code)) == first["cell"])
    ranking = SharedWeights(
        batch_norm="recalibrated",
        common_batches=True,
        ranking_batch=16,
        recalibration_batches=1,
        recalibration_batch=16,
    )
    at = trained(run.supernets, run.search.images, Cost())
    assert first["scores"]["recalibrated"] == ranking.score(at, path_gates(space, code), 0, 0)
    for row in found["rows"]:
        scores = [cell["scores"][row["batch_norm"]] for cell in found["scored"]]
        accuracies = [cell["accuracy"] for cell in found["scored"]]
        if row["kendall"][0] is not None:
            assert row["kendall"][0] == pytest.approx(kendalltau(scores, accuracies).statistic)
    assert [row["batch_norm"] for row in found["rows"]] == list(MODES)


def _codes():
    from harness.analysis.correlations import sample

    return sample(SPACES["nasbench201"], 5, 0, "analysis/ranking")


def test_the_command_prints_a_table_and_other_kinds_need_an_alpha(made: runner.Outcome) -> None:
    words = ["analyse", "ranking", str(made.folder), "--cells=5", "--device=cpu", *(f"--set={item}" for item in SMALL)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("5 cells of NAS-Bench-201, test accuracy on cifar10 after 200 epochs, and accuracy with")
    assert [line.split()[0] for line in lines[2:-1]] == list(MODES)
    assert json.loads(Path(lines[-1]).read_text())["settings"]["cells"] == 5
    with pytest.raises(HarnessError, match="rsps has no alpha, and harness analyse eigenvalue is about one"):
        analyse(Asked("eigenvalue", made.folder, (), "cpu"))
    with pytest.raises(HarnessError, match="made with another cells; delete it"):
        analyse(asked(made.folder, "cells=6"))


def test_the_run_says_how_its_cell_was_ranked(made: runner.Outcome) -> None:
    result = made.result
    assert result["selection"]["ranked"] == 6
    assert "batch norm batch" in result["how"]["genotype"]
    assert result["alpha"] == []
    (record,) = [json.loads(line) for line in (made.folder / "records.jsonl").read_text().splitlines()]
    assert record["selection"] == result["selection"]
    assert record["genotype"] == result["notation"]
