"""P-DARTS: three stages that begin anew, deeper and on fewer operations, with dropout after skips."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from toy import ToyDataset, end_and_saved, restored, run_to_end, same, small_settings, standing_of

from harness.core.types import Budget
from methods import METHODS
from methods.rules.adam import Adam
from methods.schedules.clock import Clock
from methods.search.search import Search
from spaces import SPACES
from spaces.darts.supernet import darts_candidate
from spaces.edges.dropped_skips import DroppedSkip, DroppedSkipsEdge, SumWithDroppedSkips


def paper():
    return METHODS["p-darts"].parts(SPACES["darts-none"], Budget())


def make_search(space="nasbench201", epochs=6, **more):
    more = {"warmup": 1, "cells": 1 if space == "nasbench201" else 3, "cells_added": 1, **more}
    settings = small_settings("p-darts", space, **more)
    parts = METHODS["p-darts"].parts(SPACES[space], Budget(epochs), user=settings)
    return Search(parts, SPACES[space], ToyDataset(16), 0, "cpu", Budget(epochs))


def test_the_published_stages():
    parts = paper()
    stages = [parts.schedule.stage(epoch, 75) for epoch in range(75)]
    assert [stage.number for stage in stages] == [0] * 25 + [1] * 25 + [2] * 25
    assert [stage.clock for stage in stages] == [Clock(epoch % 25, 25, 10) for epoch in range(75)]
    moving = [parts.schedule.moves_alpha(stage.clock, 0) for stage in stages]
    assert moving == ([False] * 10 + [True] * 15) * 3
    assert [parts.macro.cells + parts.schedule.deeper(number) for number in range(3)] == [5, 11, 17]
    space = SPACES["darts-none"]
    for number, count in ((1, 5), (2, 3)):
        rows = [[float(i) for i in range(width)] for width in space.widths]
        kept = parts.schedule.keep(standing_of(space, rows), [], number)
        assert kept == [list(edge.operations[-count:]) for edge in space.edges]
        space = space.restricted(kept)
    assert (parts.training.batch, parts.training.lr_min, parts.rule.alpha_lr) == (96, 0, 6e-4)


@pytest.mark.parametrize("epochs", [3, 4, 5, 7, 75])
def test_stages_are_as_equal_as_they_can_be(epochs):
    stages = [paper().schedule.stage(epoch, epochs) for epoch in range(epochs)]
    for number in range(3):
        clocks = [stage.clock for stage in stages if stage.number == number]
        assert [clock.epoch for clock in clocks] == list(range(clocks[0].epochs))
        assert abs(len(clocks) - epochs / 3) < 1


def test_skips_are_dropped_less_and_less_within_a_stage():
    edge = DroppedSkipsEdge()
    assert [edge.rate(stage, 10, 25, 10) for stage in range(3)] == [0.0, 0.4, 0.7]
    assert edge.rate(1, 0, 25, 10) == pytest.approx(0.4 * 24 / 25)
    assert edge.rate(1, 9, 25, 10) == pytest.approx(0.4 * 15 / 25)
    assert edge.rate(2, 24, 25, 10) == pytest.approx(0.7 * math.exp(-0.2 * 14))


def test_dropout_follows_identity_skips_only_and_in_training_only():
    edges = list(enumerate(SPACES["s2"].cells["normal"][:2]))
    one, two = (SumWithDroppedSkips(edges, 2, stride, darts_candidate) for stride in (1, 2))
    assert sum(isinstance(module, DroppedSkip) for module in one.modules()) == 2
    assert not any(isinstance(module, DroppedSkip) for module in two.modules())
    DroppedSkipsEdge().adjust(one, 1, 10, 25, 10)
    skip = next(module for module in one.modules() if isinstance(module, DroppedSkip))
    assert skip.rate == 0.4
    x = torch.ones(4, 8, 25, 25)
    values = skip(x, torch.Generator().manual_seed(0))
    assert set(values.unique().tolist()) == {0, torch.tensor(1 / 0.6).item()}
    assert float((values == 0).float().mean()) == pytest.approx(0.4, abs=0.02)
    assert torch.equal(values, skip(x, torch.Generator().manual_seed(0)))
    assert not torch.equal(values, skip(x, torch.Generator().manual_seed(1)))
    assert torch.equal(skip.eval()(x, torch.Generator()), x)


def test_every_stage_begins_anew_and_deeper():
    search = make_search()
    state, sizes = search.start(), []
    first = state.weights.clone()
    for epoch in (0, 2, 4):
        while state.epoch < epoch:
            state = search.advance(state)
        assert state.stage == max(0, epoch // 2 - 1)
        before = dataclasses.replace(state)
        state = search.advance(state)
        assert len(search.supernets.model.module.stages[0]) == 1 + epoch // 2
        sizes.append(len(state.alpha))
        if epoch:
            assert float(state.memory["updates"]) == 0 < float(before.memory["updates"])
            assert state.alpha.abs().max() < 0.01
            assert len(state.weights) != len(before.weights)
            assert not torch.equal(state.weights[:10], first[:10])
    assert sizes == [30, 30, 18]
    state = run_to_end(search, state)
    lrs = [record["lr"] for record in state.records]
    assert lrs == pytest.approx([0.025, 0.0125] * 3)
    assert search.genotype(state).family == "nasbench201"


def test_resume_across_a_stage_and_within_one_is_bit_exact():
    straight, files = end_and_saved(make_search(), 4, 7)
    for file in files:
        search = make_search()
        assert same(run_to_end(search, restored(search, file)), straight)


def test_alpha_gradients_are_clipped():
    class Steep:
        def gradient(self, alpha):
            return torch.tensor([30.0, 40.0], dtype=torch.float64)

    alpha = torch.zeros(2, dtype=torch.float64)
    rule = Adam(alpha_clip=5.0)
    memory = rule.step(alpha, Steep(), rule.start(alpha), Clock(0, 1, 0), torch.Generator()).memory
    torch.testing.assert_close(memory["mean"], 0.5 * torch.tensor([3.0, 4.0], dtype=torch.float64))
    assert paper().rule.alpha_clip == 5
