"""The rules: how alpha moves, given an oracle. One file each; a rule never sees a supernet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.rules.rule import Rule

RULES: Registry[Rule] = Registry(
    "rules",
    "rule",
    {
        "adam": "methods.rules.adam:Adam",
        "random-search": "methods.rules.random_search:RandomSearch",
        "mgs": "methods.rules.mgs:MGS",
        "gld": "methods.rules.gld:GLD",
        "cma": "methods.rules.cma:CMA",
        "spsa": "methods.rules.spsa:SPSA",
        "nes": "methods.rules.nes:NES",
        "guided-es": "methods.rules.guided_es:GuidedES",
        "two-point": "methods.rules.two_point:TwoPoint",
        "zo-sign": "methods.rules.zo_sign:ZOSign",
        "zo-adam": "methods.rules.zo_adam:ZOAdam",
        "annealing": "methods.rules.annealing:Annealing",
        "none": "methods.rules.none:NoRule",
    },
    interface="methods.rules.rule:Rule",
)
