"""`--format safetensors`: the weights by name, and the facts among the file's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save

from harness.evaluation.model import Model
from harness.export.facts import facts


def files(model: Model, out: Path) -> Mapping[Path, bytes]:
    return {out: save(dict(model.weights), metadata=facts(model))}


def usage(model: Model, out: Path) -> str:
    return f"""\
from safetensors.torch import load_file

weights = load_file({out.name!r})  # the names are those of the harness's network, and of `--format python`"""
