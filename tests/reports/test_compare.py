"""`harness compare`: differences, intervals and verdicts worked out by hand."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from run_folders import write_run, write_training

from harness.cli import main


def harness(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def compared(*arguments: str | Path) -> list[dict[str, Any]]:
    done = harness(*arguments, "--format", "json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def trained(results: Path, method: str, errors: dict[int, float], **run: Any) -> None:
    for seed, error in errors.items():
        write_training(write_run(results, method, seed=seed, **run), error)


def test_common_seeds_are_paired(tmp_path: Path) -> None:
    """Differences -0.3, -0.4, -0.5: -0.4 and 4.3027 * 0.1 / sqrt(3) = 0.248."""
    trained(tmp_path, "zarts-mgs", {0: 2.5, 1: 2.7, 2: 3.0})
    trained(tmp_path, "darts-1st", {0: 2.8, 1: 3.1, 2: 3.5, 7: 9.0})
    (found,) = compared("zarts-mgs", "darts-1st", "--results", tmp_path)
    assert found["verdict"] == "zarts-mgs is better by 0.40 ± 0.25 points (95 %), on 3 of 3 seeds"
    assert (found["n_a"], found["n_b"], found["pairs"], found["test"], found["better"]) == (
        *(3, 4, 3, "paired t"),
        "zarts-mgs",
    )
    assert [found[key] for key in ("difference", "low", "high")] == pytest.approx([-0.4, -0.6484, -0.1516], abs=1e-4)
    assert found["improvement"] == pytest.approx(1 - 1 / 12)  # 3.0 is above 2.8 alone, of 3 times 4
    (turned,) = compared("darts-1st", "zarts-mgs", "--results", tmp_path)
    assert turned["improvement"] == pytest.approx(1 / 12)
    assert (turned["verdict"], turned["difference"]) == (found["verdict"], pytest.approx(0.4))


def test_other_seeds_are_welch_s(tmp_path: Path) -> None:
    """Variances 0.01 and 0.01 of 3 each: Student's interval with 4 degrees, 2.7764 * sqrt(0.02 / 3) = 0.2267."""
    trained(tmp_path, "zarts-mgs", {0: 2.9, 1: 3.0, 2: 3.1})
    trained(tmp_path, "darts-1st", {3: 2.4, 4: 2.5, 5: 2.6})
    (found,) = compared("zarts-mgs", "darts-1st", "--results", tmp_path)
    assert found["verdict"] == "darts-1st is better by 0.50 ± 0.23 points (95 %), 3 against 3 seeds"
    assert (found["test"], found["high"] - found["low"]) == ("Welch", pytest.approx(2 * 0.2267, abs=1e-4))


def test_what_the_seeds_do_not_decide_is_not_decided(tmp_path: Path) -> None:
    """Differences -0.1 and 0.3: 0.1 and 12.706 * 0.2828 / sqrt(2) = 2.54; an effect of 0.354 takes 65 pairs."""
    trained(tmp_path, "zarts-mgs", {0: 2.5, 1: 2.9})
    trained(tmp_path, "darts-1st", {0: 2.6, 1: 2.6})
    trained(tmp_path, "zarts-rs", {0: 2.5, 1: 2.9})
    trained(tmp_path, "zarts-gld", {0: 2.0})
    (found,) = compared("zarts-mgs", "darts-1st", "--results", tmp_path)
    assert found["verdict"] == (
        "not decided: +0.10 ± 2.54 points (95 %), 2 against 2 seeds; about 65 seeds each would tell"
    )
    assert found["better"] is None
    (equal,) = compared("zarts-mgs", "zarts-rs", "--results", tmp_path)
    assert equal["verdict"] == "not decided: equal, 2 against 2 seeds"
    (alone,) = compared("zarts-mgs", "zarts-gld", "--results", tmp_path)
    assert alone["verdict"] == "not decided: 2 against 1 seeds, and one seed has no spread; +0.70 points"
    assert (alone["low"], alone["test"]) == (None, "none")


def test_more_accuracy_is_better(tmp_path: Path) -> None:
    for method, lead in (("zarts-mgs", 0.1), ("darts-1st", 0.0)):
        for seed in range(3):
            folder = write_run(tmp_path, method, seed=seed)
            result = json.loads((folder / "result.json").read_text())
            result["valid_accuracy"] = 0.5 + lead + 0.01 * seed * (1 + lead)
            (folder / "result.json").write_text(json.dumps(result))
    (found,) = compared("darts-1st", "zarts-mgs", "--results", tmp_path)
    assert found["verdict"].startswith("zarts-mgs is better by 10.10 ± 0.25 points (95 %), on 3 of 3 seeds")


def test_every_benchmark_has_a_verdict_and_the_title_counts_them(tmp_path: Path) -> None:
    for space, lead in (("s1", 0.5), ("s2", 0.0)):
        trained(tmp_path, "zarts-mgs", {0: 2.5 - lead, 1: 2.6 - lead}, space=space)
        trained(tmp_path, "darts-1st", {0: 2.5, 1: 2.6}, space=space)
    done = harness("zarts-mgs", "darts-1st", "--results", tmp_path)
    assert done.stdout.startswith(
        "- s1, cifar10; protocol paper, version 1; 2 epochs: zarts-mgs is better by 0.50 ± 0.00 points (95 %), on 2 of "
        "2 seeds.\n- s2, cifar10; protocol paper, version 1; 2 epochs: not decided: equal, 2 against 2 seeds.\n"
    )
    assert (
        "zarts-mgs against darts-1st: zarts-mgs better on 1, darts-1st better on 0, not decided on 1 of 2"
        in done.stdout
    )
    table = list(
        csv.DictReader(io.StringIO(harness("zarts-mgs", "darts-1st", "--results", tmp_path, "--format", "csv").stdout))
    )
    assert [(row["a"], row["mean_a"], row["better"]) for row in table] == [
        ("zarts-mgs", "2.05", "zarts-mgs"),
        ("zarts-mgs", "2.55", ""),
    ]


def test_methods_that_never_had_one_budget_are_compared_across_it(tmp_path: Path) -> None:
    trained(tmp_path, "rea", {0: 2.5, 1: 2.6}, epochs=10)
    trained(tmp_path, "darts-1st", {0: 2.5, 1: 2.6}, epochs=2)
    (found,) = compared("rea", "darts-1st", "--results", tmp_path)
    assert found["benchmark"].endswith("; 10 epochs against 2 epochs")
    trained(tmp_path, "darts-1st", {0: 2.5}, epochs=10)
    (found,) = compared("rea", "darts-1st", "--results", tmp_path)
    assert found["benchmark"].endswith("; 10 epochs")


def test_two_folders_are_compared_method_by_method(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    trained(before, "darts-1st", {0: 3.0, 1: 3.1})
    trained(before, "zarts-rs", {0: 3.0})
    trained(after, "darts-1st", {0: 2.5, 1: 2.6})
    (found,) = compared(before, after)
    assert found["benchmark"].startswith("darts-1st on s1, cifar10; ")
    assert (found["a"], found["b"], found["better"]) == ("A", "B", "B")


def test_settings_in_which_two_folders_differ_are_named(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, samples, epochs in ((before, 4, 600), (after, 8, 300)):
        for seed in range(2):
            run = write_run(folder, "darts-1st", seed=seed, settings={"samples": samples})
            write_training(run, 3.0 + seed / 10, settings={"epochs": epochs})
    (found,) = compared(before, after)
    assert found["verdict"] == (
        "not decided: equal, 2 against 2 seeds; A and B differ in evaluation.epochs (600 against 300), samples (4 "
        "against 8)"
    )
    assert found["differing"] == "evaluation.epochs (600 against 300), samples (4 against 8)"
    (same,) = compared(before, before)
    assert (same["verdict"], same["differing"]) == ("not decided: equal, 2 against 2 seeds", "")


def test_methods_of_two_budgets_are_told_to_be_trained_otherwise(tmp_path: Path) -> None:
    for method, epochs, trained_for in (("rea", 10, 600), ("darts-1st", 2, 300)):
        run = write_run(tmp_path, method, epochs=epochs, settings={"samples": epochs})
        write_training(run, 3.0, settings={"epochs": trained_for})
    (found,) = compared("rea", "darts-1st", "--results", tmp_path)
    assert found["differing"] == "evaluation.epochs (600 against 300)"


def test_data_of_one_name_are_not_compared(tmp_path: Path) -> None:
    for folder, files in (("before", "11111111"), ("after", "22222222")):
        trained(tmp_path / folder, "darts-1st", {0: 3.0}, of_data={"dataset_files": files})
    assert "no ranked runs of one method, space, data set" in harness(tmp_path / "before", tmp_path / "after").stderr
    for files, error in (("11111111", 2.0), ("22222222", 4.0)):
        trained(tmp_path / "both", "darts-1st", {0: error}, of_data={"dataset_files": files})
        trained(tmp_path / "both", "rea", {0: 3.0}, of_data={"dataset_files": files})
    found = compared("darts-1st", "rea", "--results", tmp_path / "both")
    assert [(one["benchmark"].partition(";")[0], one["difference"]) for one in found] == [
        ("s1, cifar10 (dataset_files=11111111)", -1.0),
        ("s1, cifar10 (dataset_files=22222222)", 1.0),
    ]


def test_it_needs_no_torch(tmp_path: Path) -> None:
    trained(tmp_path, "zarts-mgs", {0: 2.5})
    trained(tmp_path, "darts-1st", {0: 2.5})
    for command in ("compare zarts-mgs darts-1st", "report"):
        code = (
            f"import sys; from harness.cli import main; main({[*command.split(), '--results', str(tmp_path)]!r}, "
            "standalone_mode=False); sys.exit('torch' in sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_what_cannot_be_compared_is_explained(tmp_path: Path) -> None:
    trained(tmp_path, "zarts-mgs", {0: 2.5})
    trained(tmp_path, "darts-1st", {0: 2.5}, space="s2")
    empty, long = tmp_path / "empty", 300 * "a"
    empty.mkdir()
    for arguments, words in (
        (("zarts-mgs", "zarts"), "unknown method with ranked runs 'zarts'; did you mean 'zarts-mgs'?"),
        (("zarts-mgs", "darts-1st"), "have no ranked runs of one space, data set, protocol and budget."),
        ((tmp_path, "darts-1st"), "is a folder and the other is none; name two folders or two methods."),
        ((long, "darts-1st"), "unknown method with ranked runs 'aaaa"),
        ((long, "darts-1st", "--results", long), f"there is no results folder {long[:190]}"),
        ((empty, tmp_path), f"there are no runs in {empty}; make one"),
        (("a", "b", "--where", "sigma=9"), "no run has sigma=9; there are 0.2."),
    ):
        done = harness("--results", tmp_path, *arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert words in done.stderr
