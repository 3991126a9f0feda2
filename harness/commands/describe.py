"""`harness describe`: what a name is."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option("--draw", "drawing", type=click.Path(path_type=Path), help="Draw the cell into this .svg, .png or .pdf.")
@click.option(
    "--classes", default=10, show_default=True, type=click.IntRange(2, 100_000), help="Of a genotype's final network."
)
@click.option(
    "--memory-on", metavar="SPACE", help="Measure what a step of a method keeps in memory there, at its default size."
)
@click.option(
    "--as",
    "notation",
    metavar="NOTATION",
    help="Print the cell, and nothing else, as darts, nb201, json, naslib or nats.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def describe(
    name: str, drawing: Path | None, classes: int, memory_on: str | None, notation: str | None, as_json: bool
) -> None:
    """What NAME is: a method, space, data set, protocol, suite, report, recipe, setting, published cell, run folder, or
    genotype in any notation; FILE has one in it, FILE:NAME is one of a Python file."""
    from harness.describing import describe as describing

    description = describing.describe(name, classes)
    if notation is not None:
        click.echo(describing.notation(description, notation))
        return
    if memory_on is not None:
        description = describing.with_memory(description, memory_on)
    if drawing is not None:
        describing.draw(description, drawing)
    click.echo(json.dumps(description.to_json(), indent=2) if as_json else str(description))
    if drawing is not None and not as_json:
        click.echo(f"drawing: {drawing}")
