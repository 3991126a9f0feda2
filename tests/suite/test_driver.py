"""What follows each ending of a cell, with an executor that ends them as the test says."""

from __future__ import annotations

import json
import os
import signal

import pytest
from drills import Forks, write_suite

from harness.core.errors import HarnessError, Interrupted
from harness.runs.folder import locked
from harness.suite import definition
from harness.suite import driver as drive
from harness.suite.cells import Cell, resolve
from harness.suite.definition import EvaluationCell, SearchCell
from harness.suite.driver import Driver
from harness.suite.job import Ending
from harness.suite.requests import Equipment
from harness.suite.status import failure_of, status_of

GENOTYPE = {"cell": "any"}
DONE, FAILED, BUSY, STOPPED = Ending("done"), Ending("failed", "why"), Ending("busy"), Ending("stopped")


def search(seed):
    return Cell(SearchCell("m", "s", "d", seed, "p", ()), f"p/m-s-d-s{seed}")


def evaluation(of: Cell):
    return Cell(EvaluationCell(of.search, None, "p", None, ()), of.folder, {"name": "evaluation", "spec": {}})


class Scripted:
    """An executor with room for two, which ends each job as its script says; what is done leaves its file."""

    def __init__(self, results, cells, script):
        self.results, self.cells = results, {cell.name: cell for cell in cells}
        self.script = {name: iter(endings) for name, endings in script.items()}
        self.begun, self.running, self.most, self.ended = [], [], 0, ""

    @property
    def room(self):
        return 2 - len(self.running)

    def submit(self, jobs):
        names = [name for name, _ in jobs]
        self.begun += names
        self.running += names
        self.most = max(self.most, len(self.running))

    def wait(self, seconds):
        if not self.running:
            return []
        name = self.running.pop(0)
        ending = next(self.script.get(name, iter([DONE])))
        if ending is DONE:
            output = self.cells[name].output(self.results)
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(json.dumps({"genotype": GENOTYPE}))
        return [(name, ending)]

    def stop(self):
        self.ended = "stopped"

    def kill(self):
        self.ended = "killed"


@pytest.fixture
def driven(tmp_path, monkeypatch):
    """Drives cells to their end by a script: the executor, the drive and what was told."""
    monkeypatch.setattr(drive, "REST", 0.05)
    monkeypatch.setattr(drive, "TICK", 0.01)

    def run(cells, **script):
        executor, told = Scripted(tmp_path, cells, {f"p/m-s-d-{key}": value for key, value in script.items()}), []
        driving = Driver(cells, tmp_path, executor, tell=lambda *told_of: told.append(told_of))
        driving.run()
        return executor, driving, told

    return run


def states(cells, results):
    return [status_of(cell, results).state for cell in cells]


def test_all_cells_are_done_two_at_a_time_and_an_evaluation_after_its_search(driven, tmp_path):
    cells = [cell for seed in range(3) for cell in (search(seed), evaluation(search(seed)))]
    executor, driving, _ = driven(cells)
    assert states(cells, tmp_path) == ["done"] * 6
    assert executor.most == 2
    assert executor.ended == "stopped"
    assert not driving.failed
    for seed in range(3):
        found = [name for name in executor.begun if f"-s{seed}" in name]
        assert found == [search(seed).name, evaluation(search(seed)).name]


def test_what_is_done_is_not_begun_again(driven):
    cells = [search(0), search(1)]
    driven(cells)
    executor, _, _ = driven(cells)
    assert executor.begun == []


def test_a_failure_is_retried_twice_then_recorded_and_the_others_go_on(driven, tmp_path):
    cells = [search(0), evaluation(search(0)), search(1)]
    executor, driving, told = driven(cells, s0=[FAILED] * 3)
    assert executor.begun.count(search(0).name) == 3
    assert states(cells, tmp_path) == ["failed", "waiting", "done"]
    assert [cell.name for cell in driving.failed] == [search(0).name]
    assert [what for what, cell, _ in told if cell.name == search(0).name] == [
        *("begun", "retried", "begun", "retried", "begun", "failed"),
    ]
    record = json.loads((tmp_path / "p" / "m-s-d-s0.failed.json").read_text())
    assert record == {"reason": "why", "attempts": 3, "log": "m-s-d-s0.log"}


def test_a_second_attempt_may_succeed_and_the_record_of_failure_goes(driven, tmp_path):
    driven([search(0)], s0=[FAILED] * 3)
    driven([search(0)], s0=[FAILED, DONE])
    assert states([search(0)], tmp_path) == ["done"]
    assert not list(tmp_path.rglob("*.failed.json"))


def test_a_stopped_cell_is_begun_again_and_counts_as_no_failure(driven):
    executor, driving, _ = driven([search(0)], s0=[STOPPED] * 5 + [DONE])
    assert len(executor.begun) == 6
    assert not driving.failed


def test_a_cell_that_another_process_has_is_left_to_it_then_looked_at_again(driven, tmp_path):
    executor, _, _ = driven([search(0), search(1)], s0=[BUSY, BUSY, DONE])
    assert executor.begun[:2] == [search(0).name, search(1).name]
    assert executor.begun.count(search(0).name) == 3


def test_a_cell_whose_owner_lives_is_not_begun(driven, tmp_path):
    cells, seen = [search(0), search(1)], []
    with locked(cells[0].workplace(tmp_path), wait=False):
        executor = Scripted(tmp_path, cells, {})

        def finish_elsewhere():
            seen.append(list(executor.begun))
            if len(seen) == 5:
                cells[0].output(tmp_path).write_text(json.dumps({"genotype": GENOTYPE}))

        Driver(cells, tmp_path, executor, tick=finish_elsewhere).run()
    assert executor.begun == [cells[1].name]


def test_done_without_its_file_is_a_failure(driven, tmp_path):
    _, driving, _ = driven([search(0)], s0=[Ending("done")] * 3)
    assert [cell.name for cell in driving.failed] == [search(0).name]
    assert "without a result" in status_of(search(0), tmp_path).reason


def on_the_way(of: Cell, epoch):
    asked = EvaluationCell(of.search, None, "p", None, (), epoch)
    return Cell(asked, of.folder, {"name": "evaluation", "spec": {}})


def cut_short(results):
    """A search that took an epoch, and an evaluation of the cell after its third."""
    after = on_the_way(search(0), 3)
    (results / after.folder).mkdir(parents=True)
    (results / after.folder / "records.jsonl").write_text(json.dumps({"epoch": 0, "genotype": "..."}) + "\n")
    return after, "m-s-d-s0 took 1 epochs; it had no cell after epoch 3."


def truncated(results):
    """A search whose result is half a file, and an evaluation of it."""
    (results / search(0).folder).mkdir(parents=True)
    (results / search(0).folder / "result.json").write_text('{"genotype"')
    return evaluation(search(0)), "result.json cannot be read as JSON: Expecting ':' delimiter: line 1 column 12"


@pytest.mark.parametrize("damaged", [cut_short, truncated])
def test_a_cell_that_cannot_begin_is_given_up_at_once_and_the_others_go_on(damaged, driven, tmp_path):
    bad, reason = damaged(tmp_path)
    cells = [search(0), bad, search(1), evaluation(search(1))]
    for _ in range(2):  # what a driver has left stops neither the next one nor a look
        executor, driving, told = driven(cells)
        assert states(cells, tmp_path) == ["done", "failed", "done", "done"]
        assert [(what, cell.name) for what, cell, _ in told if cell.name == bad.name] == [("failed", bad.name)]
        assert executor.ended == "stopped"
        assert [cell.name for cell in driving.failed] == [bad.name]
        assert reason in status_of(bad, tmp_path).reason
        assert bad.name not in executor.begun


def test_half_an_evaluation_is_a_failure_until_it_is_deleted(driven, tmp_path):
    cells = [search(0), evaluation(search(0))]
    driven(cells)
    file = cells[1].output(tmp_path)
    file.write_text('{"kind": "trai')
    driven(cells)
    assert states(cells, tmp_path) == ["done", "failed"]
    said = status_of(cells[1], tmp_path).reason
    assert said.startswith(f"{file} cannot be read as JSON: ")
    assert said.endswith("Delete it to go on.")
    file.unlink()
    driven(cells)
    assert states(cells, tmp_path) == ["done", "done"]


def test_a_damaged_record_of_a_failure_is_a_failure_until_the_next_attempt(driven, tmp_path):
    failure_of(search(0), tmp_path).parent.mkdir()
    failure_of(search(0), tmp_path).write_text("{")
    assert states([search(0)], tmp_path) == ["failed"]
    assert "failed.json cannot be read as JSON" in status_of(search(0), tmp_path).reason
    driven([search(0)])
    assert states([search(0)], tmp_path) == ["done"]


def test_a_record_of_a_failure_that_cannot_be_deleted_is_a_failure_of_its_cell_alone(driven, tmp_path):
    failure_of(search(0), tmp_path).mkdir(parents=True)
    executor, driving, _ = driven([search(0), search(1)])
    assert executor.begun == [search(1).name]
    assert [cell.name for cell in driving.failed] == [search(0).name]
    assert states([search(0), search(1)], tmp_path) == ["failed", "done"]
    assert "failed.json cannot be read: Is a directory" in status_of(search(0), tmp_path).reason


def test_an_error_that_is_no_cells_lets_those_at_work_save(tmp_path):
    class Refusing(Scripted):
        def wait(self, seconds):
            raise HarnessError("no more of it")

    executor = Refusing(tmp_path, [search(0)], {})
    with pytest.raises(HarnessError, match="no more of it"):
        Driver([search(0)], tmp_path, executor).run()
    assert executor.ended == "stopped"


def test_a_signal_stops_the_executor(driven, tmp_path):
    executor = Scripted(tmp_path, [search(0)], {search(0).name: [STOPPED] * 100})
    with pytest.raises(Interrupted):
        Driver([search(0)], tmp_path, executor, tick=lambda: os.kill(os.getpid(), signal.SIGTERM)).run()
    assert executor.ended == "stopped"


FAILS = """
[[search]]
method = ["darts-1st"]
space = ["nasbench201"]
dataset = ["digits"]
seed = [0]
set = { images = 64, epochs = 2, lr = 1e4, clip = 1e30 }
[[evaluate]]
method = ["darts-1st"]
"""


def test_real_cells_and_one_that_explodes(tmp_path):
    suite = write_suite(tmp_path, ["s1"], 1, epochs=2)
    suite.write_text(suite.read_text() + FAILS)
    cells, results = resolve(definition.cells(str(suite))), tmp_path / "results"
    driving = Driver(cells, results, Forks(), Equipment("cpu"), retries=1)
    driving.run()
    (bad,) = driving.failed
    assert bad.search.space == "nasbench201"
    assert states(cells, results) == ["done", "done", "done", "failed", "waiting"]
    failure = json.loads((results / f"{bad.name}.failed.json").read_text())
    assert failure["attempts"] == 2
    assert failure["reason"].startswith("the search is not finite from epoch 1")
    log = (results / f"{bad.name}.log").read_text()
    assert log.count("harness run --method=darts-1st") == log.count("Traceback") == 2
