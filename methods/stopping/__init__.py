"""Stopping rules: when a search ends before its last epoch, and which epoch's cell it then has found. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.stopping.stopping import Stopping

STOPPINGS: Registry[Stopping] = Registry(
    "stoppings",
    "stopping rule",
    {
        "never": "methods.stopping.stopping:Never",
        "adaptive-regularisation": "methods.stopping.adaptive_regularisation:AdaptiveRegularisation",
        "rising-curvature": "methods.stopping.rising_curvature:RisingCurvature",
        "all-frozen": "methods.stopping.all_frozen:AllFrozen",
    },
    interface="methods.stopping.stopping:Stopping",
)
