"""Recorded passes: the same search, and what happens to a recording that is wrong.

A pass that runs again on fixed memory stands for the CUDA graph where there is no GPU."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import torch
from recorder import Recorder, one_after_the_other, recorded_by
from toy import WITH_NETWORKS, ToyDataset, run_to_end, same, small_settings

from harness.core.types import Budget
from harness.runs.machine import deterministic
from methods import METHODS
from methods.search.search import Search
from methods.training import graphs
from methods.training.weights import FlatModel
from spaces import SPACES
from spaces.edges.auxiliary_skip import SumWithAuxiliarySkip
from spaces.edges.dropped_skips import SumWithDroppedSkips
from spaces.edges.merged import MergedOperations
from spaces.edges.partial_channels import PartialChannelsEdge
from spaces.edges.single_path import SinglePath
from spaces.edges.sum import SumOfOperations

CASES = [
    ("darts-1st", "s1"),
    ("darts-2nd", "s1"),
    ("zarts-mgs", "nasbench201"),
    ("mergezarts", "darts"),
    ("darts-minus", "s1"),
    ("sdarts-adv", "s1"),
    ("pc-darts", "s1"),
    ("p-zarts", "s3"),
]


@pytest.fixture
def recorder(monkeypatch):
    """Lets passes on a CPU be recorded, by this recorder."""
    return lambda recorder: recorded_by(recorder, monkeypatch.setattr)


def make_search(method, space, device="cpu"):
    parts = METHODS[method].parts(SPACES[space], Budget(2), user=small_settings(method, space))
    return Search(parts, SPACES[space], ToyDataset(), 0, device, Budget(2))


@pytest.mark.parametrize(("method", "space"), CASES)
def test_a_search_has_the_same_bits_with_recordings(method, space, recorder, monkeypatch):
    monkeypatch.setattr("methods.lookaheads.fine_tuned.in_parallel", one_after_the_other)
    straight = run_to_end(make_search(method, space))
    used = recorder(Recorder())
    state = run_to_end(make_search(method, space))
    assert same(state, straight)
    assert used.made > 1
    assert used.replays > straight.cost.forwards // 2


@pytest.mark.parametrize("tamper", [lambda y: y + 1e-7, lambda y: y.nan_to_num() * float("nan")], ids=["off", "nan"])
def test_a_recording_with_other_numbers_is_not_used(tamper, recorder):
    straight = run_to_end(make_search("darts-1st", "s1"))
    used = recorder(Recorder(tamper))
    with pytest.warns(UserWarning, match="cannot be recorded as CUDA graphs .its numbers are others.*=0 does not"):
        state = run_to_end(make_search("darts-1st", "s1"))
    assert same(state, straight)
    assert used.made == used.replays == 1


def test_a_recording_that_moves_the_statistics_otherwise_is_not_used(recorder):
    straight, search = run_to_end(make_search("darts-1st", "s1")), None

    def tamper(output):
        search.supernets.model.statistics.add_(1)
        return output

    recorder(Recorder(tamper))
    search = make_search("darts-1st", "s1")
    with pytest.warns(UserWarning, match="its numbers are others"):
        assert same(run_to_end(search), straight)


def test_a_recording_that_cannot_be_made_is_told_once(recorder):
    straight = run_to_end(make_search("darts-2nd", "s1"))

    def failing(run, inputs):
        run(*inputs)
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate much")

    recorder(failing)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        state = run_to_end(make_search("darts-2nd", "s1"))
    assert same(state, straight)
    assert ["(CUDA out of memory.)" in str(warning.message) for warning in told] == [True]


def test_recordings_make_way_for_a_pass_that_has_no_memory_beside_them(recorder):
    used, recordings, written = recorder(Recorder()), graphs.Recordings(), torch.zeros(1)
    free = iter([False, True, False])

    def run(x):
        written.add_(1)
        if len(x) == 2 and not next(free):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return (2 * x,)

    for count in range(1, 5):
        recordings.run("pass", run, [torch.ones(3)], [written])
        assert written == count
    assert used.made == 1
    with pytest.warns(UserWarning, match="they leave other passes too little memory"):
        (doubled,) = recordings.run("pass", run, [torch.ones(2)], [written])
    assert torch.equal(doubled, torch.full((2,), 2.0))
    assert written == 5
    with pytest.raises(torch.OutOfMemoryError):
        recordings.run("pass", run, [torch.ones(2)], [written])


def test_what_was_recorded_elsewhere_in_memory_is_forgotten(recorder):
    used = recorder(Recorder())
    search = make_search("darts-1st", "s1")
    state = search.start()
    for _ in range(3):
        state = search.advance(state)
    before = used.made, used.replays
    state = search.restore(state.to_dict())  # as a resumed run has it
    state.weights, state.statistics = state.weights.clone(), state.statistics.clone()
    search.advance(state)
    assert (used.made, used.replays) == before


@pytest.mark.parametrize(
    ("space", "outgoing", "repeats"),
    [
        *((name, SumOfOperations, name != "s4") for name in WITH_NETWORKS),
        ("darts", MergedOperations, True),
        ("darts", SumWithAuxiliarySkip, True),
        ("darts", PartialChannelsEdge(), True),
        ("darts", SinglePath, False),
        ("darts", SumWithDroppedSkips, False),
    ],
)
def test_what_repeats_waits_for_nothing(space, outgoing, repeats):
    """On the meta device there are no values to wait for, and no other device to copy from."""
    net = SPACES[space].supernet(replace(SPACES[space].macro(), channels=16), 10, outgoing)
    assert net.repeats == repeats
    if not repeats:
        return
    model = FlatModel(net.to(memory_format=torch.channels_last), "meta")
    gates = torch.empty(len(SPACES[space].widths), max(SPACES[space].widths), device="meta")
    images = torch.empty(4, 3, 16, 16, device="meta").contiguous(memory_format=torch.channels_last)
    labels = torch.empty(4, dtype=torch.long, device="meta")
    passed = model.run((images, labels), gates, None, of_weights=True, of_gates=True)
    assert passed.of_gates.shape == gates.shape


def test_nothing_is_recorded_on_a_cpu_nor_where_it_is_switched_off(monkeypatch):
    assert not graphs.wanted("cpu")
    assert graphs.wanted("cuda:1")
    monkeypatch.setenv("HARNESS_CUDA_GRAPHS", "0")
    assert not graphs.wanted("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("method", "space"), CASES)
def test_a_search_on_a_gpu_has_the_same_bits_with_recordings(method, space, monkeypatch):
    deterministic()

    def search():
        return run_to_end(make_search(method, space, "cuda"))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorded = search()
    monkeypatch.setenv("HARNESS_CUDA_GRAPHS", "0")
    assert same(recorded, search())
