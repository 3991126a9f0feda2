"""The search itself: order of updates, counts, global generators, and what stops it."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F
from toy import ToyDataset, run_to_end, same, small_settings

from harness.core.errors import HarnessError
from harness.core.rng import seed_of
from harness.core.types import Budget
from methods import METHODS
from methods.search.search import Search
from spaces import SPACES
from spaces.edges.sum import SumOfOperations


def make_search(method="zarts-mgs", space="s1", seed=0, epochs=2, seconds=None, count=28, **more):
    budget = Budget(epochs, seconds)
    parts = METHODS[method].parts(SPACES[space], budget, user=small_settings(method, space, **more))
    return Search(parts, SPACES[space], ToyDataset(count), seed, "cpu", budget)


def test_global_generators_are_neither_read_nor_moved():
    straight = run_to_end(make_search(space="s4", epochs=1, samples=2))
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    assert same(run_to_end(make_search(space="s4", epochs=1, samples=2)), straight)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_alpha_moves_every_tenth_step_after_the_warm_up():
    """391 weight steps an epoch give 40 updates (t = 0, 10, ..., 390), 1,600 from epoch 10 to 49."""
    schedule = METHODS["zarts-mgs"].parts(SPACES["darts"], Budget()).schedule

    def moves(schedule, epoch, step):
        return schedule.moves_alpha(schedule.stage(epoch, 50).clock, step)

    updates = [sum(moves(schedule, epoch, step) for step in range(391)) for epoch in range(50)]
    assert updates == [0] * 10 + [40] * 40
    darts = METHODS["darts-1st"].parts(SPACES["darts"], Budget()).schedule
    assert all(moves(darts, epoch, step) for epoch in range(2) for step in range(391))


def test_cost_is_what_was_done():
    state = run_to_end(
        make_search("zarts-mgs", count=28, epochs=3, warmup=1)
    )  # 4 weight steps an epoch, alpha at 0 and 2
    cost = state.cost
    assert (cost.weight_steps, cost.alpha_steps) == (12, 4)
    assert cost.finetune_steps == 4 * 4 * 2  # updates x N x M
    assert cost.forwards == 12 + 4 * (1 + 4 * (2 + 1))
    assert cost.backwards == 12 + 4 * (1 + 4 * 2)
    assert cost.seconds > 0
    assert cost.validation_seconds > 0
    assert cost.peak_memory > 2**20
    second = run_to_end(make_search("darts-2nd", count=32, epochs=1)).cost
    assert (second.forwards, second.backwards) == (4 * (1 + 4), 4 * (1 + 4))
    assert second.images == 4 * 5 * 8


def test_records_hold_what_the_epochs_were():
    search = make_search("zarts-mgs", epochs=3, warmup=1)
    state = run_to_end(search)
    assert [record["epoch"] for record in state.records] == [0, 1, 2]
    assert state.records[0]["rule"] == {}
    assert set(state.records[1]["rule"]) == {
        "candidate_loss",
        "ess",
        "esr",
        "gradient_norm",
        "loss_spread",
        "step_norm",
    }
    assert 1 <= state.records[1]["rule"]["ess"] <= 4
    last = state.records[-1]
    assert last["genotype"] == str(search.genotype(state))
    genotype = search.genotype(state)
    for kind in ("normal", "reduce"):
        names = [operation for operation, _ in genotype[kind].edges]
        free = [n for n in names if "pool" in n or n == "skip_connect"]
        assert last["operations"][kind] == {"skip": names.count("skip_connect"), "parameterless": len(free), "none": 0}
    assert state.stopped_by == "epochs"
    assert run_to_end(make_search("zarts-gld", epochs=1)).records[0]["rule"].keys() == {
        "candidate_loss",
        "improvement",
        "moved",
        "step_norm",
    }


def plain_darts(space, search, steps, weights_first):
    """First-order DARTS as its code is arranged, on the same batches: torch's Adam and SGD, one module."""
    settings = search.parts.macro
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(0, "weights"))
        net = SPACES[space].supernet(settings, 4, SumOfOperations)
    alpha = torch.nn.Parameter(search.start().alpha.clone())
    training = search.parts.training
    adam = torch.optim.Adam([alpha], lr=3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    sgd = torch.optim.SGD(
        net.parameters(), lr=0.025, momentum=0.9, weight_decay=training.weight_decay, nesterov=training.nesterov
    )
    rows, width = len(search.space.widths), search.space.widths[0]

    def loss(batch):
        return F.cross_entropy(net(batch[0], alpha.view(rows, width).softmax(1)), batch[1])

    def move_alpha(step):
        adam.zero_grad()
        loss(search.images.valid_batches(0).at(step)).backward()
        adam.step()

    for step in range(steps):
        if not weights_first:
            move_alpha(step)
        sgd.zero_grad()
        loss(search.images.train_batches(0).at(step)).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        sgd.step()
        if weights_first:
            move_alpha(step)
    return alpha.detach(), net


@pytest.mark.parametrize(("space", "weights_first"), [("s2", False), ("nasbench201", True)])
def test_darts_first_order_is_the_published_loop(space, weights_first):
    search = make_search("darts-1st", space, epochs=9)
    state = search.start()
    for _ in range(4):
        state = search.advance(state)
    alpha, net = plain_darts(space, search, 4, weights_first)
    torch.testing.assert_close(state.alpha, alpha, rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(search.supernets.model.module.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    wrong, _ = plain_darts(space, search, 4, not weights_first)
    assert not torch.allclose(state.alpha, wrong, rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_not_finite_stops_the_search_and_says_where():
    search = make_search("darts-1st", lr=1e30, clip=1e30, epochs=5)
    state = search.start()
    with pytest.raises(HarnessError, match=r"not finite from epoch \d+, step \d+"):
        run_to_end(search, state)
    assert state.stopped_by == ""


def test_seconds_end_a_search_with_a_record_of_the_part_of_an_epoch():
    state = run_to_end(make_search("darts-1st", seconds=1e-6, epochs=3))
    assert state.stopped_by == "seconds"
    assert state.cost.weight_steps == 1
    assert state.records[0]["steps"] == 1
    assert run_to_end(make_search("darts-1st", seconds=1e6, epochs=1)).stopped_by == "epochs"


def test_the_public_face():
    result = METHODS["zarts-rs"](seed=0, settings=small_settings("zarts-rs", "s3", samples=2)).search(
        SPACES["s3"], ToyDataset(), Budget(epochs=1)
    )
    assert len(result.records) == 1
    assert len(result.alpha) == SPACES["s3"].dimension
    assert result.genotype.family == "darts"
    assert result.settings["training"]["epochs"] == 1


def test_settings_of_spaces_and_methods():
    def parts(method, space, **user):
        return METHODS[method].parts(SPACES[space], Budget(), user=user)

    assert parts("zarts-mgs", "darts").rule.sigma == 0.025
    assert parts("zarts-mgs", "s2").rule.sigma == 0.2
    assert parts("zarts-mgs", "s2", sigma="0.1").rule.sigma == 0.1
    assert parts("darts-1st", "nasbench201").schedule.order == "weights-first"
    assert parts("darts-2nd", "nasbench201").schedule.order == "alpha-first"
    assert parts("darts-1st", "nasbench201").training == dataclasses.replace(
        parts("darts-1st", "darts").training, nesterov=True, weight_decay=5e-4
    )
    released = parts("zarts-mgs-released", "darts")
    assert (released.rule.weight_mode, released.rule.proposal, released.lookahead.finetune) == (
        "released",
        "sum",
        "released",
    )
    with pytest.raises(HarnessError, match="warmup=10 leaves alpha no epoch of epochs=10"):
        parts("zarts-mgs", "s1", epochs=10)
    with pytest.raises(HarnessError, match="unknown setting 'sigmaa'; did you mean 'sigma'"):
        parts("zarts-mgs", "s1", sigmaa=1)


def test_adding_a_reader_does_not_change_a_run():
    search, quiet = make_search(epochs=1), make_search(epochs=1)
    state, other = search.start(), quiet.start()
    while not state.stopped_by:
        search.genotype(state)
        copy.deepcopy(state.to_dict())
        state = search.advance(state)
        other = quiet.advance(other)
    assert same(state, other)
