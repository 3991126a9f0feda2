"""Several pieces of work in one command, one after the other: a failure of one is told, and the others go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from harness.commands.options import warn
from harness.core.errors import HarnessError


class Several:
    """What has failed of a command's work. A piece that is alone fails as the command does."""

    def __init__(self, count: int, as_json: bool) -> None:
        self.count, self.as_json = count, as_json
        self.failed: list[str] = []

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """For one piece of the work, or all of its kind: an error is told under this name."""
        try:
            yield
        except HarnessError as error:
            if self.count == 1:
                raise
            self.failed.append(name)
            warn(f"{name}: {error}")
            if self.as_json:
                click.echo(json.dumps({"failed": name, "error": str(error)}))

    def finish(self) -> None:
        """Raises HarnessError where anything has failed."""
        if self.failed:
            names = ", ".join(self.failed[:3]) + (f" and {len(self.failed) - 3} more" if len(self.failed) > 3 else "")
            raise HarnessError(f"failed, while the others went on: {names}; the reasons are above.")
