"""NATS-Bench's size space, and the spaces of the tables that the user has imported."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from harness.core.imported import ON_TABLE, describe, imported, stamp
from harness.core.registry import Member
from spaces.tabular.space import TabularSpace, tabular

NATS_SSS_TABLE = tabular(
    "nats-sss",
    {f"layer{number}": tuple(str(width) for width in range(8, 65, 8)) for number in range(1, 6)},
    "8, 16, ... or 64 channels in each of 5 layers; the loss is the table, exactly",
    "NATS-Bench (Dong et al., TPAMI 2021), section 3.2",
    f"nats-sss{ON_TABLE}",
)


def imported_spaces() -> Mapping[str, Member]:
    """By name, but for that of NATS-Bench, which is there before its table is."""
    files = {name: path for name, path in imported().items() if name != NATS_SSS_TABLE.table}
    return {
        f"{name}{ON_TABLE}": Member(f"imported, {path}", partial(_space, name, path), stamp(path))
        for name, path in files.items()
    }


def _space(name: str, path: Path) -> TabularSpace:
    described = describe(path)
    words = f"{len(described.choices)} choices; the loss is the table, exactly"
    source = f"imported from {described.provenance.get('source', 'a file')}"
    return tabular(name, described.choices, words, source, f"{name}{ON_TABLE}")
