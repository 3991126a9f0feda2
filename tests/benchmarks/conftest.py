"""The device of a benchmark, and the table of ratios at its end."""

import os
import statistics
import time

import pytest
import torch

ROWS, NOTES = [], []


@pytest.fixture(scope="session")
def device():
    """Where the steps run: `make bench DEVICE=cuda`."""
    return os.environ.get("HARNESS_BENCH_DEVICE", "cpu")


def waited_for(work):
    """The work, with what it has launched on a GPU."""

    def run():
        work()
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()

    return run


@pytest.fixture
def versus(benchmark):
    """versus(name, production, plain, rounds, least): times both, interleaved, and notes the ratio of the medians.

    It must not be under `least` on a CPU. Ratios differ by a third from run to run; a regression is more."""

    def run(name, production, plain, rounds, least=0.0, **facts):
        production, plain, seconds = waited_for(production), waited_for(plain), []

        def before():
            start = time.perf_counter()
            plain()
            seconds.append(time.perf_counter() - start)

        warm = 3 if torch.cuda.is_initialized() else 0 if rounds == 1 else 1  # there the second records
        benchmark.pedantic(production, setup=before, rounds=rounds, warmup_rounds=warm)
        if benchmark.disabled:
            return
        ours, theirs = benchmark.stats.stats.median, statistics.median(seconds[warm:])
        ROWS.append((name, theirs, ours, theirs / ours, rounds, facts))
        benchmark.extra_info.update(plain_median=theirs, ratio=theirs / ours, **facts)
        assert torch.cuda.is_initialized() or theirs / ours >= least

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
