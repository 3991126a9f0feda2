"""The public face of a method: the same for every family of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.core import notebook
from harness.core.types import Budget, Dataset, SearchResult
from methods.composition import BlackBox, Composition
from methods.families import AnyParts, make_search, resolve
from methods.tabular.data import TableData
from spaces import Space


@dataclass(frozen=True, repr=False)
class Method:
    """A registered method. Calling it with a seed gives a searcher."""

    name: str
    composition: Composition | BlackBox

    def __repr__(self) -> str:
        return f"<method {self.name}: {self.composition.summary}>"

    def _repr_html_(self) -> str:
        made_of, settings = self.composition.parts, self.composition.settings
        rows = [("what", self.composition.summary), ("source", self.composition.source), *made_of.items()]
        chosen = ", ".join(f"{name}={value}" for name, value in settings.items())
        return notebook.table(f"Method {self.name}", [*rows, *([("settings", chosen)] if chosen else [])])

    def __call__(self, seed: int = 0, device: str = "cpu", settings: Mapping[str, Any] | None = None) -> Searcher:
        return Searcher(self, seed, device, settings or {})

    def parts(
        self,
        space: Space,
        budget: Budget,
        layers: Sequence[Mapping[str, Any]] = (),
        user: Mapping[str, Any] | None = None,
    ) -> AnyParts:
        """The resolved parts; the budget's epochs win over every layer. See `methods.families.resolve`."""
        epochs = {} if budget.epochs is None else {"epochs": budget.epochs}
        return resolve(self.composition, space, layers, {**(user or {}), **epochs})


@dataclass(frozen=True)
class Searcher:
    """A method with a seed, and hyper-parameters where they differ from the method's own."""

    method: Method
    seed: int
    device: str = "cpu"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def search(self, space: Space, dataset: Dataset | TableData, budget: Budget | None = None) -> SearchResult:
        """Searches to the end of the budget. Raises HarnessError for settings or data that do not fit."""
        budget = budget or Budget()
        parts = self.method.parts(space, budget, user=self.settings)
        search = make_search(parts, space, dataset, self.seed, self.device, budget)
        state = search.start()
        while not state.stopped_by:
            state = search.advance(state)
        return search.result(state)
