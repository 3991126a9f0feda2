"""What steps take on a GPU, in every way that there is, and what whole searches and trainings take by them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from gpu.checks import Check, Told
from gpu.correctness import recorded
from gpu.scale import Scale
from gpu.sharing import gain
from gpu.timing import CLASSES, lines, made_images, search_of, step_seconds, timed
from test_steps import CANDIDATES, pair, production

from harness.data import ImagePart
from harness.evaluation.distributed import ProcessGroup
from harness.evaluation.images import MemorySource
from harness.evaluation.recipes import RECIPES
from harness.evaluation.training import Trainer
from harness.runs.machine import deterministic
from methods.training.arithmetic import Arithmetic
from spaces.published import PUBLISHED

BF16, TF32 = Arithmetic(autocast="bfloat16"), Arithmetic(tf32=True)
EAGER: dict[str, Any] = {"recorded": False}
WAYS: Mapping[str, dict[str, Any]] = {
    "production": EAGER,
    "+ graphs": {},
    "+ graphs, TF32": {"arithmetic": TF32},
    "+ graphs, bfloat16": {"arithmetic": BF16},
    "TF32": EAGER | {"arithmetic": TF32},
    "bfloat16": EAGER | {"arithmetic": BF16},
    "any kernels": EAGER,
}
"""Of a weight step, beside the plain supernet; all but the last by deterministic kernels."""
GOALS = {("zarts-mgs", "darts"): 20, ("darts-1st", "nasbench201"): 6}
"""Minutes that a search of the paper's size shall take at most on such a GPU."""
TRAININGS: Mapping[str, dict[str, Any]] = {
    "float32": {},
    "float32, channels last": {"channels_last": True},
    "TF32, channels last": {"tf32": True, "channels_last": True},
    "bfloat16, channels last": {"autocast": "bfloat16", "channels_last": True},
}
SHAPES = [(64, 16, 32), (64, 32, 16), (64, 64, 8), (96, 36, 32), (96, 144, 8)]
"""Images, channels and side of the maps of the paper's supernet and of its final network."""


def checks(scale: Scale) -> list[Check]:
    """What matters most comes first: time may run out."""

    def search(way: str, method: str, space: str) -> Check:
        return Check(f"search: {method} on {space}, {way}", partial(whole_search, method, space, scale, way), 60)

    def training(way: str, name: str) -> Check:
        return Check(f"training: {name}, {way}", partial(whole_training, TRAININGS[name], scale, way), 45)

    largest, smaller = GOALS
    return [
        search("graphs", *largest),
        search("graphs", *smaller),
        *(Check(f"weight step, {space}", partial(weight_step, space, scale), 60) for space in ("darts", "nasbench201")),
        *(training("graphs", name) for name in TRAININGS),
        training("no graphs", "float32"),
        search("no graphs", *smaller),
        Check("two searches at once", partial(two_at_once, scale), 60),
        Check("steps of alpha, darts", partial(alpha_steps, scale), 90),
        Check("depthwise convolutions, float32", partial(depthwise, scale), 30),
        search("no graphs", *largest),
    ]


def weight_step(space: str, scale: Scale) -> Told:
    deterministic()
    of = space, scale.size, scale.disabled
    _, plain, train, _ = pair(*of, device=scale.device)

    def step(own: Any, kernels: str) -> None:
        torch.use_deterministic_algorithms(kernels != "any kernels")
        with own.model.arithmetic.factors():
            own.weight_step()

    works = {"plain": lambda: plain.weight_step(train)}
    for name, way in WAYS.items():
        works[name] = partial(step, production(*of, device=scale.device, **way), name)
    found = timed(works, scale)
    return Told(lines(found), found)


def alpha_steps(scale: Scale) -> Told:
    deterministic()
    of = "darts", scale.size, scale.disabled
    ours, plain, train, valid = pair(*of, device=scale.device)
    eager = production(*of, device=scale.device, **EAGER)
    steps = {
        "alpha gradient": (lambda: plain.alpha_gradient(valid), lambda own: own.alpha_gradient()),
        "second-order gradient": (lambda: plain.second_order(train, valid), lambda own: own.second_order()),
        f"{CANDIDATES} candidates, a step each": (
            lambda: plain.candidates(CANDIDATES, [train], valid),
            lambda own: own.candidates(CANDIDATES),
        ),
    }
    found = {
        step: timed({"plain": theirs, "production": partial(does, eager), "+ graphs": partial(does, ours)}, scale)
        for step, (theirs, does) in steps.items()
    }
    return Told("\n".join(f"{step}:\n{lines(each)}" for step, each in found.items()), found)


def whole_search(method: str, space: str, scale: Scale, way: str) -> Told:
    """Minutes of its 50 epochs on CIFAR-10, without the validations between them: the steps of epochs in which alpha
    moves, and of those before, at what `scale.steps` of each take."""
    deterministic()
    search = search_of(method, space, scale)
    state, found, minutes = search.start(), {}, 0.0
    counts = [search.steps(epoch) for epoch in range(search.epochs)]
    moving = [[step for step in range(n) if search.moves_alpha(epoch, step)] for epoch, n in enumerate(counts)]
    for moves in dict.fromkeys(map(bool, moving)):
        first = next(epoch for epoch, steps in enumerate(moving) if bool(steps) == moves)
        state.epoch, state.step = first, 0
        cycle = moving[first][1] - moving[first][0] if moves else 1

        def advance(cycle: int = cycle) -> None:
            for _ in range(cycle):
                search.advance(state)
            if state.step + cycle >= counts[state.epoch]:  # an epoch's end is not timed
                state.step = 0

        with recorded(way):
            seconds, done = step_seconds(advance, scale.steps // cycle, scale.device)
        steps = sum(n for n, own in zip(counts, moving, strict=True) if bool(own) == moves)
        minutes += seconds / cycle * steps / 60
        found["where alpha moves" if moves else "before"] = {
            "seconds": seconds / cycle,
            "n": done * cycle,
            "steps": steps,
        }
    each = ", ".join(f"{1e3 * one['seconds']:.2f} ms a step {where} (n={one['n']})" for where, one in found.items())
    goal = GOALS[method, space]
    return Told(f"{minutes:.1f} minutes, goal {goal}: {each}", {"minutes": minutes, "goal": goal, **found})


def whole_training(settings: Mapping[str, Any], scale: Scale, way: str) -> Told:
    """Hours of 600 epochs on CIFAR-10 with the paper's network and drop-path, without the tests between them."""
    deterministic()
    images, half = made_images(scale), torch.full((3,), 0.5, device=scale.device)
    training, testing = (ImagePart(images, half, half, padding=4, flip=True, cutout=side) for side in (16, 0))
    source = MemorySource(CLASSES, 32, "none", training, testing)
    recipe = RECIPES["cifar"]
    parts = recipe.parts(user={**settings, **scale.training})
    with recorded(way):
        trainer = Trainer(PUBLISHED["DARTS_V2"].genotype, recipe, parts, source, 0, scale.device, ProcessGroup())
        state = trainer.start()
        state.epoch = parts.training.epochs // 2

        def advance() -> None:
            trainer.advance(state)
            state.step %= trainer.steps_per_epoch - 1

        seconds, count = step_seconds(advance, scale.steps, scale.device)
    epochs = parts.training.epochs
    hours = seconds * trainer.steps_per_epoch * epochs / 3600
    words = f"{hours:.2f} hours for {epochs} epochs: {1e3 * seconds:.2f} ms a step (n={count})"
    return Told(words, {"hours": hours, "seconds": seconds, "n": count, "epochs": epochs})


def depthwise(scale: Scale) -> Told:
    """Forward and backward, with the channels last in memory and not."""
    deterministic()
    found = {}
    for count, channels, side in SHAPES if scale.size == "paper" else SHAPES[:1]:
        for kernel, dilation in ((3, 1), (5, 2)):
            works = {
                name: _there_and_back(count, channels, side, kernel, dilation, layout, scale.device)
                for name, layout in (("NCHW", torch.contiguous_format), ("channels last", torch.channels_last))
            }
            found[f"{count}x{channels}x{side}x{side}, {kernel}x{kernel} dilated by {dilation}"] = timed(works, scale)
    ratios = {shape: each["NCHW"]["median"] / each["channels last"]["median"] for shape, each in found.items()}
    mean = math.exp(statistics.mean(map(math.log, ratios.values())))
    listed = "\n".join(f"{shape:36} {ratio:.2f} times" for shape, ratio in ratios.items())
    return Told(f"NCHW takes {mean:.2f} times as long as channels last (geometric mean)\n{listed}", found)


def _there_and_back(
    count: int, channels: int, side: int, kernel: int, dilation: int, layout: torch.memory_format, device: str
) -> Any:
    x, weight = (
        torch.randn(shape, device=device).contiguous(memory_format=layout).requires_grad_()
        for shape in ((count, channels, side, side), (channels, 1, kernel, kernel))
    )

    def work() -> None:
        y = F.conv2d(x, weight, padding=dilation * (kernel // 2), dilation=dilation, groups=channels)
        torch.autograd.grad(y, (x, weight), torch.ones_like(y))

    return work


def two_at_once(scale: Scale) -> Told:
    found = gain(scale)
    return Told(f"darts-1st on nasbench201: two do {found['gain']:.2f} times the steps of one", found)
