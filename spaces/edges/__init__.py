"""Edges: what a mixed edge computes of a state, given the gates of its operations. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from spaces.edges.edge import EdgePart

EDGES: Registry[EdgePart] = Registry(
    "edges",
    "edge",
    {
        "sum": "spaces.edges.sum:SumEdge",
        "dropped-skips": "spaces.edges.dropped_skips:DroppedSkipsEdge",
        "dropped-paths": "spaces.edges.dropped_paths:DroppedPathsEdge",
        "auxiliary-skip": "spaces.edges.auxiliary_skip:AuxiliarySkipEdge",
        "partial-channels": "spaces.edges.partial_channels:PartialChannelsEdge",
        "widened": "spaces.edges.partial_channels:WidenedEdge",
        "sparse": "spaces.edges.sparse:SparseEdge",
        "single-path": "spaces.edges.single_path:SinglePathEdge",
        "merged": "spaces.edges.merged:MergedEdge",
    },
    interface="spaces.edges.edge:EdgePart",
)
