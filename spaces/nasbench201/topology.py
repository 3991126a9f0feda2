"""The states and edges of NAS-Bench-201's cell, and the size of its supernet."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.genotype import NB201_OPERATIONS
from harness.core.settings import setting
from spaces.cells import Edge

STATES = 4
EDGES = tuple(Edge(source, target, NB201_OPERATIONS) for target in range(1, STATES) for source in range(target))


@dataclass(frozen=True)
class NasBench201Macro:
    """The size of the supernet: three stages of `cells` cells each."""

    channels: int = setting(16, "NAS-Bench-201, section 2.1", minimum=1)
    cells: int = setting(5, "NAS-Bench-201, section 2.1", minimum=1)
