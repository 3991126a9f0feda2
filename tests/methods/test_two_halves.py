"""DrNAS' two halves: when alpha moves, what stays, and operations that become wider."""

from __future__ import annotations

import pytest
import torch
from toy import ToyDataset, end_and_saved, restored, run_to_end, same, standing_of

from harness.core.errors import HarnessError
from harness.core.types import Budget
from methods.composition import Composition
from methods.families import resolve
from methods.schedules.two_halves import TwoHalves
from methods.search.search import Search
from spaces import SPACES
from spaces.edges.partial_channels import WidenedEdge

SETTINGS = {"channels": 8, "batch": 8, "valid_batch": 8, "epochs": 4, "warmup": 1, "shares": 4, "shares_second": 2}


def search_of(space="nasbench201", **more):
    composition = Composition("", "", "adam", "first-order", schedule="two-halves", edge="widened")
    cells = {"cells": 1 if space == "nasbench201" else 3}
    parts = resolve(composition, SPACES[space], user=SETTINGS | cells | more)
    return Search(parts, SPACES[space], ToyDataset(12), 0, "cpu", Budget(4))


def test_alpha_waits_at_the_beginning_of_either_half_and_the_learning_rate_goes_on():
    schedule = TwoHalves(warmup=10)
    stages = [schedule.stage(epoch, 50) for epoch in range(50)]
    assert [stage.number for stage in stages] == [0] * 25 + [1] * 25
    assert [schedule.moves_alpha(stage.clock, 0) for stage in stages] == ([False] * 10 + [True] * 15) * 2
    assert {stage.clock.epochs for stage in stages} == {50}
    assert [schedule.stage(epoch, 5).number for epoch in range(5)] == [0, 0, 0, 1, 1]


def test_the_strongest_stay():
    space = SPACES["nasbench201"]
    kept = TwoHalves(keep_strongest=3).keep(standing_of(space, [[0.3, 0.1, 0.2, 0.1, 0.3]] * 6), [], 1)
    assert kept == [["none", "nor_conv_1x1", "avg_pool_3x3"]] * 6


@pytest.mark.parametrize("space", ["nasbench201", "darts"])
def test_wider_operations_are_copies_of_the_narrow_ones_in_turn(space):
    search = search_of(space, keep_strongest=2)
    state = search.start()
    while state.epoch < 2:
        state = search.advance(state)
    search.supernets.bind(state)
    before = search.supernets.model
    old = {name: piece.clone() for name, piece in before.module.pieces()}
    before.bind(state.momentum, state.statistics)
    momentum = {name: piece.clone() for name, piece in before.module.pieces()}
    before.bind(state.weights, state.statistics)
    search._next_stage(state)
    after, wider = search.supernets.model, 0
    for vector, values in ((state.weights, old), (state.momentum, momentum)):
        after.bind(vector, state.statistics)
        for name, piece in after.module.pieces():
            narrow = values[name]
            for index in [0, piece.numel() - 1, piece.numel() // 2, piece.numel() // 3]:
                place = torch.unravel_index(torch.tensor(index), piece.shape)
                folded = tuple(int(i) % size for i, size in zip(place, narrow.shape, strict=True))
                assert piece[place] == narrow[folded]
            wider += piece.shape != narrow.shape
    assert wider > 10
    after.bind(state.weights, state.statistics)
    assert all(len(names) == 2 for names in state.kept)


def test_a_search_resumes_to_the_bit_on_both_sides_of_the_half():
    straight, files = end_and_saved(search_of(), 3, 4, 5)
    for file in files:
        search = search_of()
        assert same(run_to_end(search, restored(search, file)), straight)


def test_both_shares_must_fit_the_channels():
    WidenedEdge(4, 2).check_width(4)
    for shares in ((5, 2), (2, 5)):
        with pytest.raises(HarnessError, match="channels=4 cannot be shared out 5 ways"):
            WidenedEdge(*shares).check_width(4)
