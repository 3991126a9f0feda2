"""Plans: what is left, when it ends, and what a few real steps say of a search."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from toy_table import write_toy_table

from harness.core.errors import HarnessError
from harness.core.types import Budget
from harness.runs import protocol, runner
from harness.suite import calibration, display
from harness.suite.cells import Cell
from harness.suite.definition import EvaluationCell, SearchCell
from harness.suite.job import Ending
from harness.suite.local import environments
from harness.suite.pricing import Calibration, kind_of, kinds_of, left_of, priced, time_to_end
from harness.suite.requests import Equipment
from harness.suite.status import Status
from methods.search.search import Search
from methods.tabular import lockstep


@pytest.fixture(autouse=True)
def own_cache_and_mode(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(before)


def test_cells_on_the_way_and_seeds_are_measured_once():
    searches = [SearchCell("m", "s", "d", seed, "p", ()) for seed in (1, 2)]
    of = [EvaluationCell(search, None, None, None, (), search.seed, seed=search.seed) for search in searches]
    assert kind_of(of[0]) == kind_of(of[1]) != kind_of(of[0].search)


def search(seed, method="m"):
    return Cell(SearchCell(method, "s", "d", seed, "p", ()), f"p/{method}-s-d-s{seed}")


def evaluation(of):
    return Cell(EvaluationCell(of.search, None, "p", None, ()), of.folder, {"name": "evaluation", "spec": {}})


def test_the_end_when_each_worker_takes_what_may_begin():
    a, b, c = search(0), search(1), search(2)
    after_a = evaluation(a)
    standings = [Status(cell, "queued") for cell in (a, after_a, b, c)]
    seconds = {a.name: 5.0, b.name: 2.0, c.name: 1.0, after_a.name: 4.0}
    assert time_to_end(standings, seconds, workers=1) == 12.0
    assert time_to_end(standings, seconds, workers=2) == 9.0  # b and c beside a; then a's evaluation
    assert time_to_end(standings, seconds, workers=9) == 9.0
    assert time_to_end([Status(a, "done"), Status(after_a, "queued")], seconds, workers=2) == 4.0
    assert time_to_end([], {}, workers=2) == 0.0


def test_an_interrupted_cell_costs_what_is_left_of_it():
    assert left_of(Status(search(0), "queued", epoch=1, epochs=4)) == 0.75
    assert left_of(Status(search(0), "queued")) == 1.0
    assert left_of(Status(search(0), "done")) == 0.0


def test_totals_leave_out_what_has_no_price_and_say_so(tmp_path):
    cells = [search(0), search(1), search(0, "other")]
    kept = Calibration([{"OMP_NUM_THREADS": "3"}] * 2, Equipment())
    path = kept._path(kind_of(cells[0].asked), together=1)
    path.parent.mkdir(parents=True)
    price = {"seconds": 1800.0, "memory": 2**30, "memory_kind": "peak", "steps_timed": 7}
    path.write_text(json.dumps(price))
    found = priced(cells, tmp_path, kept, {kind_of(cells[2].asked): "no data"})
    assert found["hours"] == 2 * 0.5 * 3
    assert found["unit"] == "CPU-hours"
    assert found["seconds_to_end"] == 1800.0
    assert [kind["unknown"] for kind in found["kinds"]] == [None, "no data"]
    assert [kind["cells"] for kind in found["kinds"]] == [2, 1]


@pytest.mark.parametrize(
    ("on_table", "seeds", "together"), [(True, 2, 2), (True, 1, 1), (True, 100, 50), (True, 500, 64), (False, 2, 1)]
)
def test_searches_on_a_table_are_priced_together_as_they_are_done(on_table, seeds, together, tmp_path):
    cells = [replace(search(seed), on_table=on_table) for seed in range(seeds)]
    kind = kind_of(cells[0].asked)
    assert kinds_of(cells, workers=2) == {kind: together}
    kept = Calibration([{"OMP_NUM_THREADS": "1"}] * 2, Equipment())
    path = kept._path(kind, together)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"seconds": 1.0, "memory": 0, "memory_kind": "peak", "steps_timed": 7}))
    text = display.plan(priced(cells, tmp_path, kept, {}))
    assert ("timed as they are done, up to 64 by a worker" in text) == (together > 1)
    assert "?" not in text


@pytest.mark.parametrize(("said", "threads"), [("3", "3"), ("2,1", "2"), (" 4 , 2", "4")])
def test_a_worker_has_the_threads_of_the_outermost_level(said, threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert environments("cpu", 2) == [{"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}] * 2


@pytest.mark.parametrize("said", ["many", "0", "-1"])
def test_threads_that_are_no_number_are_refused(said, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    with pytest.raises(HarnessError, match=f"OMP_NUM_THREADS is '{said}' and must be a number of threads"):
        environments("cpu", 2)


class Clock:
    """Time that passes only in steps: a second for each, and ten where alpha moves."""

    now = 0.0

    def perf_counter(self):
        return self.now

    def install(self, monkeypatch):
        real = Search.advance

        def advance(search, state):
            self.now += 10.0 if search.moves_alpha(state.epoch, state.step) else 1.0
            return real(search, state)

        monkeypatch.setattr(calibration, "time", self)
        monkeypatch.setattr(Search, "advance", advance)


@pytest.mark.parametrize(
    ("method", "plain", "moving", "candidates"),
    [("darts-1st", 0, 3 * 4, 0), ("zarts-mgs", 4 + 2 * 2, 2 * 2, 0), ("rsps", 3 * 4, 0, 6)],
)
def test_a_few_steps_foretell_a_search(method, plain, moving, candidates, monkeypatch):
    """Of 3 epochs with 4 steps each; ZARTS has a warm-up of 1 and cadence 2."""
    budget = Budget(epochs=3)
    request = runner.Request(method, "s1", "digits", protocol.load("smoke"), budget=budget, device="cpu")
    Clock().install(monkeypatch)
    price = calibration.measure(runner.plan(request))
    assert price["steps_timed"] == sum(count > 0 for count in (plain, moving, candidates))
    foretold = (plain + candidates) * 1.0 + moving * 10.0
    assert price["seconds"] == pytest.approx(foretold, abs=5.0)  # validation takes real time
    assert price["memory"] > 2**20


def test_searches_on_a_table_are_timed_in_lockstep(tmp_path, monkeypatch):
    write_toy_table(tmp_path / "nasbench201.parquet")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    clock, real = Clock(), lockstep.advance

    def advance(searches, states):
        clock.now += 4.0
        return real(searches, states)

    clock.install(monkeypatch)
    monkeypatch.setattr(lockstep, "advance", advance)
    smoke = protocol.load("smoke")
    plan = runner.plan(runner.Request("zarts-mgs", "nasbench201-table", "cifar10", smoke, device="cpu"))
    price = calibration.measure(plan, together=8)
    assert price["steps_timed"] == 8
    assert price["seconds"] == 4.0 / 8 * plan.spec["budget"]["epochs"]


class Recorder:
    """An executor that does nothing: each job ends as `how` says."""

    room = 4

    def __init__(self, how="done"):
        self.begun, self.how = [], how

    def submit(self, jobs):
        self.begun += jobs

    def wait(self, seconds):
        return [(name, Ending(self.how, "no luck")) for name, _ in self.begun]

    def kill(self):
        pass


def test_a_data_set_that_is_not_here_is_told_once_before_anything_is_measured(tmp_path):
    first = [SearchCell("darts-1st", "s1", data, 0, "smoke", ()) for data in ("svhn", "digits")]
    kinds = [*first, replace(first[0], method="zarts-mgs"), EvaluationCell(first[0], None, None, None, ())]
    on_table = SearchCell("rea", "nasbench201-table", "cifar10", 0, "smoke", ())  # reads no images
    calibration, executor, said = Calibration([{}], Equipment(data=str(tmp_path))), Recorder(), []
    failures = calibration.measure(dict.fromkeys([*kinds, on_table], 1), executor, said.append)
    assert [job.request.cell for _, job in executor.begun] == [first[1], on_table]
    assert failures.keys() == {kinds[0], kinds[2], kinds[3]}
    (reason,) = set(failures.values())
    assert f"SVHN's cropped digits is not in {tmp_path}" in reason
    assert reason.endswith("`harness data prepare svhn` fetches what can be fetched.")
    assert said[0] == f"cannot be measured: 3 kinds of cells with svhn: {reason}"
    assert all(line.startswith("measured --method=") for line in said[1:])


def test_what_failed_is_not_said_to_be_measured(tmp_path):
    kind, said = SearchCell("rea", "nasbench201-table", "cifar10", 0, "smoke", ()), []
    failures = Calibration([{}], Equipment()).measure({kind: 1}, Recorder("failed"), said.append)
    assert failures == {kind: "no luck"}
    (line,) = said
    assert line.startswith("cannot be measured: --method=rea")
    assert line.endswith(": no luck")


def test_data_that_are_not_here_are_not_fetched(tmp_path):
    smoke = protocol.load("smoke")
    plan = runner.plan(runner.Request("darts-1st", "s1", "svhn", smoke, device="cpu", data_root=tmp_path))
    with pytest.raises(HarnessError, match="SVHN's cropped digits is not in"):
        calibration.measure(plan)
