"""The systems of the paper's tables find their runs: small real ones, under the tables' labels."""

from __future__ import annotations

import pytest
from made_cifar import make_cifar

import harness
from methods import CATALOGUE
from reports import published
from reports.records import read
from reports.tables.build import build
from reports.tables.layouts import TABLES, search_of

NOT_YET = {"amoebanet", "amoebanet-a", "nasnet-a", "fbnet-c"}
"""Systems whose searches the harness has not."""
NO_SEARCH = {"resnet", "optimal", "zarts-mgs(n=10?;m=10)", "p-darts(no skip constraint)", "p-zarts(no skip constraint)"}
SEARCHED = {
    "table2": {
        "R-DARTS(DP)": "r-darts-dp",
        "R-DARTS(L2)": "r-darts-l2",
        "DARTS-ADA": "darts-ada",
    },
    "table3": {
        "ISTA-NAS": "ista-nas",
        "PR-DARTS": "pr-darts",
        "SGAS(Cri.2)": "sgas-2",
        "Amended-DARTS": "amended-darts",
        "ROME": "rome-v2",
    },
    "table4": {"FairDARTS-B": "fair-darts", "SNAS": "snas"},
}
PLACES = {"table2": ("s1", "cifar10"), "table3": ("darts", "cifar10"), "table4": ("darts", "cifar10")}


def test_every_label_names_a_method_or_is_known_to_have_none():
    layouts = [layout for layouts in TABLES.values() for layout in layouts]
    searched = {
        search_of(label, layout.methods)[0] for layout in layouts for label in published.load(layout.csv).method
    }
    assert searched - set(CATALOGUE) == NOT_YET | NO_SEARCH


@pytest.mark.filterwarnings("ignore:.*align")  # numpy's, of what torchvision unpickles
@pytest.mark.parametrize("table", SEARCHED)
def test_a_small_search_of_each_fills_its_row(table, tmp_path, monkeypatch):
    """Table 2 has test errors alone, so its cells are also trained, and so are those of which the best is shown."""
    make_cifar(tmp_path / "data", monkeypatch)
    for label, method in SEARCHED[table].items():
        space, dataset = PLACES[table] if label != "ROME" else ("darts", "cifar100")
        small = {"batch": 8, "valid_batch": 8, "epochs": 1}
        run = harness.run(
            method,
            space,
            dataset,
            protocol="smoke",
            settings=small,
            data=tmp_path / "data",
            results=tmp_path / "results",
        )
        if table == "table2" or label in ("ISTA-NAS", "PR-DARTS"):  # the best of some, by test error
            harness.evaluate(run.folder, data=tmp_path / "data", settings={"epochs": 1})
    tables = build(table, read(tmp_path / "results").select(None))
    measured = {
        label for found in tables for row, _, cell in found.cells() if cell.measured is not None for label in row.labels
    }
    columns = {
        found.heading(column) for found in tables for _, column, cell in found.cells() if cell.measured is not None
    }
    assert set(SEARCHED[table]) <= measured | columns
