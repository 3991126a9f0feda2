"""The stems of the DARTS family, shared by supernets and final networks: images to the two inputs of the first cell."""

from __future__ import annotations

from torch import Tensor, nn

from spaces.operations import norm

STEM_MULTIPLIER = 3
"""A CIFAR stem has three times the channels of the first cells (DARTS model.py)."""


def image_stem(width: int) -> nn.Sequential:
    """Convolution and BN, images (B, 3, H, W) to (B, width, H, W). No ReLU."""
    return nn.Sequential(_conv3x3(3, width, stride=1), norm(width, affine=True))


class CifarStem(nn.Module):
    """Convolution and BN to `width` channels; both inputs of the first cell are the same state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = image_stem(width)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        state = self.layers(images)
        return state, state


class ImageNetStem(nn.Module):
    """Three convolutions of stride 2: the first cell reads the states at 1/4 and 1/8 of the image's side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.quarter = nn.Sequential(
            _conv3x3(3, half, stride=2),
            norm(half, affine=True),
            nn.ReLU(),
            _conv3x3(half, width, stride=2),
            norm(width, affine=True),
        )
        self.eighth = nn.Sequential(nn.ReLU(), _conv3x3(width, width, stride=2), norm(width, affine=True))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        quarter = self.quarter(images)
        return quarter, self.eighth(quarter)


STEMS: dict[str, type[CifarStem] | type[ImageNetStem]] = {"cifar": CifarStem, "imagenet": ImageNetStem}


def _conv3x3(c_in: int, c_out: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
