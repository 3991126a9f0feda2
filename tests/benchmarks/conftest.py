"""The device of a benchmark, and the table of ratios at its end."""

import os
import statistics
import time

import pytest
import torch

from harness.runs.machine import deterministic

ROWS, NOTES = [], []


@pytest.fixture(scope="session")
def device():
    """Where the steps run: `make bench DEVICE=cuda`."""
    return os.environ.get("HARNESS_BENCH_DEVICE", "cpu")


@pytest.fixture(autouse=True, scope="session")
def as_a_search_is(device):
    """On a GPU, the kernels that a search has."""
    if device != "cpu":
        deterministic()


def waited_for(work, device):
    """The work, with what it has launched on a GPU."""

    def run():
        work()
        if device != "cpu":
            torch.cuda.synchronize(device)

    return run


@pytest.fixture
def versus(benchmark, device):
    """versus(name, production, plain, rounds, least): times both, interleaved, and notes the ratio of the medians.

    It must not be under `least` on a CPU. Ratios differ by a third from run to run; a regression is more."""

    def run(name, production, plain, rounds, least=0.0, **facts):
        production, plain, seconds = waited_for(production, device), waited_for(plain, device), []

        def before():
            start = time.perf_counter()
            plain()
            seconds.append(time.perf_counter() - start)

        warm = 3 if device != "cpu" else 0 if rounds == 1 else 1  # on a GPU the second records
        benchmark.pedantic(production, setup=before, rounds=rounds, warmup_rounds=warm)
        if benchmark.disabled:
            return
        ours, theirs = benchmark.stats.stats.median, statistics.median(seconds[warm:])
        ROWS.append((name, theirs, ours, theirs / ours, rounds, facts))
        benchmark.extra_info.update(plain_median=theirs, ratio=theirs / ours, **facts)
        assert device != "cpu" or theirs / ours >= least

    return run


@pytest.fixture
def note():
    """note(line): a line under the table."""
    return NOTES.append


def pytest_terminal_summary(terminalreporter):
    if not ROWS and not NOTES:
        return
    terminalreporter.section("production against plain, medians of interleaved rounds")
    for name, theirs, ours, ratio, rounds, facts in ROWS:
        notes = ", ".join(f"{key} {value}" for key, value in facts.items())
        terminalreporter.line(
            f"{name:46} plain {theirs:9.4f} s   production {ours:9.4f} s   {ratio:5.2f}x   n={rounds}   {notes}"
        )
    for line in NOTES:
        terminalreporter.line(line)
