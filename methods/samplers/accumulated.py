"""ROME's gradient accumulation: several sampled sub-networks in each weight step."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.settings import setting
from methods.samplers.sampler import Sampler


@dataclass(frozen=True)
class Accumulated(Sampler):
    """Several passes at gates that alpha has, each with samples of its own, and one step of SGD on the sum of their
    gradients (ROME, Wang et al., ICCV 2023, Algorithm 1). The sum is clipped as one gradient. With gates that are not
    sampled all passes are equal."""

    subnetworks: int = setting(7, "ROME, section 4.1: K; 3 on ImageNet", minimum=1)

    @property
    def passes(self) -> int:
        return self.subnetworks
