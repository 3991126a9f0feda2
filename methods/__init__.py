"""The methods by name:

    from methods import METHODS
    result = METHODS["zarts-mgs"](seed=0).search(space, dataset, budget)

Importing this package needs no torch; a method is composed when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from harness.core.errors import unknown
from methods.catalogue import ALIASES, CATALOGUE, unlisted

if TYPE_CHECKING:
    from methods.method import Method


class _Methods(Mapping[str, "Method"]):
    def __getitem__(self, name: str) -> Method:
        from methods.method import Method

        name = ALIASES.get(name, name)
        if name not in self:
            raise unknown("method", name, [*CATALOGUE, *ALIASES, *unlisted()])
        return Method(name, CATALOGUE[name] if name in CATALOGUE else unlisted()[name])

    def __contains__(self, name: object) -> bool:
        return name in CATALOGUE or name in ALIASES or name in unlisted()

    def __iter__(self) -> Iterator[str]:
        return iter(CATALOGUE)

    def __len__(self) -> int:
        return len(CATALOGUE)


METHODS: Mapping[str, Method] = _Methods()

__all__ = ["CATALOGUE", "METHODS"]
