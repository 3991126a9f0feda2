"""What a report is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from reports.records import Records


class Report(Protocol):
    """What `harness report NAME` makes of run folders."""

    @property
    def summary(self) -> str:
        """What it shows, in one line."""
        ...

    def files(self, records: Records, form: str, epoch: str) -> dict[str, bytes]:
        """The files by name, from selected records, as md, csv, tex or html; one that is no page is printed where it is
        alone. `epoch` is "last" or "best": which test error of a training counts. Raises HarnessError where there is
        nothing to show, or not in this form."""
        ...


@runtime_checkable
class Printed(Report, Protocol):
    """One that has a text without its figures."""

    def text(self, records: Records, form: str, epoch: str) -> str:
        """As md, csv or tex. Raises HarnessError where there is nothing to show."""
        ...


@runtime_checkable
class Over(Report, Protocol):
    """One that shows what was spent."""

    def over(self, axis: str) -> Report:
        """The same of one kind of budget. Raises HarnessError where there is none of this name."""
        ...
