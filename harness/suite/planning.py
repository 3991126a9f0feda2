"""Where cells will work, by the runner's own planning: this is the part of a suite that needs torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import protocol as protocols
from harness import runner
from harness.suite.definition import SearchCell, SuiteCell


class Planner:
    """Plans the cells of one suite; what all seeds have in common, once."""

    def __init__(self) -> None:
        self._protocols: dict[str, protocols.Protocol] = {}
        self._searches: dict[SearchCell, runner.Plan] = {}

    def place(self, cell: SuiteCell) -> dict[str, Any]:
        """The fields of `harness.suite.cells.Cell` besides what was asked for. Raises HarnessError."""
        if isinstance(cell, SearchCell):
            return {"folder": str(self._search(cell).folder)}
        raise NotImplementedError

    def _search(self, cell: SearchCell) -> runner.Plan:
        """As `harness run` plans it."""
        kind = replace(cell, seed=0)
        if kind not in self._searches:
            self._searches[kind] = runner.plan(
                runner.Request(
                    kind.method,
                    kind.space,
                    kind.dataset,
                    self._protocol(kind.protocol),
                    kind.seed,
                    assignments=kind.settings,
                    device="cpu",
                    results=Path(),
                )
            )
        plan = self._searches[kind]
        return replace(plan, spec={**plan.spec, "seed": cell.seed})

    def _protocol(self, name: str) -> protocols.Protocol:
        if name not in self._protocols:
            self._protocols[name] = protocols.load(name)
        return self._protocols[name]
