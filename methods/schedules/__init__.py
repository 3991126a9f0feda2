"""Schedules: what happens when: warm-up, the cadence of alpha's updates, stages with fewer operations. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.schedules.schedule import Schedule

SCHEDULES: Registry[Schedule] = Registry(
    "schedules",
    "schedule",
    {
        "alternating": "methods.schedules.alternating:Alternating",
        "single-level": "methods.schedules.single_level:SingleLevel",
        "after-epochs": "methods.schedules.after_epochs:AfterEpochs",
        "warmed": "methods.schedules.warmed:Warmed",
        "progressive": "methods.schedules.progressive:Progressive",
        "greedy": "methods.schedules.greedy:Greedy",
        "projected": "methods.schedules.projected:Projected",
        "two-halves": "methods.schedules.two_halves:TwoHalves",
        "staged": "methods.schedules.staged:Staged",
        "weights-only": "methods.schedules.weights_only:WeightsOnly",
    },
    interface="methods.schedules.schedule:Schedule",
)
