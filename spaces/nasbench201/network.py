"""NAS-Bench-201's final network. Source: AutoDL-Projects tiny_network.py:16-38."""

from __future__ import annotations

from torch import Generator, Tensor, nn

from harness.core.genotype import Genotype
from spaces.layouts import laid_out
from spaces.network import Cell, FinalNetwork
from spaces.operations import ResidualBlock, State, norm
from spaces.stems import image_stem


class NasBench201Network(FinalNetwork):
    """NAS-Bench-201's network (AutoDL-Projects tiny_network.py): a stem, three stages of `cells` cells at C, 2C and 4C
    channels with residual blocks of stride 2 between them, BN, ReLU, global average pooling, a linear classifier."""

    def __init__(self, genotype: Genotype, channels: int = 16, cells: int = 5, classes: int = 10) -> None:
        super().__init__()
        ((_, cell),) = genotype.cells
        self.stem = image_stem(channels)
        self.body = nn.ModuleList()
        for stage in range(3):
            if stage > 0:
                self.body.append(ResidualBlock(channels, 2 * channels))
                channels *= 2
            self.body.extend(Cell(cell, channels, [nn.Identity()], reduction=False) for _ in range(cells))
        self.last = nn.Sequential(norm(channels, affine=True), nn.ReLU())
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor, drop_path: float | Tensor = 0.0, draw: Generator | None = None) -> Tensor:
        """Logits (B, classes); the arguments are those of `DartsNetwork.forward`. The benchmark itself was trained
        without drop-path."""
        factors = self.factors(x, drop_path, draw)
        state = State(self.stem(laid_out(x)))
        for layer in self.body:
            state = layer((state,), draw, next(factors)) if isinstance(layer, Cell) else State(layer(state.x))
        return self.classifier(self.last(state.x).mean(dim=(2, 3)))
