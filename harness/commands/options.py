"""What several commands have in common: the options that mean the same everywhere, and how a warning is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

DATASET = "A name, an image folder, or Parquet files; PATH::COLUMN chooses the column of their labels."

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Gives a command an option."""


def warn(message: str) -> None:
    click.echo(f"harness: {message}", err=True)


def settings(example: str) -> Decorator:
    """`--set`; `example` says which there are."""
    text = f"{example} May be given again."
    return click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help=text)


def protocol(default: str | None, when_absent: str = "") -> Decorator:
    """`--protocol`; `when_absent` says what is used without it where that is no name."""
    text = f"A name (`harness list protocols`) or a TOML file{when_absent}."
    return click.option("--protocol", default=default, show_default=default is not None, help=text)


def device(known: str = "auto, cpu, cuda or cuda:N.") -> Decorator:
    return click.option("--device", default="auto", show_default=True, help=known)


def data(name: str = "data") -> Decorator:
    """`--data`, as the parameter of this name."""
    return click.option(
        "--data",
        name,
        type=click.Path(path_type=Path),
        envvar="HARNESS_DATA",
        show_envvar=True,
        help="Where data sets are kept.",
    )


def results(what: str = "Where run folders are kept.") -> Decorator:
    return click.option(
        "--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help=what
    )


def checkpoint_seconds() -> Decorator:
    return click.option(
        "--checkpoint-seconds",
        type=click.FloatRange(min=0),
        default=60.0,
        show_default=True,
        help="Save within an epoch, too, when the last checkpoint is so old.",
    )


def as_json() -> Decorator:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else.")


def again() -> Decorator:
    return click.option(
        "--again",
        is_flag=True,
        help="Do it anew where it has been done; what is there is kept in .replaced. What is unfinished goes on.",
    )


def quiet() -> Decorator:
    return click.option("--quiet", is_flag=True, help="Show no progress: no display, no line per epoch.")


def track() -> Decorator:
    return click.option(
        "--track",
        multiple=True,
        metavar="TRACKER",
        help="Follow it in tensorboard, wandb or mlflow, too; each is an extra of the package. May be given again.",
    )
