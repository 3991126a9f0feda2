"""Lookaheads: what stands for w*(alpha), the weights that the validation loss of an alpha is taken at. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.lookaheads.lookahead import Lookahead

LOOKAHEADS: Registry[Lookahead] = Registry(
    "lookaheads",
    "lookahead",
    {
        "first-order": "methods.lookaheads.first_order:FirstOrder",
        "averaged": "methods.lookaheads.averaged:Averaged",
        "unrolled": "methods.lookaheads.unrolled:Unrolled",
        "amended": "methods.lookaheads.amended:Amended",
        "reinforce": "methods.lookaheads.reinforce:Reinforce",
        "fine-tuned": "methods.lookaheads.fine_tuned:FineTuned",
    },
    interface="methods.lookaheads.lookahead:Lookahead",
)
