"""A suite whose workers and runner are killed at random ends as one that was left alone."""

from __future__ import annotations

import os
import random
import time

import pytest
from drills import Runner, ends, kill_at_random, marked, none_left, times_done, untidy, write_suite
from processes import forked, harness

from harness.suite import definition
from harness.suite.cells import resolve

LONG = "HARNESS_LONG_DRILL"
"""Set it to have 24 cells killed ten times, in place of 4 cells and two kills; that takes minutes."""
VICTIMS = {"local": ("harness.suite.worker", "drill.toml")}
"""By executor, words in the command lines of what is killed in turn: workers and their cells, and the runner."""


def drill(tmp_path, executor, *options):
    spaces, seeds, kills = (["s1", "s4", "nasbench201"], 4, 10) if os.environ.get(LONG) else (["nasbench201"], 2, 2)
    suite, cells = write_suite(tmp_path, spaces, seeds, epochs=2), 2 * len(spaces) * seeds
    quiet, disturbed = tmp_path / "quiet", tmp_path / "disturbed"
    arguments = (suite, "--workers=2", "--device=cpu", f"--executor={executor}", "--results", disturbed, *options)
    mark, draw, victims, killed = f"{os.getpid()}-{executor}", random.Random(1), VICTIMS[executor], 0

    for cell in resolve(definition.cells(str(suite))):  # one after another, as if by hand
        ended = forked(harness(list(cell.command(quiet))))
        assert ended.code == 0, ended.err
    runner = Runner(mark, *arguments)
    while killed < kills:
        time.sleep(draw.uniform(0, 5))
        if runner.alive:
            killed += kill_at_random(draw, mark, victims[killed % len(victims)])
        else:
            runner.process.communicate()
            runner = Runner(mark, *arguments)
    runner.process.communicate()
    assert f"{cells} cells: {cells} done" in Runner(mark, *arguments).finish()
    assert ends(disturbed) == ends(quiet)
    assert len(ends(quiet)) == cells
    assert max(times_done(disturbed)) == 1
    assert untidy(disturbed) == []
    assert none_left(mark, seconds=10), marked(mark)


@pytest.mark.timeout(1200)
def test_workers_and_runner_killed(tmp_path):
    drill(tmp_path, "local")
