"""The content of result.json: what a search found and cost, every figure with how it was got."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, singledispatch
from typing import Any

from harness.core.genotype import Genotype
from harness.core.types import SearchResult
from methods.blackbox.search import BlackBoxSearch, TableTrials
from methods.families import AnySearch
from methods.search.records import operation_counts
from methods.search.search import Search
from methods.tabular.data import TableData
from methods.tabular.looks import Asked
from methods.tabular.search import TableParts, TableSearch
from spaces import SPACES, Space
from spaces.counting import Count, count

UNITS = "flops are multiply-accumulates, latencies ms, energies mJ"
FINAL_IMAGE_SIZE = 32
"""Side of the images that MACs are counted on."""


def describe_result(
    search: AnySearch, found: SearchResult, space: Space, spec: Mapping[str, Any], classes: int
) -> dict[str, Any]:
    """The result of a finished search on data of so many classes."""
    figures, how = _figures(search, found)
    size, how_counted = _size(space, found.genotype, classes) if space.has_networks else ({}, {})
    priced = search.priced
    return {
        **{key: spec[key] for key in ("method", "space", "dataset", "seed", "protocol")},
        "classes": classes,
        "genotype": found.genotype.to_json(),
        "notation": str(found.genotype),
        **size,
        **figures,
        "operations": operation_counts(found.genotype),
        **({} if priced.is_free else {"costs": priced.of(found.genotype)}),
        "cost": found.cost.to_json(),
        "stopped_by": found.stopped_by,
        "how": {
            **how_counted,
            "cost": "seconds: wall time of search steps, without validation, checkpoints and loading; a pass is one "
            f"batch, or one loss on a table; peak_memory: {found.cost.memory_kind}, bytes; saved_activations: bytes "
            "that a step keeps for its backward passes, weights not counted, the most of the epochs' first steps",
            **({} if priced.is_free else {"costs": f"of the network of the cell with {priced.network}; {UNITS}"}),
            **how,
        },
    }


def _size(space: Space, genotype: Genotype, classes: int) -> tuple[dict[str, int], dict[str, str]]:
    """What the final network has, and how that was counted."""
    final, counted = space.final, _count(space, genotype, classes)
    return {"parameters": counted.parameters, "macs": counted.macs}, {
        "parameters": f"final network, {space.in_words(final.channels, final.cells)}, {classes} classes, CIFAR "
        "stem, without auxiliary head",
        "macs": f"convolutions and linear layers of that network on one image of side {FINAL_IMAGE_SIZE}",
    }


def _count(space: Space, genotype: Genotype, classes: int) -> Count:
    """Of the final network."""
    known = space.name in SPACES and SPACES[space.name] is space
    return _count_known(space.name, space.as_large(genotype), classes) if known else _count_in(space, genotype, classes)


@lru_cache(maxsize=1000)
def _count_known(space_name: str, genotype: Genotype, classes: int) -> Count:
    """Many runs end with cells that count the same."""
    return _count_in(SPACES[space_name], genotype, classes)


def _count_in(space: Space, genotype: Genotype, classes: int) -> Count:
    return count(space.network(genotype, space.final.channels, space.final.cells, classes), FINAL_IMAGE_SIZE)


@singledispatch
def _figures(search: AnySearch, found: SearchResult) -> tuple[dict[str, Any], dict[str, str]]:
    """What this family of searches reports of its cell, and how each figure was got."""
    raise NotImplementedError(type(search))


@_figures.register
def _(search: Search, found: SearchResult) -> tuple[dict[str, Any], dict[str, str]]:
    last = found.records[-1]
    figures = {
        "valid_loss": last["valid_loss"],
        "valid_accuracy": last["valid_accuracy"],
        "images": {"weights": len(search.images.train), "alpha": len(search.images.valid)},
        "alpha": list(found.alpha),
        **({"selection": last["selection"]} if "selection" in last else {}),
    }
    return figures, {
        "genotype": search.how_found(found.records, found.stopped_by),
        "valid_loss": "supernet on alpha's part of the training set, last epoch, eval mode, no augmentation",
        "valid_accuracy": "as valid_loss; it is the supernet's, not the cell's",
    }


@_figures.register
def _(search: TableSearch, found: SearchResult) -> tuple[dict[str, Any], dict[str, str]]:
    figures = {
        "valid_loss": found.records[-1]["valid_loss"],
        "table": search.data.accuracies(found.genotype),
        "alpha": list(found.alpha),
    }
    return figures, {
        "genotype": "derived from the alpha of the last epoch; no selection over epochs",
        "valid_loss": f"validation error (a fraction) by {_teller(search.parts.table)}, after "
        f"{search.parts.table_epochs} epochs, expected at the gates that the last alpha makes",
        "table": search.data.truth.how,
        **(_charged(search.data, search.parts) if search.parts.table.charged else {}),
    }


@_figures.register
def _(search: BlackBoxSearch, found: SearchResult) -> tuple[dict[str, Any], dict[str, str]]:
    parts, trained = search.parts, "trained on the weights' part of the images"
    if isinstance(parts, TableTrials):
        trained = f"by {_teller(parts.evaluator)}"
    measure = search.evaluator.measure
    figures: dict[str, Any] = {f"trial_{measure}": found.records[-1][f"best_{measure}"]}
    accuracy = f"validation accuracy of that trial, percent, {trained}"
    score = "that trial's score by the proxy, of the untrained network on one batch"
    how = {
        "genotype": "the best of all trials; with several rungs, of those trained longest",
        f"trial_{measure}": accuracy if measure == "accuracy" else score,
    }
    if isinstance(search.dataset, TableData):
        assert isinstance(parts, TableTrials)
        how |= {**_charged(search.dataset, parts), "table": search.dataset.truth.how}
        return figures | {"table": search.dataset.accuracies(found.genotype)}, how
    return figures, how


def _teller(asked: Asked) -> str:
    """What told a search how accurate cells are."""
    tellers = {
        "noisy": "the table, one training at a time",
        "proxy": f"a proxy with a Kendall tau of {asked.proxy_tau:g} with the table",
    }
    return tellers.get(asked.oracle, "the table")


def _charged(data: TableData, parts: TableParts | TableTrials) -> dict[str, str]:
    return {"simulated_seconds": f"by the table's times, {data.seconds(int(parts.table_epochs)).of}"}
