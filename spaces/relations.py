"""Which spaces belong together: whose genotypes are alike, and which are the same cells in a table and on images."""

from __future__ import annotations

from harness.core.errors import HarnessError
from harness.core.genotype import Genotype
from spaces import SPACES, Space


def space_of(genotype: Genotype) -> Space:
    """The first space that has cells of these kinds: its networks are the genotype's. Raises HarnessError for none."""
    for space in SPACES.working()[0].values():
        if tuple(space.cells) == genotype.kinds:
            return space
    raise HarnessError(f"no space has cells of the kind {', '.join(genotype.kinds)}; name the plugin that defines one.")


def table_of(space: Space) -> str:
    """The name of the table that holds the space's cells: its own, or that of another space of the same cells. Empty
    where there is none."""
    return space.table or next((twin.table for twin in _twins(space) if twin.table), "")


def on_images(space: Space) -> str:
    """The name of a space of the same cells that is searched on images. Empty where there is none."""
    return next((twin.name for twin in _twins(space) if not twin.table), "")


def _twins(space: Space) -> list[Space]:
    return [other for other in SPACES.working()[0].values() if other.cells == space.cells]
