"""What a report is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

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
