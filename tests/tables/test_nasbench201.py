"""The table of NAS-Bench-201: order, queries, what it lacks, and a file that is damaged."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from toy_table import toy_table, write_toy_table

from harness.core.errors import HarnessError
from harness.core.genotype import NB201_OPERATIONS, parse
from harness.tables.nasbench201 import CELLS, Table, all_cells, default_path, open_table
from spaces import SPACES

STRING = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"
QUERY = ("cifar10-valid", "valid", 200)


@pytest.fixture(scope="module")
def table() -> Table:
    return toy_table()


def test_the_grid_has_the_edges_and_operations_of_the_space(table: Table) -> None:
    edges = SPACES["nasbench201"].cells["cell"]
    grid = table.grid(np.arange(CELLS))
    assert grid.shape == tuple(len(edge.operations) for edge in edges)
    for choice in product(range(5), repeat=6):
        if sum(choice) % 7 == 0:
            nodes = table.cell(int(grid[choice]))["cell"].nodes
            chosen = {(edge.source, edge.target): edge.operations[o] for edge, o in zip(edges, choice, strict=True)}
            assert {(s, t): op for t, node in enumerate(nodes, 1) for op, s in node} == chosen
    assert [tuple(row) for row in table.operations[grid[1:3, 0, 4, 2, 3, 1]]] == [(o, 0, 4, 2, 3, 1) for o in (1, 2)]
    assert table.grid(np.ones((CELLS, 2))).shape == (5, 5, 5, 5, 5, 5, 2)


def test_an_expectation_is_a_contraction(table: Table) -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(5), size=6)
    values = table.column(*QUERY, "mean")
    exact = np.einsum("abcdef,a,b,c,d,e,f->", table.grid(values), *rows)
    chance = np.prod(rows[np.arange(6), table.operations], axis=1)
    assert exact == pytest.approx(chance @ values)


def test_a_cell_by_string_genotype_json_and_index(table: Table) -> None:
    index = table.index(STRING)
    genotype = parse(STRING)
    assert table.cells[index] == STRING
    assert table.cell(index) == genotype
    for cell in (genotype, index, np.int64(index), f" {STRING}", json.dumps(genotype.to_json())):
        assert table.index(cell) == index
    assert table.accuracy(STRING, *QUERY, 777) == table.column(*QUERY, 777)[index]
    assert [table.index(cell) for cell in table.cells] == list(range(CELLS))
    assert sorted(table.cells) == sorted(all_cells())


def test_seeds_are_named_and_a_missing_training_is_an_error(table: Table) -> None:
    assert table.seeds(*QUERY) == (777, 888, 999)
    trials = table.trials(*QUERY)
    assert trials.shape == (3, CELLS)
    np.testing.assert_allclose(np.nanmean(trials, axis=0), table.column(*QUERY, "mean"))
    lacking = int(np.flatnonzero(np.isnan(trials[2]))[0])
    with pytest.raises(HarnessError, match="was not trained on cifar10-valid for 200 epochs with seed 999"):
        table.accuracy(lacking, *QUERY, 999)
    with pytest.raises(HarnessError, match="7,813 cells were not trained on cifar10-valid with seed 999"):
        table.column(*QUERY, 999)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (("cifar1O", "test", 200, "mean"), "unknown NAS-Bench-201 data set 'cifar1O'; did you mean 'cifar10'?"),
        (("cifar10", "valid", 200, "mean"), "cifar10 has no split 'valid'; it has test"),
        (
            ("cifar10", "test", 100, "mean"),
            "has no accuracy/cifar10/test/100/mean; it has accuracy/cifar10/test/12/777",
        ),
        (("cifar10", "test", 200, 1), "made from a formula has no accuracy/cifar10/test/200/1"),
    ],
)
def test_what_the_table_lacks_is_an_error(table: Table, query: tuple[str, str, int, int], message: str) -> None:
    for ask in (table.column, lambda *query: table.accuracy(0, *query)):
        with pytest.raises(HarnessError) as error:
            ask(*query)
        assert message in str(error.value)


def test_a_table_of_means_alone_has_no_trials(table: Table) -> None:
    means = {name: column for name, column in table.columns.items() if name.endswith("/mean")}
    lean = Table(table.cells, means, {"source": "means.csv"})
    assert lean.seeds(*QUERY) == ()
    with pytest.raises(HarnessError, match=r"made from means.csv has no accuracy/cifar10-valid/valid/200/any seed"):
        lean.trials(*QUERY)
    with pytest.raises(HarnessError, match=r"has no eval_seconds/cifar10-valid/valid/12; it has none of that kind"):
        lean.eval_seconds("cifar10-valid", "valid", 12)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (CELLS, "there is no cell 15625; NAS-Bench-201 numbers its cells 0 to 15624"),
        (-1, "there is no cell -1"),
        (STRING.replace("avg_pool", "max_pool"), "is not one of NAS-Bench-201's cells"),
        ("nor_conv_3x3", "'nor_conv_3x3' is not a genotype"),
    ],
)
def test_what_is_no_cell(table: Table, cell: str | int, message: str) -> None:
    with pytest.raises(HarnessError) as error:
        table.accuracy(cell, *QUERY, "mean")
    assert message in str(error.value)


def test_isomorphic_cells_share_a_class(table: Table) -> None:
    classes = table.isomorphs
    assert len(set(classes.tolist())) == 6466
    assert all(classes[classes] == classes)
    one = table.index("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")
    other = table.index("|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|avg_pool_3x3~2|")
    assert classes[one] == classes[other]
    assert classes[one] != classes[table.index(STRING)]


def test_saved_and_opened_it_is_the_same(table: Table, tmp_path: Path) -> None:
    opened = open_table(write_toy_table(tmp_path / "table.parquet"))
    assert (opened.cells, opened.provenance) == (table.cells, table.provenance)
    assert opened.columns.keys() == table.columns.keys()
    for name, values in table.columns.items():
        np.testing.assert_array_equal(opened.columns[name], values)
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]
    with pytest.raises(ValueError, match="read-only"):
        opened.column(*QUERY, 777)[0] = 100


def test_the_user_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("HARNESS_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_path() == tmp_path / ".cache" / "harness" / "nasbench201.parquet"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_path() == tmp_path / "xdg" / "harness" / "nasbench201.parquet"
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "own"))
    assert default_path() == tmp_path / "own" / "nasbench201.parquet"
    with pytest.raises(HarnessError, match=r"no NAS-Bench-201 table at .*; make it with `harness data import nasbench"):
        open_table()


def test_a_damaged_file_is_named(table: Table, tmp_path: Path) -> None:
    path = write_toy_table(tmp_path / "table.parquet")
    whole = path.read_bytes()
    for content in (b"", b"<!DOCTYPE html>", whole[:-1], whole[: len(whole) // 2], whole[len(whole) // 2 :], whole[1:]):
        path.write_bytes(content)
        with pytest.raises(HarnessError, match=r"table\.parquet is damaged \(.+\); make it with .* again"):
            open_table(path)


def test_a_flipped_bit_never_gives_other_numbers(table: Table, tmp_path: Path) -> None:
    path = write_toy_table(tmp_path / "table.parquet")
    whole = path.read_bytes()
    found = 0
    for place in np.random.default_rng(0).integers(len(whole), size=15):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            opened = open_table(path)
        except HarnessError as error:
            found += "is damaged" in str(error)
        else:  # where Parquet has a byte that means nothing
            assert (opened.cells, opened.provenance) == (table.cells, table.provenance)
            assert all(np.array_equal(opened.columns[name], table.columns[name], True) for name in table.columns)
    assert found > 10


def test_operations_are_those_of_the_notation(table: Table) -> None:
    place = NB201_OPERATIONS.index
    assert table.operations[table.index(STRING)].tolist() == [place(name) for name, _ in parse(STRING)["cell"].edges]
