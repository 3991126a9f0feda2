"""`harness list`: what there is, by name."""

from __future__ import annotations

import json

import click

from harness.core.errors import unknown
from harness.describing.listing import KINDS


@click.command(name="list")
@click.argument("kind", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(kind: str | None, as_json: bool) -> None:
    """What there is, by name: of one KIND with a line on each, else everything in short.

    KIND is methods, spaces, datasets, tables, protocols, suites, reports, or a kind of part, such as rules.
    """
    from harness.describing import listing

    if kind is not None and (kind := kind.lower()) not in KINDS:
        raise unknown("kind", kind, KINDS)
    if as_json:
        found = listing.registry(kind) if kind else {each: listing.registry(each) for each in KINDS}
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(listing.table(kind) if kind else listing.everything())
