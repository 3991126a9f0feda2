"""The records in results/studies are of the suites that they are named after."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import draw_studies
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from matplotlib.image import imread

from harness.cli import main
from harness.runs.folder import spec_hash
from harness.suite import cells, definition
from harness.suite.definition import SearchCell

STUDIES = Path(__file__).parents[1] / "results" / "studies"
NAMES = sorted(path.name for path in STUDIES.glob("*/")) if STUDIES.is_dir() else []
LARGEST = 1_000_000
"""Bytes of a file."""
FEW, FEW_TO_DRAW = 1000, 50
"""Runs whose page, and whose figure, is drawn again by default."""


@cache
def specs(study: str) -> dict[str, dict]:
    """By run."""
    found = {}
    for path in sorted((STUDIES / study).glob("*.parquet")):
        table = pq.read_table(path, filters=[("file", "=", "spec.json")])
        for run, text in zip(table.column("run").to_pylist(), table.column("text").to_pylist(), strict=True):
            found[run] = json.loads(text)["spec"]
    return found


@pytest.mark.parametrize("study", NAMES)
def test_files_are_small(study: str) -> None:
    assert all(path.stat().st_size <= LARGEST for path in (STUDIES / study).iterdir())


@pytest.mark.parametrize("study", NAMES)
def test_every_run_is_one_that_the_suite_asks_for(study: str) -> None:
    """All by name, the first seed of each kind by the hash of everything that decides its outcome."""
    asked = [cell for cell in definition.cells(study) if isinstance(cell, SearchCell)]
    found = specs(study)
    assert all(run.endswith(f"-{spec_hash(spec)[:8]}") for run, spec in found.items())
    names = {(cell.method, cell.space, cell.dataset, cell.seed, cell.protocol) for cell in asked}
    assert {
        (spec["method"], spec["space"], spec["dataset"], spec["seed"], spec["protocol"]["name"])
        for spec in found.values()
    } <= names
    first = min(cell.seed for cell in asked)
    resolved = {cell.folder for cell in cells.resolve([cell for cell in asked if cell.seed == first])}
    assert {run for run, spec in found.items() if spec["seed"] == first} <= resolved


@pytest.fixture(scope="module")
def table(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """NAS-Bench-201's, in a cache of its own: the pages say how far from its best cell a search ended."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))
        source = shared_data / "nasbench201" / "nasbench201.csv.gz"
        assert CliRunner().invoke(main, ["data", "import", "nasbench201", str(source)]).exit_code == 0
        yield


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("study", NAMES)
def test_the_page_is_what_the_records_say(study: str) -> None:
    """`HARNESS_STUDIES=all` holds the large ones to it, too."""
    if len(specs(study)) > FEW and os.environ.get("HARNESS_STUDIES") != "all":
        pytest.skip(f"more than {FEW} runs are read in a quarter of a minute")
    assert (STUDIES / study / "README.md").read_text() == draw_studies.page(study)


@pytest.mark.usefixtures("table")
@pytest.mark.skipif(os.environ.get("HARNESS_STUDIES") != "all", reason="HARNESS_STUDIES=all reads all runs, a minute")
def test_the_list_and_the_claims_are_what_the_records_say() -> None:
    for path, text in draw_studies.lists().items():
        assert path.read_text() == text


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("study", [name for name, shown in draw_studies.SHOWN.items() if shown.figures])
def test_the_figures_are_what_the_records_say(study: str, tmp_path: Path) -> None:
    """To the eye, as fonts may be others. `HARNESS_STUDIES=all` holds all of them to it."""
    if len(specs(study)) > FEW_TO_DRAW and os.environ.get("HARNESS_STUDIES") != "all":
        pytest.skip(f"the figures of more than {FEW_TO_DRAW} runs take some seconds")
    drawn = draw_studies.drawn(study, tmp_path)
    assert {f"{name}.png" for name in drawn} == {path.name for path in (STUDIES / study).glob("*.png")}
    for name, data in drawn.items():
        shipped, new = imread(STUDIES / study / f"{name}.png"), imread(io.BytesIO(data))
        assert shipped.shape == new.shape
        assert np.abs(shipped - new).mean() < 0.01
