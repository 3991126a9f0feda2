"""SNAS' derivation: every edge decides for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.genotype import Genotype
from methods.derivations.derivation import Derivation, Standing
from methods.derivations.nodes import Offer, Offers, assembled, has_free_inputs, strongest


@dataclass(frozen=True)
class EveryEdge(Derivation):
    """Every edge has its strongest operation, and is left out where that is `none`: a node has any number of inputs,
    all or none (SNAS, Xie et al., ICLR 2019; SNAS-Series SNAS/model_search.py:726-756, "edge_all"). The first of equals
    counts as the strongest, `none` too. Cells whose every edge has an operation, as NAS-Bench-201's, have `none` as any
    other."""

    def derive(self, at: Standing) -> Genotype:
        return assembled(at, _chosen, lambda name: True) if has_free_inputs(at.space) else at.space.derive(at.strengths)


def _chosen(offers: Offers) -> Sequence[Offer]:
    return [strongest(offered, 1)[0] for offered in offers if offered]
