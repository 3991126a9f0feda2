"""What several commands have in common: options, and how a warning is shown."""

from __future__ import annotations

import click


def warn(message: str) -> None:
    click.echo(f"harness: {message}", err=True)
