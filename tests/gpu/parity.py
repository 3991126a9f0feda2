"""The same numbers on a GPU as on a CPU, up to the order of sums: supernets, final networks, steps of searches.

Each is computed on both from the same weights, images and draws, and the difference is relative, in the Euclidean norm:
a ReLU or a maximum that falls the other way at a tie moves a few entries of a vector, not the vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from gpu.checks import Told, Unmet
from torch import Tensor
from toy import WITH_NETWORKS, ToyDataset, small_settings

from harness.core.genotype import from_nb201
from harness.core.types import Budget
from harness.runs.machine import deterministic
from methods import METHODS
from methods.lookaheads import LOOKAHEADS
from methods.search.search import Search
from methods.training.weights import FlatModel, Training
from spaces import SPACES
from spaces.edges.auxiliary_skip import SumWithAuxiliarySkip
from spaces.edges.merged import MergedOperations
from spaces.edges.partial_channels import PartialChannelsEdge
from spaces.edges.single_path import SinglePath
from spaces.edges.sum import SumOfOperations
from spaces.published import PUBLISHED

LIMITS = {torch.float64: 1e-9, torch.float32: 1e-3}
OF_SEARCHES = LIMITS | {torch.float32: 1e-2}
"""Adam makes a whole step of a gradient that is next to nothing."""
CLASSES, IMAGES, SIDE = 10, 8, 32
EDGES = {
    "merged": MergedOperations,
    "auxiliary skip": SumWithAuxiliarySkip,
    "partial channels": PartialChannelsEdge(),
    "single path": SinglePath,
}
SEARCHES = [
    ("darts-1st", "s1"),
    ("darts-2nd", "s1"),
    ("amended-darts", "s1"),
    ("zarts-mgs", "nasbench201"),
    ("zarts-rs", "darts"),
    ("mergezarts", "darts"),
    ("pc-darts", "darts"),
    ("gdas", "nasbench201"),
    ("rome-v2", "s1"),
    ("enas", "nasbench201"),
]
"""Every lookahead is in one of them."""
STEPS = 3

Values = Mapping[str, Tensor]


def apart(ours: Values, theirs: Values) -> float:
    """The largest relative difference between tensors of the same names; infinite where one is not finite."""
    found = [_apart(ours[name].detach().cpu().double(), theirs[name].detach().double()) for name in theirs]
    return max(found)


def _apart(ours: Tensor, theirs: Tensor) -> float:
    difference = float((ours - theirs).norm() / theirs.norm().clamp(min=1e-30))
    return difference if torch.isfinite(ours).all() else float("inf")


def compared(
    cases: Iterable[tuple[str, Callable[[str], Values]]], limit: float, device: str, dtype: torch.dtype
) -> Told:
    """Each case on the device beside the CPU. Raises Unmet where one is farther apart than the limit."""
    deterministic()
    torch.set_default_dtype(dtype)
    differences = {name: apart(compute(device), compute("cpu")) for name, compute in cases}
    worst = max(differences, key=differences.__getitem__)
    beyond = {name: value for name, value in differences.items() if not value <= limit}
    words = f"{len(differences)} compared, {differences[worst]:.1e} apart at most ({worst}), {limit:.0e} allowed"
    if beyond:
        listed = ", ".join(f"{name} {value:.1e}" for name, value in beyond.items())
        raise Unmet(Told(f"{words}\nbeyond: {listed}", differences))
    return Told(words, differences)


def batch(device: str) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(IMAGES, 3, SIDE, SIDE, generator=draw).contiguous(memory_format=torch.channels_last)
    return images.to(device), torch.randint(CLASSES, (IMAGES,), generator=draw).to(device)


def supernets() -> Iterator[tuple[str, Callable[[str], Values]]]:
    """Of every family, and of DARTS with every kind of edge: a pass, its gradients, and a step of the weights."""
    for name in WITH_NETWORKS:
        yield name, lambda device, name=name: _supernet(name, SumOfOperations, device)
    for words, edge in EDGES.items():
        yield f"darts, {words}", lambda device, edge=edge: _supernet("darts", edge, device)


def _supernet(name: str, edge: object, device: str) -> Values:
    space = SPACES[name]
    torch.manual_seed(0)
    macro = replace(space.macro(), channels=8)
    if "cells" in vars(macro):  # a space of one cell has no say in it
        macro = replace(macro, cells=min(macro.cells, 3))
    model = FlatModel(space.supernet(macro, CLASSES, edge).to(memory_format=torch.channels_last), device)
    rows, widest = len(space.widths), max(space.widths)
    draw = torch.Generator().manual_seed(2)
    if edge is SinglePath:
        gates = F.one_hot(torch.tensor([row % width for row, width in enumerate(space.widths)]), widest).to(
            torch.get_default_dtype()
        )
    else:
        gates = torch.rand(rows, widest, generator=draw)
    passed = model.run(batch(device), gates.to(device), draw, of_weights=True, of_gates=True)
    weights = model.weights.clone()
    Training().step(weights, torch.zeros_like(weights), model.gradient, 0.025)
    moved = {"weights": weights - model.weights, "gradient": model.gradient, "statistics": model.statistics}
    return {"loss": passed.loss, "logits": passed.logits, "of gates": passed.of_gates, **moved}


def networks() -> Iterator[tuple[str, Callable[[str], Values]]]:
    """The final network of every family, with what its training adds: auxiliary head and drop-path."""
    chains = {name: SPACES[name].decode([0] * len(SPACES[name].choices)) for name in ("mobile", "mobile-fbnet")}
    nb201 = from_nb201("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|")
    cells = {"darts": PUBLISHED["DARTS_V2"].genotype, "nasbench201": nb201, **chains}
    sizes = {"darts": (16, 8), "nasbench201": (16, 2), "mobile": (432, 1), "mobile-fbnet": (496, 1)}
    for name, genotype in cells.items():
        yield name, lambda device, name=name, genotype=genotype: _network(name, genotype, *sizes[name], device)


def _network(name: str, genotype: object, channels: int, cells: int, device: str) -> Values:
    torch.manual_seed(0)
    more = {"auxiliary": True} if name == "darts" else {}
    network = SPACES[name].network(genotype, channels, cells, CLASSES, **more).train()
    model, (images, labels) = FlatModel(network, device), batch(device)
    paths = network.drawn_paths(images, 0.3, torch.Generator().manual_seed(3))
    out = model(images, paths.to(images.dtype))
    logits, auxiliary = out if isinstance(out, tuple) else (out, None)
    loss = F.cross_entropy(logits, labels)
    if auxiliary is not None:
        loss = loss + 0.4 * F.cross_entropy(auxiliary, labels)
    model.differentiate(loss)
    return {"loss": loss, "logits": logits, "gradient": model.gradient, "statistics": model.statistics}


def searches() -> Iterator[tuple[str, Callable[[str], Values]]]:
    """A few steps with each lookahead: what alpha's gradients and losses have made of it, and the weights."""
    lookaheads = {METHODS[method].composition.lookahead for method, _ in SEARCHES}
    assert lookaheads == {*LOOKAHEADS}, f"no search with {set(LOOKAHEADS) - lookaheads}"
    for method, space in SEARCHES:
        yield f"{method} on {space}", lambda device, method=method, space=space: _search(method, space, device)


def _search(method: str, space: str, device: str) -> Values:
    more = {"baseline_begins": "zero"} if method == "enas" else {}
    parts = METHODS[method].parts(SPACES[space], Budget(2), user=small_settings(method, space, **more))
    search = Search(parts, SPACES[space], ToyDataset(), 0, device, Budget(2))
    state = search.start()
    before = state.alpha.clone(), state.weights.clone()
    for _ in range(STEPS):
        state = search.advance(state)
    moved = {"alpha": state.alpha - before[0], "weights": state.weights - before[1]}
    return {**moved, "statistics": state.statistics}
