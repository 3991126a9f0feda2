"""`harness export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.core.errors import HarnessError
from harness.export import FORMATS

if TYPE_CHECKING:
    from harness.evaluation.model import Model


HELP = f"""Take a trained network home: its weights, class names and normalisation, with a model card beside it.

\b
{chr(10).join(f"{name:<13} {form.summary:<44} runs with {form.needs}" for name, form in FORMATS.items())}

The network is that of a run's only evaluation, or of an evaluation's file. A genotype has none: with
--set size=20x36 --classes 10 it is written untrained.
"""


@click.command(help=HELP)
@click.argument("target", metavar="RUN_DIR|EVALUATION|GENOTYPE")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), required=True, help="What to write; see above.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The file to write, or a folder for it.  [default: named after the evaluation, in this folder]",
)
@click.option("--recipe", help="Of a genotype: cifar or imagenet, which have different stems.")
@click.option("--set", "assignments", multiple=True, metavar="size=CELLSxCHANNELS", help="Of a genotype's network.")
@click.option("--classes", type=click.IntRange(2, 100_000), help="Of a genotype's network.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
def export(
    target: str,
    form: str,
    out: Path | None,
    recipe: str | None,
    assignments: tuple[str, ...],
    classes: int | None,
    as_json: bool,
) -> None:
    """Writes the files, and says which."""
    from harness.core.files import make_folder, write_atomic
    from harness.export.card import card

    model, name = _model(target, recipe, assignments, classes)
    chosen = FORMATS[form]
    writer = chosen.writer()
    path = _place(out, name if form != "python" else _identifier(name), chosen.suffix)
    files = {
        **writer.files(model, path),
        path.with_name(f"{path.name}.md"): card(model, path, chosen.needs, writer.usage(model, path)).encode(),
    }
    make_folder(path.parent)
    for file, content in files.items():
        write_atomic(file, content)
    state = {"trained": model.evaluation is not None, "format": form, "file": str(path), "files": [*map(str, files)]}
    click.echo(json.dumps(state, indent=2) if as_json else _summary(model, path, list(files)))


def _model(target: str, recipe: str | None, assignments: tuple[str, ...], classes: int | None) -> tuple[Model, str]:
    """The network that is meant, and a name for its file."""
    from harness.core.genotype import looks_like
    from harness.evaluation import evaluate
    from harness.evaluation.model import evaluated, load
    from harness.export.untrained import untrained
    from spaces.published import PUBLISHED

    if looks_like(target) or target in PUBLISHED or not Path(target).exists():
        model = untrained(evaluate.find(target).genotype, recipe, assignments, classes)
        return model, f"untrained-{model.size}"
    given = {"--recipe": recipe, "--set": assignments, "--classes": classes}
    if named := [option for option, value in given.items() if value]:
        raise HarnessError(f"{' and '.join(named)}: {target} is trained, and is what it is; leave it out.")
    file = evaluated(target)
    return load(file), file.name.removesuffix(".json").removesuffix(".pt").removesuffix(".weights")


def _place(out: Path | None, name: str, suffix: str) -> Path:
    """Where to write; a path that has no suffix is a folder."""
    if out is None or out.is_dir() or not out.suffix:
        return (out or Path()) / f"{name}{suffix}"
    return out


def _identifier(name: str) -> str:
    """The name as Python can import it."""
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name)


def _summary(model: Model, path: Path, files: list[Path]) -> str:
    from harness.core.text import columns
    from harness.export.card import summary

    shown = {"state", "data set", "test error"}
    rows = [(name, value) for name, value in summary(model) if name in shown]
    listed = [path, *(file for file in files if file != path)]
    return "\n".join(columns([*rows, *(("file" if file == path else "", str(file)) for file in listed)]))
