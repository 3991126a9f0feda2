"""The report of the runs that are there: what ranks where, and what follows from it, before what was published.

Runs of several protocols stand side by side, each in boards, figures and tables of its own; nothing is averaged over
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from harness.core.errors import HarnessError
from reports import assembled, writing
from reports.contents import Contents, measured
from reports.records import Records
from reports.statistics.sheets import Sheet
from reports.tables.build import build
from reports.tables.cells import Table

if TYPE_CHECKING:
    from reports.figures.plot import Plot  # brings seaborn, which what is printed does without

NAME, PAGE = "report", "index.html"
FIGURES = "Figures: `harness report --out FOLDER` draws them; `--format html` makes one page of all this."


def nothing(results: Path) -> HarnessError:
    return HarnessError(
        f"there are no runs in {results}; make one, e.g. with `harness run --method darts-1st --space s1 "
        "--dataset digits --protocol smoke`, or see the published values with `harness report all`."
    )


def text(parts: Sequence[Records], form: str, epoch: str) -> str:
    """What is printed: as md or tex all but the figures, as csv the leaderboard."""
    made = _contents(parts, epoch, drawn=[])
    if form == "csv":
        return writing.csv(made, NAME)["leaderboard.csv"]
    made = replace(made, remarks=[FIGURES])
    return writing.latex(made) if form == "tex" else writing.markdown(made)


def files(parts: Sequence[Records], form: str, epoch: str) -> dict[str, bytes]:
    """Everything, with its figures. `parts` are selected records, each of another protocol."""
    drawn = [_under(plot, part, parts) for part in parts for plot in assembled.figures(part, epoch)]
    return writing.files(_contents(parts, epoch, drawn), form, NAME, PAGE)


def _contents(parts: Sequence[Records], epoch: str, drawn: Sequence[Plot]) -> Contents:
    shown, folded = _tables(parts, epoch)
    return Contents(
        Records.together(parts),
        epoch,
        [board for part in parts for board in assembled.leaderboard(part, epoch)],
        drawn,
        [_under(sheet, part, parts) for part in parts for sheet in assembled.statistics(part, epoch)],
        shown,
        folded,
    )


def _tables(parts: Sequence[Records], epoch: str) -> tuple[list[Table], list[Table]]:
    """The paper's tables of which something was measured, by the protocol, and the others."""
    shown: list[Table] = []
    folded: list[Table] = []
    for report in assembled.ALL.tables:
        split = [measured(build(report, part, epoch)) for part in parts]
        having = [tables for tables, _ in split if tables]
        shown += [table for tables in having for table in tables]
        folded += [] if having else split[0][1]
    return shown, folded


Named = TypeVar("Named", "Plot", Sheet)


def _under(one: Named, part: Records, parts: Sequence[Records]) -> Named:
    """Named after its protocol too, where there are several."""
    if len(parts) == 1:
        return one
    protocol = part.runs.protocol.iloc[0]
    return replace(one, name=f"{protocol}-{one.name}", title=f"{one.title}, protocol {protocol}")
