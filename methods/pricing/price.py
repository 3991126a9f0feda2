"""The price part of a method: what alpha's loss, or a trial's score, is made of besides the loss on images.

Alpha's loss is the expression at the loss and at the expected costs; terms of the method's own objective come on top.
The weights never see it. Where gates are those of one architecture, it is the expression at that one's costs, and that
is also the score of a black-box method's trial.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor

from harness.core.errors import HarnessError, quoted
from harness.core.genotype import Genotype
from harness.core.settings import setting
from harness.tables import costs as cost_tables
from harness.tables import hardware
from methods.objectives.objective import Point
from methods.pricing import costs
from methods.pricing.costs import CostOf
from methods.pricing.expression import LOSS, Expression, check_names, parse
from spaces.prices import counted
from spaces.relations import on_images, table_of
from spaces.space import Space

COUNTED = ("flops", "params")
BENCHMARK = "nasbench201"
"""The table whose cells HW-NAS-Bench's costs are of."""
LOSSES = (0.1, 1.0, 3.0)
"""What the expression is tried at before a search: about where errors as fractions, and cross-entropies, are."""


@dataclass(frozen=True)
class Network:
    """Whose costs count: the networks of a space at a size, on images."""

    space: Space
    macro: Any
    dataset: str
    classes: int
    image_size: int

    @property
    def size(self) -> dict[str, Any]:
        """As a table of costs names it."""
        return {**vars(self.macro), "image_size": self.image_size}

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.size.items())


class Images(Protocol):
    """What is known of images without looking at them."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> int: ...

    @property
    def image_size(self) -> int: ...


def network_on(images: Images, space: Space, sizes: Mapping[str, Any] = MappingProxyType({})) -> Network | None:
    """The networks of a space at its supernet's size, but for these sizes where it has them, on images like these; None
    where the space has none."""
    if not space.has_networks:
        return None
    return Network(space, _at(space.macro(), sizes), images.name, images.classes, images.image_size)


def _at(macro: Any, sizes: Mapping[str, Any]) -> Any:
    return replace(macro, **{name: value for name, value in sizes.items() if name in vars(macro)})


@dataclass(frozen=True)
class Priced:
    """The price of a search: what its loss is made of."""

    expression: Expression
    costs: Mapping[str, CostOf]
    of_cell: bool = False
    """Whether the costs are those of the cell that alpha derives to."""
    network: str = ""
    """Whose costs they are, in words."""

    @property
    def is_free(self) -> bool:
        """Whether it is the loss alone."""
        return self.expression.is_the_loss

    def of_alpha(self, loss: Tensor, at: Point) -> Tensor:
        """The expression where a loss of alpha is taken, differentiable in the loss and, but for those of a cell, in
        the gates."""
        return loss if self.is_free else self.expression.value({LOSS: loss, **self.at(loss, at)})

    def at(self, like: Tensor, at: Point) -> dict[str, Tensor]:
        """The costs by name."""
        if self.of_cell:
            strengths = at.relaxation.strengths(at.alpha.detach().double().cpu(), at.space, at.memory)
            return {
                name: like.new_full((), cost) for name, cost in self.of(at.space.derive(strengths.tolist())).items()
            }
        return {name: cost.at(at.gates, at.space) for name, cost in self.costs.items()}

    def shown(self, loss: float, at: Point) -> dict[str, Any]:
        """What the record of an epoch says of it."""
        found = {name: float(cost) for name, cost in self.at(at.gates, at).items()}
        value = self.value(loss, found)
        return {"objective": value if math.isfinite(value) else None, "costs": found}

    def of(self, genotype: Genotype) -> dict[str, float]:
        """The costs of one architecture by name."""
        return {name: cost.of(genotype) for name, cost in self.costs.items()}

    def seen(self, accuracy: float, genotype: Genotype) -> float:
        """What a strategy, which looks for the largest, sees of an architecture of this accuracy (percent): 100 (1 -
        the expression) at the error, a fraction, which is the accuracy where the expression is the error. Raises
        HarnessError where it has no finite value."""
        if self.is_free:
            return accuracy
        objective = self.value(1 - accuracy / 100, self.of(genotype))
        if not math.isfinite(objective):
            raise HarnessError(f"the objective is {objective} for {genotype}, of accuracy {accuracy:.4g} %; change it.")
        return 100 * (1 - objective)

    def value(self, loss: float, found: Mapping[str, float]) -> float:
        """The expression at a loss and costs."""
        values = {LOSS: loss, **found}
        return float(self.expression.value({name: torch.tensor(v, dtype=torch.float64) for name, v in values.items()}))


UNPRICED = Priced(parse(LOSS), {})


@dataclass(frozen=True)
class Price:
    """What alpha's loss, or a trial's score, is made of."""

    objective: str = setting(
        LOSS,
        "an expression in valid_loss and costs, minimised: 'valid_loss + 0.1*log(flops/300M)'; MnasNet (Tan et al., "
        "CVPR 2019), ProxylessNAS and FBNet multiply. valid_loss is the cross-entropy; on a table, and of trials, the "
        "error as a fraction",
        omit_default=True,
    )
    cost_of: str = setting(
        "gates",
        "gates: the mean cost, as ProxylessNAS; cell: of the cell that alpha derives to, which has no gradient "
        "(ZARTS, section 6, iii)",
        choices=("gates", "cell"),
        omit_default=True,
    )
    cost_size: str = setting(
        "supernet",
        "of the networks whose costs count: the supernet's, or that at which parameters are quoted",
        choices=("supernet", "final"),
        omit_default=True,
    )
    costs: str = setting(
        "",
        "a file of costs for latency and energy; empty: what `harness measure latency` wrote for this space",
        omit_default=True,
    )

    @cached_property
    def expression(self) -> Expression:
        """Raises HarnessError for what is none."""
        return parse(self.objective)

    def check(self, space: Space, gradients_alone: bool = False, distributions: bool = True) -> None:
        """Raises HarnessError for an expression that cannot be read, or whose costs are not known of this space.
        `gradients_alone` is of a rule that compares no losses, `distributions` of gates that are one over every edge's
        operations."""
        expression = self.expression
        if self.costs and expression.is_the_loss:
            raise HarnessError(f"costs={quoted(self.costs)} without an objective; name one that has them.")
        if not (expression.is_the_loss or space.has_networks):
            raise HarnessError(
                f"an objective is about networks that cost something, and {space.name} is known by its table alone; "
                "leave it out."
            )
        known = [*COUNTED, *self._hardware(space)]
        check_names(expression, [*known, *(name for name in expression.costs if cost_tables.NAME.fullmatch(name))])
        if self.cost_of == "cell" and gradients_alone:
            raise HarnessError(
                "cost_of=cell has no gradient, and this method's rule asks for nothing else; take a zero-order rule."
            )
        whole = [name for name in expression.costs if name in self._hardware(space)]
        if whole and self.cost_of == "gates" and not distributions:
            raise HarnessError(
                f"{whole[0]} is known of whole cells, so its mean needs gates that are a distribution over an edge's "
                "operations, which this method's are not; set cost_of=cell."
            )

    def digests(self, space: Space) -> dict[str, str]:
        """Of the files that the costs are read from, by what they are. Raises HarnessError where there is none."""
        found, names = {}, set(self.expression.costs) - set(COUNTED)
        if from_table := self._in_table(space):
            found["costs"] = cost_tables.digest(self._path(space))
        if names - set(from_table):
            found[hardware.TITLE] = hardware.open_hardware().digest[:16]
        return found

    def priced(self, network: Network | None) -> Priced:
        """The expression with the costs of these networks; the loss alone where there are none. Raises HarnessError
        where they are not known, and where the expression has no finite value, or falls as the loss rises."""
        if network is None or self.expression.is_the_loss:
            return UNPRICED
        space, names, network = network.space, self.expression.costs, self._sized(network)
        found: dict[str, CostOf] = {}
        if any(name in COUNTED for name in names):
            prices = counted(space, network.macro, network.classes, network.image_size)
            found |= {name: costs.Sum(prices[name], space) for name in names if name in COUNTED}
        if own := self._in_table(space):
            path = self._path(space)
            table = cost_tables.read(path)
            _check_size(path, table.network, network)
            found |= {name: costs.from_table(name, table.costs[name], space, str(path)) for name in own}
        if rest := [name for name in names if name not in found]:
            cells = hardware.open_hardware()
            grids = {name: hardware.cost_grid(cells, name, network.dataset) for name in rest}
            found |= {name: costs.of_cells(grid, space) for name, grid in grids.items()}
        priced = Priced(self.expression, {name: found[name] for name in names}, self.cost_of == "cell", str(network))
        _try(priced)
        return priced

    def _sized(self, network: Network) -> Network:
        if self.cost_size == "supernet":
            return network
        final = network.space.final
        return replace(network, macro=_at(network.macro, {"channels": final.channels, "cells": final.cells}))

    def _hardware(self, space: Space) -> Sequence[str]:
        """The costs of HW-NAS-Bench, where its cells are the space's."""
        return hardware.COSTS if table_of(space) == BENCHMARK else ()

    def _path(self, space: Space) -> Path:
        return Path(self.costs) if self.costs else cost_tables.cached(on_images(space) or space.name)

    def _in_table(self, space: Space) -> list[str]:
        """The costs that a table of operations gives; HW-NAS-Bench those that it has not. Raises HarnessError for one
        that neither has."""
        named = [name for name in self.expression.costs if name not in COUNTED]
        if not named:
            return []
        path = self._path(space)
        there = cost_tables.read(path).costs if self.costs or path.exists() else {}
        for name in named:
            if name not in there and name not in self._hardware(space):
                raise HarnessError(_absent(name, space, self.costs, list(there)))
        return [name for name in named if name in there]


def _absent(name: str, space: Space, file: str, there: Sequence[str]) -> str:
    if file:
        return f"the objective has {name}, and {file} has {', '.join(there)}."
    how = f"`harness measure latency --space {on_images(space) or space.name}`"
    return (
        f"the objective has {name}, and there is no table of it for {space.name}; make one with {how}, or name one "
        "with --costs."
    )


def _check_size(path: Path, size: Mapping[str, Any] | None, network: Network) -> None:
    """Raises HarnessError where a table says that it is of other networks."""
    for name, value in network.size.items():
        if size and name in size and size[name] != value:
            raise HarnessError(
                f"{path} is of networks with {name}={size[name]}, and the objective is about {name}={value}; measure "
                f"them with `harness measure latency --space {network.space.name}` at that size, or set cost_size."
            )


def _try(priced: Priced) -> None:
    """Holds an expression to what a search needs of it, where everything costs least and most."""
    for number, words in enumerate(("least", "most")):
        found = {name: cost.bounds[number] for name, cost in priced.costs.items()}
        there = ", ".join(f"{name} = {value:.4g}" for name, value in found.items())
        for tried in LOSSES:
            loss = torch.tensor(tried, dtype=torch.float64, requires_grad=True)
            fixed = {name: torch.tensor(value, dtype=torch.float64) for name, value in found.items()}
            value = priced.expression.value({LOSS: loss, **fixed})
            (slope,) = torch.autograd.grad(value, loss)
            said, where = quoted(priced.expression.text), f"at the {words} that architectures cost, {there}"
            if not (value.isfinite() and slope.isfinite()):
                raise HarnessError(
                    f"the objective {said} is no finite number {where}; change what is under its logarithms, roots and "
                    "powers."
                )
            if slope < 0:
                raise HarnessError(
                    f"the objective {said} is minimised, and falls as {LOSS} rises {where}; turn its sign."
                )
