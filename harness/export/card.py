"""The model card: what whoever finds an exported network must know of it, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import __version__
from harness.core.errors import HarnessError
from harness.evaluation.model import Model
from harness.runs.progress import duration

UNTRAINED = "UNTRAINED: it has the initial weights of seed 0, and its logits mean nothing"


def card(model: Model, out: Path, needs: str, usage: str) -> str:
    """Of the file `out`, which runs with the packages that it `needs`, as `usage` shows. Raises HarnessError as
    `summary` does."""
    with _complete():
        sections = [
            f"# {out.name}",
            "\n".join(f"- **{name}**: {value}" for name, value in summary(model)),
            "## Input and output",
            "\n".join(_interface(model)),
            "## Use",
            f"With {needs}:\n\n```python\n{usage}\n```",
            *([] if model.evaluation is None else ["## Training", "\n".join(_settings(model.evaluation))]),
        ]
    return "\n\n".join(sections) + "\n"


def summary(model: Model) -> list[tuple[str, str]]:
    """(what, value) rows. Raises HarnessError where the evaluation lacks what every one has."""
    with _complete():
        rows = [
            ("what", f"image classifier with {len(model.class_names)} classes, from an architecture search space"),
            ("state", "trained" if model.evaluation is not None else UNTRAINED),
            ("cell", _found_by(model.origin) if model.origin else "given as a genotype"),
            ("genotype", f"`{model.genotype}`"),
            ("size", f"{model.size}, cells x channels, {model.stem} stem"),
            *([] if model.evaluation is None else _training(model.evaluation)),
            ("made with", _versions(model.made_with)),
            ("exported by", f"zarts-harness {__version__}"),
        ]
    if model.draws:
        rows.append(("random", "the cell has `noise`: it draws random numbers at every call, and the logits differ"))
    return rows


@contextmanager
def _complete() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError):
        raise HarnessError(
            "what the file of weights says of its training is damaged; evaluate the cell again."
        ) from None


def _found_by(origin: Mapping[str, Any]) -> str:
    found = "found by {method} on {space} with {dataset}, seed {seed}".format(**origin)
    after = origin["after_epochs"]
    return found if after is None else f"{found}, as it was after {after} epochs"


def _versions(made: Mapping[str, Any]) -> str:
    commit = f" (commit {made['commit']})" if made["commit"] else ""
    return f"zarts-harness {made['harness']}{commit}, torch {made['torch']}"


def _training(evaluation: Mapping[str, Any]) -> list[tuple[str, str]]:
    protocol, images, cost = evaluation["protocol"], evaluation["images"], evaluation["cost"]
    size = f"{evaluation['parameters']:,}, {evaluation['macs']:,} MACs ({evaluation['how']['parameters']})"
    plan = (
        f"{protocol['name']}, version {protocol['version']}; recipe {evaluation['recipe']}, seed {evaluation['seed']}"
    )
    error = f"{evaluation['test_error_last']:.2f} % after the last of {evaluation['epochs']} epochs, with these weights"
    spent = f"{duration(cost['seconds'])} of training, {cost['steps']:,} steps, {cost['images']:,} images"
    return [
        ("parameters", size),
        ("data set", f"{evaluation['dataset']}: {images['train']:,} images to train, {images['test']:,} to test"),
        ("protocol", plan),
        ("test error", error),
        ("cost", f"{spent}, on {cost['device']}"),
    ]


def _interface(model: Model) -> list[str]:
    side = model.image_size
    lines = [f"Images (B, 3, {side}, {side}), float32, red, green, blue, to logits (B, {len(model.class_names)})."]
    data = {} if model.evaluation is None else model.evaluation["settings"]["data"]
    if "crop" in data:
        lines.append(f"Scale the shorter side to {data['resize']} pixels and take the centre, {side}x{side}.")
    if model.normalisation:
        mean, std = (", ".join(f"{value:.9g}" for value in channels) for channels in model.normalisation)
        lines.append(f"Divide pixels by 255, subtract the mean ({mean}) and divide by the deviation ({std}).")
    else:
        lines.append("Normalise as the training will that it has yet to get.")
    names = ", ".join(" ".join(name.split()) for name in model.class_names)
    return [*lines, "", f"Classes, in the order of the logits: {names}."]


def _settings(evaluation: Mapping[str, Any]) -> list[str]:
    return [
        f"- {part}: {', '.join(f'{name}={value}' for name, value in settings.items())}"
        for part, settings in evaluation["settings"].items()
        if settings
    ]
