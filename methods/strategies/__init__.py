"""Strategies: which genotype is tried next, given all that were tried so far. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.strategies.strategy import Strategy

STRATEGIES: Registry[Strategy] = Registry(
    "strategies",
    "strategy",
    {
        "random": "methods.strategies.random:Random",
        "evolution": "methods.strategies.evolution:Evolution",
        "reinforce": "methods.strategies.reinforce:Reinforce",
        "hyperband": "methods.strategies.hyperband:Hyperband",
        "bohb": "methods.strategies.hyperband:BOHB",
        "pnas": "methods.strategies.pnas:Pnas",
        "bananas": "methods.strategies.guided:Bananas",
        "npenas": "methods.strategies.guided:Npenas",
        "sets": "methods.strategies.sets:Sets",
        "genetic": "methods.strategies.genetic:Genetic",
        "most-probable": "methods.strategies.most_probable:MostProbable",
        "samples": "methods.strategies.samples:Samples",
        "local-search": "methods.strategies.local_search:LocalSearch",
    },
    interface="methods.strategies.strategy:Strategy",
)
