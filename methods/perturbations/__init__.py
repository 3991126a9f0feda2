"""Perturbations: what the gates of a weight step become, so that the weights suit other gates too. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.perturbations.perturbation import Perturbation

PERTURBATIONS: Registry[Perturbation] = Registry(
    "perturbations",
    "perturbation",
    {
        "none": "methods.perturbations.perturbation:Unperturbed",
        "uniform": "methods.perturbations.uniform:UniformNoise",
        "adversarial": "methods.perturbations.adversarial:Adversarial",
    },
    interface="methods.perturbations.perturbation:Perturbation",
)
