"""Objectives: what is added to the cross-entropy in alpha's loss. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.objectives.objective import Objective

OBJECTIVES: Registry[Objective] = Registry(
    "objectives",
    "objective",
    {
        "none": "methods.objectives.objective:CrossEntropy",
        "zero-one": "methods.objectives.zero_one:ZeroOne",
        "beta-decay": "methods.objectives.beta_decay:BetaDecay",
        "resource": "methods.objectives.resource:Resource",
        "path-depth": "methods.objectives.path_depth:PathDepth",
        "dirichlet-kl": "methods.objectives.dirichlet_kl:DirichletKL",
    },
    interface="methods.objectives.objective:Objective",
)
