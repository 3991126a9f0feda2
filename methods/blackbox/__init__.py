"""Black-box methods: a strategy proposes genotypes, an evaluator says how accurate each is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.blackbox.strategy import Strategy

STRATEGIES: Registry[Strategy] = Registry(
    "strategies",
    "strategy",
    {
        "random": "methods.blackbox.random:Random",
        "evolution": "methods.blackbox.evolution:Evolution",
        "reinforce": "methods.blackbox.reinforce:Reinforce",
        "hyperband": "methods.blackbox.hyperband:Hyperband",
        "bohb": "methods.blackbox.hyperband:BOHB",
        "pnas": "methods.blackbox.pnas:Pnas",
        "bananas": "methods.blackbox.guided:Bananas",
        "npenas": "methods.blackbox.guided:Npenas",
        "local-search": "methods.blackbox.local_search:LocalSearch",
    },
    interface="methods.blackbox.strategy:Strategy",
)
