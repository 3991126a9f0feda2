"""The built-in reports: tables of the paper, statistics and figures, put together.

What draws is imported by the reports that draw, and what counts when a report is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError

if TYPE_CHECKING:
    from reports.figures.plot import Plot
    from reports.records import Records
    from reports.statistics.sheets import Sheet
    from reports.tables.cells import Table

NO_STATISTICS = "No run is evaluated: there is nothing to compare."


@dataclass(frozen=True)
class Assembled:
    """A report of some of the paper's tables, of statistics, of figures, or of several of these."""

    name: str
    summary: str
    tables: tuple[str, ...] = ()
    """Of `reports.tables.layouts.TABLES`."""
    statistics: bool = False
    figures: bool = False
    page: str = ""
    """The name of the page's file; empty: that of the report."""

    def files(self, records: Records, form: str, epoch: str) -> dict[str, bytes]:
        """Figures are PNG and PDF, and stand in the page where the form is html. Raises HarnessError where a report of
        figures alone has nothing to draw."""
        from reports.tables.build import build

        tables = [table for each in self.tables for table in build(each, records, epoch)]
        sheets, plots = self._sheets(records, epoch), self._plots(records, epoch)
        if form == "html":
            return {self.page or f"{self.name}.html": _page(tables, sheets, plots, records, epoch)}
        drawn = {f"figures/{plot.name}.{suffix}": plot.bytes(suffix) for plot in plots for suffix in ("png", "pdf")}
        if not self.tables and not self.statistics:
            return drawn
        return self._text(form, tables, sheets, records) | drawn

    def _text(self, form: str, tables: list[Table], sheets: list[Sheet], records: Records) -> dict[str, bytes]:
        from reports import render

        if form == "csv":
            return _csv(self.name, tables, sheets)
        text = render.latex(tables, sheets) if form == "tex" else self._markdown(tables, sheets, records)
        return {f"{self.name}.{form}": text.encode()}

    def _markdown(self, tables: list[Table], sheets: list[Sheet], records: Records) -> str:
        from reports import render

        parts = [*map(render.markdown, tables), *map(render.sheet_markdown, sheets)]
        if self.statistics and not sheets:
            parts.append(f"## Statistics\n\n{NO_STATISTICS}\n")
        if records.notes:
            parts.append("\n".join(["## Left out", "", *(f"- {note}" for note in records.notes), ""]))
        return "\n".join(parts)

    def _sheets(self, records: Records, epoch: str) -> list[Sheet]:
        if not self.statistics:
            return []
        from reports import analyses
        from reports.statistics import sheets

        return [*sheets.sheets(records, epoch), *analyses.sheets(records)]

    def _plots(self, records: Records, epoch: str) -> list[Plot]:
        if not self.figures:
            return []
        from reports import figures

        plots = figures.draw(records, epoch)
        if not plots and not self.tables and not self.statistics:
            raise HarnessError("there are no figures: no run has finished an epoch.")
        return plots


def _page(tables: list[Table], sheets: list[Sheet], plots: list[Plot], records: Records, epoch: str) -> bytes:
    from reports.page.page import Picture, page

    pictures = [Picture(plot.title, plot.caption, plot.bytes("svg")) for plot in plots]
    return page(tables, sheets, pictures, records, epoch).encode()


def _csv(name: str, tables: list[Table], sheets: list[Sheet]) -> dict[str, bytes]:
    """The tables as one file, every sheet as another."""
    import pandas as pd

    from reports import render

    found = {f"{name}.csv": render.csv(tables)} if tables else {}
    for sheet in sheets:
        frame = pd.DataFrame(sheet.rows, columns=list(sheet.header))
        found[f"statistics-{sheet.name}.csv"] = frame.to_csv(index=False, lineterminator="\n")
    return {file: text.encode() for file, text in found.items()}


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
    "test errors with intervals, seeds needed, ranks, wins, paired tests, of any runs",
    statistics=True,
)
FIGURES = Assembled(
    "figures",
    "convergence, effective sample size, ablations, cost, ranks, landscapes: PNG and PDF",
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
    page="index.html",
)
