"""Tables of what operations cost on a device, edge by edge. `harness measure latency` writes such a file, and so may
anyone.

    {"format": 1,
     "space": "nasbench201",
     "network": {"channels": 16, "cells": 5, "stem": "cifar", "image_size": 32},
     "costs": {"latency": {"unit": "ms", "around": 0.9, "edges": [
         {"cell": "cell", "source": 0, "target": 1, "operations": {"none": 0.0, "skip_connect": 0.01, ...}}, ...]}},
     "measured": {...}}

A cost is named `latency` or `energy`, or NAME_latency and NAME_energy, and is in ms or mJ, of as many images as the
file is about. What an operation of an edge costs is that of all cells of its kind in the network together; `around` is
what lies around the cells: stem, what adapts inputs, head. A network's cost is their sum. `network`, the size of the
networks that the numbers are of, may be left out, and is then not looked at; so may `measured`, how they were got.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError, quoted
from harness.core.files import make_folder, read_shaped, write_json
from harness.core.shapes import COSTS
from harness.tables.nasbench201 import default_path as table_path

FORMAT = 1
UNITS = {"latency": "ms", "energy": "mJ"}
NAME = re.compile(rf"(?:[a-z]\w*_)?({'|'.join(UNITS)})")
"""Of a cost, ending with its kind."""
Place = tuple[str, int, int]
"""An edge: the kind of its cell, its source and its target."""


@dataclass(frozen=True)
class EdgeCosts:
    """One kind of cost."""

    around: float
    edges: Mapping[Place, Mapping[str, float]]


@dataclass(frozen=True)
class CostTable:
    """A table that was read, or is to be written."""

    space: str
    network: Mapping[str, Any] | None
    costs: Mapping[str, EdgeCosts]
    measured: Mapping[str, Any] | None = None

    def save(self, path: Path) -> None:
        """Writes the file, whole or not at all. Raises HarnessError."""
        make_folder(path.parent)
        costs = {
            name: {
                "unit": UNITS[_kind(name)],
                "around": own.around,
                "edges": [
                    {"cell": cell, "source": source, "target": target, "operations": dict(operations)}
                    for (cell, source, target), operations in own.edges.items()
                ],
            }
            for name, own in self.costs.items()
        }
        optional = {"network": self.network, "measured": self.measured}
        kept = {key: value for key, value in optional.items() if value is not None}
        write_json(path, {"format": FORMAT, "space": self.space, "costs": costs, **kept})


def cached(space: str) -> Path:
    """Where the latencies of a space are kept unless told otherwise: beside NAS-Bench-201's table."""
    return table_path().parent / "costs" / f"latency-{space}.json"


def read(path: Path) -> CostTable:
    """The table in a file. Raises HarnessError, naming what is wrong, for any other, for another unit, and for a cost
    that is negative or no finite number."""
    if not path.is_file():
        raise HarnessError(f"there is no table of costs {path}; `harness measure latency --space SPACE` makes one.")
    content = read_shaped(path, COSTS)
    if content["format"] != FORMAT:
        raise HarnessError(f"{path} has the format {quoted(content['format'])}, and this version reads {FORMAT}.")
    costs = {}
    for name, own in content["costs"].items():
        if not NAME.fullmatch(name):
            raise HarnessError(f"{path}: {quoted(name)} is no name of a cost; give latency, energy, or NAME_latency.")
        if own["unit"] != (unit := UNITS[_kind(name)]):
            raise HarnessError(f"{path}: {name} is in {quoted(own['unit'])}, and must be in {unit}.")
        edges = {(e["cell"], e["source"], e["target"]): e["operations"] for e in own["edges"]}
        if len(edges) < len(own["edges"]):
            raise HarnessError(f"{path}: an edge is there twice in {name}.")
        _check(path, f"{name} around the cells", own["around"])
        for edge, operations in edges.items():
            for operation, value in operations.items():
                _check(path, f"{name} of {operation} on {in_words(edge)}", value)
        costs[name] = EdgeCosts(own["around"], edges)
    return CostTable(content["space"], content.get("network"), costs, content.get("measured"))


def digest(path: Path) -> str:
    """Of what a file says."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}.") from None


def cache_digest() -> dict[str, str]:
    """Of the tables that are taken where none is named, by their files."""
    return {path.name: digest(path) for path in sorted(cached("").parent.glob("*.json"))}


def in_words(edge: Place) -> str:
    cell, source, target = edge
    return f"the edge from {source} to {target} of the {cell} cell"


def _kind(name: str) -> str:
    return name.rpartition("_")[2]


def _check(path: Path, what: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise HarnessError(f"{path}: {what} is {value:g}; a cost is a finite number, 0 or more.")
