"""R-DARTS' drop-path on mixed edges: who loses what and how often, that nothing else changes, and how it grows."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import pytest
import torch
from toy import ToyDataset, run_to_end, same, small_settings

from harness.core.errors import HarnessError
from harness.core.rng import generator
from methods import METHODS
from methods.search.parts import compose
from methods.search.search import Search
from spaces import SPACES
from spaces.cells import Edge
from spaces.darts.supernet import darts_candidate
from spaces.edges.dropped_paths import DroppedPathsEdge, SumWithDroppedPaths
from spaces.edges.sum import SumOfOperations

EDGES = [
    (1, Edge(0, 2, ("skip_connect", "sep_conv_3x3"))),
    (0, Edge(0, 3, ("none", "max_pool_3x3", "skip_connect"))),
    (2, Edge(0, 4, ("skip_connect",))),
]
"""Ragged, and not in alpha's order."""


def leaving(kind, rate=0.0):
    torch.manual_seed(0)
    module = kind(EDGES, 4, 1, darts_candidate).double()
    module.rate = rate
    return module


def contributions(module, x, gates, draw=None):
    """The sums of what enters each target."""
    sums = defaultdict(float)
    for target, y in module(x, gates, draw):
        sums[target] = sums[target] + y
    return sums


def given(batch=6):
    torch.manual_seed(3)
    return torch.randn(batch, 4, 8, 8, dtype=torch.float64), torch.rand(3, 3, dtype=torch.float64)


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.5, False)], ids=["rate 0", "eval mode"])
def test_without_drop_path_it_is_the_sum_of_production_to_the_bit(rate, training):
    x, gates = given()
    ours, theirs = leaving(SumWithDroppedPaths, rate).train(training), leaving(SumOfOperations).train(training)
    draw = generator(0, "drop")
    before, expected = draw.get_state(), contributions(theirs, x, gates)
    found = contributions(ours, x, gates, draw)
    assert found.keys() == expected.keys() == {2, 3, 4}
    assert all(torch.equal(found[target], expected[target]) for target in expected)
    assert torch.equal(draw.get_state(), before)


def test_a_sample_loses_a_whole_edge_its_skip_too_or_has_all_of_it_scaled_up():
    x, gates = given(batch=32)
    expected = contributions(leaving(SumOfOperations).train(), x, gates)
    found = contributions(leaving(SumWithDroppedPaths, 0.5).train(), x, gates, generator(0, "drop"))
    lost = {target: (found[target] == 0).flatten(1).all(1) for target in found}
    for target in (2, 3, 4):  # of 4 the only operation is a skip
        factors = torch.where(lost[target], 0.0, 2.0).double()[:, None, None, None]
        torch.testing.assert_close(found[target], factors * expected[target], rtol=1e-12, atol=1e-12)
        assert 0 < int(lost[target].sum()) < 32
    assert not torch.equal(lost[2], lost[3])


def test_a_lost_edge_has_no_gradient_and_a_kept_one_that_of_the_scaled_sum():
    x, gates = given(batch=8)
    gates.requires_grad_()
    module = leaving(SumWithDroppedPaths, 0.5).train()
    y = contributions(module, x, gates, generator(1, "drop"))[4]
    (found,) = torch.autograd.grad(y.sum(), gates)
    kept = (y != 0).flatten(1).any(1)
    assert 0 < int(kept.sum()) < 8
    expected = torch.zeros_like(found)
    expected[2, 0] = 2 * x[kept].sum()  # d/dg of 2 g x for the samples that keep it
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_the_mean_is_the_sum_of_operations():
    x, gates = torch.ones(20000, 4, 1, 1, dtype=torch.float64), torch.ones(3, 3, dtype=torch.float64)
    module = leaving(SumWithDroppedPaths, 0.2).train()
    y = contributions(module, x, gates, generator(2, "drop"))[4][:, 0, 0, 0]
    assert sorted(y.unique().tolist()) == pytest.approx([0, 1.25], rel=1e-6)
    assert (y == 0).double().mean().item() == pytest.approx(0.2, abs=0.01)
    assert y.mean().item() == pytest.approx(1, abs=0.02)


def test_it_needs_a_generator():
    x, gates = given()
    with pytest.raises(ValueError, match="drop-path needs a generator"):
        contributions(leaving(SumWithDroppedPaths, 0.2).train(), x, gates)


def test_it_grows_from_nothing_to_what_is_set_and_the_cutout_with_it():
    """RobustDARTS train_search.py: p e / (E - 1), of 50 epochs."""
    edge = DroppedPathsEdge(search_drop_path=0.6)
    assert [edge.rate(epoch, 50) for epoch in (0, 7, 49)] == pytest.approx([0, 0.6 / 7, 0.6])
    assert [edge.cutout(epoch, 50)[1] for epoch in (0, 7, 49)] == pytest.approx([0, 1 / 7, 1])
    assert edge.cutout(49, 50)[0] == 16
    assert DroppedPathsEdge(search_drop_path=0).cutout(49, 50) == (0, 0.0)
    assert (edge.rate(0, 1), edge.cutout(0, 1)[1]) == (0, 0)


def searched(space="nasbench201", **more):
    settings = small_settings("r-darts-dp", space, **{"epochs": 3, "search_cutout": 4, **more})
    parts = compose(METHODS["r-darts-dp"].composition, SPACES[space], user=settings)
    return Search(parts, SPACES[space], ToyDataset(), 0)


def test_squares_that_leave_nothing_of_the_images_are_refused_before_the_search():
    side = ToyDataset().image_size
    with pytest.raises(
        HarnessError, match=rf"search_cutout={side + 1} leaves little or nothing of images of side {side}"
    ):
        searched(search_cutout=side + 1)


def test_a_search_drops_and_cuts_as_much_as_its_epoch_says_in_the_images_of_weights_and_of_alpha():
    search, seen = searched(search_drop_path=0.4), defaultdict(set)
    state = search.start()
    while not state.stopped_by:
        epoch = state.epoch
        search.advance(state)
        for model in (search.supernets.model, search.supernets.scratch):
            modules = [module for module in model.module.modules() if isinstance(module, SumWithDroppedPaths)]
            seen[epoch] |= {module.rate for module in modules}
            assert modules
        for batches in (search.images.train_batches(0), search.images.valid_batches(0)):
            cut, whole = batches.at(3)[0], dataclasses.replace(_Plain(batches)).at(3)
            cuts = (cut != whole).flatten(1).any(1)
            assert bool(cuts.any()) == (epoch > 0)
            assert bool(cuts.all()) == (epoch == 2)
    assert seen == {0: {0.0}, 1: {0.2}, 2: {0.4}}


@dataclasses.dataclass(frozen=True)
class _Plain:
    """The batches as the part gives them."""

    batches: object

    def at(self, step):
        own = self.batches
        return own.part.batch(own.order.at(step), generator(own.seed, f"{own.stream}/augment", step))[0]


def test_with_drop_path_0_it_is_second_order_darts_to_the_bit():
    plain = compose(
        METHODS["darts-2nd"].composition,
        SPACES["nasbench201"],
        user=small_settings("darts-2nd", "nasbench201", epochs=3),
    )
    theirs = run_to_end(Search(plain, SPACES["nasbench201"], ToyDataset(), 0))
    ours = run_to_end(searched(search_drop_path=0.0))
    assert torch.equal(ours.alpha, theirs.alpha)
    assert torch.equal(ours.weights, theirs.weights)
    assert not torch.equal(ours.weights, run_to_end(searched(search_drop_path=0.4)).weights)


def test_a_search_that_is_taken_up_in_its_middle_ends_with_the_same_bits():
    first = searched()
    state = first.start()
    for _ in range(first.steps(0) + 1):
        state = first.advance(state)
    saved = state.to_dict()
    again = searched()
    state = again.restore({key: value.clone() if hasattr(value, "clone") else value for key, value in saved.items()})
    assert same(run_to_end(again, state), run_to_end(searched()))
