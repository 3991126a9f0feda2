"""ProxylessNAS' relaxation: one of two sampled operations runs, and alpha learns of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from harness.core.settings import setting
from methods.relaxations.gumbel import one_hot, perturbed
from methods.relaxations.relaxation import NOTHING, Relaxation, rows_of, within
from methods.schedules.clock import Clock
from spaces.space import Space


@dataclass(frozen=True)
class BinaryGates(Relaxation):
    """Of every edge two operations are sampled without replacement, with the probabilities of softmax(alpha); one of
    them is active, with its share q of what the two have (ProxylessNAS, Cai et al., ICLR 2019, section 3.2.2;
    search/modules/mix_op.py). The gates are 1 at the active operation and 0 elsewhere, with the gradient of q at the
    two. With the gradient in a gate, <o(x), dL/dy>, that of alpha is the published one: dL/dalpha_i is the sum over the
    two of dL/dg_j q_j (delta_ij - q_i).

    The gate of an operation that rests but is learnt of is the smallest positive number: added to the output it changes
    nothing, and a sparse edge runs the operation. The weights are trained with one path: see the sampler `sampled`.

    Once a rule has moved alpha, the two are shifted alike, so that their total probability is what it was: an edge's
    other operations neither gain nor lose. What has moved is seen from alpha: with Adam's beta1 and decay at 0 nothing
    else has.

    An active `none` teaches as any other operation does (choice). In the released code a block whose Zero is active is
    left out, so that its gates have no gradient, and it learns nothing.
    """

    gated_paths: str = setting(
        "two",
        "ProxylessNAS, section 3.2.2, mode `two`; all: mode `full_v2`, the default of imagenet_arch_search.py",
        choices=("two", "all"),
    )

    def gates(
        self, alpha: Tensor, space: Space, clock: Clock, draw: Generator, memory: Mapping[str, Tensor] = NOTHING
    ) -> Tensor:
        logits, widths = rows_of(alpha, space.widths), space.widths
        first, second = (rows_of(perturbed(alpha.detach(), draw), widths) for _ in range(2))
        offered = within(widths, alpha.device)
        if self.gated_paths == "two":  # the largest of what is perturbed are a sample without replacement
            best = first.topk(min(2, max(widths)), dim=1).indices
            offered = offered & torch.zeros_like(offered).scatter_(1, best, True)
        share = logits.masked_fill(~offered, -torch.inf).softmax(dim=1)
        active = one_hot(second.masked_fill(~offered, -torch.inf))
        resting = offered * (1 - active) * torch.finfo(alpha.dtype).tiny
        return active + resting + (share - share.detach())

    def moved(self, before: Tensor, after: Tensor, space: Space) -> Tensor:
        old, new = (rows_of(alpha, space.widths) for alpha in (before, after))
        changed = (old != new) & within(space.widths, before.device)
        masses = (logits.masked_fill(~changed, -torch.inf).logsumexp(dim=1, keepdim=True) for logits in (new, old))
        gained = next(masses) - next(masses)
        return torch.where(changed, new - gained, new)[within(space.widths, before.device)]
