"""A plugin with a table that is not built in, and a space that is searched on it: 3 edges x 4 operations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.tables.ground_truth import Seconds
from spaces.cells import Edge
from spaces.nasbench201.space import NasBench201Space
from spaces.space import Final

NAMES = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
CELL = (Edge(0, 1, NAMES), Edge(0, 2, NAMES), Edge(1, 2, NAMES))
WORTH = np.array([0.0, 3.0, 5.0, 9.0])


class Tiny:
    """Accuracies by a formula: the last operation is the best on every edge."""

    title = "Tiny"
    summary = "64 cells by a formula"
    datasets: Mapping[str, int] = {"made": 7}
    epochs = (3, 9)
    how = "Tiny's, percent: by a formula"
    fingerprint = "tiny 1"
    provenance: Mapping[str, str] = {"source": "a formula"}

    def open(self) -> Tiny:
        return self

    def validation(self, dataset, epochs):
        worth = WORTH[:, None, None] + 2 * WORTH[:, None] + WORTH
        return 50 + worth + epochs / 10

    def seconds(self, dataset, epochs) -> Seconds:
        return Seconds(np.full((4, 4, 4), 100.0 * epochs), "training")

    def accuracies(self, genotype):
        code = tuple(NAMES.index(operation) for operation, _ in genotype["tiny"].edges)
        valid = float(self.validation("made", 9)[code])
        return {"made": {"valid": valid, "test": valid - 1}}


def space(edges: tuple[Edge, ...], name: str = "tiny-table") -> NasBench201Space:
    """Cells of these edges, searched on the table."""
    return NasBench201Space(name, "64 cells", "this file", {"tiny": edges}, Final(4, 1, per_stage=True), table="tiny")


TABLES = {"tiny": Tiny}
SPACES = {"tiny-table": space(CELL)}
