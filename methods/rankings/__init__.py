"""Rankings: how good a sub-network of a trained supernet is. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.rankings.ranking import Ranking

RANKINGS: Registry[Ranking] = Registry(
    "rankings",
    "ranking",
    {
        "shared-weights": "methods.rankings.shared_weights:SharedWeights",
    },
    interface="methods.rankings.ranking:Ranking",
)
