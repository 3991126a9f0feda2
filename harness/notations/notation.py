"""What every notation of genotypes tells of itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.core.genotype import Genotype


@dataclass(frozen=True)
class Notation:
    """A way to write a cell as text."""

    name: str
    """What `--as` calls it."""
    title: str
    """What a text in it is called in a sentence."""
    example: str
    looks: re.Pattern[str]
    """Matches the beginning of a text that is meant in it."""
    hints: tuple[str, ...]
    """What a text holds that may have been meant in it."""
    read: Callable[[str], Genotype]
    """Raises ValueError or SyntaxError for another text, HarnessError for a cell that cannot be; executes nothing."""
    write: Callable[[Genotype], str] | None = None
    """Raises HarnessError for a cell that it cannot say."""
