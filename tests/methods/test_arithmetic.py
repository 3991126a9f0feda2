"""Searches in other arithmetic than float32."""

from __future__ import annotations

import pytest
import torch
from toy import ToyDataset, run_to_end, small_settings

from harness.core.errors import HarnessError
from harness.core.types import Budget
from methods import METHODS
from methods.search.search import Search
from methods.search.weight_step import train_weights
from methods.training.arithmetic import Arithmetic
from methods.training.weights import FlatModel
from spaces import SPACES
from spaces.edges.sum import SumOfOperations


def make_search(method="zarts-mgs", space="s1", epochs=1, **more):
    budget = Budget(epochs)
    parts = METHODS[method].parts(SPACES[space], budget, user=small_settings(method, space, **more))
    return Search(parts, SPACES[space], ToyDataset(16), 0, "cpu", budget)


CASES = [
    ("darts-1st", "darts", {}),
    ("darts-2nd", "s2", {}),
    ("zarts-mgs", "nasbench201", {}),
    ("zarts-gld", "s4", {}),
    ("darts-minus", "s3", {}),
    ("pc-darts", "s2", {}),
    ("gdas", "s4", {}),
    ("gdas", "nasbench201", {"unchosen_gates": "added"}),
    ("mergezarts", "darts-none", {"samples": 2}),
    ("p-darts", "s3", {"epochs": 3, "warmup": 0, "cells_added": 0, "skip_dropout": 0.5}),
]


@pytest.mark.parametrize(("method", "space", "more"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_every_kind_of_edge_runs_in_bfloat16(method, space, more):
    exact, half = (run_to_end(make_search(method, space, autocast=kind, **more)) for kind in ("float32", "bfloat16"))
    assert half.weights.dtype == half.alpha.dtype == half.statistics.dtype == torch.float32
    assert not torch.equal(half.weights, exact.weights)
    assert half.records[0]["train_loss"] == pytest.approx(exact.records[0]["train_loss"], rel=0.1)


def test_two_searches_in_bfloat16_are_one():
    first, second = (run_to_end(make_search(autocast="bfloat16")) for _ in range(2))
    assert torch.equal(first.weights, second.weights)
    assert torch.equal(first.alpha, second.alpha)


def test_gradients_in_bfloat16_point_where_those_in_float32_do():
    space, found = SPACES["darts"], []
    for kind in ("float32", "bfloat16"):
        torch.manual_seed(0)
        net = space.supernet(space.macro(), 10, SumOfOperations)
        model = FlatModel(net.to(memory_format=torch.channels_last), "cpu", Arithmetic(autocast=kind))
        gates = torch.full((28, 7), 1 / 7).requires_grad_()
        logits = model(torch.randn(8, 3, 16, 16).contiguous(memory_format=torch.channels_last), gates)
        assert logits.dtype == torch.float32
        (of_gates,) = model.differentiate(torch.nn.functional.cross_entropy(logits, torch.arange(8)), gates)
        found.append((model.gradient, of_gates.flatten()))
    for exact, half in zip(*found, strict=True):
        assert torch.cosine_similarity(exact, half, dim=0) > 0.95


def test_tf32_is_allowed_while_a_step_runs_and_only_then(monkeypatch):
    def allowed():
        return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32

    before, seen = allowed(), []
    search = make_search(tf32=True)
    monkeypatch.setattr(
        "methods.search.search.train_weights", lambda *given: (seen.append(allowed()), train_weights(*given))
    )
    search.advance(search.start())
    assert seen == [(True, True)]
    assert allowed() == before
    with pytest.raises(ZeroDivisionError), Arithmetic(tf32=not before[0]).factors():
        raise ZeroDivisionError
    assert allowed() == before


def test_a_kind_that_is_not_known_is_refused():
    with pytest.raises(HarnessError, match="autocast='float16' is not one of float32, bfloat16"):
        make_search(autocast="float16")
