"""What every space owes its users, besides that methods can search it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F

from harness.core.errors import HarnessError
from harness.core.genotype import from_darts, from_json, from_nb201, in_darts_literal, parse, to_darts, to_nb201
from harness.core.settings import declared
from harness.testing.requirement import Broken, require
from harness.testing.searches import require_cell_of
from methods.relaxations.softmax import Softmax
from methods.schedules.clock import Clock
from spaces import Space
from spaces.edges.sum import SumOfOperations


def supernet_learns(space: Space) -> None:
    """At small sizes, with few classes and many, in both modes: logits and gradients of alpha and of all weights. A
    space without networks says so."""
    if not space.has_networks:
        return says_that_it_has_no_networks(space)
    for classes in (2, 10):
        macro = replace(space.macro(), **_small(space))
        torch.manual_seed(0)
        net = space.supernet(macro, classes, SumOfOperations)
        draw = torch.Generator().manual_seed(0)
        for size in (8, 16):
            for training in (True, False):
                net.train(training).zero_grad()
                alpha = torch.randn(space.dimension, generator=draw, requires_grad=True)
                images = torch.randn(4, 3, size, size, generator=draw)
                logits = net(images, Softmax().gates(alpha, space, Clock(0, 1, 0), draw), draw)
                require(logits.shape == (4, classes), f"4 images of {classes} classes give logits {list(logits.shape)}")
                F.cross_entropy(logits, torch.arange(4) % classes).backward()
                found = {"the logits": logits, "alpha's gradient": alpha.grad}
                found |= {f"the gradient of {name}": p.grad for name, p in net.named_parameters()}
                for name, values in found.items():
                    require(values is not None and bool(values.isfinite().all()), f"{name} is missing or not finite")
                require(bool(alpha.grad is not None and alpha.grad.abs().max() > 0), "alpha's gradient is zero")


def _small(space: Space) -> dict[str, int]:
    """The size of a quick supernet; where there is always one cell, its macro says nothing of it."""
    sizes = {"channels": 2, "cells": 1 if tuple(space.cells) == ("cell",) else 3}
    return {name: size for name, size in sizes.items() if name in declared(space.macro())}


def cells_survive_notations(space: Space) -> None:
    """Derived cells are read back as they were from every notation that can write them."""
    nb201 = tuple(space.cells) == ("cell",)
    write, read = (to_nb201, from_nb201) if nb201 else (to_darts, from_darts)
    for seed in range(20):
        genotype = space.completed(space.derive(random_probabilities(space, seed)))
        written = json.dumps(genotype.to_json())
        again = [from_json(json.loads(written)), parse(written), parse(str(genotype))]
        if nb201 or in_darts_literal(genotype):
            again.append(read(write(genotype)))
        require(all(other == genotype for other in again), f"the cell {genotype} is another one when read back")


def options_are_cells(space: Space) -> None:
    """Every choice of options is a cell, another choice another cell, and there are no more."""
    draw = random.Random(0)
    sizes = [options for node in space.choices for options in node]
    codes = {tuple(draw.randrange(options) for options in sizes) for _ in range(50)}
    cells = {space.decode(code) for code in codes}
    require(len(cells) == len(codes), f"{len(codes)} codes are decoded to {len(cells)} cells")
    for cell in cells:
        require_cell_of(cell, space)
    try:
        space.decode(sizes)
    except IndexError:
        return
    raise Broken("a code with an option too many is decoded, and must raise IndexError.")


def cells_make_networks(space: Space) -> None:
    """A derived cell makes a final network, whose logits are finite. A space without networks says so."""
    if not space.has_networks:
        return says_that_it_has_no_networks(space)
    for seed in range(3):
        torch.manual_seed(seed)
        genotype = space.completed(space.derive(random_probabilities(space, seed)))
        network = space.network(genotype, channels=4, cells=min(3, space.final.cells), classes=5)
        for training in (True, False):
            draw = torch.Generator().manual_seed(seed)
            logits = network.train(training)(torch.randn(2, 3, 16, 16, generator=draw), draw=draw)
            require(logits.shape == (2, 5), f"2 images of 5 classes give logits {list(logits.shape)}")
            require(bool(logits.isfinite().all()), "the logits of a final network are not finite")


def says_that_it_has_no_networks(space: Space) -> None:
    """Whatever of a network it is asked for."""
    genotype = space.derive(random_probabilities(space, 0))
    for ask in (space.macro, lambda: space.network(genotype, 4, 1, 5)):
        try:
            ask()
        except HarnessError:
            continue
        raise Broken("a space whose `has_networks` is false makes a network, or the size of one")


def random_probabilities(space: Space, seed: int) -> list[list[float]]:
    """Strengths of the operations of every edge; they need not add up to 1."""
    draw = random.Random(seed)
    return [[draw.random() for _ in range(width)] for width in space.widths]


CHECKS: Mapping[str, Callable[[Space], None]] = {
    "its supernet learns": supernet_learns,
    "its cells survive notations": cells_survive_notations,
    "its options are cells": options_are_cells,
    "its cells make networks": cells_make_networks,
}
"""In words, what a space is held to."""
