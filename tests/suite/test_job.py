"""Jobs: what travels to a worker, and what is said in the log of a cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from processes import forked

from harness.core.errors import HarnessError
from harness.core.registry import add_plugins, forget_plugins, plugin_names
from harness.suite.definition import EvaluationCell, SearchCell
from harness.suite.job import Job, do
from harness.suite.requests import CalibrationRequest, Equipment, EvaluationRequest, SearchRequest

SEARCH = SearchCell("darts-1st", "nasbench201", "digits", 3, "smoke", ("images=32", "batch=8", "epochs=1"))
EVALUATION = EvaluationCell(SEARCH, None, "smoke", None, ("size=8x16",), 2, seed=4)
EQUIPMENT = Equipment("cpu", "/data")
REQUESTS = [
    SearchRequest(SEARCH, "results", EQUIPMENT),
    EvaluationRequest(EVALUATION, "results/a", Equipment("cpu")),
    CalibrationRequest(EVALUATION, 1, "price.json", EQUIPMENT),
]
PLUGIN = """
from dataclasses import replace
from methods.catalogue import CATALOGUE
METHODS = {"mine": replace(CATALOGUE["darts-1st"], summary="of a plugin")}
"""


def done(job):
    """How the job ended, in a process of its own."""
    ended = forked(lambda: print("\n" + json.dumps(vars(do(job)))))
    assert ended.code == 0, ended.err
    return json.loads(ended.out.splitlines()[-1])


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_a_job_travels_as_json(request_):
    job = Job(request_, "a.log", "/here", ("/there/mine.py", "module"))
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job


def test_a_search_and_an_evaluation_say_which_command_asks_for_the_same():
    search, evaluation, calibration = REQUESTS
    assert search.command[:4] == ("run", "--method=darts-1st", "--space=nasbench201", "--dataset=digits")
    assert search.command[-3:] == ("--results=results", "--device=cpu", "--data=/data")
    assert evaluation.command[:2] == ("evaluate", "results/a")
    assert "--at-epoch=2 --seed=4" in evaluation.title
    assert calibration.title.startswith("a few steps of harness evaluate --protocol=smoke")


def test_a_worker_evaluates_what_was_asked_for(monkeypatch):
    from harness.evaluation import evaluate
    from harness.suite.work import carry_out

    def plan(request):
        assert (request.target, request.seed, request.at_epoch) == ("results/a", 4, 2)
        raise HarnessError("planned")

    monkeypatch.setattr(evaluate, "plan", plan)
    with pytest.raises(HarnessError, match="planned"):
        carry_out(REQUESTS[1])


def test_a_log_that_cannot_be_written_is_the_reason_of_a_failure(tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "file").touch()
    for log, reason in (
        ("log", f"the log {tmp_path}/log cannot be written: Is a directory; move it away, or choose another --results"),
        ("file/log", f"the folder {tmp_path}/file cannot be made: File exists"),
    ):
        ending = do(Job(REQUESTS[0], str(tmp_path / log), os.getcwd()))
        assert ending.how == "failed"
        assert ending.reason.startswith(reason)


def test_a_working_directory_that_is_gone_is_the_reason_of_a_failure(tmp_path):
    ending = do(Job(REQUESTS[0], str(tmp_path / "log"), str(tmp_path / "gone")))
    assert (ending.how, "No such file or directory" in ending.reason) == ("failed", True)


def test_a_worker_has_the_plugins_of_its_job(tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN)
    add_plugins(["mine.py"], beside=tmp_path)
    names = plugin_names()
    forget_plugins()
    cell = SearchCell("mine", *(getattr(SEARCH, key) for key in ("space", "dataset", "seed", "protocol", "settings")))
    request = SearchRequest(cell, str(tmp_path / "results"), Equipment("cpu"))
    log = tmp_path / "log"
    assert done(Job(request, str(log), str(tmp_path)))["how"] == "failed"
    assert "unknown method 'mine'" in log.read_text()
    assert done(Job(request, str(log), str(tmp_path), names)) == {"how": "done", "reason": ""}
    said = log.read_text()
    assert said.count("harness run --method=mine --space=nasbench201") == 2
    assert "done, epochs used up" in said
    (drawing,) = tmp_path.glob("results/smoke/*/cell.svg")
    assert str(drawing) in said


def test_a_calibration_leaves_its_price(tmp_path):
    request = CalibrationRequest(SEARCH, 1, str(tmp_path / "price.json"), Equipment("cpu"))
    assert done(Job(request, str(tmp_path / "log"), str(tmp_path)))["how"] == "done"
    assert json.loads((tmp_path / "price.json").read_text())["steps_timed"] > 0


AS_A_WORKER = """
import json, sys
from harness.suite import worker
from harness.suite.job import Job, do
worker.prepare()
before = set(sys.modules)
ending = do(Job.from_json(json.loads(sys.argv[1])))
print("\\n" + json.dumps([ending.how, sorted(set(sys.modules) - before)]))
"""


def test_a_worker_has_imported_what_its_cells_need_before_they_begin(tmp_path):
    job = Job(SearchRequest(SEARCH, str(tmp_path / "results"), Equipment("cpu")), str(tmp_path / "log"), str(tmp_path))
    command = [sys.executable, "-c", AS_A_WORKER, json.dumps(job.to_json())]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    how, imported = json.loads(ended.stdout.splitlines()[-1])
    assert how == "done"
    packages = ("methods", "matplotlib", "PIL", "scipy", "numpy", "sympy", "pandas")
    assert [module for module in imported if module.partition(".")[0] in packages] == []
