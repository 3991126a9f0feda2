"""`harness suite`: list, plan, run, status."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.commands import options, study
from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from harness.suite.cells import Cell
    from harness.suite.executors import Executor
    from harness.suite.requests import Equipment
    from harness.suite.status import Status

FAILED = 1
"""Exit code where cells have failed."""
SECONDS = 2.0
"""Between two looks of --watch."""


@click.group()
def suite() -> None:
    """Run many searches, and what follows them, on every device there is.

    \b
    harness suite list              the suites that ship
    harness suite plan table2       what is done, and what the rest will cost
    harness suite run table2        do the rest; again, after any interruption
    harness suite status table2     where every cell stands
    harness suite pack table2       the records of what is done, in small files
    """


suite.add_command(study.pack)
suite.add_command(study.unpack)


def _common(command: Any) -> Any:
    """NAME and the options that decide which cells are meant."""
    for option in (
        options.as_json(),
        options.results(),
        click.option("--protocol", help="In place of those that the suite names: a name or a TOML file."),
        click.argument("name"),
    ):
        command = option(command)
    return command


@suite.command(name="list")
@options.as_json()
def list_(as_json: bool) -> None:
    """The suites that ship with the harness; any other is named by the path of its TOML file."""
    from harness.core.text import columns
    from harness.suite import definition

    found = definition.summaries()
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(columns(list(found.items()))))


@suite.command()
@_common
@click.option("--watch", is_flag=True, help="Keep it on the screen until Ctrl-C.")
def status(name: str, protocol: str | None, results: Path, as_json: bool, watch: bool) -> None:
    """Where every cell of suite NAME stands: done, running, queued, waiting for its search, or failed."""
    from harness.suite import display
    from harness.suite.status import status_of, totals

    if as_json and watch:
        raise HarnessError("--watch keeps on the screen what --json prints once; give one of them.")
    cells = _cells(name, protocol)

    def look() -> list[Status]:
        return [status_of(cell, results) for cell in cells]

    if as_json:
        found = look()
        content = {"suite": name, "totals": totals(found), "cells": [item.to_json() for item in found]}
        click.echo(json.dumps(content, indent=2))
    elif watch:
        _watch(lambda: display.standings(look(), results))
    else:
        click.echo(display.standings(look(), results))


def _device_options(command: Any) -> Any:
    """Where cells run, and with which data."""
    for option in (
        options.data(),
        options.device("auto, cpu or cuda."),
        click.option(
            "--workers", type=click.IntRange(1), help="Cells at a time; without it, one per GPU, or else per core."
        ),
    ):
        command = option(command)
    return command


@suite.command()
@_common
@_device_options
@click.option("--no-calibration", is_flag=True, help="Use only what has been measured here before.")
def plan(
    name: str,
    protocol: str | None,
    results: Path,
    as_json: bool,
    workers: int | None,
    device: str,
    data: Path | None,
    no_calibration: bool,
) -> None:
    """What of suite NAME is done, and what the rest will cost on this machine.

    Times a few real steps of every kind of cell, once, and keeps what it measured.
    """
    from harness.suite import display, pricing
    from harness.suite.local import LocalExecutor, environments

    cells = _cells(name, protocol)
    check_protocols(cells, results)
    places = environments(device, workers)
    calibration = pricing.Calibration(places, _equipment(device, data))
    failures: dict[Any, str] = {}
    if not no_calibration:
        kinds = pricing.kinds_of(cells, len(places))
        failures = calibration.measure(kinds, LocalExecutor(places), lambda said: click.echo(said, err=True))
    content = {"suite": name, **pricing.priced(cells, results, calibration, failures)}
    click.echo(json.dumps(content, indent=2) if as_json else display.plan(content))


@suite.command()
@_common
@_device_options
@click.option(
    "--executor",
    type=click.Choice(("local", "ray", "slurm")),
    default="local",
    show_default=True,
    help="What runs them.",
)
@click.option("--address", help="Of the Ray cluster; without it, RAY_ADDRESS, or else a Ray on this machine alone.")
@click.option(
    "--option",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="For Slurm: a parameter of submitit, such as slurm_partition=gpu or timeout_min=600. May be given again.",
)
@click.option(
    "--retries", type=click.IntRange(0), default=2, show_default=True, help="Attempts at a cell after one that failed."
)
@options.track()
@click.option(
    "--again",
    is_flag=True,
    help="Do anew what other code than this has done, or another table; what is there is kept in .replaced.",
)
@click.option(
    "--keep",
    is_flag=True,
    help="Take what these have done as it is; with --again, only what they left unfinished is done anew.",
)
def run(
    name: str,
    protocol: str | None,
    results: Path,
    as_json: bool,
    executor: str,
    workers: int | None,
    device: str,
    data: Path | None,
    address: str | None,
    parameters: tuple[str, ...],
    retries: int,
    track: tuple[str, ...],
    again: bool,
    keep: bool,
) -> None:
    """Do every cell of suite NAME that is not done. Failed ones are tried again.

    A cell that fails is retried from its checkpoint, then given up, while the others go on; its log lies beside its run
    folder. Ends with exit code 1 where cells have failed.
    """
    from harness.suite import display
    from harness.suite.driver import Driver
    from harness.suite.status import log_of, status_of, totals
    from harness.trackers import check

    check(track)
    _check_belonging(executor, address, parameters)
    cells = _cells(name, protocol)
    check_protocols(cells, results)
    _clear_the_way(cells, results, again, keep)
    began = time.monotonic()

    def tell(what: str, cell: Cell, reason: str) -> None:
        if not as_json:
            log = log_of(cell, results)
            where = f", see {log}" if what in ("failed", "retried") and log.exists() else ""
            why = f": {reason.rstrip('.')}" if reason else ""
            click.echo(f"{time.strftime('%H:%M:%S')} {what:<7} {cell.name}{why}{where}")

    if not all(cell.is_done(results) for cell in cells):
        engine = _executor(executor, workers, device, address, parameters, retries, results)
        claim_protocols(cells, results)
        Driver(cells, results, engine, _equipment(device, data, track), retries, tell).run()
    found = [status_of(cell, results) for cell in cells]
    if as_json:
        content = {
            "suite": name,
            "seconds": time.monotonic() - began,
            "totals": totals(found),
            "cells": [item.to_json() for item in found],
        }
        click.echo(json.dumps(content, indent=2))
    else:
        click.echo(display.total_line(found))
    settled = ("done", "outdated") if keep else ("done",)
    if any(item.state not in settled for item in found):
        click.get_current_context().exit(FAILED)


def _equipment(device: str, data: Path | None, track: tuple[str, ...] = ()) -> Equipment:
    from harness.suite.requests import Equipment

    return Equipment(device, str(data) if data else None, track)


def _clear_the_way(cells: list[Cell], results: Path, again: bool, keep: bool) -> None:
    """Moves what this code cannot go on from out of the way. Raises OtherCode or OtherTable where that is not asked
    for, before anything has begun."""
    in_the_way = [cell for cell in cells if _is_in_the_way(cell, results, again, keep)]
    if not in_the_way:
        return
    from harness.runs.folder import DamagedSpec, OtherCode
    from harness.runs.tables import OtherTable
    from harness.suite.planning import Planner  # takes torch

    planner = Planner()
    for cell in in_the_way:
        if not cell.may_begin(results):
            continue  # it went with its search
        try:
            cell.check_table(results)
            planner.check_code(cell.asked, cell.workplace(results))
        except (DamagedSpec, OtherCode, OtherTable):
            if not again:
                raise
            cell.set_aside(results)


def _is_in_the_way(cell: Cell, results: Path, again: bool, keep: bool) -> bool:
    """Whether it is other code's, and not to be kept. One of which something cannot be read fails, and its status says
    why; but where that is what says whose it is, it can be done anew."""
    from harness.runs.folder import DamagedSpec

    try:
        return cell.is_outdated(results) and not (keep and cell.is_done(results))
    except DamagedSpec:
        return again
    except HarnessError:
        return False


def check_protocols(cells: list[Cell], results: Path) -> None:
    """Raises HarnessError where the results folder holds runs of another version of a protocol."""
    from harness.runs import protocol as protocols
    from harness.runs.folder import check_protocol

    for name in sorted({cell.search.protocol for cell in cells}):
        check_protocol(results, protocols.load(name))


def claim_protocols(cells: list[Cell], results: Path) -> None:
    """As each run does. Raises HarnessError where the results folder cannot be written, before anything has begun."""
    from harness.runs import protocol as protocols
    from harness.runs.folder import claim_protocol

    for name in sorted({cell.search.protocol for cell in cells}):
        claim_protocol(results, protocols.load(name))


def _check_belonging(executor: str, address: str | None, parameters: tuple[str, ...]) -> None:
    """Raises HarnessError for what another executor is told by."""
    if address and executor != "ray":
        raise HarnessError(f"--address {address} is of a Ray cluster; give --executor ray with it, or leave it out.")
    if parameters and executor != "slurm":
        raise HarnessError(f"--option {parameters[0]} is for Slurm; give --executor slurm with it, or leave it out.")


def _executor(
    kind: str,
    workers: int | None,
    device: str,
    address: str | None,
    parameters: tuple[str, ...],
    retries: int,
    results: Path,
) -> Executor:
    """Raises HarnessError where it cannot work here."""
    try:
        if kind == "ray":
            from harness.suite.ray import RayExecutor

            return RayExecutor(address, workers, device, retries)
        if kind == "slurm":
            from harness.core.settings import parse_assignments
            from harness.suite.slurm import SlurmExecutor

            chosen = {name: _value(text) for name, text in parse_assignments(parameters).items()}
            return SlurmExecutor(results / ".submitit", workers, device, chosen)
    except ModuleNotFoundError as error:
        raise HarnessError(f"{error.name} is not installed; pip install 'zarts-harness[{kind}]'.") from None
    from harness.suite.local import LocalExecutor, environments

    return LocalExecutor(environments(device, workers))


def _value(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _cells(name: str, protocol: str | None) -> list[Cell]:
    from harness.suite.cells import cells_of

    return cells_of(name, protocol)


def _watch(text: Callable[[], str]) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(), auto_refresh=False, screen=True) as live:
        while True:
            live.update(Text(text()), refresh=True)
            time.sleep(SECONDS)
