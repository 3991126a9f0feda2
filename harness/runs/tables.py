"""Whether what was made of a table is of the one that is here, for another may be imported under its name."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.untrusted import TEXT
from harness.runs.folder import read_spec
from harness.tables import TABLES
from harness.tables.ground_truth import opened


class OtherTable(HarnessError):
    """What is there was made of another table of the same name."""


def check_run(folder: Path, table: str) -> None:
    """Raises OtherTable where the run in this folder was made of another table than the one of this name."""
    environments = read_spec(folder, {"environments?": [{"data?": TEXT}]}).get("environments") or [{}]
    check_made(folder, environments[-1].get("data"), table)


def check_made(path: Path, fingerprint: str | None, table: str) -> None:
    """Raises OtherTable where what is at this path is of a table with another fingerprint than the one of this name.
    What does not say of which passes, and so does all where there is no table to compare with."""
    here = _fingerprint(table)
    if fingerprint is not None and here is not None and fingerprint != here:
        raise OtherTable(
            f"{path} was made of another table {table} than the one that is imported here. Give --again to make it "
            "anew, which keeps the old one, or choose another folder with --results."
        )


def _fingerprint(table: str) -> str | None:
    with suppress(HarnessError):
        return opened(TABLES[table]).fingerprint
    return None
