"""The report of DARTS-Bench-Suite. It is none of the paper's: its tables are of recipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.records import Records


@dataclass(frozen=True)
class BenchSuite:
    """A table for each benchmark, and one of the ranks on all."""

    name: str
    summary: str

    def files(self, records: Records, form: str, epoch: str) -> dict[str, bytes]:
        from reports.contents import Contents
        from reports.statistics.bench_suite import sheets
        from reports.writing import files

        made = Contents(records, epoch, sheets=sheets(records, epoch))
        return files(made, form, self.name, f"{self.name}.html")


BENCH_SUITE = BenchSuite(
    "bench-suite", "DARTS-Bench-Suite: on each benchmark the mean and best accuracy over nine recipes"
)
