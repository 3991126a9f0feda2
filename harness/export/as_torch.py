"""`--format torch`: the network's own file, as an evaluation leaves it, which the harness builds the network from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.evaluation.model import Model


def files(model: Model, out: Path) -> Mapping[Path, bytes]:
    return {out: model.pack()}


def usage(model: Model, out: Path) -> str:
    return f"""\
from harness.evaluation.model import load

network = load({out.name!r}).network()
logits = network(images)"""
