"""Saved activations: counted by storage, while they live, and without a trace in the search."""

from __future__ import annotations

import contextlib

import pytest
import torch
from click.testing import CliRunner
from toy import ToyDataset, run_to_end, same, small_settings

from harness.cli import main
from harness.core.types import Budget
from harness.describing import memory as footprint
from methods import METHODS
from methods.search.search import Search
from methods.training.saved_activations import SavedActivations
from spaces import SPACES


def test_what_a_backward_pass_needs_is_counted_once_per_storage_and_only_while_it_lives():
    x, w = (torch.randn(100, requires_grad=True) for _ in range(2))
    with SavedActivations() as saved:
        y = x * w  # keeps both
        assert saved.alive == saved.peak == 2 * 400
        z = x[:50].exp() + x[50:].exp()  # keeps its two results
        assert saved.alive == 2 * 400 + 2 * 200
        (y.sum() + z.sum()).backward()
        assert saved.alive == 0
        assert saved.peak == 2 * 400 + 2 * 200
        (x * x).sum().backward()
        assert saved.peak == 2 * 400 + 2 * 200
    with SavedActivations(without=[w[:10]]) as saved:
        y = x * w
        assert saved.peak == 400
        del y
        y = x.exp()  # keeps its own result, and dies without a backward pass
        del y
        assert saved.alive == 0
    torch.sin(x)
    assert saved.peak == 400


def make_search(method, space="nasbench201", **more):
    parts = METHODS[method].parts(SPACES[space], Budget(1), user=small_settings(method, space, warmup=0, **more))
    return Search(parts, SPACES[space], ToyDataset(), 0, "cpu", Budget(1))


def saved(method, space="nasbench201", **more):
    search = make_search(method, space, **more)
    return search.advance(search.start()).cost.saved_activations


def test_a_sampled_path_keeps_a_fraction_and_a_gradient_to_alpha_costs_memory():
    full, sampled, no_gradient = (saved(method) for method in ("darts-1st", "g-darts-1st", "zarts-rs"))
    assert 0 < sampled < 0.6 * full
    assert 0 < no_gradient < full
    assert saved("darts-1st") == full


def test_merged_convolutions_keep_less():
    assert 0 < saved("mergenas-1st", "darts") < 0.8 * saved("darts-1st", "darts")


def test_a_quarter_of_the_channels_keeps_less_than_half():
    assert 0 < saved("pc-darts", "darts") < 0.5 * saved("darts-1st", "darts", channels=8)


def test_measuring_changes_no_bit(monkeypatch):
    measured = run_to_end(make_search("darts-2nd"))
    monkeypatch.setattr("methods.search.search.saved_activations", lambda *_: contextlib.nullcontext())
    plain = run_to_end(make_search("darts-2nd"))
    assert measured.cost.saved_activations > 0
    assert plain.cost.saved_activations == 0
    plain.cost.saved_activations = measured.cost.saved_activations
    plain.records[0]["cost"] = plain.cost.to_json()
    assert same(measured, plain)


def test_a_stage_with_fewer_operations_keeps_less(monkeypatch):
    small = {"channels": 2, "cells": 1, "batch": 8, "valid_batch": 8, "finetune_batch": 8}
    monkeypatch.setattr(footprint, "SHORT", footprint.SHORT | small)
    found = footprint.measure("p-zarts", SPACES["nasbench201"], "cpu")
    assert [row["candidates"] for row in found] == [5, 3, 2, 1]
    sizes = [row["saved_activations"] for row in found]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4
    lines = footprint.table(found)
    assert len(lines) == 5
    shown = CliRunner().invoke(main, ["describe", "p-zarts", "--memory-on", "nasbench201"]).output
    assert "memory of a step on nasbench201" in shown
    assert lines[2].split()[:4] == ["1", "3", *lines[2].split()[2:4]]
    assert " ".join(lines[2].split()[:4]) in " ".join(shown.split())


def test_a_method_without_an_alpha_keeps_one_path(monkeypatch):
    small = {"channels": 2, "cells": 1, "batch": 8, "valid_batch": 8}
    monkeypatch.setattr(footprint, "SHORT", footprint.SHORT | small)
    (path,), (mixture,) = (footprint.measure(name, SPACES["nasbench201"], "cpu") for name in ("spos", "setn"))
    assert 0 < path["saved_activations"] < mixture["saved_activations"] / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["s1", "--memory-on", "s1"], "s1 is a space, not a method"),
        (["zarts-mgs", "--memory-on", "s9"], "unknown space 's9'"),
        (["rea", "--memory-on", "s1"], "rea trains no supernet on s1"),
        (["zarts-mgs", "--memory-on", "nasbench201-table"], "trains no supernet on nasbench201-table"),
        (["mergezarts", "--memory-on", "s1"], "shares one kernel"),
    ],
)
def test_what_has_no_memory_to_measure(arguments, message):
    done = CliRunner().invoke(main, ["describe", *arguments])
    assert done.exit_code == 2
    assert message in done.output
