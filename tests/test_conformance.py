"""What every method and every space owes its users. A new one is tested by being registered."""

from __future__ import annotations

import dataclasses
import json
import math
import random

import pytest
import torch
import torch.nn.functional as F
from toy import ToyDataset, run_to_end, same
from toy_table import toy_table

from harness.core.errors import HarnessError
from harness.core.genotype import from_darts, from_json, from_nb201, parse, to_darts, to_nb201
from harness.core.settings import declared
from harness.core.types import Budget, SearchResult
from harness.runs import protocol
from harness.tables.nasbench201_truth import NasBench201
from methods import CATALOGUE, METHODS
from methods.blackbox.search import BlackBoxSearch
from methods.catalogue import crosses
from methods.composition import BlackBox, Composition
from methods.families import AnySearch, AnyState, applies, make_search
from methods.relaxations.softmax import Softmax
from methods.schedules.clock import Clock
from methods.search.search import Search
from methods.tabular.data import TableData
from methods.tabular.search import TableSearch
from spaces import SPACES
from spaces.edges.sum import SumOfOperations

EVERY_SPACE_WITH = "zarts-mgs"
EVERY_METHOD_ON = ("s1", "nasbench201", "nasbench201-table")
CROSS_ON = ("nasbench201", "darts")
"""A generated cross runs on the first of these that it applies to, the cheaper one."""


def spaces_of(method: str) -> list[str]:
    if method not in CROSSES:
        return [space for space in EVERY_METHOD_ON if applies(CATALOGUE[method], SPACES[space])]
    return [next(space for space in CROSS_ON if applies(CATALOGUE[method], SPACES[space]))]


CROSSES = crosses()
PAIRS = sorted(
    {(method, space) for method in CATALOGUE for space in spaces_of(method)}
    | {(EVERY_SPACE_WITH, space) for space in SPACES}
)
QUICK = {"warmup": 0, "cadence": 2, "batch": 8, "valid_batch": 8, "finetune_batch": 8, "updates": 2}
"""On top of the smoke protocol, so that alpha moves at the first of the 2 steps of each epoch."""
FAR = {"mu": 10, "radius": 100}
"""For sampled paths, so that in a few updates some candidate changes an edge's operation and the loss with it."""
IMAGES, EPOCHS, STEPS = 12, 2, 4


TABLE = toy_table()


def search_of(method: str, space: str, seed: int = 0) -> AnySearch:
    composition = CATALOGUE[method]
    far = FAR if isinstance(composition, Composition) and composition.relaxation == "gumbel" else {}
    layers = [*protocol.load("smoke").layers(method, space, "toy"), QUICK, far]
    budget = Budget(epochs=EPOCHS)
    parts = METHODS[method].parts(SPACES[space], budget, layers)
    dataset = TableData("cifar10", NasBench201(TABLE)) if space == "nasbench201-table" else ToyDataset(IMAGES)
    return make_search(parts, SPACES[space], dataset, seed, "cpu", budget)


@dataclasses.dataclass(frozen=True)
class Finished:
    """A short search of one method on one space, at its end."""

    method: str
    space: str
    search: AnySearch
    state: AnyState

    @property
    def result(self) -> SearchResult:
        return self.search.result(self.state)


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def finished(request: pytest.FixtureRequest) -> Finished:
    search = search_of(*request.param)
    return Finished(*request.param, search, run_to_end(search))


def test_the_result_is_a_cell_of_the_space(finished: Finished) -> None:
    result, space = finished.result, SPACES[finished.space]
    assert result.genotype.kinds == tuple(space.cells)
    for kind, edges in space.cells.items():
        allowed = {(edge.target, edge.source): edge.operations for edge in edges}
        cell = result.genotype[kind]
        for target, node in enumerate(cell.nodes, start=cell.inputs):
            assert all(operation in allowed[target, source] for operation, source in node)
    assert result.stopped_by == "epochs"
    assert EPOCHS in [values.get("epochs") for values in result.settings.values()]


def test_alpha_moves_and_stays_finite_where_there_is_one(finished: Finished) -> None:
    alpha = finished.result.alpha
    if isinstance(CATALOGUE[finished.method], BlackBox):
        assert alpha == ()
        return
    space = SPACES[finished.space]
    if isinstance(finished.search, Search):
        kept, relaxation = finished.state.kept, finished.search.parts.relaxation
        assert finished.result.records[-1]["candidates"] == [len(names) for names in kept]
        assert len(alpha) == relaxation.size(space.restricted(kept)) <= relaxation.size(space)
    else:
        assert len(alpha) == space.dimension
    assert all(map(math.isfinite, alpha))
    assert not torch.equal(finished.state.alpha, finished.search.start().alpha), "alpha has never moved"
    for record in finished.result.records:
        assert 0 <= record["alpha_entropy"] <= math.log(max(space.widths)) + 1e-9


def test_there_is_one_record_per_epoch_and_json_holds_it(finished: Finished) -> None:
    records = finished.result.records
    assert [record["epoch"] for record in records] == list(range(EPOCHS))
    assert json.loads(json.dumps(records, allow_nan=False)) == list(records)
    json.dumps(finished.result.settings, allow_nan=False)
    for record in records:
        assert parse(record["genotype"]).kinds == finished.result.genotype.kinds
        assert record["operations"].keys() == set(SPACES[finished.space].cells)
    assert records[-1]["genotype"] == str(finished.result.genotype)


def test_costs_only_grow_and_add_up(finished: Finished) -> None:
    costs = [record["cost"] for record in finished.result.records]
    for name, value in costs[0].items():
        if name != "memory_kind":
            assert 0 <= value <= costs[1][name], name
    last = finished.result.cost
    assert last.to_json() == costs[-1]
    assert last.steps > 0
    assert last.seconds > 0
    assert last.peak_memory > 0
    if isinstance(finished.search, Search):
        assert [cost["weight_steps"] for cost in costs] == [STEPS // 2, STEPS]
        assert last.alpha_steps == sum(record["alpha_updates"] for record in finished.result.records) > 0
        of_second_order = finished.search.parts.stopping.watches(0, EPOCHS)  # a Hessian product has two backward passes
        assert last.forwards * (1 + of_second_order) >= last.backwards >= last.weight_steps + last.finetune_steps
        assert last.forwards <= last.images <= last.forwards * QUICK["batch"]
        assert last.validation_seconds > 0
    if isinstance(finished.search, TableSearch):
        assert last.alpha_steps == STEPS
        assert last.forwards >= STEPS
    if isinstance(finished.search, BlackBoxSearch):
        assert last.evaluations == EPOCHS
        on_table = finished.space == "nasbench201-table"
        assert (last.simulated_seconds > 0, last.images > 0) == (on_table, not on_table)


def test_a_search_that_is_saved_and_loaded_twice_ends_with_the_same_bits(finished: Finished, tmp_path) -> None:
    state = None
    for _ in range(3):  # with two epochs of a step or two each, in the first epoch and in the second
        search = search_of(finished.method, finished.space)
        state = search.advance(state or search.start())
        torch.save(state.to_dict(), tmp_path / "state.pt")
        state = search_of(finished.method, finished.space).restore(torch.load(tmp_path / "state.pt", weights_only=True))
        if state.stopped_by:
            break
    assert same(run_to_end(search_of(finished.method, finished.space), state), finished.state)


@pytest.mark.parametrize("method", CATALOGUE)
def test_another_seed_is_another_search(method: str) -> None:
    first, other = (search_of(method, spaces_of(method)[-1], seed) for seed in (0, 1))
    a, b = first.start(), other.start()
    if isinstance(first, Search):
        assert not torch.equal(a.weights, b.weights)
        for ours, theirs in zip(first.train_batches.at(0), other.train_batches.at(0), strict=True):
            assert not torch.equal(ours, theirs)
    if isinstance(first, BlackBoxSearch):
        assert not torch.equal(first.advance(a).codes, other.advance(b).codes)
        return
    assert not torch.equal(a.alpha, b.alpha)
    moves = [search.advance(state).alpha - search.start().alpha for search, state in ((first, a), (other, b))]
    assert not torch.equal(*moves)


@pytest.mark.parametrize(("method", "space"), [(method, space) for method in CATALOGUE for space in spaces_of(method)])
def test_settings_are_declared_once_with_a_source_and_refuse_what_is_wrong(method: str, space: str) -> None:
    def parts(**user):
        return METHODS[method].parts(SPACES[space], Budget(), user=user)

    items = [item for part in parts().by_name().values() for item in declared(part).values()]
    assert len({item.name for item in items}) == len(items), "two parts declare one name"
    for item in items:
        assert item.source
        assert item.check(item.value) == item.value, "a default must pass its own check"
        for bound, beyond in ((item.minimum, -1), (item.maximum, 1)):
            if bound is not None:
                with pytest.raises(HarnessError, match=f"{item.name}=.* is out of range"):
                    parts(**{item.name: item.type(bound + beyond)})
        if item.range != "any":
            with pytest.raises(HarnessError, match=f"^{item.name}='nonsense' is "):
                parts(**{item.name: "nonsense"})
    with pytest.raises(HarnessError, match="unknown setting 'no_such_setting'"):
        parts(no_such_setting=1)


def random_probabilities(name: str, seed: int) -> list[list[float]]:
    draw = random.Random(seed)
    return [[draw.random() for _ in range(width)] for width in SPACES[name].widths]


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("name", SPACES)
def test_a_supernet_answers_and_learns_at_small_sizes(name: str, classes: int) -> None:
    space = SPACES[name]
    macro = dataclasses.replace(space.macro(), channels=2, cells=1 if "nasbench201" in name else 3)
    torch.manual_seed(0)
    net = space.supernet(macro, classes, SumOfOperations)
    draw = torch.Generator().manual_seed(0)
    for size in (8, 16):
        for training in (True, False):
            net.train(training).zero_grad()
            alpha = torch.randn(space.dimension, generator=draw, requires_grad=True)
            images = torch.randn(4, 3, size, size, generator=draw)
            logits = net(images, Softmax().gates(alpha, space, Clock(0, 1, 0), draw), draw)
            assert logits.shape == (4, classes)
            F.cross_entropy(logits, torch.arange(4) % classes).backward()
            gradients = [alpha.grad, *(p.grad for p in net.parameters())]
            assert all(g is not None and g.isfinite().all() for g in [logits, *gradients])
            assert alpha.grad.abs().max() > 0


@pytest.mark.parametrize("name", SPACES)
def test_derived_cells_survive_every_notation_that_can_write_them(name: str) -> None:
    space = SPACES[name]
    write, read = (to_nb201, from_nb201) if "nasbench201" in name else (to_darts, from_darts)
    for seed in range(20):
        genotype = space.derive(random_probabilities(name, seed))
        assert genotype == from_json(json.loads(json.dumps(genotype.to_json())))
        assert genotype == read(write(genotype))
        assert genotype == parse(str(genotype)) == parse(json.dumps(genotype.to_json()))


@pytest.mark.parametrize("name", SPACES)
def test_every_choice_of_options_is_a_cell_and_another_one(name: str) -> None:
    space, draw = SPACES[name], random.Random(0)
    sizes = [options for node in space.choices for options in node]
    codes = {tuple(draw.randrange(options) for options in sizes) for _ in range(50)}
    cells = {space.decode(code) for code in codes}
    assert len(cells) == len(codes)
    for cell in cells:
        assert cell.kinds == tuple(space.cells)
        for kind, edges in space.cells.items():
            allowed = {(edge.target, edge.source): set(edge.operations) for edge in edges}
            for target, node in enumerate(cell[kind].nodes, start=cell[kind].inputs):
                assert all(operation in allowed[target, source] for operation, source in node)
    with pytest.raises(IndexError):
        space.decode(sizes)


@pytest.mark.parametrize("name", SPACES)
def test_a_derived_cell_makes_a_final_network(name: str) -> None:
    space = SPACES[name]
    for seed in range(3):
        torch.manual_seed(seed)
        network = space.network(space.derive(random_probabilities(name, seed)), channels=4, cells=3, classes=5)
        for training in (True, False):
            draw = torch.Generator().manual_seed(seed)
            logits = network.train(training)(torch.randn(2, 3, 16, 16, generator=draw), draw=draw)
            assert logits.shape == (2, 5)
            assert logits.isfinite().all()
