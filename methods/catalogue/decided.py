"""Methods that decide the cell edge by edge while the supernet is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from methods.catalogue.variants import SGAS
from methods.catalogue.zarts import METHODS as BASE
from methods.composition import Composition


def _sgas(by: str, **settings: str) -> Composition:
    return replace(
        SGAS.of(BASE["darts-1st"]),
        summary=f"darts-1st, one edge after the other decided by {by}",
        settings=settings,
    )


METHODS: Mapping[str, Composition] = {
    "sgas-1": _sgas("importance and certainty"),
    "sgas-2": _sgas("importance, certainty and stability", criterion="2"),
    "darts-pt": replace(
        BASE["darts-1st"],
        summary="darts-1st, then edge by edge the operation that the supernet misses most, tuned in between",
        source="DARTS-PT (Wang et al., ICLR 2021); ruocwang/darts-pt sota/cnn/projection.py, nasbench201/projection.py",
        schedule="projected",
        settings={"epochs": 131},
        on={"nasbench201": {**BASE["darts-1st"].on["nasbench201"], "projections": 6}},
    ),
}
