"""A package from outside adds a rule, a method, a space and a dataset, and is used by commands alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest
from toy_table import write_toy_table

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).parent / "spsa"
SEEDS = 6


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user who has installed the package, and has a table."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(PACKAGE, folder / "source")  # a build leaves files behind
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder / "site")]
    subprocess.run([*pip, *offline, str(folder / "source")], check=True, capture_output=True)
    (folder / "cache").mkdir()
    write_toy_table(folder / "cache" / "nasbench201.parquet")
    path = os.pathsep.join([str(folder / "site"), str(ROOT)])
    return os.environ | {"PYTHONPATH": path, "HARNESS_CACHE": str(folder / "cache")}


def harness(environment: dict[str, str], folder: Path, *arguments: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "harness", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("kind", "name"), [("methods", "zarts-outside-spsa"), ("spaces", "five-operations"), ("datasets", "checkers")]
)
def test_its_members_are_listed_with_their_origin(
    environment: dict[str, str], tmp_path: Path, kind: str, name: str
) -> None:
    (line,) = [line for line in harness(environment, tmp_path, "list", kind).splitlines() if name in line]
    assert line.endswith("[package zarts-spsa 1.0]")


def test_its_method_searches_its_space_with_its_dataset(environment: dict[str, str], tmp_path: Path) -> None:
    searched = [
        "--method",
        "zarts-outside-spsa",
        "--space",
        "five-operations",
        "--dataset",
        "checkers",
        "--protocol",
        "smoke",
    ]
    result = json.loads(harness(environment, tmp_path, "run", *searched, "--json"))
    assert result["stopped_by"] == "epochs"
    assert result["cost"]["alpha_steps"] > 0
    assert result["genotype"].keys() == {"normal", "reduce"}


def test_its_method_is_compared_with_another_on_the_table(environment: dict[str, str], tmp_path: Path) -> None:
    on_table = ["--space", "nasbench201-table", "--dataset", "cifar10", "--seed", f"0-{SEEDS - 1}", "--epochs", "5"]
    for method in ("zarts-outside-spsa", "zarts-mgs"):
        lines = harness(environment, tmp_path, "run", "--method", method, *on_table, "--json").splitlines()
        runs = [json.loads(line) for line in lines]
        assert len(runs) == SEEDS
        records = [(tmp_path / run["folder"] / "records.jsonl").read_text().splitlines() for run in runs]
        first, last = (fmean(json.loads(epochs[i])["valid_loss"] for epochs in records) for i in (0, -1))
        assert last < first
    compared = harness(environment, tmp_path, "report", "statistics", "--results", "results")
    assert "zarts-outside-spsa" in compared
    assert "zarts-mgs" in compared


def test_it_passes_the_conformance_suite(environment: dict[str, str], tmp_path: Path) -> None:
    lines = harness(environment, tmp_path, "check", "zarts-spsa").splitlines()
    assert lines[-1].endswith(" passed, 0 failed")
    assert {line.split()[1] for line in lines if "fits its interface" in line} == {
        "outside-spsa",
        "zarts-outside-spsa",
        "five-operations",
        "checkers",
    }
