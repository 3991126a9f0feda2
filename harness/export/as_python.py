"""`--format python`: one readable file that builds the network with torch alone, and its weights beside it.

The code is that of `harness.export.plain`, of which the file gets what its network uses. Whatever comes from outside is
written as a literal, so that no name of a class or data set can become code.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterable, Mapping
from keyword import iskeyword
from pathlib import Path
from pprint import pformat
from typing import Any

import torch

from harness.core.errors import HarnessError
from harness.core.genotype import Cell
from harness.evaluation.model import Model
from harness.export import plain
from harness.export.card import summary
from spaces.inverted_residual import SHAPES
from spaces.mobile.plan import Block, Plan
from spaces.mobile.space import MobileSpace
from spaces.relations import space_of
from spaces.stems import STEM_MULTIPLIER

IMPORTS = """\
from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn"""

BUILDING = '''\
def build() -> nn.Module:
    """The network with PyTorch's initial weights."""
    return {call}'''

LOADING = '''\
WEIGHTS = Path(__file__).with_suffix(".pt")


def load(weights: str | Path = WEIGHTS) -> nn.Module:
    """The {state} network, in eval mode."""
    network = build()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return network.eval()'''

NORMALISING = '''\
def normalise(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) of 0 to 255, red, green, blue, as the network takes them."""
    mean, std = (torch.tensor(channels, device=images.device)[:, None, None] for channels in (MEAN, STD))
    return (images.float() / 255 - mean) / std'''

WIDTH = 100


def files(model: Model, out: Path) -> Mapping[Path, bytes]:
    """Raises HarnessError for a name that Python cannot import."""
    if out.suffix != ".py" or not out.stem.isidentifier() or iskeyword(out.stem):
        raise HarnessError(f"--out {out.name!r} is no name of a Python module; take letters, digits and _, then .py.")
    buffer = io.BytesIO()
    torch.save(dict(model.weights), buffer)
    return {out.with_suffix(".pt"): buffer.getvalue(), out: source(model, out.stem).encode()}


def usage(model: Model, out: Path) -> str:
    return f"""\
import {out.stem} as classifier

network = classifier.load()  # reads {out.stem}.pt beside it
logits = network(images)"""


def source(model: Model, module: str) -> str:
    """The text of the file."""
    space, cells = space_of(model.genotype), model.genotype.cells
    if isinstance(space, MobileSpace):
        call, cells = _chain(model, space.plan), ()  # all is in the call
    else:
        call = _call(model)
    operations = [operation for _, cell in cells for operation, _ in cell.edges]
    pieces = [
        _head(model, module) + "\n\n" + "\n".join(_constants(model)),
        *needed([*operations, *re.findall(r"[A-Z]\w+(?=\()", call)]),
        *(["\n\n".join(f"{kind.upper()} = {_graph(cell)}" for kind, cell in cells)] if cells else []),
        BUILDING.format(call=call),
        LOADING.format(state="untrained" if model.evaluation is None else "trained"),
        *([NORMALISING] if model.normalisation else []),
    ]
    return "\n\n\n".join(pieces) + "\n"


def needed(names: Iterable[str]) -> list[str]:
    """The source of these definitions of `plain`, and of all that they refer to, in the order of the file."""
    text = Path(plain.__file__).read_text("utf-8")
    nodes = {name: node for node in ast.parse(text).body for name in _defined(node)}
    wanted, found = list(names), set()
    while wanted:
        name = wanted.pop()
        if name in nodes and name not in found:
            found.add(name)
            wanted += [inner.id for inner in ast.walk(nodes[name]) if isinstance(inner, ast.Name)]
    lines = text.splitlines()
    return ["\n".join(lines[node.lineno - 1 : node.end_lineno]) for name, node in nodes.items() if name in found]


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _head(model: Model, module: str) -> str:
    state = "trained" if model.evaluation is not None else "UNTRAINED"
    images = "classifier.normalise(images)" if model.normalisation else "images"
    return f'''"""An image classifier with cells of a neural architecture search space, {state}, in plain PyTorch.

    import {module} as classifier

    network = classifier.load()
    logits = network({images})  # (B, 3, {model.image_size}, {model.image_size}) to (B, {len(model.class_names)})

It needs torch and nothing else. The weights are in {module}.pt, beside this file.
"""

{IMPORTS}'''


def _constants(model: Model) -> list[str]:
    about = "".join(f"    {name!r}: {value!r},\n" for name, value in summary(model) if name != "genotype")
    values: dict[str, Any] = {"CLASS_NAMES": list(model.class_names), "IMAGE_SIZE": model.image_size}
    if model.normalisation:
        values |= {"MEAN": model.normalisation.mean, "STD": model.normalisation.std}
    literals = [f"{name} = {pformat(value, width=WIDTH, compact=True)}" for name, value in values.items()]
    return [f"ABOUT = {{\n{about}}}", *literals]


def _graph(cell: Cell) -> str:
    nodes = [", ".join(f"({operation}, {state})" for operation, state in node) for node in cell.nodes]
    listed = "".join(f"        [{node}],\n" for node in nodes)
    return f"Graph(\n    nodes=[\n{listed}    ],\n    concat={list(cell.concat)},\n)"


def _call(model: Model) -> str:
    """What builds the network."""
    arguments = [kind.upper() for kind in model.genotype.kinds]
    if model.genotype.family == "darts":
        arguments = arguments if "normal" in model.genotype.kinds else ["None", *arguments]
        imagenet = model.stem == "imagenet"
        width = model.channels * (1 if imagenet else STEM_MULTIPLIER)
        stem = "ImageNetStem" if imagenet else "CifarStem"
        arguments += [f"{stem}({width})", f"stem_width={width}", f"stem_halves={imagenet}"]
    arguments += [f"channels={model.channels}", f"cells={model.cells}", f"classes={len(model.class_names)}"]
    listed = "".join(f"        {argument},\n" for argument in arguments)
    network = "DartsNetwork" if model.genotype.family == "darts" else "NasBench201Network"
    return f"{network}(\n{listed}    )"


def _chain(model: Model, published: Plan) -> str:
    """What builds a mobile network."""
    ((_, cell),) = model.genotype.cells
    plan = published.at(model.channels, model.stem)
    first = [_block("mbconv1_3x3", Block(plan.stem, plan.first, 1))] if plan.first else []
    stem = ", ".join([f"*conv_bn_relu(3, {plan.stem}, 3, {plan.stem_stride})", *first])
    blocks = [_block(name, block) for (name, _), block in zip(cell.edges, plan.blocks, strict=True)]
    listed = "".join(f"            {block},\n" for block in blocks)
    width, classes = plan.blocks[-1].c_out, len(model.class_names)
    return (
        f"MobileNetwork(\n        stem=[{stem}],\n        blocks=[\n{listed}        ],\n        width={width},\n"
        f"        features={plan.features},\n        classes={classes},\n    )"
    )


def _block(name: str, block: Block) -> str:
    if name not in SHAPES:
        return "nn.Identity()"
    shape = SHAPES[name]
    groups = f", groups={shape.groups}" if shape.groups > 1 else ""
    return (
        f"InvertedResidual({block.c_in}, {block.c_out}, stride={block.stride}, expansion={shape.expansion}, "
        f"kernel={shape.kernel}{groups})"
    )
