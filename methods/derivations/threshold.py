"""FairDARTS' derivation: what exceeds a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.genotype import Genotype
from harness.core.settings import setting
from methods.derivations.derivation import Derivation, Standing
from methods.derivations.nodes import INPUTS_OF_NODE, Offer, Offers, assembled, has_free_inputs, strongest


@dataclass(frozen=True)
class Threshold(Derivation):
    """Per node the two edges whose best operation is strongest, each if that strength reaches the threshold: a node has
    none, one or two inputs (FairDARTS utils.py:161-189, `threshold_sparse`). Cells whose every edge has an operation,
    as NAS-Bench-201's, have the strongest of each (choice)."""

    threshold: float = setting(0.85, "FairDARTS utils.py:161-189", minimum=0, maximum=1)

    def derive(self, at: Standing) -> Genotype:
        return assembled(at, self._chosen) if has_free_inputs(at.space) else at.space.derive(at.strengths)

    def _chosen(self, offers: Offers) -> Sequence[Offer]:
        best = [strongest(offered, 1)[0] for offered in offers if offered]
        return [offer for offer in strongest(best, INPUTS_OF_NODE) if offer.strength >= self.threshold]
