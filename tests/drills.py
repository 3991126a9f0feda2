"""Suites whose processes are killed at random: what is started, what is left, and what must be the same in the end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from processes import Child, end

from harness.suite.job import Ending, do

MARK = "HARNESS_DRILL"
"""A variable in the environment of every process of a drill, by which those left over are found."""


BOTH = ("darts-1st", "zarts-mgs")
"""A gradient and a zero-order method."""


def write_suite(
    folder: Path, spaces: Sequence[str], seeds: int, methods: Sequence[str] = BOTH, **settings: int
) -> Path:
    """Searches of a second and less."""
    file = folder / "drill.toml"
    values = ", ".join(f"{name} = {value}" for name, value in settings.items())
    file.write_text(
        f"""
        summary = "drill"
        protocol = "smoke"
        [[search]]
        method = {list(methods)}
        space = {list(spaces)}
        dataset = ["digits"]
        seed = {list(range(seeds))}
        set = {{ images = 64, {values} }}
        """
    )
    return file


def suite_command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "harness", "suite", *map(str, arguments)]


class Runner:
    """`harness suite run` in a process of its own."""

    def __init__(self, mark: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            suite_command("run", *arguments),
            env={**os.environ, MARK: mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait_to_say(self, word: str) -> None:
        """Until it has said so, or has ended."""
        assert self.process.stdout is not None
        while (line := self.process.stdout.readline()) and word not in line:
            pass

    def finish(self) -> str:
        """What it has said, when it has ended well."""
        said, _ = self.process.communicate()
        assert self.process.returncode == 0, said
        return said


def marked(mark: str) -> dict[int, list[str]]:
    """The command lines of the processes of a drill, by their numbers."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}\0" in (folder / "environ").read_text():
                found[int(folder.name)] = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue  # it has ended
    return found


def none_left(mark: str, seconds: float) -> bool:
    """Whether the drill's processes end within so many seconds."""
    deadline = time.monotonic() + seconds
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not marked(mark)


def kill_all(mark: str) -> None:
    """Kills whatever is left of a drill."""
    for number in marked(mark):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def kill_at_random(draw: random.Random, mark: str, kind: str) -> bool:
    """Kills one of the drill's processes: those of which `kind` is in the command line; False where there is none."""
    numbers = [number for number, line in marked(mark).items() if any(kind in word for word in line)]
    if not numbers:
        return False
    try:
        os.kill(draw.choice(numbers), signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def someone_works(results: Path) -> bool:
    """Whether a cell has begun and not ended."""
    return any(results.glob("*/*/owner"))


def ends(results: Path) -> dict[str, Any]:
    """The end of every run, by its folder: all that must be the same bits each time."""
    return {result.parent.name: end(result.parent) for result in results.glob("*/*/result.json")}


def untidy(results: Path) -> list[Path]:
    """What no process should leave behind."""
    return [path for name in ("owner", "*.tmp", "*.failed.json") for path in results.rglob(name)]


def times_done(results: Path) -> Iterator[int]:
    """How often each cell was carried to its end."""
    return (log.read_text().count("done, epochs used up") for log in results.glob("*/*.log"))


class Forks:
    """An executor that does one job at a time in a fork of this process; its ending is what the fork prints last."""

    def __init__(self):
        self.child = None

    @property
    def room(self):
        return self.child is None

    def submit(self, jobs):
        for self.name, job in jobs:
            self.child = Child(lambda job=job: print("\n" + json.dumps(vars(do(job)))))

    def wait(self, seconds):
        ended, self.child = self.child.wait(), None
        assert ended.code == 0, ended.err
        return [(self.name, Ending(**json.loads(ended.out.splitlines()[-1])))]

    def stop(self):
        pass

    def kill(self):
        pass
