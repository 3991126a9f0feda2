"""The baseline of a policy gradient: what a reward is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Carried = Mapping[str, float]
"""What a baseline carries from one update to the next; empty before the first."""


@dataclass(frozen=True)
class Baseline:
    """A moving average b of the rewards R: a step is b - (1 - decay) (b - R), and the first R makes it begin, unless it
    begins at 0."""

    decay: float
    each: str
    """What a step is taken for: every `sample`; every `update`, with the mean of its rewards; or every sample, from
    where the `epoch` before it ended."""
    begins: str
    """At `zero`, or with the first `reward`."""
    moves: str
    """Whether a reward enters it `before` it is compared with it, or `after`."""

    def compared(self, rewards: Sequence[float], carried: Carried, epoch: int) -> tuple[list[float], dict[str, float]]:
        """The advantages R - b of the rewards of an update in an epoch, and what is carried on."""
        begun = carried.get("baseline", 0.0 if self.begins == "zero" else None)
        if self.each == "sample":
            return self._by_sample(rewards, begun)
        if self.each == "update":
            after = self._moved(begun, sum(rewards) / len(rewards))
            return [self._advantage(reward, begun, after) for reward in rewards], {"baseline": after}
        return self._by_epoch(rewards, carried["newest"] if carried.get("epoch", epoch) != epoch else begun, epoch)

    def _by_sample(self, rewards: Sequence[float], before: float | None) -> tuple[list[float], dict[str, float]]:
        advantages = []
        for reward in rewards:
            after = self._moved(before, reward)
            advantages.append(self._advantage(reward, before, after))
            before = after
        return advantages, {"baseline": after}

    def _by_epoch(
        self, rewards: Sequence[float], begun: float | None, epoch: int
    ) -> tuple[list[float], dict[str, float]]:
        after = [self._moved(begun, reward) for reward in rewards]
        advantages = [self._advantage(reward, begun, own) for reward, own in zip(rewards, after, strict=True)]
        kept = {} if begun is None else {"baseline": begun}
        return advantages, {**kept, "newest": after[-1], "epoch": epoch}

    def _moved(self, baseline: float | None, reward: float) -> float:
        return reward if baseline is None else baseline - (1 - self.decay) * (baseline - reward)

    def _advantage(self, reward: float, before: float | None, after: float) -> float:
        return reward - (after if self.moves == "before" or before is None else before)
