"""`--format torch-export`: the graph of torch.export with its weights, which torch runs without any of our code."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch.export import Dim, ExportedProgram

from harness.evaluation.model import Model
from harness.export.facts import facts


def trace(model: Model) -> ExportedProgram:
    """The network as a graph, for batches of any size of images of its own size."""
    images = torch.zeros(2, 3, model.image_size, model.image_size)  # of one image, it would take 1 for a constant
    return torch.export.export(model.network(), (images,), dynamic_shapes=({0: Dim("batch")},))


def files(model: Model, out: Path) -> Mapping[Path, bytes]:
    buffer = io.BytesIO()
    torch.export.save(trace(model), buffer, extra_files=facts(model))
    return {out: buffer.getvalue()}


def usage(model: Model, out: Path) -> str:
    return f"""\
import torch

facts = dict.fromkeys({list(facts(model))}, "")
network = torch.export.load({out.name!r}, extra_files=facts).module()  # and fills in the facts, each of them JSON
logits = network(images)"""
