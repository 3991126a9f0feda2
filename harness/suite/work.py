"""Carries out what a worker is asked to do: the same plans and runs that `harness run` and `harness evaluate` make.

What it says goes to the standard output and error, which a job keeps in the log of its cell.
"""

from __future__ import annotations

import sys
import traceback
from functools import singledispatch
from pathlib import Path

from harness.core.errors import Interrupted
from harness.core.files import write_json
from harness.evaluation import evaluate
from harness.evaluation.summary import summary as summary_of_evaluation
from harness.runs import protocol as protocols
from harness.runs import runner
from harness.runs.folder import Busy
from harness.runs.logs import on_stderr
from harness.runs.loop import stop_signals
from harness.runs.summary import draw_cell, summary
from harness.runs.together import Ahead
from harness.suite.calibration import measure
from harness.suite.definition import EvaluationCell
from harness.suite.logged import logged
from harness.suite.planning import Planner
from harness.suite.requests import (
    CalibrationRequest,
    EvaluationRequest,
    Request,
    SearchesRequest,
    SearchRequest,
)
from methods.families import AnyState


@singledispatch
def carry_out(request: Request) -> None:
    """Raises Busy where another process works on the same, Interrupted after SIGINT or SIGTERM, with the state saved,
    and HarnessError for whatever else went wrong."""
    raise NotImplementedError(type(request))


@carry_out.register
def _(request: SearchRequest) -> None:
    plan = _plan(request)
    outcome = _search(plan)
    print(summary(outcome, draw_cell(outcome)))


@carry_out.register
def _(request: SearchesRequest) -> None:
    """Where one fails the others go on. Each has its log, and no drawing."""
    errors = list[Exception]()
    with stop_signals() as stopped, Ahead(plans := [_plan(each) for each in request.each], _warn) as ahead:
        for place, (each, plan) in enumerate(zip(request.each, plans, strict=True)):
            end = ahead.end(place)
            with logged(plan.folder.with_name(f"{plan.folder.name}.log"), each.title):
                try:
                    print(summary(_search(plan, end)))
                except Interrupted:
                    raise
                except Exception as error:
                    traceback.print_exc()
                    errors.append(error)
            if stopped:
                raise Interrupted(f"stopped after {place + 1} of {len(plans)} searches.")
    if errors:
        raise next((error for error in errors if not isinstance(error, Busy)), errors[0])


def _plan(request: SearchRequest) -> runner.Plan:
    cell, equipment = request.cell, request.equipment
    return runner.plan(
        runner.Request(
            cell.method,
            cell.space,
            cell.dataset,
            protocols.load(cell.protocol),
            seed=cell.seed,
            assignments=cell.settings,
            device=equipment.device,
            data_root=_folder(equipment.data),
            results=Path(request.results),
            track=equipment.track,
        )
    )


def _search(plan: runner.Plan, end: AnyState | None = None) -> runner.Outcome:
    print(f"run folder: {plan.folder}")
    with on_stderr():
        return runner.run(plan, _warn, end=end)


@carry_out.register
def _(request: EvaluationRequest) -> None:
    cell, equipment = request.cell, request.equipment
    plan = evaluate.plan(
        evaluate.Request(
            request.run,
            cell.dataset,
            cell.recipe,
            cell.protocol,
            seed=cell.seed,
            assignments=cell.settings,
            device=equipment.device,
            data_root=_folder(equipment.data),
            at_epoch=cell.at_epoch,
            track=equipment.track,
        )
    )
    print(f"evaluation: {plan.file}")
    with on_stderr():
        outcome = evaluate.run(plan, _warn)
    print(summary_of_evaluation(outcome))


@carry_out.register
def _(request: CalibrationRequest) -> None:
    planner, cell = Planner(request.equipment.device, _folder(request.equipment.data)), request.cell
    plan = planner.evaluation(cell) if isinstance(cell, EvaluationCell) else planner.search(cell)
    write_json(Path(request.into), measure(plan, request.together))


def _folder(name: str | None) -> Path | None:
    return None if name is None else Path(name)


def _warn(message: str) -> None:
    print(f"harness: {message}", file=sys.stderr)
