"""Derivations: which genotype a search has found, given where it stands. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.derivations.derivation import Derivation

DERIVATIONS: Registry[Derivation] = Registry(
    "derivations",
    "derivation",
    {
        "space": "methods.derivations.derivation:OfSpace",
        "limited-skips": "methods.derivations.limited_skips:LimitedSkips",
        "threshold": "methods.derivations.threshold:Threshold",
        "every-edge": "methods.derivations.every_edge:EveryEdge",
        "best-pairs": "methods.derivations.best_pairs:BestPairs",
        "perturbation": "methods.derivations.by_perturbation:ByPerturbation",
    },
    interface="methods.derivations.derivation:Derivation",
)
