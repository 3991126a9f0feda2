"""The sampler of one-shot methods: uniformly random sub-networks, whatever alpha is."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator, Tensor

from harness.core.errors import HarnessError
from harness.core.settings import setting
from methods.samplers.sampler import Position, Sampler
from methods.strategies.strategy import pick, uniform
from spaces.paths import IMAGE_SIZE, path_gates, path_macs
from spaces.space import Space

MILLION = 1_000_000
TRIES = 500
"""Draws for a genotype in a bin, before one is taken wherever it lies (SPOS Supernet/train.py:65-82)."""


@dataclass(frozen=True)
class Uniform(Sampler):
    """A uniformly random genotype a step: an operation on every edge on NAS-Bench-201, two inputs of every node and an
    operation on each in the DARTS family. What a genotype does not have does not run: goes with an edge that runs what
    has a gate.

    With `path_macs_to`, a bin of final networks' multiply-accumulates is drawn first, all bins alike, then genotypes
    until one lies in it (SPOS)."""

    untrained: str = setting(
        "spared",
        "spared: RSPS darts_wrapper_discrete.py and SPOS train.py take the gradients of what did not run for absent; "
        "decayed: AutoDL-Projects RANDOM-NAS.py and SETN.py for zero, so that decay and momentum act on it",
        choices=("spared", "decayed"),
    )
    sample_none: bool = setting(
        False, "RSPS supplement A.4: true, in the search and in the cell, where it leaves an edge out; others: without"
    )
    path_macs_from: float = setting(0.0, "millions; SPOS Supernet/train.py: 290 (on ImageNet)", minimum=0)
    path_macs_to: float = setting(0.0, "0: no limit (choice: SPOS Supernet/train.py: 360, on ImageNet)", minimum=0)
    path_macs_step: float = setting(10.0, "of a bin; SPOS Supernet/train.py", minimum=1e-3)

    @property
    def spares_others(self) -> bool:
        return self.untrained == "spared"

    def candidates(self, space: Space) -> Space:
        return space.with_none() if self.sample_none else space

    def check(self, space: Space, classes: int) -> None:
        if not self.path_macs_to:
            return
        least, most = path_macs(space, classes).least_and_most(self.candidates(space))
        if self.path_macs_from >= self.path_macs_to:
            raise HarnessError(
                f"path_macs_from={self.path_macs_from:g} must be below path_macs_to={self.path_macs_to:g}."
            )
        if self.path_macs_to * MILLION < least or self.path_macs_from * MILLION > most:
            raise HarnessError(
                f"no network of {space.name} has {self.path_macs_from:g} to {self.path_macs_to:g} million "
                f"multiply-accumulates on images of side {IMAGE_SIZE}; they have {least / MILLION:.1f} to "
                f"{most / MILLION:.1f} million. Set path_macs_from and path_macs_to among these."
            )

    def gates(self, number: int, at: Position, draw: Generator) -> Tensor:
        space = self.candidates(at.space)
        gates = path_gates(space, uniform(space.choices, draw))
        if self.path_macs_to:
            gates = self._in_a_bin(gates, space, at.classes, draw)
        return gates.to(at.alpha.device)

    def _in_a_bin(self, drawn: Tensor, space: Space, classes: int, draw: Generator) -> Tensor:
        """`drawn`, if it lies in the bin, else the next that does."""
        macs, bins = path_macs(space, classes), self._bins()
        low, high = bins[pick(draw, len(bins))]
        for _ in range(TRIES):
            if low <= macs(drawn) / MILLION <= high:
                break
            drawn = path_gates(space, uniform(space.choices, draw))
        return drawn

    def _bins(self) -> list[tuple[float, float]]:
        """The last of them ends with `path_macs_to`."""
        bins, low = [], self.path_macs_from
        while low < self.path_macs_to:
            bins.append((low, min(low + self.path_macs_step, self.path_macs_to)))
            low += self.path_macs_step
        return bins
