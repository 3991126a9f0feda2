"""DrNAS' regulariser: a pull to the uniform Dirichlet distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from harness.core.errors import HarnessError
from harness.core.settings import setting
from methods.objectives.objective import Objective, Point
from methods.relaxations.relaxation import Relaxation, within
from spaces.space import Space


@runtime_checkable
class Concentrated(Protocol):
    """A relaxation whose gates have a Dirichlet distribution."""

    def concentration(self, alpha: Tensor, space: Space) -> Tensor:
        """Its parameters (rows, widest)."""
        ...


@dataclass(frozen=True)
class DirichletKL(Objective):
    """weight * sum over the edges of KL(Dirichlet(b) || Dirichlet(1)), b the concentration of the gates (DrNAS, Chen et
    al., ICLR 2021; xiangning-chen/DrNAS, `reg_type` kl)."""

    kl_weight: float = setting(1e-3, "DrNAS: reg_scale", minimum=0)

    def check(self, relaxation: Relaxation) -> None:
        if not isinstance(relaxation, Concentrated):
            raise HarnessError(
                "the dirichlet-kl objective needs gates with a Dirichlet distribution, which "
                f"{type(relaxation).__name__} does not make; the dirichlet relaxation does."
            )

    def term(self, at: Point) -> Tensor:
        self.check(at.relaxation)
        assert isinstance(at.relaxation, Concentrated)
        concentration, widths = at.relaxation.concentration(at.alpha, at.space), at.space.widths
        total = concentration.sum(dim=1)
        own = concentration.where(within(widths, total.device), 1.0)  # of which the terms below are 0
        sizes = torch.tensor(widths, device=total.device).to(total)
        normalisers = total.lgamma() - own.lgamma().sum(dim=1) - sizes.lgamma()
        pull = ((own - 1) * (own.digamma() - total.digamma()[:, None])).sum(dim=1)
        return self.kl_weight * (normalisers + pull).sum()
