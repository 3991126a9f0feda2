"""What several commands have in common: options, and how a warning is shown."""

from __future__ import annotations

import click

DATASET = "A name, an image folder, or Parquet files; PATH::COLUMN chooses the column of their labels."


def warn(message: str) -> None:
    click.echo(f"harness: {message}", err=True)
