"""The plain schedule, which alternates steps of the weights and of alpha."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.settings import setting
from methods.schedules.schedule import Schedule


@dataclass(frozen=True)
class Alternating(Schedule):
    """alpha moves every `cadence` weight steps, from epoch `warmup` on, before or after the weight step; the supernet
    stays what it is."""

    warmup: int = setting(0, "ZARTS: 10, train_search.py:337 (code only); DARTS: none", minimum=0)
    cadence: int = setting(
        1,
        "DARTS: every step; ZARTS: 10, train_search.py:337,353, not tied to M (choice: published costs grow with M)",
        minimum=1,
    )
    order: str = setting(
        "alpha-first",
        "alpha-first: DARTS, ZARTS; weights-first: DARTS-V1 on NAS-Bench-201 (DARTS-V1.py:52-73)",
        choices=("alpha-first", "weights-first"),
    )
