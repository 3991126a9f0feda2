"""What looking a cell up costs, in the compact table and through the official package: read the ratio of a group."""

from __future__ import annotations

import pytest
import torch
from official_nasbench201 import info
from toy_table import SEEDS, toy_table, write_toy_table

from harness.tables.nasbench201 import open_table

QUERIES = 10_000
CELLS = 500
"""So many cells are in the official file: a query of either takes the same time for any number of them."""


@pytest.fixture(scope="module")
def compact(tmp_path_factory):
    return write_toy_table(tmp_path_factory.mktemp("table") / "table.parquet")


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    api = pytest.importorskip("nas_201_api", reason="the package nas-bench-201 is not installed")
    table = toy_table()
    plan = {"less": ["cifar10-valid"], "full": ["cifar10-valid"]}
    infos = {index: info(table, index, plan, SEEDS, api.api_utils) for index in range(CELLS)}
    path = tmp_path_factory.mktemp("official") / "toy.pth"
    torch.save({"meta_archs": list(table.cells), "arch2infos": infos, "evaluated_indexes": set(infos)}, path)
    return api.NASBench201API(torch.load(path, weights_only=False), verbose=False)


def test_opening_the_compact_table(benchmark, compact):
    benchmark.group = "open"
    assert len(benchmark(open_table, compact).cells) == 15_625


def test_queries_of_the_compact_table(benchmark, compact):
    benchmark.group = f"{QUERIES:,} queries by architecture, 12 epochs, mean"
    table = open_table(compact)
    cells = [table.cells[number % CELLS] for number in range(QUERIES)]

    def query():
        return [table.accuracy(cell, "cifar10-valid", "valid", 12, "mean") for cell in cells]

    assert len(benchmark(query)) == QUERIES


def test_queries_of_the_official_package(benchmark, official):
    benchmark.group = f"{QUERIES:,} queries by architecture, 12 epochs, mean"
    cells = [official.meta_archs[number % CELLS] for number in range(QUERIES)]

    def query():
        return [official.get_more_info(c, "cifar10-valid", hp="12", is_random=False)["valid-accuracy"] for c in cells]

    assert len(benchmark.pedantic(query, rounds=1)) == QUERIES
