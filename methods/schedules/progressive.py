"""Progressive schedules: operations are dropped as the search goes on (P-DARTS, Chen et al., ICCV 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.settings import setting
from methods.derivations.derivation import Choices, Derivation, Standing
from methods.derivations.limited_skips import LimitedSkips
from methods.schedules.alternating import Alternating
from methods.schedules.clock import Clock, Stage
from methods.schedules.schedule import KeptOperations
from spaces.space import Space


@dataclass(frozen=True)
class Progressive(Alternating):
    """P-ZARTS' schedule (ZARTS supplement 2.6): every edge loses the weaker half of its operations, three times.

    Of 7 operations that drops 3, 2 and 1, at 40, 60 and 80 % of the epochs, as the paper does; rounding half of the
    rest up is the same rule for spaces with other numbers of operations (choice). What stays keeps its weights,
    momentum and batch-norm statistics, its logits, and what the rule remembers of them (choice: the paper does not
    say). Once every edge has one operation left, alpha decides nothing and is not moved; the last operation of an edge
    is one that can be derived. The cell is then derived from the last two of every edge, as they stood when one of them
    was dropped: their probabilities are the edges' strengths, and the limit on skips may bring the other one back.
    """

    prune_from: int = setting(40, "percent of the epochs; ZARTS supplement 2.6: epoch 20 of 50", minimum=1, maximum=100)
    prune_every: int = setting(20, "percent; ZARTS supplement 2.6: again at epochs 30 and 40", minimum=1, maximum=100)
    skip_cap: int = setting(
        2,
        "ZARTS supplement 2.6, after P-DARTS: skips in the normal cell at most; 8 is no limit",
        minimum=0,
    )

    def stage(self, epoch: int, epochs: int) -> Stage:
        past = 100 * epoch - self.prune_from * epochs
        return Stage(1 + past // (self.prune_every * epochs) if past >= 0 else 0, Clock(epoch, epochs, self.warmup))

    def keep(self, at: Standing, past: Sequence[Choices], number: int) -> KeptOperations:
        return [
            strongest(at.space, row, names, -(-len(names) // 2)) for row, names in zip(at.choices, at.kept, strict=True)
        ]

    def derivation(self, chosen: Derivation) -> Derivation:
        return LimitedSkips(self.skip_cap, chosen)


def strongest(space: Space, strengths: Mapping[str, float], kept: Sequence[str], count: int) -> list[str]:
    """Of the operations of an edge the `count` strongest, in its order; the first of equals. One that is left alone can
    be derived."""
    if len(kept) < 2:
        return list(kept)
    candidates = [name for name in kept if count > 1 or space.derivable(name)]
    best = sorted(candidates, key=lambda name: -strengths[name])[:count]
    return [name for name in kept if name in best]
