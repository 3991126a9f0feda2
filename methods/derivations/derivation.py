"""What a derivation is: from the state of a search to a genotype."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Generator, Tensor

from harness.core.genotype import Genotype
from spaces.space import Space

Strengths = Sequence[Sequence[float]]
"""Of the operations of every edge, in alpha's row order."""


Choices = Sequence[Mapping[str, float]]
"""The same by the operations' names; of an edge that has one or none left, those that it was last chosen from."""


@dataclass(frozen=True)
class Ranking:
    """What a derivation chooses from."""

    space: Space
    """The space, with the operations that an edge can still be given."""
    strengths: Strengths


@dataclass(frozen=True)
class Standing(Ranking):
    """Where a search stands: what a derivation chooses from, and what it can measure."""

    whole: Space
    """The space that is searched, with all its edges."""
    choices: Choices
    """Of all edges of `whole`."""
    kept: Sequence[Sequence[str]]
    """The operations that the supernet has on them: the columns of its gates. An edge without has no row there. They
    are those of `space`, except where the supernet has one left and the edge can still be given those that it was last
    chosen from."""
    gates: Callable[[], Tensor]
    """The supernet's gates (rows, widest) for the current alpha, without a graph."""
    measure: Callable[[Tensor], tuple[float, float]]
    """Gates (rows, widest) -> mean loss and accuracy over alpha's images, eval mode, without augmentation."""
    draw: Callable[[], Generator]
    """A CPU generator, the same sequence whenever it is asked for at this place of the search."""


class Derivation:
    """The base of the frozen dataclasses that say how a genotype is chosen."""

    @property
    def words(self) -> str:
        """How the genotype was got, for result.json."""
        return "derived from the alpha of the last epoch; no selection over epochs"

    def derive(self, at: Standing) -> Genotype:
        """The genotype as things stand. It is asked for after every epoch and by progress displays, so it measures
        nothing. Decisions taken on the way are in the strengths: a decided edge is one-hot, one that was removed 0."""
        raise NotImplementedError

    def conclude(self, at: Standing) -> Genotype:
        """The genotype that the search ends with. It is asked for once, and may measure."""
        return self.derive(at)


@dataclass(frozen=True)
class OfSpace(Derivation):
    """The rule of the space: the strongest operation of an edge, and as many edges into a node as its cells have."""

    def derive(self, at: Standing) -> Genotype:
        return at.space.derive(at.strengths)
