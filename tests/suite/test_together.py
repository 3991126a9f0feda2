"""Searches on a table that differ in their seed alone: one job does several, each to the bits that it has alone."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from drills import Forks
from processes import Child, end, forked, harness
from toy_table import write_toy_table

from harness.runs import runner
from harness.suite import definition, work
from harness.suite.cells import Cell, request_of, resolve
from harness.suite.definition import SearchCell
from harness.suite.driver import FEWEST, MOST, Driver
from harness.suite.job import Ending, Job, do
from harness.suite.requests import Equipment, SearchesRequest
from harness.suite.status import failure_of, log_of, status_of

SUITE = """
summary = "a rule and a strategy on a made table"
protocol = "proxy"
[[search]]
method = ["zarts-mgs"]
space = ["nasbench201-table"]
dataset = ["cifar10"]
seed = "0-2"
set = { epochs = 4, updates = 20 }
[[search]]
method = ["rea"]
space = ["nasbench201-table"]
dataset = ["cifar10"]
seed = "0-5"
set = { epochs = 100, simulated_seconds = 1e9 }
"""


def on_table(seed: int, method: str = "m") -> Cell:
    return Cell(SearchCell(method, "t", "d", seed, "p", ()), f"p/{method}-t-d-s{seed}", on_table=True)


class Recording:
    """An executor that ends every job at once: those of several cells but for some seeds, if that is said."""

    def __init__(self, results: Path, cells: list[Cell], room: int, without: tuple[int, ...] = ()) -> None:
        self.results, self.workers, self.without = results, room, without
        self.cells = {cell.name: cell for cell in cells}
        self.seeds: list[tuple[int, ...]] = []
        self.ended: list[tuple[str, Ending]] = []

    @property
    def room(self) -> int:
        return self.workers - len(self.ended)

    def submit(self, jobs: list[tuple[str, Job]]) -> None:
        for name, job in jobs:
            method = self.cells[name].search.method
            several = isinstance(job.request, SearchesRequest)
            seeds = job.request.seeds if several else (job.request.cell.seed,)
            self.seeds.append(seeds)
            done = [seed for seed in seeds if seed not in self.without or not several]
            for cell in self.cells.values():
                if cell.search.method == method and cell.search.seed in done:
                    cell.output(self.results).parent.mkdir(parents=True)
                    cell.output(self.results).write_text("{}")
            self.ended.append((name, Ending("done") if len(done) == len(seeds) else Ending("failed", "one of them")))

    def wait(self, seconds: float) -> list[tuple[str, Ending]]:
        ended, self.ended = self.ended, []
        return ended

    def stop(self) -> None:
        pass


def shares(results: Path, cells: list[Cell], room: int, without: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """The seeds of each job."""
    executor = Recording(results, cells, room, without)
    driver = Driver(cells, results, executor, retries=0)
    driver.run()
    assert not driver.failed
    assert all(cell.is_done(results) for cell in cells)
    return executor.seeds


def test_workers_get_fair_shares(tmp_path):
    cells = [on_table(seed) for seed in range(40)]
    found = shares(tmp_path / "two", cells, room=2)
    assert [len(seeds) for seeds in found] == [20, 10, FEWEST, 2]
    assert [len(seeds) for seeds in shares(tmp_path / "many", cells, room=1000)] == [FEWEST] * 5
    more = [on_table(seed) for seed in range(MOST + 1)]
    assert [len(seeds) for seeds in shares(tmp_path / "one", more, room=1)] == [MOST, 1]


def test_other_methods_and_searches_that_are_on_no_table_go_by_themselves(tmp_path):
    mixed = [on_table(seed, method) for seed in range(3) for method in "ab"]
    assert shares(tmp_path / "mixed", mixed, room=1) == [(0, 1, 2), (0, 1, 2)]
    networks = [Cell(SearchCell("m", "s", "d", seed, "p", ()), f"p/m-s-d-s{seed}") for seed in range(3)]
    assert shares(tmp_path / "networks", networks, room=1) == [(0,), (1,), (2,)]


def test_what_failed_among_others_is_tried_alone(tmp_path):
    cells = [on_table(seed) for seed in range(4)]
    assert shares(tmp_path, cells, room=1, without=(1, 2)) == [(0, 1, 2, 3), (1,), (2,)]


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Of a real suite, which a made table is there for."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "cache").mkdir()
    write_toy_table(folder / "cache" / "nasbench201.parquet")
    (folder / "mine.toml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(folder / "cache"))
        yield resolve(definition.cells(str(folder / "mine.toml")))


def driven(cells: list[Cell], results: Path) -> Driver:
    driver = Driver(cells, results, Forks(), Equipment("cpu"), retries=0)
    driver.run()
    return driver


def ends(results: Path) -> dict[str, object]:
    return {path.parent.name: end(path.parent) for path in results.glob("*/*/result.json")}


def alone(cells: list[Cell], results: Path) -> dict[str, object]:
    for cell in cells:
        ended = forked(harness(["run", *cell.search.options, f"--results={results}"]))
        assert ended.code == 0, ended.err
    return ends(results)


def test_each_has_the_bits_that_it_has_alone(cells, tmp_path):
    assert not driven(cells, tmp_path / "together").failed
    assert ends(tmp_path / "together") == alone(cells, tmp_path / "alone")
    assert {status_of(cell, tmp_path / "together").state for cell in cells} == {"done"}
    for cell in cells:
        assert f"--seed={cell.search.seed} " in log_of(cell, tmp_path / "together").read_text()


def test_a_stop_among_them_leaves_the_rest_to_the_next_job(cells, tmp_path):
    strategies = [cell for cell in cells if cell.search.method == "rea"]
    job = Job(request_of(strategies, tmp_path, Equipment("cpu")), str(tmp_path / "log"), str(tmp_path))
    child = Child(lambda: print("\n" + do(job).how))
    child.wait_for(lambda: strategies[0].is_done(tmp_path))
    child.send(signal.SIGTERM)
    assert child.wait().out.split() == ["stopped"]
    assert not all(cell.is_done(tmp_path) for cell in strategies)
    before = {cell.name: end(tmp_path / cell.folder) for cell in strategies if cell.is_done(tmp_path)}
    assert not driven(strategies, tmp_path).failed
    assert before.items() <= {cell.name: end(tmp_path / cell.folder) for cell in strategies}.items()


def test_what_has_gone_together_is_saved_at_a_stop(cells, tmp_path):
    """Stopped while the first is written, and before anything has begun."""
    rules = [cell for cell in cells if cell.search.method == "zarts-mgs"]
    job = Job(request_of(rules, tmp_path, Equipment("cpu")), str(tmp_path / "log"), str(tmp_path))

    def stopped_at(module: object, name: str) -> str:
        """How the job ends where a signal comes as this function is called."""

        def call() -> None:
            real = getattr(module, name)

            def signalled(*arguments: object, **more: object) -> object:
                setattr(module, name, real)
                os.kill(os.getpid(), signal.SIGTERM)
                return real(*arguments, **more)

            setattr(module, name, signalled)
            print("\n" + do(job).how)

        return forked(call).out.split()[-1]

    assert stopped_at(runner, "plan") == "stopped"
    assert not any(cell.is_done(tmp_path) for cell in rules)
    assert [epochs(tmp_path / cell.folder) for cell in rules] == [1, 1, 1]  # the least that they do together
    assert stopped_at(work, "summary") == "stopped"
    assert [cell.is_done(tmp_path) for cell in rules] == [True, False, False]
    assert [epochs(tmp_path / cell.folder) for cell in rules] == [4, 4, 4]


def epochs(folder: Path) -> int:
    """That are saved."""
    return len((folder / "records.jsonl").read_text().splitlines())


def test_one_that_fails_leaves_the_others_and_says_why(cells, tmp_path):
    bad = cells[1]
    (tmp_path / bad.folder).parent.mkdir(parents=True)
    (tmp_path / bad.folder).write_text("in the way")
    driver = driven(cells, tmp_path)
    assert driver.failed == [bad]
    assert json.loads(failure_of(bad, tmp_path).read_text())["attempts"] == 1
    assert [cell.is_done(tmp_path) for cell in cells] == [cell is not bad for cell in cells]


def test_a_request_for_several_travels(cells):
    job = Job(request_of(cells[:3], Path("results"), Equipment("cpu")), "log", "/here")
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
    assert [each.cell for each in job.request.each] == [cell.search for cell in cells[:3]]
