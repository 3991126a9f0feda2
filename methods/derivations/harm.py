"""What a supernet loses without one of its operations: DARTS-PT's measure of strength (Wang et al., ICLR 2021)."""

from __future__ import annotations

from torch import Tensor

from methods.derivations.derivation import Standing

MEASURES = ("accuracy", "loss")
MEASURED_BY = "DARTS-PT projection.py: the supernet's validation accuracy; loss: the other choice there"


def harm(at: Standing, gates: Tensor, row: int, column: int, measure: str) -> float:
    """How bad the supernet is on alpha's images with these gates (rows, widest), one of them set to 0."""
    without = gates.clone()
    without[row, column] = 0.0
    loss, accuracy = at.measure(without)
    return -accuracy if measure == "accuracy" else loss
