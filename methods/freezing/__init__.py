"""Freezings: whose weights a search stops training before its end. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.freezing.freezing import Freezing

FREEZINGS: Registry[Freezing] = Registry(
    "freezings",
    "freezing",
    {
        "none": "methods.freezing.freezing:Trained",
        "diverging-gradients": "methods.freezing.diverging_gradients:DivergingGradients",
    },
    interface="methods.freezing.freezing:Freezing",
)
