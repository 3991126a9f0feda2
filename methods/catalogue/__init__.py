"""The methods: which parts they are made of, what they set, and where they come from. One literal entry each, by
family, and the crosses of five of them with the variants of their parts, which are generated.

Needs no torch, so that `harness list methods` answers at once. `methods.families` turns names into parts.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.registry import Registry
from methods.catalogue import (
    blackbox,
    darts,
    decided,
    gradients,
    oneshot,
    policies,
    robust,
    sampled,
    sampling,
    sparse,
    zarts,
    zero_order,
)
from methods.catalogue.variants import ALIASES as ALIASES
from methods.catalogue.variants import crosses, unlisted
from methods.composition import BlackBox, Composition

CATALOGUE: Registry[Composition | BlackBox] = Registry(
    "methods",
    "method",
    {
        **zarts.METHODS,
        **zero_order.METHODS,
        **darts.METHODS,
        **robust.METHODS,
        **gradients.METHODS,
        **sampling.METHODS,
        **crosses(),
        **decided.METHODS,
        **sampled.METHODS,
        **sparse.METHODS,
        **oneshot.METHODS,
        **policies.METHODS,
        **blackbox.METHODS,
    },
    interface="methods.composition:AnyMethod",
)
UNLISTED: Mapping[str, Composition] = unlisted()
"""Crosses that are understood as well."""
