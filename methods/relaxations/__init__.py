"""Relaxations: how the logits alpha become gates on the operations, and strengths to derive a cell from. One a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.registry import Registry

if TYPE_CHECKING:
    from methods.relaxations.relaxation import Relaxation

RELAXATIONS: Registry[Relaxation] = Registry(
    "relaxations",
    "relaxation",
    {
        "softmax": "methods.relaxations.softmax:Softmax",
        "sigmoid": "methods.relaxations.sigmoid:Sigmoid",
        "gumbel": "methods.relaxations.gumbel:Gumbel",
        "concrete": "methods.relaxations.concrete:Concrete",
        "reinmax": "methods.relaxations.reinmax:ReinMax",
        "hard-concrete": "methods.relaxations.hard_concrete:HardConcrete",
        "categorical": "methods.relaxations.categorical:Categorical",
        "binary-gates": "methods.relaxations.binary_gates:BinaryGates",
        "controller": "methods.relaxations.controller:Controller",
        "dirichlet": "methods.relaxations.dirichlet:Dirichlet",
        "rome-v1": "methods.relaxations.rome:RomeV1",
        "rome-v2": "methods.relaxations.rome:RomeV2",
        "edge-normalised": "methods.relaxations.edge_normalised:EdgeNormalised",
        "sparse-code": "methods.relaxations.sparse_code:SparseCode",
        "uniform": "methods.relaxations.uniform:UniformPaths",
        "sparse-code-frozen": "methods.relaxations.sparse_code_frozen:SparseCodeFrozen",
    },
    interface="methods.relaxations.relaxation:Relaxation",
)
