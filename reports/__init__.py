"""Tables, figures and statistics from run folders.

A report has a line that says what it shows, and makes files of records (`report`). Those by name are in REPORTS, from
outside too:

    class Genotypes:
        summary = "every genotype that was found, one a line"

        def files(self, records, form, epoch):
            return {f"genotypes.{form}": "\\n".join(records.finished.notation).encode()}

    REPORTS = {"genotypes": Genotypes}
"""

from harness.core.registry import Registry
from reports.report import Report

REPORTS: Registry[Report] = Registry(
    "reports",
    "report",
    {
        "table2": "reports.assembled:TABLE2",
        "table3": "reports.assembled:TABLE3",
        "table4": "reports.assembled:TABLE4",
        "table5": "reports.assembled:TABLE5",
        "supp-table1": "reports.assembled:SUPP_TABLE1",
        "supp-table2": "reports.assembled:SUPP_TABLE2",
        "supp-table3": "reports.assembled:SUPP_TABLE3",
        "supp-table4": "reports.assembled:SUPP_TABLE4",
        "bench-suite": "reports.bench_suite:BENCH_SUITE",
        "statistics": "reports.assembled:STATISTICS",
        "anytime": "reports.anytime:ANYTIME",
        "claims": "reports.claims.report:CLAIMS",
        "figures": "reports.assembled:FIGURES",
        "all": "reports.assembled:ALL",
    },
    interface="reports.report:Report",
)
"""The reports by name. A line of each needs neither pandas nor matplotlib."""
