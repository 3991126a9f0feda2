"""`--format onnx`: the network as one ONNX file, with the facts among its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
import onnxscript  # noqa: F401 - what torch.onnx translates with
import torch

from harness.core.errors import HarnessError
from harness.evaluation.model import Model
from harness.export.as_torch_export import trace
from harness.export.facts import facts


def files(model: Model, out: Path) -> Mapping[Path, bytes]:
    """Raises HarnessError for a network that draws random numbers: engines draw other ones, or the same each time."""
    if model.draws:
        raise HarnessError(
            "the cell has `noise`, which draws random numbers at every call, and ONNX leaves to each engine how; "
            "use --format python, torch or torch-export."
        )
    program = torch.onnx.export(
        trace(model), dynamo=True, input_names=["images"], output_names=["logits"], external_data=False, verbose=False
    )
    assert program is not None  # as the dynamo exporter has it
    proto = program.model_proto
    onnx.helper.set_model_props(proto, facts(model))
    return {out: proto.SerializeToString()}


def usage(model: Model, out: Path) -> str:
    return f"""\
import onnxruntime

session = onnxruntime.InferenceSession({out.name!r}, providers=["CPUExecutionProvider"])
(logits,) = session.run(None, {{"images": images}})  # a float32 array; any number of images"""
