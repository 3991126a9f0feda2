"""`harness list`: what there is, by name."""

from __future__ import annotations

import json

import click

KINDS = ("methods", "spaces", "datasets", "protocols", "suites", "reports")


@click.command(name="list")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(kind: str, as_json: bool) -> None:
    """What there is, by name."""
    found = _registry(kind)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        width = max(map(len, found))
        click.echo("\n".join(f"{name:<{width}}  {summary}" for name, summary in found.items()))


def _registry(kind: str) -> dict[str, str]:
    """name -> one line."""
    if kind == "methods":
        from methods.catalogue import CATALOGUE

        return {name: entry.summary for name, entry in CATALOGUE.items()}
    if kind == "spaces":
        from spaces import SPACES

        return {name: f"{space.summary} (d = {space.dimension})" for name, space in SPACES.items()}
    if kind == "datasets":
        from harness.data.catalogue import DATASETS

        return dict(DATASETS)
    if kind == "suites":
        from harness.suite import definition

        return definition.summaries()
    if kind == "reports":
        from reports import REPORTS

        return dict(REPORTS)
    from harness.runs import protocol

    loaded = [protocol.load(name) for name in protocol.available()]
    return {item.name: f"version {item.version}: {item.summary}" for item in loaded}
