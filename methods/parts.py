"""The parts of a search by name, and how a composition, a space and a user's settings become one set of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

from harness.errors import HarnessError
from harness.settings import applicable, declared, override, setting
from methods.catalogue import CATALOGUE, Composition
from methods.lookahead import FineTuned, FirstOrder, Lookahead, Unrolled
from methods.relaxations import Gumbel, Relaxation, Softmax
from methods.rules.adam import Adam
from methods.rules.gld import GLD
from methods.rules.mgs import MGS
from methods.rules.random_search import RandomSearch
from methods.rules.rule import Rule
from methods.schedules import Alternating
from methods.weights import Training
from spaces import SPACES, Space
from spaces.fused import SumOfOperations
from spaces.merged import MergedEdge
from spaces.single_path import SinglePathEdge
from spaces.supernet import Outgoing

RULES: dict[str, Rule] = {"adam": Adam(), "random-search": RandomSearch(), "mgs": MGS(), "gld": GLD()}
LOOKAHEADS: dict[str, Lookahead] = {"first-order": FirstOrder(), "unrolled": Unrolled(), "fine-tuned": FineTuned()}
RELAXATIONS: dict[str, Relaxation] = {"softmax": Softmax(), "gumbel": Gumbel()}
SCHEDULES: dict[str, Alternating] = {"alternating": Alternating()}


class EdgePart(Protocol):
    """What a mixed edge computes."""

    @property
    def outgoing(self) -> Outgoing:
        """Builds what leaves one state of a cell."""
        ...

    def check(self, space: Space) -> None:
        """Raises HarnessError for a space that this edge does not apply to."""
        ...


@dataclass(frozen=True)
class SumEdge:
    """A mixed edge is the gated sum of its operations (DARTS, Eq. 2)."""

    @property
    def outgoing(self) -> Outgoing:
        return SumOfOperations

    def check(self, space: Space) -> None:
        """Any space will do."""


EDGES: dict[str, EdgePart] = {"sum": SumEdge(), "single-path": SinglePathEdge(), "merged": MergedEdge()}


@dataclass(frozen=True)
class Data:
    """What of the training set a search sees."""

    portion: float = setting(
        0.5,
        "ZARTS train_search.py:143-166: the first half in file order trains the weights, the second alpha",
        minimum=0.01,
        maximum=0.99,
    )
    split_file: str = setting(
        "",
        "JSON lists train and valid in place of the portion, as NAS-Bench-201's configs/nas-benchmark/cifar-split.txt",
    )
    images: int = setting(0, "0: the whole training set; else its first so many images", minimum=0)
    valid_batch: int = setting(64, "ZARTS train_search.py:36; the batch that alpha's losses are taken on", minimum=2)
    normalisation: str = setting(
        "darts",
        "the constants of the DARTS or the NAS-Bench-201 code, which differ in the third digit; "
        "for data given by path there are none, and the images used are measured",
        choices=("darts", "nasbench201"),
    )


@dataclass(frozen=True)
class Parts:
    """Everything a search is made of."""

    rule: Rule
    lookahead: Lookahead
    relaxation: Relaxation
    edge: EdgePart
    schedule: Alternating
    training: Training
    data: Data
    macro: Any
    """The size of the space's supernet."""

    def by_name(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def settings(self) -> dict[str, dict[str, Any]]:
        """Every resolved hyper-parameter by part, as it stands in spec.json."""
        return {
            key: {name: item.value for name, item in declared(part).items()} for key, part in self.by_name().items()
        }


def compose(
    composition: Composition,
    space: Space,
    layers: Sequence[Mapping[str, Any]] = (),
    user: Mapping[str, Any] | None = None,
) -> Parts:
    """The parts of a method on a space.

    Values are set in this order, the later one winning: the parts' defaults, the space's settings, the method's, the
    method's for this space, each of `layers` (a protocol's; names that these parts do not declare are meant for other
    methods and pass), `user` (names must exist). Raises HarnessError for a bad name or value, and for a space that the
    method does not apply to.
    """
    EDGES[composition.edge].check(space)
    parts: dict[str, Any] = {
        "rule": RULES[composition.rule],
        "lookahead": LOOKAHEADS[composition.lookahead],
        "relaxation": RELAXATIONS[composition.relaxation],
        "edge": EDGES[composition.edge],
        "schedule": SCHEDULES[composition.schedule],
        "training": Training(),
        "data": Data(),
        "macro": space.macro(),
    }
    for layer in (space.settings, composition.settings, composition.on.get(space.name, {}), *layers):
        parts = override(parts, applicable(parts, layer))
    resolved = Parts(**override(parts, user or {}))
    if resolved.schedule.warmup >= resolved.training.epochs:
        raise HarnessError(
            f"warmup={resolved.schedule.warmup} leaves alpha no epoch of epochs={resolved.training.epochs}; "
            "set warmup lower or epochs higher."
        )
    return resolved


def applies(composition: Composition, space: Space) -> bool:
    """Whether a method can search a space."""
    try:
        EDGES[composition.edge].check(space)
    except HarnessError:
        return False
    return True


def all_settings() -> set[str]:
    """The names of every hyper-parameter of every registered method on every space."""
    return {
        name
        for composition in CATALOGUE.values()
        for space in SPACES.values()
        if applies(composition, space)
        for part in compose(composition, space).by_name().values()
        for name in declared(part)
    }
