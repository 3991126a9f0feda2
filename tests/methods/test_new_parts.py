"""Small compositions of the parts that no registered method has yet: they search, derive, and resume to the bit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch
from toy import SMALL, ToyDataset, ToyPart, run_to_end, same

from harness.core.settings import declared
from harness.core.types import Budget
from methods.catalogue import CATALOGUE
from methods.composition import Composition
from methods.families import all_settings, applies, resolve
from methods.relaxations.relaxation import Relaxation
from methods.search.search import Search
from methods.training.joined import Joined
from spaces import SPACES
from spaces.edges.sparse import SparseOperations
from spaces.edges.sum import SumOfOperations

FAIR = {"relaxation": "sigmoid", "objective": "zero-one", "derivation": "threshold"}
QUICK = SMALL | {"epochs": 2, "warmup": 0, "cadence": 2}
ZERO_ORDER = {"finetune_steps": 1, "finetune_batch": 8, "samples": 2}


@dataclass(frozen=True)
class Halving(Relaxation):
    """Two gates per edge, decided by what it carries: in the second epoch one of them."""

    def start(self, alpha, space, draw):
        return {"left": torch.tensor(2)}

    def after_epoch(self, memory, alpha, space, clock):
        return {"left": memory["left"] // 2}

    def gates(self, alpha, space, clock, draw, memory):
        strengths = self.strengths(alpha, space, memory)
        return strengths * (strengths >= strengths.topk(int(memory["left"]), dim=1).values[:, -1:])


COMPOSITIONS = {
    "fair": ({"rule": "adam", "lookahead": "first-order", **FAIR}, {"threshold": 0.5}),
    "fair, zero-order": ({"rule": "mgs", "lookahead": "fine-tuned", **FAIR}, {"threshold": 0.5, **ZERO_ORDER}),
    "single-level": (
        {"rule": "adam", "lookahead": "first-order", "schedule": "single-level", "objective": "beta-decay"},
        {},
    ),
    "sparse": ({"rule": "adam", "lookahead": "first-order", "relaxation": Halving(), "edge": "sparse"}, {}),
    "costs": (
        {"rule": "adam", "lookahead": "first-order", "relaxation": "concrete", "objective": "resource"},
        {"resource_weight": 1e-3},
    ),
    "divergence, zero-order": (
        {"rule": "mgs", "lookahead": "fine-tuned", "relaxation": "dirichlet", "objective": "dirichlet-kl"},
        ZERO_ORDER,
    ),
    "path, second order": (
        {
            "rule": "adam",
            "lookahead": "unrolled",
            "relaxation": "hard-concrete",
            "edge": "sparse",
            "objective": "path-depth",
            "derivation": "every-edge",
        },
        {},
    ),
    "perturbation": ({"rule": "adam", "lookahead": "first-order", "derivation": "perturbation"}, {}),
}


def search_of(name, space):
    parts, settings = COMPOSITIONS[name]
    cells = {"cells": 1} if space == "nasbench201" else {}
    resolved = resolve(Composition("", "", **parts), SPACES[space], user=QUICK | cells | settings)
    return Search(resolved, SPACES[space], ToyDataset(12), 0, "cpu", Budget())


@pytest.mark.parametrize(
    ("name", "space"),
    [(name, "nasbench201") for name in COMPOSITIONS]
    + [
        ("fair", "s1"),
        ("fair, zero-order", "s3"),
        ("single-level", "darts"),
        ("sparse", "s3"),
        ("path, second order", "s3"),
    ],
)
def test_it_searches_and_resumes_to_the_bit(name, space, tmp_path):
    straight = run_to_end(search_of(name, space))
    search = search_of(name, space)
    state = search.start()
    while state.epoch < 1:
        state = search.advance(state)
    torch.save(state.to_dict(), tmp_path / "state.pt")
    again = search_of(name, space)
    state = run_to_end(again, again.restore(torch.load(tmp_path / "state.pt", weights_only=True)))
    assert same(state, straight)
    result = again.result(state)
    assert result.genotype.kinds == tuple(SPACES[space].cells)
    assert state.found == str(result.genotype)
    assert not torch.equal(state.alpha, search_of(name, space).start().alpha)
    assert all(math.isfinite(record["valid_loss"]) for record in result.records)


def test_a_part_that_changes_nothing_is_in_no_spec():
    plain, fair = (Composition("", "", "adam", "first-order", **parts) for parts in ({}, FAIR))
    assert not {"objective", "derivation", "sampler", "freezing"} & {
        *plain.parts,
        *resolve(plain, SPACES["s1"]).settings(),
    }
    assert fair.parts["derivation"] == "threshold"
    assert resolve(fair, SPACES["s1"]).settings()["objective"] == {"zero_one_weight": 10.0}


def test_every_setting_of_every_method_on_every_space_is_known():
    used = (resolve(CATALOGUE[m], s) for m in CATALOGUE for s in SPACES.values() if applies(CATALOGUE[m], s))
    assert {name for parts in used for part in parts.by_name().values() for name in declared(part)} <= all_settings()


def test_single_level_trains_both_on_one_batch_of_all_images():
    search = search_of("single-level", "nasbench201")
    assert len(search.images.train) == 2 * len(search.images.valid)
    batch = search.images.train_batches(0).at(0)
    assert search.images.batch_of_alpha(0, 0, batch) is batch


def test_joined_parts_are_read_in_the_order_that_is_asked_for():
    first, second = ToyPart(3, 1), ToyPart(4, 2)
    images, labels = Joined(first, second).batch(torch.tensor([5, 1, 3, 0]), None)
    for i, (part, row) in enumerate([(second, 2), (first, 1), (second, 0), (first, 0)]):
        assert torch.equal(images[i], part.images[row])
        assert labels[i] == part.labels[row]


@pytest.mark.parametrize("space", ["s3", "nasbench201"])
def test_the_sparse_edge_is_the_sum_and_runs_what_has_a_gate(space):
    torch.manual_seed(0)
    space = SPACES[space]
    nets = []
    for edge in (SumOfOperations, SparseOperations):
        torch.manual_seed(0)
        macro = {"channels": 2, "cells": 1 if space.name == "nasbench201" else 3}
        nets.append(space.supernet(replace(space.macro(), **macro), 4, edge).double().train())
    tensors = dict(nets[0].pieces())
    assert tensors.keys() <= dict(nets[1].pieces()).keys()
    for name, tensor in nets[1].pieces():
        if name in tensors:
            tensor.data.copy_(tensors[name])
    gates = torch.rand(len(space.widths), max(space.widths), dtype=torch.float64)
    gates = (gates * (gates > 0.5)).index_fill(0, torch.tensor(1), 0.0).requires_grad_()
    images = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    outputs = [net(images, gates, torch.Generator()) for net in nets]
    torch.testing.assert_close(*outputs)
    theirs, ours = (torch.autograd.grad(out.square().sum(), gates)[0] for out in outputs)
    torch.testing.assert_close(ours, theirs * (gates != 0))
