"""A network that nobody has trained: a genotype at a size, with PyTorch's initial weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from harness import __version__
from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from harness.core.rng import seed_of
from harness.core.settings import parse_assignments
from harness.evaluation.model import Model
from harness.evaluation.recipes import RECIPES, Streamed, recipe_for, trainings_of
from harness.evaluation.training import final_network

CIFAR_SIDE = 32


def untrained(genotype: Genotype, recipe: str | None, assignments: Iterable[str], classes: int | None) -> Model:
    """Raises HarnessError unless its size and classes are given, and nothing that only a training has."""
    given = parse_assignments(assignments)
    if "size" not in given or classes is None:
        raise HarnessError(
            "a genotype has no trained weights: export its evaluation (`harness evaluate` makes one), or give "
            "--set size=CELLSxCHANNELS and --classes N for an untrained network."
        )
    if others := ", ".join(sorted(set(given) - {"size"})):
        raise HarnessError(f"--set {others}: of an untrained network only the size can be set.")
    chosen = RECIPES[recipe_for(genotype, recipe or next(iter(trainings_of(genotype)), "cifar"), table="")].of(
        genotype.family
    )
    parts = chosen.parts(user={**given, "auxiliary": 0})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(0, "weights"))
        network = final_network(genotype, chosen, parts, classes)
    return Model(
        genotype,
        chosen.stem,
        parts.network.size,
        tuple(map(str, range(classes))),
        parts.data.crop if isinstance(parts.data, Streamed) else CIFAR_SIDE,
        None,
        {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")},
        None,
        None,
        {"harness": __version__, "commit": None, "torch": torch.__version__},
    )
