"""The built-in reports: tables of the paper, statistics and figures, put together.

What draws is imported by the reports that draw, and what counts when a report is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError
from reports.contents import Contents

if TYPE_CHECKING:
    from reports.figures.plot import Plot
    from reports.records import Records
    from reports.statistics.boards import Board
    from reports.statistics.sheets import Sheet

NO_STATISTICS = "no run is evaluated: there is nothing to compare."


@dataclass(frozen=True)
class Assembled:
    """A report of some of the paper's tables, of statistics, of figures, or of several of these."""

    name: str
    summary: str
    tables: tuple[str, ...] = ()
    """Of `reports.tables.layouts.TABLES`."""
    statistics: bool = False
    figures: bool = False
    leaderboard: bool = False
    page: str = ""
    """The name of the page's file; empty: that of the report."""

    def files(self, records: Records, form: str, epoch: str) -> dict[str, bytes]:
        """Figures are SVG, PDF and PNG, and stand in the page where the form is html. Raises HarnessError where a
        report of figures alone has nothing to draw, or one of statistics nothing to compare."""
        from reports.writing import files

        made = self.contents(records, epoch)
        if self.figures and not made.plots and not self.tables and not self.statistics:
            raise HarnessError("there are no figures: no run has left anything to draw.")
        if self.statistics and not made.sheets and not self.tables:
            raise HarnessError(NO_STATISTICS)
        return files(made, form, self.name, self.page or f"{self.name}.html")

    def contents(self, records: Records, epoch: str) -> Contents:
        from reports.tables.build import build

        sheets = statistics(records, epoch) if self.statistics else []
        return Contents(
            records,
            epoch,
            leaderboard(records, epoch) if self.leaderboard else [],
            figures(records, epoch) if self.figures else [],
            sheets,
            [table for each in self.tables for table in build(each, records, epoch)],
            remarks=[NO_STATISTICS.capitalize()] if self.statistics and not sheets else [],
        )


def leaderboard(records: Records, epoch: str) -> list[Board]:
    from reports.statistics.boards import boards

    return boards(records, epoch)


def statistics(records: Records, epoch: str) -> list[Sheet]:
    from reports import analyses
    from reports.statistics import anytime, operations, pareto, rankings, sheets

    incumbents = anytime.incumbents(records)
    races = [race for axis in anytime.USUAL for race in anytime.races(incumbents, axis)]
    return [
        *sheets.sheets(records, epoch),
        *operations.sheet(records),
        *rankings.sheet(records, epoch),
        *anytime.sheets(races),
        *pareto.sheet(records, epoch),
        *analyses.sheets(records),
    ]


def figures(records: Records, epoch: str) -> list[Plot]:
    from reports.figures import draw

    return draw(records, epoch)


def _table(name: str, summary: str) -> Assembled:
    """The report of one of the paper's tables."""
    return Assembled(name, summary, tables=(name,))


TABLE2 = _table("table2", "test error on S1-S4 with CIFAR-10, CIFAR-100 and SVHN")
TABLE3 = _table("table3", "CIFAR-10 and CIFAR-100 in DARTS's space: parameters, error, cost")
TABLE4 = _table("table4", "transfer to ImageNet")
TABLE5 = _table("table5", "variants of ZARTS: parameters, error, cost, memory")
SUPP_TABLE1 = _table("supp-table1", "ablations over N and M")
SUPP_TABLE2 = _table("supp-table2", "test error on S1-S4 with large networks: best, and mean with deviation")
SUPP_TABLE3 = _table("supp-table3", "searches on ImageNet itself")
SUPP_TABLE4 = _table("supp-table4", "NAS-Bench-201")
STATISTICS = Assembled(
    "statistics",
    "test errors with intervals, ranks, interquartile means, paired tests, incumbents and fronts, of any runs",
    statistics=True,
)
FIGURES = Assembled(
    "figures",
    "regret over the budget, convergence, ESS, ablations, cost, fronts, ranks, rankings, landscapes: SVG, PDF and PNG",
    figures=True,
)
ALL = Assembled(
    "all",
    "everything",
    tables=tuple(
        name
        for report in (TABLE2, TABLE3, TABLE4, TABLE5, SUPP_TABLE1, SUPP_TABLE2, SUPP_TABLE3, SUPP_TABLE4)
        for name in report.tables
    ),
    statistics=True,
    figures=True,
    leaderboard=True,
    page="index.html",
)
