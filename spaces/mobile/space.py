"""Mobile spaces: a chain of inverted residual blocks, every block with candidates of its own, and around it a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.core.errors import HarnessError, quoted
from harness.core.genotype import Genotype
from spaces.cells import Edge
from spaces.every_edge import EveryEdgeSpace
from spaces.mobile.plan import MobileMacro, Plan

if TYPE_CHECKING:
    from torch import nn

    from spaces.supernet import Outgoing, Supernet


@dataclass(frozen=True, repr=False)
class MobileSpace(EveryEdgeSpace):
    """A chain of the plan's blocks. A network is one cell, the chain; its `channels` are those of the last convolution,
    and all others in proportion."""

    plan: Plan = field(kw_only=True)

    def keeps_channels(self, edge: Edge) -> bool:
        block = self.plan.blocks[edge.source]
        return block.c_in == block.c_out

    def macro(self) -> MobileMacro:
        return MobileMacro(channels=self.plan.features)

    def divisor(self, macro: MobileMacro) -> int:
        return self.plan.at(macro.channels, macro.stem).divides

    def in_words(self, channels: int, cells: int) -> str:
        return f"{len(self.edges)} blocks, {channels} channels in the last convolution"

    def supernet(self, macro: MobileMacro, classes: int, outgoing: Outgoing) -> Supernet:
        from spaces.mobile.supernet import MobileSupernet

        return MobileSupernet(self.edges, self.plan.at(macro.channels, macro.stem), classes, outgoing)

    def operation(self, name: str, c_in: int, channels: int, stride: int) -> nn.Module:
        from spaces.mobile.layers import block

        return block(name, c_in, channels, stride, affine=True)

    def network(
        self, genotype: Genotype, channels: int, cells: int, classes: int, stem: str = "cifar", auxiliary: bool = False
    ) -> nn.Module:
        from spaces.mobile.network import MobileNetwork

        operations = self._operations(genotype)
        if cells != 1:
            raise HarnessError(f"a network of {self.name} is one chain of blocks, and {cells} are asked for; set 1.")
        if auxiliary:
            raise HarnessError(f"a network of {self.name} has no auxiliary head.")
        return MobileNetwork(operations, self.plan.at(channels, stem), classes)

    def _operations(self, genotype: Genotype) -> Sequence[str]:
        """Block by block. Raises HarnessError unless the genotype is a chain of this space's blocks."""
        (kind,) = self.cells
        if genotype.kinds != (kind,):
            raise HarnessError(f"the genotype {quoted(str(genotype))} is no chain of {self.name}.")
        cell = genotype[kind]
        if [[source for _, source in node] for node in cell.nodes] != [[edge.source] for edge in self.edges]:
            raise HarnessError(
                f"a chain of {self.name} is {len(self.edges)} blocks, each of which reads the one before; the genotype "
                f"{quoted(str(genotype))} is another."
            )
        for edge, (name, _) in zip(self.edges, cell.edges, strict=True):
            if name == "skip_connect" and name not in edge.operations:
                raise HarnessError(
                    f"block {edge.target} of {self.name} changes size or channels and cannot be skipped."
                )
        return [name for name, _ in cell.edges]
