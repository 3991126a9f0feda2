"""ROME's relaxation: operations are sampled, and so are the edges that enter a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.derivations.nodes import INPUTS_OF_NODE
from methods.relaxations.gumbel import Gumbel, perturbed
from methods.relaxations.inputs import Options, options_of
from methods.relaxations.relaxation import NOTHING, rows_of
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class RomeV2(Gumbel):
    """One operation per edge and two edges per node, sampled (ROME, Wang et al., ICCV 2023, version 2).

    A gate is A x B. A is GDAS's one-hot choice of an operation. B is 1 at the two largest of beta + G among the edges
    that enter a node, two samples of softmax(beta) without replacement, and 0 at the others, with the gradient of
    softmax((beta + G) / temperature). What is not sampled has gate 0 and no output: alpha learns from the sampled
    operations alone, and beta of the other edges through the softmax. Goes with the sparse edge.

    alpha is the logits of all operations and then beta, node by node. Operations that cannot be derived, `none` on
    DARTS' spaces, are not sampled (choice; the paper's space has none). Cells whose every edge has an operation, as
    NAS-Bench-201's, have B = 1 and no beta (choice).
    """

    together: ClassVar[int] = 1
    """How many edges one logit of beta chooses."""
    temperature: float = setting(10.0, "GDAS (choice): ROME says that it falls gradually", minimum=1e-6)
    temperature_end: float = setting(0.1, "GDAS (choice); linear from the first epoch to the last", minimum=1e-6)

    def size(self, space: Space) -> int:
        return space.dimension + sum(options_of(space, self.together, torch.device("cpu")).widths)

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        of_operations, beta, options = self._parted(alpha, space)
        chosen = super().gates(of_operations, space, clock, draw, memory)
        if not options.widths:
            return chosen
        noisy = rows_of(perturbed(beta, draw), options.widths)
        soft = (noisy / self.temperature_at(clock)).softmax(dim=1)
        sampled = torch.zeros_like(soft).scatter_(1, noisy.topk(self._count(options)).indices, 1.0)
        of_edges = options.to_edges(sampled + (soft - soft.detach()), len(space.edges))
        return chosen * of_edges[:, None]

    def strengths(self, alpha: Tensor, space: Space, memory: Mapping[str, Tensor] = NOTHING) -> Tensor:
        """An operation is as strong as its edge, times its probability over that of the edge's most probable one. So
        the strongest edges of a node are its best by beta, whatever their operations. An edge's strength is the mean of
        its share in softmax(beta) and of 1 where it is of the best, 0 where not: a pair of edges, each of them in no
        other pair that is strong, stays together."""
        of_operations, beta, options = self._parted(alpha, space)
        probabilities = super().strengths(of_operations, space, memory)
        relative = probabilities / probabilities.max(dim=1, keepdim=True).values
        if not options.widths:
            return relative
        rows = rows_of(beta, options.widths)
        order = rows.sort(dim=1, descending=True, stable=True).indices  # of equals the first, as topk need not do
        best = torch.zeros_like(rows).scatter_(1, order[:, : self._count(options)], 1.0)
        of_edges = options.to_edges((rows.softmax(dim=1) + best) / 2, len(space.edges))
        return relative * of_edges[:, None]

    def _count(self, options: Options) -> int:
        """How many options a node takes."""
        return min(INPUTS_OF_NODE // self.together, max(options.widths))

    def _parted(self, alpha: Tensor, space: Space) -> tuple[Tensor, Tensor, Options]:
        """The logits of the operations (dimension,), -inf where one cannot be derived; beta; and what beta chooses."""
        of_operations, beta = alpha.split([space.dimension, len(alpha) - space.dimension])
        never = tuple(not space.derivable(name) for edge in space.edges for name in edge.operations)
        if any(never):
            of_operations = of_operations.masked_fill(_mask(never, alpha.device), -torch.inf)
        return of_operations, beta, options_of(space, self.together, alpha.device)


@dataclass(frozen=True)
class RomeV1(RomeV2):
    """The same with one logit per pair of edges that enter a node, of which one is sampled (ROME, version 1): B of an
    edge is the sum of the gates of the pairs that it is in."""

    together: ClassVar[int] = INPUTS_OF_NODE


@lru_cache
def _mask(values: tuple[bool, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, device=device)
