"""The report of what searches would have returned at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError, unknown
from reports.contents import Contents

if TYPE_CHECKING:
    from reports.records import Records
    from reports.statistics.anytime import Axis, Race

NOTHING = (
    "there is nothing to show over time: no finished run has cells that a table judges; search nasbench201-table, or "
    "import NAS-Bench-201's table for searches of nasbench201."
)
FIGURES = "Figures: `harness report anytime --out FOLDER` draws them."


@dataclass(frozen=True)
class Anytime:
    """Curves and a table for each kind of budget."""

    summary: str
    axes: Sequence[str] = ()
    """Names of kinds of budget; none: the usual ones."""

    def over(self, axis: str) -> Anytime:
        """Over one kind of budget alone. Raises HarnessError where there is none of this name."""
        from reports.statistics.anytime import AXES

        if axis not in AXES:
            raise unknown("kind of budget", axis, AXES)
        return replace(self, axes=(axis,))

    def text(self, records: Records, form: str, epoch: str) -> str:
        """What is printed: as md or tex the tables, as csv the curves. Raises HarnessError where there is nothing to
        show."""
        from reports import writing
        from reports.statistics import anytime

        if form == "csv":
            return anytime.curves(self._races(records)).to_csv(index=False, lineterminator="\n")
        made = self._contents(records, epoch)
        made = replace(made, remarks=[*made.remarks, FIGURES])
        return writing.latex(made) if form == "tex" else writing.markdown(made)

    def files(self, records: Records, form: str, epoch: str) -> dict[str, bytes]:
        """With figures; csv has the curves too. Raises HarnessError where there is nothing to show."""
        from reports.figures import anytime, draw
        from reports.writing import files

        made = self._contents(records, epoch)
        plots = draw(records, epoch, [lambda frames: anytime.draw_over(frames, self._axes)])
        curves = {"anytime.csv": self.text(records, form, epoch).encode()} if form == "csv" else {}
        return files(replace(made, plots=plots), form, "anytime", "anytime.html") | curves

    def _contents(self, records: Records, epoch: str) -> Contents:
        from reports.statistics.anytime import sheets

        races = self._races(records)
        left = len(records.finished) - len({run for race in races for run in race.runs})
        told = f"{left} finished runs are not shown: no table judges all of their cells, or they spent nothing of this."
        return Contents(records, epoch, sheets=sheets(races), remarks=[told] if left else [])

    def _races(self, records: Records) -> list[Race]:
        from reports.statistics.anytime import incumbents, races

        found = incumbents(records)
        if made := [race for axis in self._axes for race in races(found, axis)]:
            return made
        raise HarnessError(NOTHING)

    @property
    def _axes(self) -> list[Axis]:
        from reports.statistics.anytime import AXES, USUAL

        return [AXES[name] for name in self.axes] or list(USUAL)


ANYTIME = Anytime("regret, gap between validation and test, and targets attained, over evaluations or time")
