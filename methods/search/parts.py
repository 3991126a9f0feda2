"""The parts of a search by name, and how a composition, a space and a user's settings become one set of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.errors import HarnessError
from methods.catalogue import Composition
from methods.lookaheads.fine_tuned import FineTuned
from methods.lookaheads.first_order import FirstOrder
from methods.lookaheads.lookahead import Lookahead
from methods.lookaheads.unrolled import Unrolled
from methods.perturbations.adversarial import Adversarial
from methods.perturbations.perturbation import Perturbation, Unperturbed
from methods.perturbations.uniform import UniformNoise
from methods.relaxations.edge_normalised import EdgeNormalised
from methods.relaxations.gumbel import Gumbel
from methods.relaxations.relaxation import Relaxation
from methods.relaxations.softmax import Softmax
from methods.resolving import Resolved, layered
from methods.rules.adam import Adam
from methods.rules.gld import GLD
from methods.rules.mgs import MGS
from methods.rules.random_search import RandomSearch
from methods.rules.rule import Rule
from methods.schedules.alternating import Alternating
from methods.schedules.clock import Clock
from methods.schedules.progressive import Progressive
from methods.schedules.staged import Staged
from methods.stopping.rising_curvature import RisingCurvature
from methods.stopping.stopping import Never, Stopping
from methods.training.arithmetic import Arithmetic
from methods.training.data import Data
from methods.training.weights import Training
from spaces import Space
from spaces.edges.auxiliary_skip import AuxiliarySkipEdge
from spaces.edges.dropped_skips import DroppedSkipsEdge
from spaces.edges.edge import EdgePart
from spaces.edges.merged import MergedEdge
from spaces.edges.partial_channels import PartialChannelsEdge
from spaces.edges.single_path import SinglePathEdge
from spaces.edges.sum import SumEdge

RULES: dict[str, Rule] = {"adam": Adam(), "random-search": RandomSearch(), "mgs": MGS(), "gld": GLD()}
LOOKAHEADS: dict[str, Lookahead] = {"first-order": FirstOrder(), "unrolled": Unrolled(), "fine-tuned": FineTuned()}
RELAXATIONS: dict[str, Relaxation] = {
    "softmax": Softmax(),
    "gumbel": Gumbel(),
    "edge-normalised": EdgeNormalised(),
}
PERTURBATIONS: dict[str, Perturbation] = {
    "none": Unperturbed(),
    "uniform": UniformNoise(),
    "adversarial": Adversarial(),
}
STOPPINGS: dict[str, Stopping] = {"never": Never(), "rising-curvature": RisingCurvature()}
SCHEDULES: dict[str, Alternating] = {"alternating": Alternating(), "progressive": Progressive(), "staged": Staged()}


EDGES: dict[str, EdgePart] = {
    "sum": SumEdge(),
    "dropped-skips": DroppedSkipsEdge(),
    "auxiliary-skip": AuxiliarySkipEdge(),
    "partial-channels": PartialChannelsEdge(),
    "single-path": SinglePathEdge(),
    "merged": MergedEdge(),
}


@dataclass(frozen=True)
class Parts(Resolved):
    """Everything a search on a supernet is made of."""

    rule: Rule
    lookahead: Lookahead
    relaxation: Relaxation
    edge: EdgePart
    schedule: Alternating
    perturbation: Perturbation
    stopping: Stopping
    training: Training
    data: Data
    arithmetic: Arithmetic
    macro: Any
    """The size of the space's supernet."""


def compose(
    composition: Composition,
    space: Space,
    layers: Sequence[Mapping[str, Any]] = (),
    user: Mapping[str, Any] | None = None,
) -> Parts:
    """The parts of a method on a supernet of the space; see `methods.resolving.layered`. Raises HarnessError for a bad
    name or value, and for a space that the method does not apply to."""
    EDGES[composition.edge].check(space)
    parts: dict[str, Any] = {
        "rule": RULES[composition.rule],
        "lookahead": LOOKAHEADS[composition.lookahead],
        "relaxation": RELAXATIONS[composition.relaxation],
        "edge": EDGES[composition.edge],
        "schedule": SCHEDULES[composition.schedule],
        "perturbation": PERTURBATIONS[composition.perturbation],
        "stopping": STOPPINGS[composition.stopping],
        "training": Training(),
        "data": Data(),
        "arithmetic": Arithmetic(),
        "macro": space.macro(),
    }
    resolved = Parts(**layered(parts, composition, space, layers, user))
    resolved.edge.check_width(resolved.macro.channels)
    _check_schedule(resolved.schedule, resolved.training.epochs)
    return resolved


def _check_schedule(schedule: Alternating, epochs: int) -> None:
    """Raises HarnessError where operations would be dropped, or a cell derived, before alpha has moved."""
    stages: dict[int, list[tuple[int, Clock]]] = {}
    for epoch in range(epochs):
        stage = schedule.stage(epoch, epochs)
        stages.setdefault(stage.number, []).append((epoch, stage.clock))
    for entries in stages.values():
        if not any(schedule.moves_alpha(clock, 0) for _, clock in entries):
            part = "" if len(entries) == epochs else f" {entries[0][0] + 1} to {entries[-1][0] + 1}"
            raise HarnessError(
                f"warmup={schedule.warmup} leaves alpha no epoch{part} of epochs={epochs}; "
                "set warmup lower or epochs higher."
            )
