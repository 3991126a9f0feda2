"""The table of ratios at the end of a benchmark."""

import statistics

import pytest

ROWS = []


@pytest.fixture
def versus(benchmark):
    """versus(production, plain, rounds): times both, interleaved, and notes the ratio of the medians."""
    import time

    def run(name, production, plain, rounds, **facts):
        seconds = []

        def before():
            start = time.perf_counter()
            plain()
            seconds.append(time.perf_counter() - start)

        warm = 0 if rounds == 1 else 1
        benchmark.pedantic(production, setup=before, rounds=rounds, warmup_rounds=warm)
        if benchmark.disabled:
            return
        ours, theirs = benchmark.stats.stats.median, statistics.median(seconds[warm:])
        ROWS.append((name, theirs, ours, theirs / ours, rounds, facts))
        benchmark.extra_info.update(plain_median=theirs, ratio=theirs / ours, **facts)

    return run


def pytest_terminal_summary(terminalreporter):
    if not ROWS:
        return
    terminalreporter.section("production against plain, medians of interleaved rounds")
    for name, theirs, ours, ratio, rounds, facts in ROWS:
        notes = ", ".join(f"{key} {value}" for key, value in facts.items())
        terminalreporter.line(
            f"{name:46} plain {theirs:9.4f} s   production {ours:9.4f} s   {ratio:5.2f}x   n={rounds}   {notes}"
        )
