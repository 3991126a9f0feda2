"""Channel means and standard deviations: the published constants, or measured on the images at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Channels = tuple[float, float, float]

CONVENTIONS = ("darts", "nasbench201")


class Statistics(NamedTuple):
    """Per channel (red, green, blue), of pixels scaled to 0..1."""

    mean: Channels
    std: Channels


def _bytes(mean: Channels, std: Channels) -> Statistics:
    """Statistics that their source gives for pixels of 0 to 255."""
    return Statistics((mean[0] / 255, mean[1] / 255, mean[2] / 255), (std[0] / 255, std[1] / 255, std[2] / 255))


_SVHN = Statistics((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970))

PUBLISHED: Mapping[str, Mapping[str, Statistics]] = {
    "cifar10": {
        "darts": Statistics((0.49139968, 0.48215827, 0.44653124), (0.24703233, 0.24348505, 0.26158768)),
        "nasbench201": _bytes((125.3, 123.0, 113.9), (63.0, 62.1, 66.7)),
    },
    "cifar100": {
        "darts": Statistics((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
        "nasbench201": _bytes((129.3, 124.1, 112.4), (68.2, 65.4, 70.4)),
    },
    # DARTS has no ImageNet16: under its convention the images are measured.
    "imagenet16-120": {"nasbench201": _bytes((122.68, 116.66, 104.01), (63.22, 61.26, 65.09))},
    # NAS-Bench-201 has no SVHN.
    "svhn": {"darts": _SVHN, "nasbench201": _SVHN},
}
"""By dataset and convention. Sources: "darts", ZARTS utils.py:67-108 (DARTS and R-DARTS use the same numbers);
"nasbench201", AutoDL-Projects get_dataset_with_transform.py:99-141."""


def constants(mean: Tensor, std: Tensor) -> Statistics:
    """The numbers in the tensors (3,) that images are normalised with, to their last bit."""
    (a, b, c), (d, e, f) = mean.tolist(), std.tolist()
    return Statistics((a, b, c), (d, e, f))


def measure(pixels: Tensor) -> Statistics:
    """Statistics of raw images (n, 3, h, w), uint8. They come from exact counts, hence are the same on every device.

    A constant channel gets the smallest step, 1/255, for its standard deviation: dividing by zero would spoil a run.
    """
    values = torch.arange(256, dtype=torch.float64)
    means, stds = [], []
    for channel in range(3):
        counts = torch.bincount(pixels[:, channel].flatten(), minlength=256).cpu().double()
        mean = (counts @ values) / counts.sum()
        variance = (counts @ (values - mean) ** 2) / counts.sum()
        means.append(mean.item() / 255)
        stds.append(max(variance.sqrt().item(), 1.0) / 255)
    return Statistics((means[0], means[1], means[2]), (stds[0], stds[1], stds[2]))
