"""`harness list`: what there is, by name."""

from __future__ import annotations

import json

import click

from harness.describing.listing import KINDS


@click.command(name="list")
@click.argument("kind", type=click.Choice(KINDS, case_sensitive=False), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(kind: str | None, as_json: bool) -> None:
    """What there is, by name: of one KIND with a line on each, else everything in short."""
    from harness.describing import listing

    if as_json:
        found = listing.registry(kind) if kind else {each: listing.registry(each) for each in KINDS}
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(listing.table(kind) if kind else listing.everything())
