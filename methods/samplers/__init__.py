"""Samplers: which sub-networks a weight step trains. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.samplers.sampler import Sampler

SAMPLERS: Registry[Sampler] = Registry(
    "samplers",
    "sampler",
    {
        "alpha": "methods.samplers.sampler:OfAlpha",
        "sampled": "methods.samplers.sampled:Sampled",
        "accumulated": "methods.samplers.accumulated:Accumulated",
        "uniform": "methods.samplers.uniform:Uniform",
    },
    interface="methods.samplers.sampler:Sampler",
)
