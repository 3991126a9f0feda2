"""Three families of searches behind one interface: which a method is on a space, and what it is made of.

* an alpha on a supernet of the space                     methods.search.search
* an alpha on a table                                    methods.tabular.search
* whole genotypes, by the table or by short trainings     methods.blackbox
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from harness.core.errors import HarnessError, unknown
from harness.core.registry import Registry
from harness.core.rng import generator
from harness.core.settings import declared
from harness.core.types import Budget, Cost, Dataset, SearchResult
from harness.tables import TABLES
from methods.blackbox.evaluators import ShortTraining, TableLookup
from methods.blackbox.search import BlackBoxSearch, TableTrials, TrainedTrials
from methods.catalogue import CATALOGUE
from methods.composition import BlackBox, Composition
from methods.derivations import DERIVATIONS
from methods.freezing import FREEZINGS
from methods.lookaheads import LOOKAHEADS
from methods.objectives import OBJECTIVES
from methods.perturbations import PERTURBATIONS
from methods.pricing.price import Price, Priced
from methods.rankings import RANKINGS
from methods.relaxations import RELAXATIONS
from methods.resolving import resolve_settings
from methods.rules import RULES
from methods.rules.rule import gradients_alone
from methods.samplers import SAMPLERS
from methods.schedules import SCHEDULES
from methods.search.parts import DISTRIBUTIONS, Parts, compose
from methods.search.search import Search
from methods.stopping import STOPPINGS
from methods.stopping.all_frozen import AllFrozen
from methods.strategies import STRATEGIES
from methods.strategies.strategy import flat
from methods.tabular.data import TableData
from methods.tabular.search import TableLoss, TableParts, TableSearch
from methods.training.arithmetic import Arithmetic
from methods.training.data import Data
from methods.training.weights import Training
from spaces import SPACES, Space
from spaces.edges import EDGES
from spaces.relations import on_images

ON_TABLE = {
    "relaxation": DISTRIBUTIONS,
    "edge": ("sum", "single-path"),
    "schedule": ("alternating", "single-level"),
    "perturbation": ("none",),
    "stopping": ("never",),
    "derivation": ("space", "every-edge", "best-pairs"),
    "sampler": ("alpha",),
    "freezing": ("none",),
    "strategy": (),
    "ranking": (),
}
"""The parts of the methods that run on a table: it knows the gates of every edge, and neither merges operations, nor
prunes, nor trains weights. A sum of which one operation has a gate is that operation; there are no images to share; and
where every edge has an operation, these derivations are the space's own rule."""

KINDS: Mapping[str, Registry[Any]] = {
    "rule": RULES,
    "lookahead": LOOKAHEADS,
    "relaxation": RELAXATIONS,
    "edge": EDGES,
    "schedule": SCHEDULES,
    "perturbation": PERTURBATIONS,
    "stopping": STOPPINGS,
    "objective": OBJECTIVES,
    "derivation": DERIVATIONS,
    "sampler": SAMPLERS,
    "freezing": FREEZINGS,
    "strategy": STRATEGIES,
    "ranking": RANKINGS,
}
"""The members that a method is made of, by what they decide."""
COMMON = (
    ("training", Training()),
    ("data", Data()),
    ("arithmetic", Arithmetic()),
    ("price", Price()),
    ("table", TableLoss()),
    ("evaluator", TableLookup()),
    ("evaluator", ShortTraining()),
)
"""What the searches of a family have without a choice."""

AnyParts = Parts | TableParts | TableTrials | TrainedTrials


class AnyState(Protocol):
    """Where a search is: all of it. What is not in here does not exist."""

    @property
    def epoch(self) -> int: ...

    @property
    def cost(self) -> Cost: ...

    @property
    def records(self) -> list[dict[str, Any]]: ...

    @property
    def stopped_by(self) -> str: ...

    def to_dict(self) -> dict[str, Any]: ...


class AnySearch(Protocol):
    """state = search.start(); while not state.stopped_by: state = search.advance(state); search.result(state)"""

    @property
    def seed(self) -> int: ...

    @property
    def parts(self) -> AnyParts: ...

    @property
    def epochs(self) -> int:
        """How many there are at most."""
        ...

    @property
    def priced(self) -> Priced:
        """What its loss, or the score of its trials, is made of."""
        ...

    def start(self) -> Any: ...

    def restore(self, saved: Mapping[str, Any]) -> Any: ...

    def advance(self, state: Any) -> Any: ...

    def check(self, state: Any) -> None: ...

    def result(self, state: Any) -> SearchResult: ...


def check(method: Composition | BlackBox, space: Space) -> None:
    """Raises HarnessError for a space that the method does not apply to."""
    if space.table:
        TABLES[space.table]  # a space whose table is not known is none that can be searched
    if isinstance(method, BlackBox):
        return
    EDGES.find(method.edge).check(space)
    SCHEDULES.find(method.schedule).check(space)
    if space.table:
        _check_on_table(method, space)


def _check_on_table(method: Composition, space: Space) -> None:
    """Raises HarnessError for a method that an alpha, gates that are a distribution, and a rule do not make, and for a
    space whose choices are not the operations of its edges: the expected error is known only for these."""
    others = [f"{name} {part}" for part, name in method.parts.items() if name not in ON_TABLE.get(part, (name,))]
    images = on_images(space)
    elsewhere = f"; it runs on {images}." if images else "."
    if method.parts["relaxation"] not in ON_TABLE["relaxation"]:
        raise HarnessError(
            f"{space.name} takes an edge's gates for a distribution over its operations, which those of this method's "
            f"{method.parts['relaxation']} relaxation are not{elsewhere}"
        )
    if others:
        raise HarnessError(
            f"{space.name} has no supernet, and this method's {' and '.join(others)} would need one{elsewhere}"
        )
    if flat(space.choices) != list(space.widths):
        raise HarnessError(
            f"{space.name} is searched on a table, and its choices are not the operations of its edges, one by one; "
            "only methods without an alpha can search it."
        )


def check_on_table(dataset: str, space: Space) -> None:
    """Raises HarnessError for a data set that the table of the space does not have."""
    table = TABLES[space.table]
    if dataset not in table.datasets:
        raise unknown(f"data set of {table.title}'s table", dataset, table.datasets)


def applies(method: Composition | BlackBox, space: Space) -> bool:
    """Whether a method can search a space."""
    try:
        check(method, space)
    except HarnessError:
        return False
    return True


def resolve(
    method: Composition | BlackBox,
    space: Space,
    layers: Sequence[Mapping[str, Any]] = (),
    user: Mapping[str, Any] | None = None,
) -> AnyParts:
    """The parts of a method on a space, with their settings; see `resolve_settings`. Raises HarnessError."""
    check(method, space)
    if space.table:
        return _resolve_on_table(method, space, layers, user)
    if isinstance(method, BlackBox):
        trained = {
            "strategy": STRATEGIES.find(method.strategy),
            "evaluator": ShortTraining(),
            "data": Data(),
            "price": Price(),
        }
        found = TrainedTrials(**resolve_settings(trained, method, space, layers, user))
        found.check(space)
        return found
    composed = compose(method, space, layers, user)
    _check_frozen(composed, space)
    return composed


def _check_frozen(parts: Parts, space: Space) -> None:
    """Raises HarnessError where a search would end once all nodes are frozen, and none ever is: as its first record
    would tell, which shows what the relaxation carries."""
    if isinstance(parts.stopping, AllFrozen):
        relaxation, draw = parts.relaxation, generator(0, "what is shown")
        carried = relaxation.start(relaxation.initial(space, draw), space, draw)
        parts.stopping.ending([{"epoch": 0, **relaxation.shown(carried)}], parts.training.epochs)


SEARCHES = (Search, TableSearch, BlackBoxSearch)


def search_type(parts: AnyParts) -> type[Search] | type[TableSearch] | type[BlackBoxSearch]:
    """Which kind of search these parts make."""
    if isinstance(parts, TableTrials | TrainedTrials):
        return BlackBoxSearch
    return TableSearch if isinstance(parts, TableParts) else Search


def _resolve_on_table(
    method: Composition | BlackBox, space: Space, layers: Sequence[Mapping[str, Any]], user: Mapping[str, Any] | None
) -> TableParts | TableTrials:
    """The same on a space with a table, whose lengths of training are the defaults."""
    known = TABLES[space.table].epochs
    parts: TableParts | TableTrials
    if isinstance(method, BlackBox):
        trials = {"strategy": STRATEGIES.find(method.strategy), "evaluator": TableLookup(table_epochs=str(min(known)))}
        parts = TableTrials(**resolve_settings({**trials, "price": Price()}, method, space, layers, user))
        parts.price.check(space)
    else:
        parts = _with_loss(TableLoss(table_epochs=str(max(known))), method, space, layers, user)
        if parts.table.charged:  # as a black-box method's trials are
            charged = TableLoss(table_epochs=str(min(known)), simulated_seconds=TableLookup.simulated_seconds)
            parts = _with_loss(charged, method, space, layers, user)
        parts.objective.check(parts.relaxation)
        parts.price.check(space, gradients_alone(parts.rule))
    if parts.table_epochs not in map(str, known):
        raise HarnessError(f"table_epochs={parts.table_epochs!r} is not one of {', '.join(map(str, known))}.")
    return parts


def _with_loss(
    loss: TableLoss,
    method: Composition,
    space: Space,
    layers: Sequence[Mapping[str, Any]],
    user: Mapping[str, Any] | None,
) -> TableParts:
    parts = {
        "rule": RULES.find(method.rule),
        "table": loss,
        "relaxation": RELAXATIONS.find(method.relaxation),
        "objective": OBJECTIVES.find(method.objective),
        "price": Price(),
    }
    return TableParts(**resolve_settings(parts, method, space, layers, user))


def make_search(
    parts: AnyParts, space: Space, dataset: Dataset | TableData, seed: int, device: str, budget: Budget | None
) -> AnySearch:
    """The search that these parts make. Raises HarnessError where they do not fit the data."""
    on_table = isinstance(parts, TableParts | TableTrials)
    if on_table != isinstance(dataset, TableData):
        needed = "methods.tabular.data.open_data(...)" if on_table else "a data set of images"
        raise HarnessError(f"a search on {space.name} is given {needed}, not {type(dataset).__name__}.")
    if isinstance(dataset, TableData):
        assert isinstance(parts, TableParts | TableTrials)
        epochs, sizes = int(parts.table_epochs), flat(space.choices)
        dataset.check("accuracies", dataset.validation(epochs), sizes)
        if isinstance(parts, TableTrials) or parts.table.charged:
            dataset.check("seconds", dataset.seconds(epochs).values, sizes)
    if isinstance(parts, TableTrials | TrainedTrials):
        return BlackBoxSearch(parts, space, dataset, seed, device, budget)
    if isinstance(dataset, TableData):
        assert isinstance(parts, TableParts)
        return TableSearch(parts, space, dataset, seed, budget)
    assert isinstance(parts, Parts)
    return Search(parts, space, dataset, seed, device, budget)


@cache
def all_settings() -> frozenset[str]:
    """The names of every hyper-parameter that a method may have on a space."""
    return frozenset(name for _, part in all_parts() for name in declared(part))


def all_parts() -> Iterator[tuple[str, Any]]:
    """What methods are made of, each with what it decides and its name: the members of the registries, the objects that
    stand for themselves, what every search of a family has, and the supernets of the spaces. Far quicker than to
    resolve every method on every space."""
    for kind, registry in KINDS.items():
        for name, part in registry.working()[0].items():
            yield f"{kind} {name}", part
    for method in CATALOGUE.working()[0].values():
        for kind, name in method.parts.items():
            if not isinstance(part := getattr(method, kind), str):
                yield f"{kind} {name}", part
    for kind, part in COMMON:
        yield kind, part
    for space in SPACES.working()[0].values():
        if space.has_networks:
            yield f"the supernet of {space.name}", space.macro()
