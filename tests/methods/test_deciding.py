"""Schedules that decide a cell edge by edge: SGAS' criteria and decisions, DARTS-PT's projections, and what they leave
of a search."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from toy import SMALL, ToyDataset, end_and_saved, restored, run_to_end, same, standing_of

from harness.core.types import Budget
from methods import METHODS
from methods.composition import Composition
from methods.families import resolve
from methods.schedules.criteria import certainty, importance, normalised, scores, selection, stability
from methods.schedules.greedy import Greedy
from methods.schedules.projected import Projected
from methods.search.search import Search
from spaces import SPACES

S3_SPACE, DARTS, BENCHMARK = SPACES["s3"], SPACES["darts"], SPACES["nasbench201"]
NO, SK, S3 = "none", "skip_connect", "sep_conv_3x3"


def entropy(*probabilities):
    return -sum(p * math.log(p) for p in probabilities)


def test_the_criteria_by_hand():
    row = {NO: 0.2, SK: 0.6, S3: 0.2}
    assert importance(row, S3_SPACE) == pytest.approx(0.8, rel=1e-12)
    assert selection(row, S3_SPACE) == pytest.approx({SK: 0.75, S3: 0.25}, rel=1e-12)
    assert certainty(row, S3_SPACE) == pytest.approx(1 - entropy(0.75, 0.25) / math.log(2), rel=1e-12)
    assert certainty({SK: 0.5, S3: 0.5}, S3_SPACE) == pytest.approx(0, abs=1e-12)
    assert certainty({NO: 0.3, SK: 0.7}, S3_SPACE) == 1
    past = [{NO: 0.5, SK: 0.25, S3: 0.25}, {NO: 0.0, SK: 1.0, S3: 0.0}]
    assert stability(row, past, S3_SPACE) == pytest.approx((0.75 + 0.75) / 2, rel=1e-12)
    assert stability(row, past[:1], S3_SPACE) == pytest.approx(0.5 + 0.25, rel=1e-12)
    assert stability(row, [], S3_SPACE) == 0
    assert selection({NO: 1.0, SK: 0.0, S3: 0.0}, S3_SPACE) == {SK: 0.5, S3: 0.5}


def test_a_factor_that_is_equal_on_all_edges_says_nothing():
    assert normalised([3.0, 1.0, 2.0]) == [1, 0, 0.5]
    assert normalised([0.7, 0.7]) == [1, 1]
    rows = [{SK: 0.6, S3: 0.4}, {SK: 0.9, S3: 0.1}, {SK: 0.5, S3: 0.5}]  # importance 1 everywhere
    certain = [certainty(row, SPACES["s2"]) for row in rows]
    assert scores(rows, [], SPACES["s2"], True) == pytest.approx(normalised(certain), rel=1e-12)


def test_the_score_is_the_product_of_the_normalised_criteria_on_a_crafted_history():
    now = [{NO: 0.1, SK: 0.6, S3: 0.3}, {NO: 0.4, SK: 0.3, S3: 0.3}, {NO: 0.2, SK: 0.7, S3: 0.1}]
    past = [
        [{NO: 0.2, SK: 0.2, S3: 0.6}, {NO: 0.4, SK: 0.3, S3: 0.3}, {NO: 0.2, SK: 0.6, S3: 0.2}],
        [{NO: 0.0, SK: 0.5, S3: 0.5}, {NO: 0.8, SK: 0.1, S3: 0.1}, {NO: 0.5, SK: 0.4, S3: 0.1}],
    ]
    important = [(x - 0.6) / 0.3 for x in (0.9, 0.6, 0.8)]
    certain = [1 - entropy(2 / 3, 1 / 3) / math.log(2), 0, 1 - entropy(7 / 8, 1 / 8) / math.log(2)]
    certain = [x / certain[2] for x in certain]
    stable = [(min(2 / 3, 0.25) + min(1 / 3, 0.75) + 0.5 + 1 / 3) / 2, 1, (0.75 + 1 / 8 + 0.8 + 1 / 8) / 2]
    stable = [(x - min(stable)) / (1 - min(stable)) for x in stable]
    first = [a * b for a, b in zip(important, certain, strict=True)]
    assert scores(now, past, S3_SPACE, False) == pytest.approx(first, rel=1e-9)
    second = [a * b for a, b in zip(first, stable, strict=True)]
    assert scores(now, past, S3_SPACE, True) == pytest.approx(second, rel=1e-9)


def strengths(space, strong):
    """Rows of equal strengths, but for {(row, operation): strength}, whose row's others share the rest."""
    rows = []
    for row, edge in enumerate(space.edges):
        names = {name: s for (at, name), s in strong.items() if at == row}
        rest = (1 - sum(names.values())) / (len(edge.operations) - len(names))
        rows.append([names.get(name, rest) for name in edge.operations])
    return rows


def decide(schedule, space, rows, kept=None, past=()):
    at = standing_of(space, rows)
    at = replace(at, kept=kept or at.kept)
    return schedule.keep(at, [*past, at.choices], 1)


def test_the_edge_with_the_highest_score_gets_its_strongest_operation():
    rows = strengths(S3_SPACE, {(7, S3): 0.9, (20, SK): 0.8})
    kept = decide(Greedy(), S3_SPACE, rows)
    every = [list(edge.operations) for edge in S3_SPACE.edges]
    every[7], every[20] = [S3], [SK]
    assert kept == every


def test_none_is_never_chosen_and_the_first_of_equals_is():
    rows = strengths(S3_SPACE, {(0, NO): 0.9})
    kept = decide(Greedy(), S3_SPACE, rows)
    assert kept[1] == [SK]  # all but row 0 are as important, and as uncertain; nothing is certain: all scores are equal
    assert [len(names) for names in kept[:14]] == [3, 1, *[3] * 12]


def test_a_node_with_two_decided_edges_loses_the_others():
    """Rows 2 to 4 enter node 3."""
    kept = [list(edge.operations) for edge in S3_SPACE.edges]
    kept[2] = [SK]
    decided = decide(Greedy(), S3_SPACE, strengths(S3_SPACE, {(4, S3): 0.9}), kept)
    assert decided[2:5] == [[SK], [], [S3]]
    assert [len(names) for names in decided[5:14]] == [3] * 9
    rows = strengths(BENCHMARK, {(5, SK): 0.9})
    kept = [[SK]] * 4 + [list(edge.operations) for edge in BENCHMARK.edges[4:]]
    decided = decide(Greedy(), BENCHMARK, rows, kept)
    assert decided == [[SK]] * 4 + [kept[4], [SK]]  # every edge of the benchmark's cells has an operation


def test_a_decided_edge_counts_in_the_scores_with_what_it_was_decided_by():
    """Row 0 is the most important and the most certain. With it, row 1 is nearly as certain and not important; without
    it, it would be both."""
    rows = strengths(S3_SPACE, {(0, S3): 0.98, (1, SK): 0.6, (1, NO): 0.35, (2, SK): 0.4, (2, NO): 0.3})
    kept = [list(edge.operations) for edge in S3_SPACE.edges]
    kept[0] = [S3]
    at = standing_of(S3_SPACE, rows)
    of_kind = at.choices[:14]
    best = max(range(1, 14), key=lambda row: scores(of_kind, [], S3_SPACE, False)[row])
    decided = decide(Greedy(), S3_SPACE, rows, kept)
    assert [row for row in range(1, 14) if len(decided[row]) == 1] == [best]


def test_decisions_are_made_when_epochs_10_15_and_so_on_of_50_begin():
    schedule = Greedy()
    assert [schedule.stage(epoch, 50).number for epoch in range(50)] == [0] * 10 + [
        n for n in range(1, 9) for _ in "12345"
    ]
    assert [64 + schedule.larger(number) for number in range(9)] == list(range(64, 129, 8))


def search_of(method, space, epochs, **settings):
    small = {**SMALL, "warmup": 0, "batch": 4, "valid_batch": 4, **({"cells": 1} if space == "nasbench201" else {})}
    composition = METHODS[method]
    parts = composition.parts(SPACES[space], Budget(epochs), [small], user=settings)
    return Search(parts, SPACES[space], ToyDataset(24), 0, "cpu", Budget(epochs))


def test_a_greedy_search_ends_with_the_cell_that_it_decided_and_resumes_to_the_bit():
    """10 epochs: a decision as each of the epochs 2 to 9 begins; batches of 4, 12, 20, ... images of 24."""
    search = search_of("sgas-2", "s3", 10)
    straight, (file,) = end_and_saved(search, 13)
    counts = [sorted(record["candidates"]) for record in straight.records]
    assert [count.count(3) for count in counts][:3] == [28, 28, 26]
    assert counts[-1] == [0] * 12 + [1] * 16
    found = search.result(straight).genotype
    rows = iter(straight.kept)
    for kind, edges in SPACES["s3"].cells.items():
        chosen = [(names[0], e.source, e.target) for e, names in zip(edges, rows, strict=False) if names]
        nodes = [(name, source, i) for i, node in enumerate(found[kind].nodes, start=2) for name, source in node]
        assert sorted(nodes) == sorted(chosen)
    assert [record["steps"] for record in straight.records] == [6, 6, 2, 2, *[1] * 6]
    assert len(straight.past) == 5
    again = search_of("sgas-2", "s3", 10)
    assert same(run_to_end(again, restored(again, file)), straight)


@pytest.mark.parametrize("edge", ["sum", "sparse", "auxiliary-skip", "merged"])
def test_a_supernet_without_some_edges_is_the_one_whose_gates_are_zero_there(edge):
    space = SPACES["darts"]
    composition = Composition("", "", "adam", "first-order", schedule="greedy", edge=edge)
    parts = resolve(composition, space, user=SMALL | {"warmup": 0})
    search = Search(parts, space, ToyDataset(12), 0, "cpu", Budget())
    state = search.start()
    search.supernets.bind(state)
    old, widest = search.supernets.model.module.eval(), max(space.widths)
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    gates = torch.rand(28, widest, generator=torch.Generator().manual_seed(2))
    gone = [2, 5, 7, 12, 16, 27]
    gates[gone] = 0.0
    every = parts.edge.all_gates(gates, 0, 2)
    if edge == "auxiliary-skip":
        every[gone] = 0.0
    expected = old(images, every)
    kept = [[] if row in gone else list(names) for row, names in enumerate(state.kept)]
    search.supernets.next_stage(state, kept)
    left = torch.tensor([row for row in range(28) if row not in gone])
    new = search.supernets.model.module.eval()
    torch.testing.assert_close(new(images, every[left]), expected, rtol=1e-4, atol=1e-5)
    assert len(state.alpha) == 7 * 22


def test_alpha_and_what_adam_remembers_lose_the_entries_of_edges_that_are_gone():
    relaxation = METHODS["pc-darts"].parts(DARTS, Budget(1), user={"warmup": 0}).relaxation
    before = [["a", "b"], ["c"], [], ["d", "e"]]
    assert relaxation.staying(before, [["b"], [], [], ["d", "e"]]) == [
        False,
        True,
        False,
        True,
        True,
        True,
        False,
        True,
    ]


def test_projections_are_spread_evenly_over_what_the_search_leaves():
    schedule = Projected()
    stages = [schedule.stage(epoch, 131) for epoch in range(131)]
    decided = [1 + number for number in range(16) for _ in range(5)] + [17]  # at once, every 5 epochs, before the last
    assert [stage.number for stage in stages] == [0] * 50 + decided
    assert {stages.count(stage) for stage in stages} == {1}
    assert [(s.clock.epoch, s.clock.epochs, s.clock.rate) for s in stages[49:51]] == [(49, 50, 1.0), (0, 81, 0.1)]


@pytest.mark.parametrize("tuned", [1, 2, 10, 30])
def test_all_projections_are_made_however_few_epochs_are_left(tuned):
    schedule = Projected(search_share=50)
    numbers = [schedule.stage(tuned + epoch, 2 * tuned).number for epoch in range(tuned)]
    assert numbers == sorted(numbers)
    assert numbers[-1] == schedule.projections
    assert numbers[0] == (1 if tuned > 1 else schedule.projections)


def hurting(space, worth):
    """The accuracy of gates (rows, widest): what the (row, operation) that are not 0 are worth, together."""
    columns = {key: (key[0], space.edges[key[0]].operations.index(key[1])) for key in worth}
    return lambda gates: (0.0, sum(w for key, w in worth.items() if gates[columns[key]] != 0))


def test_a_projection_keeps_the_operation_that_is_missed_most_and_the_inputs_that_are():
    space = SPACES["s2"]
    worth = {(row, S3 if row % 2 else SK): 0.01 * (row + 1) for row in range(28)}
    at = standing_of(space, [[0.9, 0.1]] * 28, hurting(space, worth))
    kept = Projected().keep(at, [], 1)
    decided = [row for row, names in enumerate(kept) if len(names) == 1]
    assert len(decided) == 2
    assert decided[0] < 14 <= decided[1]
    assert all(kept[row] == [S3 if row % 2 else SK] for row in decided)
    while any(len(names) == 2 for names in kept):
        gates = torch.zeros(28, 2)
        for row, names in enumerate(kept):
            gates[row, : len(names)] = 0.5
        lone = {key: w for key, w in worth.items() if key[1] in kept[key[0]]}
        at = replace(
            at, kept=kept, gates=lambda gates=gates: gates, measure=lambda g, lone=lone, kept=kept: _seen(g, kept, lone)
        )
        kept = Projected().keep(at, [], 1)
    assert kept == [[S3 if row % 2 else SK] for row in range(28)]
    for _ in range(4):
        present = [names for names in kept if names]
        at = replace(
            at,
            kept=kept,
            gates=lambda present=present: torch.ones(len(present), 1),
            measure=lambda g, kept=kept: _seen(g, kept, worth),
        )
        kept = Projected().keep(at, [], 1)
    assert [bool(names) for names in kept[:14]] == [True] * 2 + [False, True, True] + [False] * 2 + [True] * 2 + [
        False,
    ] * 3 + [True] * 2
    assert Projected().keep(replace(at, kept=kept), [], 1) == kept  # nothing is left to decide


def _seen(gates, kept, worth):
    """The same where the gates have a row for each edge that is left, and a column for each of its operations."""
    rows = [row for row, names in enumerate(kept) if names]
    shown = {
        (rows[i], kept[rows[i]][j])
        for i, row in enumerate(gates.tolist())
        for j, g in enumerate(row)
        if g != 0 and j < len(kept[rows[i]])
    }
    return 0.0, sum(w for key, w in worth.items() if key in shown)


def test_a_projected_search_ends_with_a_whole_cell_and_resumes_to_the_bit():
    settings = {"projections": 18, "search_share": 50, "batch": 24}
    search = search_of("darts-pt", "s2", 4, **settings)
    straight, (file,) = end_and_saved(search, 3)
    assert sorted(map(len, straight.kept)) == [0] * 12 + [1] * 16
    assert [record["lr"] for record in straight.records[:3]] == pytest.approx([0.025, 0.013, 0.0025])
    again = search_of("darts-pt", "s2", 4, **settings)
    state = restored(again, file)
    assert state.epoch == 3
    assert same(run_to_end(again, state), straight)
