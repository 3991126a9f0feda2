"""SGAS' schedule: one edge after the other is decided, the one that is readiest (Li et al., CVPR 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.core.settings import setting
from methods.derivations.derivation import Choices, Standing
from methods.schedules.clock import Clock, Stage
from methods.schedules.criteria import scores, selection
from methods.schedules.deciding import Deciding, Node
from methods.schedules.schedule import KeptOperations


@dataclass(frozen=True)
class Greedy(Deciding):
    """After epochs 9, 14, ... of 50, counted from 0, the undecided edge of each kind of cell with the highest score
    gets its strongest operation for good, and once a node has its two inputs, its other edges go (lightaime/sgas
    cnn/train_search.py:112-141,194-196). The batches of both halves grow with every decision.

    What is decided has no logits left to be moved by Adam's weight decay. Cells whose every edge has an operation, as
    NAS-Bench-201's, lose no edges. Edges keep, in the scores, the strengths that they were decided by."""

    remembers: ClassVar[int] = 5
    decide_from: int = setting(20, "percent of the epochs; SGAS: when epoch 10 of 50 begins", minimum=1, maximum=100)
    decide_every: int = setting(10, "percent; SGAS: every 5 epochs", minimum=1, maximum=100)
    criterion: str = setting(
        "1", "SGAS, section 3.2; 1: importance and certainty, 2: and stability over 4 epochs", choices=("1", "2")
    )
    batch_growth: int = setting(8, "SGAS cnn/train_search.py:258-273: images a decision", minimum=0)

    def stage(self, epoch: int, epochs: int) -> Stage:
        past = 100 * epoch - self.decide_from * epochs
        return Stage(1 + past // (self.decide_every * epochs) if past >= 0 else 0, Clock(epoch, epochs, self.warmup))

    def larger(self, number: int) -> int:
        return number * self.batch_growth

    def decide(self, at: Standing, past: Sequence[Choices], nodes: Sequence[Node], kept: KeptOperations) -> None:
        rows = [row for node in nodes for row in node.rows]
        undecided = [row for row in rows if len(kept[row]) > 1]
        if not undecided:
            return
        of_kind = [[epoch[row] for row in rows] for epoch in (at.choices, *past[:-1])]
        score = dict(zip(rows, scores(of_kind[0], of_kind[1:], at.whole, self.criterion == "2"), strict=True))
        row = max(undecided, key=lambda row: score[row])
        q = selection(at.choices[row], at.whole)
        kept[row] = [max(q, key=lambda name: q[name])]
        for node in nodes:
            if sum(len(kept[other]) == 1 for other in node.rows) >= node.inputs:
                for other in node.rows:
                    kept[other] = kept[other] if len(kept[other]) == 1 else []
