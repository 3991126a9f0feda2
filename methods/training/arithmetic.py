"""With how many bits a network is computed: settings of searches and of evaluations. The weights stay in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from harness.core.settings import setting


@dataclass(frozen=True)
class Arithmetic:
    """How the same network is computed; the last bits depend on it, or more than those."""

    autocast: str = setting(
        "float32",
        "choice: as the paper; bfloat16 computes convolutions and products in half the width",
        choices=("float32", "bfloat16"),
    )
    tf32: bool = setting(
        False,
        "choice: as the paper; true: GPUs since Ampere read float32 factors with 10 bits of mantissa in place of 23, "
        "other devices never do",
    )

    def forward(self, network: nn.Module, images: Tensor, *others: Any) -> Any:
        """What the network returns, in the images' own type."""
        half = self.autocast == "bfloat16"
        with torch.autocast(images.device.type, torch.bfloat16) if half else nullcontext():
            out = network(images, *others)
        if isinstance(out, tuple):
            return tuple(None if y is None else y.to(images.dtype) for y in out)
        return out.to(images.dtype)

    @contextmanager
    def factors(self) -> Iterator[None]:
        """In this context, forwards and backwards read factors as `tf32` says. It holds for the whole process."""
        backends: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
        before = [backend.allow_tf32 for backend in backends]
        for backend in backends:
            backend.allow_tf32 = self.tf32
        try:
            yield
        finally:
            for backend, allowed in zip(backends, before, strict=True):
                backend.allow_tf32 = allowed
