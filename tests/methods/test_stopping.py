"""DARTS-ES: when the rule ends a search, with which epoch's cell, and what a search that it ends leaves."""

from __future__ import annotations

import json
import random
from statistics import fmean

import pytest
import torch
import torch.nn.functional as F
from processes import forked, harness, run_arguments, run_folder
from scipy.sparse.linalg import ArpackNoConvergence
from toy import ToyDataset, run_to_end, same, small_settings

from harness.core.genotype import from_json, parse
from harness.core.types import Budget
from methods import METHODS
from methods.search.records import operation_counts
from methods.search.search import Search
from methods.stopping.adaptive_regularisation import AdaptiveRegularisation
from methods.stopping.rising_curvature import RisingCurvature
from methods.stopping.stopping import Never
from spaces import SPACES

AT_ONCE = {"es_every": 1, "es_window": 1, "es_distance": 1, "es_start": 0, "es_rise": 0.0, "es_decay": 1e3}
"""Ends a search after its second epoch: what is added to the diagonal keeps the eigenvalue positive."""


def records(values):
    return [{"epoch": epoch, "eigenvalue": value} for epoch, value in enumerate(values)]


def first_stop(rule, values, epochs=50):
    """(the epoch after which the rule ends a search with these eigenvalues, epoch by epoch, the chosen epoch)."""
    for epoch in range(len(values)):
        ending = rule.ending(records(values[: epoch + 1]), epochs)
        if ending is not None:
            assert ending.stopped_by == "eigenvalue"
            return epoch, ending.epoch
    return None


def plain_stop(values, epochs=50):
    """As it is written down: averages by the epoch that they count for."""
    averages = {}
    for epoch in range(0, epochs, 2):
        window = [values[e] for e in range(epoch - 8, epoch + 1, 2) if e >= 0]
        if len(window) >= 3:
            averages[epoch - 4] = fmean(window)
        if epoch != epochs - 1 and epoch - 4 - 8 >= 10 and averages[epoch - 4] / averages[epoch - 12] > 1.3:
            return epoch, epoch - 12
    return None


def test_the_rule_is_the_one_that_was_written_down():
    draw, found = random.Random(0), set()
    for _ in range(300):
        drift, value, values = draw.uniform(0.98, 1.05), 0.2, []
        for _ in range(50):
            value *= drift * draw.uniform(0.9, 1.1)
            values.append(value)
        expected = plain_stop(values)
        assert first_stop(RisingCurvature(), values) == expected
        found.add(expected)
    assert {None, (22, 10)} < found
    assert len(found) > 5


def test_a_rise_in_one_step():
    """From 1 to 2 at epoch 18: the window that ends with epoch 22 holds three of the larger values, of five."""
    values = [1.0] * 18 + [2.0] * 32
    assert first_stop(RisingCurvature(), values) == (22, 10)
    assert first_stop(RisingCurvature(es_rise=1.6), values) == (24, 12)
    assert first_stop(RisingCurvature(es_rise=2.0), values) is None  # it has to be more
    assert first_stop(RisingCurvature(es_start=13), values) == (26, 14)
    assert first_stop(RisingCurvature(), values[:23], epochs=23) is None  # the last epoch ends by itself
    assert first_stop(RisingCurvature(), [-1.0] * 18 + [2.0] * 32) == (28, 16)  # where the average is 0.2
    values[18] = None  # it was not finite
    assert first_stop(RisingCurvature(), values) is None


def test_every_other_epoch_and_the_last_are_watched():
    assert [epoch for epoch in range(10) if RisingCurvature().watches(epoch, 10)] == [0, 2, 4, 6, 8, 9]
    assert not any(Never().watches(epoch, 10) for epoch in range(10))


def search_of(space="nasbench201", method="darts-es", **more):
    settings = small_settings("darts-es", space, **more)
    parts = METHODS[method].parts(SPACES[space], Budget(4), user=settings)
    return Search(parts, SPACES[space], ToyDataset(), 0, "cpu", Budget(4))


@pytest.mark.parametrize("space", ["nasbench201", "s1"])
def test_a_search_that_ends_early_has_the_cell_from_before(space):
    search = search_of(space, **AT_ONCE)
    state = run_to_end(search)
    assert (state.stopped_by, state.epoch, len(state.records)) == ("eigenvalue", 2, 2)
    result = search.result(state)
    assert result.genotype == parse(state.records[0]["genotype"])
    assert all(record["eigenvalue"] > 900 for record in state.records)
    again = search_of(space, **AT_ONCE)
    middle = search.start()
    while middle.epoch < 1:
        middle = search.advance(middle)
    assert same(run_to_end(again, again.restore(middle.to_dict())), state)
    assert again.result(again.restore(state.to_dict())).genotype == result.genotype


def test_the_eigenvalue_is_that_of_the_full_hessian_and_watching_changes_nothing():
    search = search_of(es_decay=0.25)
    state = search.start()
    while state.epoch < 1:
        search.advance(state)
    before = [tensor.clone() for tensor in (state.weights, state.statistics, state.alpha)]
    forwards = state.cost.forwards
    found = search.curvature(state, search.parts.clock(state.epoch), search.parts.stopping.es_decay)
    assert all(map(torch.equal, before, (state.weights, state.statistics, state.alpha)))
    assert state.cost.forwards > forwards
    images, labels = search.images.valid_batches(0).at(state.cost.alpha_steps - 1)

    def loss(alpha):
        search.supernets.scratch.copy_from(search.supernets.model)
        search.supernets.scratch.module.train()
        return F.cross_entropy(search.supernets.scratch(images, alpha.view(6, 5).softmax(1), None), labels)

    hessian = torch.autograd.functional.hessian(loss, state.alpha) + 0.25 * torch.eye(30)
    assert found == pytest.approx(float(torch.linalg.eigvalsh(hessian.double())[-1]), rel=1e-3)
    straight = run_to_end(search_of())
    assert straight.stopped_by == "epochs"
    assert ["eigenvalue" in record for record in straight.records] == [True, False, True, True]
    assert straight.records[-1]["genotype"] == str(search_of().genotype(straight))


def test_an_eigenvalue_that_is_not_found_ends_nothing(monkeypatch):
    def lost(apply, start, largest):
        raise ArpackNoConvergence("no convergence", [], [])

    monkeypatch.setattr("methods.search.measuring.extreme", lost)
    state = run_to_end(search_of(**AT_ONCE))
    assert (state.stopped_by, [record["eigenvalue"] for record in state.records]) == ("epochs", [None] * 4)


def test_ada_goes_back_where_es_would_end_and_raises_the_decay_up_to_a_limit():
    values = [1.0] * 18 + [2.0] * 32
    rule = AdaptiveRegularisation()
    assert first_stop(rule, values) is None
    assert [rule.going_back(records(values[: epoch + 1]), 0, 3e-4) for epoch in range(20, 25)] == [None] * 2 + [
        10,
        None,
        12,
    ]
    assert [rule.going_back(records(values[:23]), returns, 3e-4) for returns in range(3)] == [10, 10, None]
    assert [rule.weight_decay(3e-4, returns) for returns in range(3)] == pytest.approx([3e-4, 3e-3, 3e-2])
    assert rule.going_back(records(values[:23]), 0, 0.0) is None  # ten times nothing would be for ever
    assert list(rule.within_reach(24)) == [12, 14, 16, 18, 20, 22, 24]
    assert list(rule.within_reach(13)) == [10, 12]


def test_a_search_that_goes_back_stands_where_the_epoch_ended_and_resumes_to_the_bit(tmp_path):
    """Twice after epoch 1 to the end of epoch 0, and then to the end with a hundredfold decay."""
    search = search_of(method="darts-ada", weight_decay=3e-4, **AT_ONCE)
    state, ends = search.start(), []
    while not state.stopped_by:
        state = search.advance(state)
        if not state.step:
            ends.append(
                (state.epoch, state.returns, {n: getattr(state, n).clone() for n in ("alpha", "weights", "momentum")})
            )
            saved = tmp_path / f"{len(ends)}.pt"
            torch.save(state.to_dict(), saved)
    assert [epoch for epoch, _, _ in ends] == [1, 1, 1, 2, 3, 4]
    assert state.returns == [[1, 0], [1, 0]]
    for _, _, values in ends[1:3]:
        assert all(torch.equal(value, ends[0][2][name]) for name, value in values.items())
    assert [record["epoch"] for record in state.records] == [0, 1, 2, 3]
    assert [record.get("weight_decay") for record in state.records] == [
        None,
        *[pytest.approx(100 * decay_of(search))] * 3,
    ]
    assert state.cost.weight_steps == 6 * search.steps(0)
    assert set(state.ends) == {1, 2}
    for number in (2, 4):
        again = search_of(method="darts-ada", weight_decay=3e-4, **AT_ONCE)
        restored = again.restore(torch.load(tmp_path / f"{number}.pt", weights_only=True))
        assert same(run_to_end(again, restored), state)


def decay_of(search):
    return search.parts.training.weight_decay


def test_by_the_command_line(tmp_path):
    settings = [word for name, value in AT_ONCE.items() for word in ("--set", f"{name}={value}")]
    ended = forked(harness(run_arguments(tmp_path, "--epochs", "4", *settings, method="darts-es")))
    assert ended.code == 0, ended.err
    assert "done, ended early, by the eigenvalue" in ended.out
    folder = run_folder(tmp_path)
    result = json.loads((folder / "result.json").read_text())
    lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    genotype = from_json(result["genotype"])
    assert (result["stopped_by"], len(lines)) == ("eigenvalue", 2)
    assert str(genotype) == lines[0]["genotype"]
    assert result["operations"] == operation_counts(genotype)
    assert "before the Hessian's largest eigenvalue rose" in result["how"]["genotype"]
    again = forked(harness(run_arguments(tmp_path, "--epochs", "4", *settings, method="darts-es")))
    assert "was done before" in again.out
