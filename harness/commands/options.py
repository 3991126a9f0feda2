"""What several commands have in common: options, and how a warning is shown."""

from __future__ import annotations

from typing import Any

import click

DATASET = "A name, an image folder, or Parquet files; PATH::COLUMN chooses the column of their labels."


track_option = click.option(
    "--track",
    multiple=True,
    metavar="TRACKER",
    help="Follow it in tensorboard, wandb or mlflow, too; each is an extra of the package. May be given again.",
)


def progress_options(command: Any) -> Any:
    """How a person follows a run or an evaluation."""
    for option in (
        click.option("--quiet", is_flag=True, help="Show no progress: no display, no line per epoch."),
        track_option,
    ):
        command = option(command)
    return command


def warn(message: str) -> None:
    click.echo(f"harness: {message}", err=True)
