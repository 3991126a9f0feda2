"""Suites whose processes are killed, stopped and doubled end as if they had been left alone, on every executor."""

from __future__ import annotations

import os
import random
import signal
import time

import pytest
from drills import (
    BOTH,
    Runner,
    ends,
    kill_all,
    kill_at_random,
    marked,
    none_left,
    someone_works,
    times_done,
    untidy,
    write_suite,
)
from processes import forked, harness

from harness.suite import definition
from harness.suite.cells import resolve
from harness.suite.requests import Equipment

LONG = "HARNESS_LONG_DRILL"
"""Set it to have 24 cells killed ten times, in place of a few cells and kills; that takes minutes."""
LONG_DRILL = {"spaces": ["s1", "s4", "nasbench201"], "seeds": 4, "epochs": 4, "kills": 10}
VICTIMS = {
    "local": ("harness.suite.worker", "drill.toml"),
    "ray": ("ray::do",),
    "slurm": ("submitit.core._submit",),
}
"""By executor, words in the command lines of what is killed in turn: workers and their cells, and the runner."""


@pytest.fixture
def drilled(tmp_path):
    """Makes a drill, of which nothing outlives a test that fails."""
    drills = []

    def make(executor, *options, **size):
        drills.append(Drill(tmp_path, executor, *options, **size))
        return drills[-1]

    yield make
    for drill in drills:
        kill_all(drill.mark)


class Drill:
    """One suite and one results folder."""

    def __init__(self, folder, executor, *options, methods=BOTH, spaces=("nasbench201",), seeds=1, epochs=2, kills=1):
        self.suite = write_suite(folder, spaces, seeds, methods, epochs=epochs)
        self.cells = resolve(definition.cells(str(self.suite)))
        self.quiet, self.results = folder / "quiet", folder / "results"
        self.mark, self.executor, self.kills = f"{os.getpid()}-{folder.name}", executor, kills
        self.options = ("--device=cpu", f"--executor={executor}", *options)

    def begin(self, *more):
        return Runner(self.mark, self.suite, "--results", self.results, *self.options, *more)

    def wait_for_work(self, runner):
        while runner.alive and not someone_works(self.results):
            time.sleep(0.01)

    def done(self):
        return all(cell.is_done(self.results) for cell in self.cells)

    def killed(self):
        """Runs the suite to its end, while processes are killed; how many were."""
        draw, killed, runner = random.Random(1), 0, self.begin()
        while killed < self.kills and not self.done():
            self.wait_for_work(runner)
            time.sleep(draw.uniform(0, 1))
            victims = VICTIMS[self.executor]
            if runner.alive:
                killed += kill_at_random(draw, self.mark, victims[killed % len(victims)])
            else:
                runner.process.communicate()
                runner = self.begin()
        runner.process.communicate()
        self.begin().finish()
        return killed

    def check(self):
        """The same bits as the same cells one after another, as if by hand; nothing missing, twice, or left over."""
        for cell in self.cells:
            ended = forked(harness(list(cell.request(self.quiet, Equipment("cpu")).command)))
            assert ended.code == 0, ended.err
        assert ends(self.results) == ends(self.quiet)
        assert len(ends(self.quiet)) == len(self.cells)
        assert max(times_done(self.results)) == 1
        assert untidy(self.results) == []
        assert none_left(self.mark, seconds=120), marked(self.mark)  # Ray's workers are nice: others go first


def size(**short):
    return LONG_DRILL if os.environ.get(LONG) else short


@pytest.mark.timeout(1800)
def test_workers_and_the_runner_are_killed(drilled):
    drill = drilled("local", "--workers=2", **size(seeds=2, kills=2))
    assert drill.killed() == drill.kills
    drill.check()


@pytest.mark.timeout(900)
def test_a_worker_of_ray_is_killed(drilled):
    drill = drilled("ray", "--workers=1", methods=["zarts-mgs"], epochs=4)
    assert drill.killed() == 1
    drill.check()


@pytest.mark.timeout(900)
def test_a_job_of_submitit_is_killed(drilled):
    drill = drilled("slurm", "--option=cluster=local", "--workers=1", methods=["zarts-mgs"], epochs=4)
    assert drill.killed() == 1
    drill.check()


@pytest.mark.timeout(900)
def test_two_runners_of_which_one_is_stopped(drilled):
    drill = drilled("local", "--workers=1")
    first, second = drill.begin(), drill.begin()
    first.wait_to_say("begun")  # lest it be stopped at its imports, while the other one works
    drill.wait_for_work(first)
    first.process.send_signal(signal.SIGINT)
    said, _ = first.process.communicate()
    assert first.process.returncode == 130
    assert "every cell has saved its state. Run the same command again to go on." in said
    second.finish()
    drill.check()
