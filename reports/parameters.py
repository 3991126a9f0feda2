"""The parameters of a DARTS network as a formula of its genotype: a record needs no network to be counted.

The numbers are those that `spaces.counting` counts on the network itself (DARTS model.py); a test holds them equal, and
to the published integers.
"""

from __future__ import annotations

from functools import lru_cache

from harness.core.errors import HarnessError
from harness.core.genotype import AND_SKIP, parse

KERNELS = {"sep_conv_3x3": (2, 3), "sep_conv_5x5": (2, 5), "dil_conv_3x3": (1, 3), "dil_conv_5x5": (1, 5)}
"""How many depthwise-separable blocks an operation has, and of which kernel."""
STEM = 3


@lru_cache(maxsize=65536)
def parameters(notation: str, channels: int, cells: int, classes: int) -> int | None:
    """Of the network for CIFAR, without auxiliary head; None for a genotype of another family or one that is none, and
    for one that makes no network of so many cells."""
    try:
        genotype = parse(notation)
    except HarnessError:
        return None
    if genotype.family != "darts" or (genotype.kinds == ("reduce",) and cells != 1):
        return None
    width, before, previous = channels, STEM * channels, STEM * channels
    total = 3 * 9 * STEM * channels + 2 * STEM * channels
    for index in range(cells):
        reduction = index in (cells // 3, 2 * cells // 3)
        width *= 2 if reduction else 1
        cell = genotype["reduce" if reduction else "normal"]
        total += before * width + previous * width + 4 * width
        edges = (edge for _, carrying in cell.reached for edge in carrying)
        total += sum(_operation(name, width, reduction and source < 2) for name, source in edges)
        before, previous = previous, len(cell.output) * width
    return total + previous * classes + classes


def _operation(name: str, width: int, halves: bool) -> int:
    if name.endswith(AND_SKIP):
        return _operation(name.removesuffix(AND_SKIP), width, halves) + _operation("skip_connect", width, halves)
    if name == "skip_connect":
        return width * width + 2 * width if halves else 0
    blocks, kernel = KERNELS.get(name, (0, 0))
    return blocks * (kernel**2 * width + width * width + 2 * width)
