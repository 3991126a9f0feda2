"""What every rule owes its users, seen on a bowl: no supernet, no data."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from harness.core.rng import generator
from harness.testing.requirement import require
from harness.testing.states import equal
from methods.rules.rule import Memory, Move, Rule
from methods.schedules.clock import Clock

UPDATES = 4
STARTS = ((30, torch.float64), (196, torch.float32))
"""Sizes and types of alpha: as on NAS-Bench-201's table, and as on a supernet of 7 operations on DARTS' edges."""


class Bowl:
    """L(alpha) = |alpha - 1|^2 / 2: an oracle that minds the shapes it is asked with, and counts the questions."""

    def __init__(self, size: int) -> None:
        self.size, self.questions = size, 0

    def gradient(self, alpha: Tensor) -> Tensor:
        require(alpha.shape == (self.size,), f"its gradient is asked at {_shape(alpha)}, where alpha is ({self.size},)")
        self.questions += 1
        return (alpha - 1).detach()

    def losses(self, alphas: Tensor) -> Tensor:
        fits = alphas.dim() == 2 and alphas.shape[1] == self.size
        require(fits, f"its losses are asked at {_shape(alphas)}, where candidates are rows (n, {self.size})")
        self.questions += len(alphas)
        return (alphas - 1).square().sum(dim=1).detach() / 2


class Bowls:
    """The same for alphas of several searches (..., d), and candidates (..., n, d)."""

    def gradient(self, alpha: Tensor) -> Tensor:
        return (alpha - 1).detach()

    def losses(self, alphas: Tensor) -> Tensor:
        return (alphas - 1).square().sum(dim=-1).detach() / 2


def keeps_the_shape_of_alpha(rule: Rule) -> None:
    """A step returns an alpha like the one it was given, a memory of tensors, and numbers worth recording."""
    for alpha in _starts():
        memory = rule.start(alpha)
        _require_memory("its start", memory)
        move = _step(rule, alpha, memory, 0)
        fits = isinstance(move, Sequence) and len(move) == len(Move._fields)
        require(fits, f"its step returns a {type(move).__name__}, not a Move of alpha, memory and diagnostics")
        after, memory, diagnostics = move
        tensor = isinstance(after, Tensor)
        require(tensor, f"its step returns a {type(after).__name__} for alpha, not a tensor")
        require(after.shape == alpha.shape, f"its step returns an alpha of shape {_shape(after)} for {_shape(alpha)}")
        require(after.dtype == alpha.dtype, f"its step returns an alpha of {after.dtype} for {alpha.dtype}")
        require(bool(after.isfinite().all()), "its step on a bowl returns an alpha that is not finite")
        _require_memory("its step", memory)
        for name, value in diagnostics.items():
            scalar = isinstance(value, Tensor) and value.dim() == 0
            require(scalar, f"its diagnostic {name!r} is not a tensor of one number")
            require(bool(value.isfinite()), f"its diagnostic {name!r} is not finite on a bowl")


def changes_none_of_its_arguments(rule: Rule) -> None:
    for alpha in _starts():
        memory = rule.start(alpha)
        before = alpha.clone(), {name: value.clone() for name, value in memory.items()}
        _step(rule, alpha, memory, 0)
        require(equal(before[0], alpha), "its step changes the alpha that it is given; return a new one")
        require(equal(before[1], memory), "its step changes the memory that it is given; return a new one")


def asks_the_oracle(rule: Rule) -> None:
    """Which counts what is asked; a rule that asks nothing has no cost, and nothing to go by."""
    alpha = _starts()[0]
    bowl = Bowl(len(alpha))
    _step(rule, alpha, rule.start(alpha), 0, bowl)
    require(bowl.questions > 0, "its step asks the oracle for neither a gradient nor losses")


def draws_from_its_generator(rule: Rule) -> None:
    """The same generator makes the same bits, whatever torch's own is at."""
    for alpha in _starts():
        alphas = []
        for seed in (0, 1):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                alphas.append(_walk(rule, alpha)[-1])
        require(equal(*alphas), "two walks with the same draws differ; draw from the generator that is given")


def remembers_in_its_memory(rule: Rule) -> None:
    """With a memory that was saved and loaded between its updates, and nothing else that it remembers, it ends with the
    same bits."""
    for alpha in _starts():
        straight, resumed = _walk(deepcopy(rule), alpha)[-1], _walk(rule, alpha, resumed=True)[-1]
        require(equal(straight, resumed), "a walk that is saved and loaded after every step ends elsewhere")


def moves_several_as_each_alone(rule: Rule) -> None:
    """To the bit, where it says that it moves the alphas of several searches, as a table has them."""
    if not getattr(rule, "together", False):
        return
    alphas = torch.stack([_starts()[0], 2 * _starts()[0], -_starts()[0]])
    memories = [rule.start(alpha) for alpha in alphas]
    memory = {name: torch.stack([each[name] for each in memories]) for name in memories[0]}
    for update in range(UPDATES):
        clock, seeds = Clock(update, UPDATES, 0), range(len(alphas))
        draws: Any = [generator(seed, "rule", update) for seed in seeds]
        joint = rule.step(alphas, Bowls(), memory, clock, draws)
        for seed in seeds:
            own = {name: value[seed].clone() for name, value in memory.items()}
            alone = rule.step(alphas[seed].clone(), Bowls(), own, clock, generator(seed, "rule", update))
            there = [{name: value[seed] for name, value in each.items()} for each in joint[1:]]
            same = equal([joint.alpha[seed], *there], list(alone))
            require(same, "a step of several alphas moves one otherwise than a step of that one alone")
        alphas, memory, _ = joint


def agrees_with(rule: Rule, reference: Rule) -> None:
    """The alphas of a walk are those of a plain rule that draws the same."""
    for alpha in _starts():
        pairs = zip(_walk(rule, alpha), _walk(reference, alpha), strict=True)
        for number, (ours, plain) in enumerate(pairs, start=1):
            close = torch.allclose(ours, plain, rtol=1e-5, atol=1e-7)
            away = float((ours - plain).abs().max())
            require(close, f"after update {number} its alpha is up to {away:.3g} away from the plain reference's")


CHECKS: Mapping[str, Callable[[Rule], None]] = {
    "keeps the shape of alpha": keeps_the_shape_of_alpha,
    "changes no argument": changes_none_of_its_arguments,
    "asks the oracle": asks_the_oracle,
    "draws from its generator": draws_from_its_generator,
    "remembers in its memory": remembers_in_its_memory,
    "moves several as each alone": moves_several_as_each_alone,
}
"""In words, what a rule is held to."""


def _starts() -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [1e-3 * torch.randn(size, generator=draw, dtype=dtype) for size, dtype in STARTS]


def _step(rule: Rule, alpha: Tensor, memory: Memory, update: int, bowl: Bowl | None = None) -> Move:
    clock = Clock(update, UPDATES, 0)
    return rule.step(alpha, bowl or Bowl(len(alpha)), memory, clock, generator(0, "rule", update))


def _walk(rule: Rule, alpha: Tensor, resumed: bool = False) -> list[Tensor]:
    """The alpha after each of a few updates; `resumed` makes each as another process would, from what was saved."""
    memory, alphas = (deepcopy(rule) if resumed else rule).start(alpha), []
    for update in range(UPDATES):
        alpha, memory, _ = _step(deepcopy(rule) if resumed else rule, alpha, memory, update)
        alphas.append(alpha)
        if resumed:
            saved = io.BytesIO()
            torch.save(memory, saved)
            saved.seek(0)
            memory = torch.load(saved, weights_only=True)
    return alphas


def _require_memory(what: str, memory: Any) -> None:
    tensors = isinstance(memory, dict) and all(isinstance(value, Tensor) for value in memory.values())
    require(tensors, f"{what} returns a memory that is no dict of tensors")


def _shape(values: Tensor) -> tuple[int, ...]:
    return tuple(values.shape)
