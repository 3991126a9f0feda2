"""Rank correlations of zero-cost proxies with a made table: by hand, resumed to the bit, and by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import kendalltau
from toy_table import toy_table

from harness.analysis import Asked, analyse, zero_cost
from harness.analysis.correlations import correlations, sample
from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.shapes import SCORES
from harness.tables.nasbench201 import default_path
from methods.blackbox.proxies import PROXIES

SMALL = ("cells=5", "channels=2", "batch=8", "resamples=20")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(folder))
        toy_table().save(default_path())
        yield folder


def asked(folder: Path, *more: str) -> Asked:
    return Asked("zero-cost", folder, (*SMALL, *more), "cpu", dataset="digits")


def test_every_proxy_is_in_the_file_s_shape() -> None:
    assert tuple(PROXIES) == SCORES


def test_the_cells_are_different_and_a_function_of_the_seed() -> None:
    cells = sample(zero_cost.SPACE, 300, 0, "cells")
    assert len(set(cells)) == 300
    assert sample(zero_cost.SPACE, 300, 0, "cells") == cells != sample(zero_cost.SPACE, 300, 1, "cells")
    assert sample(zero_cost.SPACE, 100, 0, "cells") == cells[:100]
    with pytest.raises(HarnessError, match="cells=20000 is more than the 15,625"):
        sample(zero_cost.SPACE, 20_000, 0, "cells")


def test_correlations_are_those_of_the_ranks_and_their_intervals_hold_them() -> None:
    scores, accuracies = np.array([1.0, 2, 3, 4, 5]), np.array([10.0, 20, 40, 30, 50])
    found = correlations(scores, accuracies, 200, 0)
    assert found["kendall"][0] == pytest.approx((9 - 1) / 10)  # one of ten pairs is the other way round
    assert found["spearman"][0] == pytest.approx(1 - 6 * 2 / (5 * 24))
    for value, low, high in found.values():
        assert -1 <= low <= value <= high <= 1
        assert low < high
    assert correlations(scores, accuracies, 200, 0) == found
    equal = correlations(np.ones(5), accuracies, 20, 0)
    assert equal["kendall"] == [None, None, None]


def test_a_stopped_analysis_goes_on_where_it_was(cache: Path, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(done: int, of: int) -> None:
        if done == 2:
            raise Killed

    straight = analyse(asked(tmp_path / "straight"))
    with pytest.raises(Killed):
        analyse(asked(tmp_path / "stopped"), advance=kill)
    counted: list[int] = []
    assert analyse(asked(tmp_path / "stopped"), advance=lambda done, of: counted.append(done)) == straight
    assert counted == [3, 4, 5]
    with pytest.raises(HarnessError, match="made with another seed; delete it"):
        analyse(asked(tmp_path / "stopped", "seed=1"))
    rows = {row["proxy"]: row for row in straight["rows"]}
    scores = [cell["scores"]["flops"] for cell in straight["scored"]]
    accuracies = [cell["accuracy"] for cell in straight["scored"]]
    table = toy_table()
    first = straight["scored"][0]
    assert first["accuracy"] == table.accuracy(first["cell"], "cifar10", "test", 200, "mean")
    assert rows["flops"]["kendall"][0] == pytest.approx(kendalltau(scores, accuracies).statistic)


def test_the_command_prints_a_table(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["analyse", "zero-cost", "--cells=4", "--seed=3", "--dataset=digits", "--device=cpu"]
    done = CliRunner().invoke(main, [*words, *(f"--set={item}" for item in SMALL[1:])])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("4 cells of NAS-Bench-201, test accuracy on cifar10 after 200 epochs; networks of 2")
    assert lines[1].split() == ["proxy", "Kendall", "tau", "Spearman", "rho"]
    assert [line.split()[0] for line in lines[2:-1]] == list(PROXIES)
    file = Path("results/zero-cost/analysis-zero-cost.json")
    assert lines[-1] == str(file)
    saved = json.loads(file.read_text())
    assert (saved["settings"]["cells"], saved["settings"]["seed"], saved["done"]) == (4, 3, True)


def test_what_does_not_go_together_costs_one_sentence(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for arguments, said in (
        (["zero-cost", str(tmp_path / "file")], "file cannot be made: File exists"),
        (["landscape"], "needs a run folder"),
        (["landscape", str(tmp_path), "--cells", "4"], "unknown setting 'cells'"),
        (["zero-cost", str(tmp_path), "--cells", "many"], "cells='many' is not an integer"),
    ):
        done = CliRunner().invoke(main, ["analyse", *arguments])
        assert done.exit_code == 2
        assert said in done.stderr
