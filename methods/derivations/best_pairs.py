"""The derivation of GDAS, SETN and PR-DARTS: the best pairs of an edge and an operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.genotype import Genotype
from methods.derivations.derivation import Derivation, Ranking
from methods.derivations.nodes import INPUTS_OF_NODE, Offer, Offers, assembled, has_free_inputs, strongest


@dataclass(frozen=True)
class BestPairs(Derivation):
    """Per node the two strongest operations of all its edges; both may lie on one edge (AutoDL-Projects
    search_model_gdas_nasnet.py:128-160). Cells whose every edge has one operation, as NAS-Bench-201's, have the
    strongest of each (choice)."""

    def derive(self, at: Ranking) -> Genotype:
        return assembled(at, _chosen) if has_free_inputs(at.space) else at.space.derive(at.strengths)


def _chosen(offers: Offers) -> Sequence[Offer]:
    return strongest([offer for offered in offers for offer in offered], INPUTS_OF_NODE)
