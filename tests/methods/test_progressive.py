"""Progressive schedules: what is dropped when, what stays as it was, and the cells that a limit on skips gives."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from plain_supernets import matching_tensors, plain_supernet
from toy import ToyDataset, run_to_end, same, small_settings, standing_of

from harness.core.errors import HarnessError
from harness.core.types import Budget
from methods import METHODS
from methods.derivations.derivation import OfSpace
from methods.derivations.limited_skips import LimitedSkips
from methods.schedules.progressive import Progressive
from methods.search.search import Search
from methods.search.state import State
from spaces import SPACES

EPOCHS = 5


def make_search(method, space, epochs=EPOCHS, **more):
    budget = Budget(epochs)
    parts = METHODS[method].parts(SPACES[space], budget, user=small_settings(method, space, **more))
    return Search(parts, SPACES[space], ToyDataset(16), 0, "cpu", budget)


def advance_to(search, epoch, state=None):
    """The state after the last step before this epoch."""
    state = state or search.start()
    while state.epoch < epoch:
        state = search.advance(state)
    return state


def test_operations_go_at_40_60_and_80_percent_of_the_epochs():
    schedule = Progressive()
    assert [schedule.stage(epoch, 50).number for epoch in range(50)] == [0] * 20 + [1] * 10 + [2] * 10 + [3] * 10
    assert [schedule.stage(epoch, 5).number for epoch in range(5)] == [0, 0, 1, 2, 3]
    assert schedule.stage(30, 50).clock.epochs == 50


@pytest.mark.parametrize(
    ("name", "counts"), [("darts", (4, 2, 1)), ("darts-none", (4, 2, 1)), ("nasbench201", (3, 2, 1)), ("s1", (1, 1, 1))]
)
def test_every_edge_keeps_its_strongest_operations(name, counts):
    space = SPACES[name]
    draw = torch.Generator().manual_seed(0)
    probabilities = [torch.rand(width, generator=draw).tolist() for width in space.widths]
    for number, count in enumerate(counts, start=1):
        kept = Progressive().keep(standing_of(space, probabilities), [], number)
        for edge, row, names in zip(space.edges, probabilities, kept, strict=True):
            assert len(names) == count
            assert names == [name for name in edge.operations if name in names]
            gone = [p for p, name in zip(row, edge.operations, strict=True) if name not in names and name != "none"]
            assert all(p >= max(gone, default=0) for p, n in zip(row, edge.operations, strict=True) if n in names)
        probabilities = [
            [p for p, name in zip(row, edge.operations, strict=True) if name in names]
            for row, edge, names in zip(probabilities, space.edges, kept, strict=True)
        ]
        space = space.restricted(kept)
    assert space.widths == (1,) * len(space.edges)


def test_the_last_operation_of_an_edge_can_be_derived():
    row = [0.6, 0.3, 0.1]  # none first
    space = SPACES["s3"]
    assert Progressive().keep(standing_of(space, [row] * 28), [], 1) == [["none", "skip_connect"]] * 28
    space = space.restricted([["none", "sep_conv_3x3"]] * 28)
    assert Progressive().keep(standing_of(space, [[0.9, 0.1]] * 28), [], 2) == [["sep_conv_3x3"]] * 28
    benchmark = SPACES["nasbench201"].restricted([["none", "skip_connect"]] * 6)
    assert Progressive().keep(standing_of(benchmark, [[0.9, 0.1]] * 6), [], 2) == [["none"]] * 6
    assert (
        Progressive().keep(standing_of(SPACES["s2"], [[0.5, 0.5]] * 28), [], 1) == [["skip_connect"]] * 28
    )  # the first of equals


@pytest.mark.parametrize("method", ["p-darts-1st", "p-g-darts-1st", "p-merge-darts-1st"])
def test_what_is_kept_is_as_it_was(method):
    """At every pruning: weights, momentum, statistics, alpha, Adam's memory and the output, on both sides of it."""
    space = "darts" if method == "p-merge-darts-1st" else "nasbench201"
    search = make_search(method, space)
    state = search.start()
    images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for epoch, width in ((2, 0.5), (3, 0.3), (4, 0.2)):
        state = advance_to(search, epoch, state)
        old, model = dataclasses.replace(state), search.supernets.model
        before = model.module.train()
        pieces = [{k: v.clone() for k, v in before.pieces()}]
        search.supernets.model.bind(state.momentum, state.statistics)
        pieces.append({k: v.clone() for k, v in before.pieces()})
        search.supernets.model.bind(state.weights, state.statistics)
        search._next_stage(state)
        after = search.supernets.model.module.train()
        assert sum(map(len, state.kept)) < width * SPACES[space].dimension + 28
        for vector, values in zip((state.weights, state.momentum), pieces, strict=True):
            search.supernets.model.bind(vector, state.statistics)
            for name, piece in after.pieces():
                assert torch.equal(piece, values[name]), name
        search.supernets.model.bind(state.weights, state.statistics)
        assert dict(after.pieces()).keys() < pieces[0].keys()

        rows = [[name in names for name in was] for was, names in zip(old.kept, state.kept, strict=True)]
        columns = torch.tensor([kept for row in rows for kept in row])
        assert torch.equal(state.alpha, old.alpha[columns])
        assert torch.equal(state.memory["mean"], old.memory["mean"][columns])
        assert torch.equal(state.memory["updates"], old.memory["updates"])
        gates = torch.rand(len(rows), max(map(len, state.kept)), generator=torch.Generator().manual_seed(epoch))
        if method == "p-g-darts-1st":
            gates = torch.zeros_like(gates).index_fill_(1, torch.tensor(0), 1.0)
        zeros = torch.zeros(len(rows), max(map(len, rows)))
        for row, (kept, gate) in enumerate(zip(rows, gates, strict=True)):
            zeros[row, [i for i, left in enumerate(kept) if left]] = gate[: sum(kept)]
        model.bind(old.weights, old.statistics)
        torch.testing.assert_close(after(images, gates), before(images, zeros), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("space", ["darts-none", "nasbench201"])
def test_a_pruned_supernet_is_one_built_with_the_kept_operations(space):
    search = make_search("p-darts-1st", space)
    images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    state = search.start()
    for epoch in (3, 4, 5):  # after epochs 2, 3 and 4, which begin with a pruning
        state = advance_to(search, epoch, state)
        reduced = SPACES[space].restricted(state.kept)
        plain = plain_supernet(reduced, 2, search.parts.macro.cells, 4)
        for ours, theirs in matching_tensors(search.supernets.model.module, plain):
            theirs.data.copy_(ours)
        gates = torch.rand(len(reduced.widths), max(reduced.widths))
        out = search.supernets.model.module.train()(images, gates)
        torch.testing.assert_close(out, plain.train()(images, gates), rtol=1e-3, atol=1e-4)
        assert reduced.widths == ((4 if space == "darts-none" else 3, 2, 1)[epoch - 3],) * len(reduced.widths)


@pytest.mark.parametrize(
    ("method", "stop"), [("p-darts-1st", 4), ("p-darts-1st", 5), ("p-zarts", 8)], ids=["before", "after", "the last"]
)
def test_resume_across_a_pruning_is_bit_exact(method, stop, tmp_path):
    straight = run_to_end(make_search(method, "nasbench201"))
    search = make_search(method, "nasbench201")
    assert search.steps(0) == 2
    state = search.start()
    for _ in range(stop):
        state = search.advance(state)
    torch.save(state.to_dict(), tmp_path / "state.pt")
    loaded = State.from_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    end = run_to_end(make_search(method, "nasbench201"), loaded)
    assert same(end, straight)
    assert end.kept == straight.kept
    assert end.last_choice == straight.last_choice
    assert make_search(method, "nasbench201").genotype(end) == make_search(method, "nasbench201").genotype(straight)


def test_alpha_rests_where_every_edge_has_one_operation():
    search = make_search("p-darts-2nd", "nasbench201", cadence=1)
    state = run_to_end(search)
    assert state.cost.alpha_steps == 8
    assert [set(record["candidates"]) for record in state.records] == [{5}, {5}, {3}, {2}, {1}]
    assert [record["alpha_updates"] for record in state.records] == [2, 2, 2, 2, 0]
    assert state.records[-1]["alpha_entropy"] == 0
    assert len(search.result(state).alpha) == 6


def test_a_search_that_would_drop_operations_before_alpha_has_moved_is_refused():
    def parts(epochs, **user):
        return METHODS["p-zarts"].parts(SPACES["darts"], Budget(epochs), user=user)

    assert parts(50).schedule.warmup == 10
    with pytest.raises(HarnessError, match="warmup=10 leaves alpha no epoch 1 to 8 of epochs=20; set warmup lower"):
        parts(20)
    assert parts(20, warmup=7).schedule.warmup == 7


SK, S3, S5, D3, D5, MP = "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5", "max_pool_3x3"
NORMAL = {
    (0, 2): {SK: 0.60, S3: 0.20},
    (1, 2): {SK: 0.50, D5: 0.30},
    (0, 3): {SK: 0.55, S5: 0.10},
    (1, 3): {S3: 0.40},
    (2, 3): {MP: 0.35},
    (0, 4): {S3: 0.45},
    (1, 4): {S5: 0.40, SK: 0.39},
    (2, 4): {S3: 0.30},
    (3, 4): {SK: 0.20},
    (0, 5): {SK: 0.70},
    (1, 5): {D3: 0.30},
    (2, 5): {D3: 0.20},
    (3, 5): {D3: 0.10},
    (4, 5): {D3: 0.15},
}


def crafted(space):
    rows = []
    for kind, edges in space.cells.items():
        for edge in edges:
            row = NORMAL[edge.source, edge.target] if kind == "normal" else {SK: 0.9}
            rows.append([row.get(name, 0.01) for name in edge.operations])
    return rows


def limited(space, strengths, most_skips):
    """The cell derived from these strengths with at most so many skips."""
    return LimitedSkips(most_skips).derive(standing_of(space, strengths))


def test_the_limit_on_skips_on_a_cell_worked_out_by_hand():
    """4 skips: 2<-0 .60, 2<-1 .50, 3<-0 .55, 5<-0 .70. The weakest goes first: 2<-1 turns to dil_conv_5x5 (node 2 has
    no other edge); then 3<-0, whose next best, .10, is weaker than max_pool on 3<-2, .35: node 3 changes an edge."""
    space = SPACES["darts"]
    probabilities = crafted(space)
    free = space.derive(probabilities)
    assert free["normal"].nodes == (
        ((SK, 0), (SK, 1)),
        ((SK, 0), (S3, 1)),
        ((S3, 0), (S5, 1)),
        ((SK, 0), (D3, 1)),
    )
    assert limited(space, probabilities, 4) == free
    three = limited(space, probabilities, 3)["normal"]
    assert three.nodes == (((SK, 0), (D5, 1)), *free["normal"].nodes[1:])
    two = limited(space, probabilities, 2)
    assert two["normal"].nodes == (((SK, 0), (D5, 1)), ((S3, 1), (MP, 2)), ((S3, 0), (S5, 1)), ((SK, 0), (D3, 1)))
    assert two["reduce"] == free["reduce"]
    assert two["reduce"].count(SK) == 8
    none = limited(space, probabilities, 0)["normal"]
    assert none.nodes == (((D5, 1), (S3, 0)), ((S3, 1), (MP, 2)), ((S3, 0), (S5, 1)), ((D3, 1), (D3, 2)))
    assert limited(space, probabilities, Progressive().derivation(OfSpace()).most_skips) == two
    assert limited(space, probabilities, 8) == free


def test_a_limit_that_cannot_be_met_and_a_space_without_a_normal_cell():
    space = SPACES["s2"].restricted([[SK]] * 28)
    assert limited(space, [[1.0]] * 28, 2)["normal"].count(SK) == 8
    benchmark = SPACES["nasbench201"]
    rows = [[0.0, 1.0, 0.0, 0.0, 0.0]] * 6
    assert limited(benchmark, rows, 0) == benchmark.derive(rows)


def test_the_last_two_operations_of_an_edge_are_what_a_cell_is_derived_from():
    """Skip is all that is left everywhere; its rivals of the last pruning replace it where the limit forbids it."""
    search = make_search("p-darts-1st", "s2")
    state = search.start()
    state.kept = [[SK]] * 28
    state.alpha = torch.zeros(28)
    strengths = [0.6 + 0.01 * row for row in range(28)]
    state.last_choice = [{SK: p, S3: 1 - p} for p in strengths]
    found = search.genotype(state)["normal"]
    # rows 0-1 enter node 2, 2-4 node 3, 5-8 node 4, 9-13 node 5: the strongest skips are 5<-4 and 5<-3 (rows 13, 12)
    assert found.count(SK) == 2
    assert found.nodes[3] == ((SK, 4), (SK, 3))
    assert found.nodes[0] == ((S3, 0), (S3, 1))
