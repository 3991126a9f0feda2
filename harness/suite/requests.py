"""What a worker is asked to do with one cell: search, evaluate, or measure what a cell will take. Plain values, which
travel as JSON to any machine; `harness.suite.work` carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.suite.definition import EvaluationCell, SearchCell, Work, from_json


@dataclass(frozen=True)
class Equipment:
    """What a cell is done with."""

    device: str = "auto"
    data: str | None = None
    """The folder of data sets; None: the usual one."""
    track: tuple[str, ...] = ()
    """Names of trackers."""

    @property
    def options(self) -> tuple[str, ...]:
        """What a command is given for it."""
        data = [f"--data={self.data}"] if self.data else []
        return (f"--device={self.device}", *data, *(f"--track={tracker}" for tracker in self.track))


@dataclass(frozen=True)
class SearchRequest:
    """A search, or what is left of it."""

    cell: SearchCell
    results: str
    """The folder of results."""
    equipment: Equipment

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments of `harness` that ask for the same."""
        return ("run", *self.cell.options, f"--results={self.results}", *self.equipment.options)

    @property
    def title(self) -> str:
        """For the log."""
        return f"harness {' '.join(self.command)}"


@dataclass(frozen=True)
class SearchesRequest:
    """Searches that differ in their seed alone, one after the other in one process, in lockstep where they can."""

    cell: SearchCell
    """One of them."""
    seeds: tuple[int, ...]
    results: str
    """The folder of results."""
    equipment: Equipment

    @property
    def each(self) -> tuple[SearchRequest, ...]:
        """What is asked for, one search at a time."""
        return tuple(SearchRequest(replace(self.cell, seed=seed), self.results, self.equipment) for seed in self.seeds)

    @property
    def title(self) -> str:
        """For the log."""
        return f"{len(self.seeds)} searches together, from {self.each[0].title} on"


@dataclass(frozen=True)
class EvaluationRequest:
    """The evaluation of what a finished search has found, or what is left of it."""

    cell: EvaluationCell
    run: str
    """The folder of the search."""
    equipment: Equipment

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments of `harness` that ask for the same."""
        return ("evaluate", self.run, *self.cell.options, *self.equipment.options)

    @property
    def title(self) -> str:
        """For the log."""
        return f"harness {' '.join(self.command)}"


@dataclass(frozen=True)
class CalibrationRequest:
    """A few real steps of a cell, timed and thrown away."""

    cell: Work
    together: int
    """Searches like it that a worker does at once."""
    into: str
    """The file for what was measured."""
    equipment: Equipment

    @property
    def title(self) -> str:
        """For the log."""
        kind = "run" if isinstance(self.cell, SearchCell) else "evaluate"
        return f"a few steps of harness {kind} {' '.join((*self.cell.options, *self.equipment.options))}"


Request = SearchRequest | SearchesRequest | EvaluationRequest | CalibrationRequest
KINDS: Mapping[str, type[Request]] = {
    "search": SearchRequest,
    "searches": SearchesRequest,
    "evaluation": EvaluationRequest,
    "calibration": CalibrationRequest,
}


def to_json(request: Request) -> dict[str, Any]:
    """The fields of a request, and which kind it is of."""
    (kind,) = (name for name, known in KINDS.items() if isinstance(request, known))
    return {"kind": kind, **asdict(request)}


def request_from_json(values: Mapping[str, Any]) -> Request:
    """The request that `to_json` gave."""
    fields = {**values, "cell": from_json(values["cell"]), "equipment": _equipment(values["equipment"])}
    if "seeds" in fields:
        fields["seeds"] = tuple(fields["seeds"])
    return KINDS[fields.pop("kind")](**fields)


def _equipment(values: Mapping[str, Any]) -> Equipment:
    return Equipment(**{**values, "track": tuple(values["track"])})
