"""`harness new`: a working example of a part, to be changed into one's own."""

from __future__ import annotations

import re
from pathlib import Path

import click

from harness.core.errors import HarnessError

TEMPLATES = {
    "method": ("methods",),
    "rule": ("rules", "methods"),
    "space": ("spaces",),
    "dataset": ("datasets",),
    "strategy": ("strategies", "methods"),
}
"""What there are examples of, and of which kinds the members of each are."""


@click.command()
@click.argument("kind", type=click.Choice(list(TEMPLATES)))
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Where to write it; the current folder if not given.",
)
def new(kind: str, name: str, folder: Path) -> None:
    """Write a small working example of a KIND called NAME, and its test: one file each. Nothing is overwritten."""
    _check_name(kind, name)
    stem = name.replace("-", "_")
    plugin, test = folder / f"{stem}.py", folder / f"test_{stem}.py"
    _write({plugin: _filled(kind, name), test: _filled("test", name)})
    click.echo(f"{plugin}: the {kind} {name!r}, to be changed into yours; its first lines say how to run it")
    click.echo(f"{test}: its test; run it with pytest, or `harness check {plugin}`")


def _check_name(kind: str, name: str) -> None:
    """Raises HarnessError for a name that no file and no member can have, or that one has."""
    from harness.testing.subjects import REGISTRIES

    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name):
        raise HarnessError(f"the name {name!r} must be words of small letters and digits, joined by '-' or '_'.")
    for registry in (REGISTRIES[kind] for kind in TEMPLATES[kind]):
        if name in registry:
            raise HarnessError(f"there is a {registry.noun} {name!r} ({registry.origin(name)}); choose another name.")


def _filled(template: str, name: str) -> str:
    """A template's text with the names filled in."""
    text = (Path(__file__).parents[1] / "templates" / f"{template}.py").read_text("utf-8")
    return text.replace("example-name", name).replace("example_name", name.replace("-", "_"))


def _write(texts: dict[Path, str]) -> None:
    """All of the files, or none where one is there."""
    for path in texts:
        if path.exists():
            raise HarnessError(f"{path} is there already; choose another name, or another folder with --to.")
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise HarnessError(f"{error.filename or path} cannot be written: {error.strerror}.") from None
