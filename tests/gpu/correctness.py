"""Whether a GPU computes what a CPU does, the same bits each time, with recordings or without, killed or not."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from gpu import kills, parity
from gpu.checks import Check, Told, Unmet
from gpu.scale import Scale

from harness.describing import memory
from harness.runs.machine import deterministic
from harness.testing.short import short_search
from harness.testing.states import run_to_end, same
from methods import CATALOGUE, METHODS
from methods.catalogue.variants import crosses
from methods.families import applies
from methods.training.graphs import SWITCH
from spaces import SPACES

ROOT = Path(__file__).resolve().parents[2]
ON = ("nasbench201", "s1", "darts", "mobile")
"""A method is searched with on the first of these that it applies to."""
PLUGINS = ("-p", "no:cacheprovider", "-p", "pytest_timeout", "-p", "pytest_benchmark.plugin")
"""Those that the configuration speaks of, and none that the machine may have besides."""
SHARE = 6
"""Methods of a check."""
PER_SAVED = {"no graphs": 2.0, "graphs": 4.0}
"""How many times the bytes that are saved for backwards a step may take, where the allocator counts. A recording keeps
what a pass needs beside the pass that runs as it is."""
GIB = 2**30


def checks(scale: Scale, work: Path) -> list[Check]:
    """What matters most comes first: time may run out."""
    names = scale.methods or sorted(CATALOGUE, key=lambda name: name in crosses())
    shares = [names[first : first + SHARE] for first in range(0, len(names), SHARE)]
    cases = {
        "supernets": (parity.supernets, parity.LIMITS),
        "final networks": (parity.networks, parity.LIMITS),
        "steps of searches": (parity.searches, parity.OF_SEARCHES),
    }

    def beside_the_cpu(name: str, dtype: torch.dtype) -> Check:
        made, limits = cases[name]
        words = f"{name}, {str(dtype).removeprefix('torch.')}"
        return Check(words, lambda: parity.compared(made(), limits[dtype], scale.device, dtype), 120)

    return [
        *(Check(f"killed: {name}", partial(kills.killed, name, scale.device, work), 120) for name in kills.COMMANDS),
        Check("recordings: the project's own tests", partial(own_tests, scale.tests), 120),
        *(beside_the_cpu(name, dtype) for name in cases for dtype in parity.LIMITS),
        *(
            Check(f"memory: {method} on {space}, {way}", partial(footprint, method, space, scale.device, way), 60)
            for method, space in scale.memory
            for way in PER_SAVED
        ),
        *(Check(f"methods twice: {share[0]} ...", partial(twice, share, scale.device), 120) for share in shares),
    ]


def own_tests(which: Sequence[str]) -> Told:
    """The tests that want a GPU, in a process of their own."""
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "-W", "default", *PLUGINS, *which]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=alone)
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    told = Told("\n".join([lines[-1], *failed]), {"command": command, "output": done.stdout[-20000:] + done.stderr})
    if done.returncode or " passed" not in lines[-1]:
        raise Unmet(told)
    return told


@contextmanager
def recorded(way: str) -> Iterator[None]:
    """Passes are recorded in this context, or where the way is "no graphs" they are not."""
    before = os.environ.get(SWITCH, "1")
    os.environ[SWITCH] = "0" if way == "no graphs" else "1"
    try:
        yield
    finally:
        os.environ[SWITCH] = before


def twice(names: Sequence[str], device: str) -> Told:
    """A short search with each of these methods, recorded where that is done, and once more without: the same bits. An
    operation without a deterministic kernel, or on tensors of two devices, is an error."""
    deterministic()
    wrong = {}
    for name in names:
        space = next(SPACES[space] for space in ON if applies(CATALOGUE[name], SPACES[space]))
        try:
            first = run_to_end(short_search(METHODS[name], space, device=device))
            with recorded("no graphs"):
                again = run_to_end(short_search(METHODS[name], space, device=device))
        except Exception:
            wrong[name] = traceback.format_exc().strip()
            continue
        if not same(first, again):
            wrong[name] = "other bits the second time"
    told = Told(f"{len(names) - len(wrong)} of {len(names)} methods have the same bits twice", wrong)
    if wrong:
        listed = (f"{name}: {what.splitlines()[-1][:160]}" for name, what in wrong.items())
        raise Unmet(told._replace(words="\n".join([told.words, *listed])))
    return told


def footprint(method: str, space: str, device: str, way: str) -> Told:
    """The most memory of a step at the paper's size, beside the bytes that `harness describe --memory-on` says it
    saves for its backward passes."""
    deterministic()
    with recorded(way):
        (found, *_) = memory.measure(method, SPACES[space], device)
    saved, peak = found["saved_activations"], found["peak_memory"]
    told = Told(f"peak {peak / GIB:.2f} GiB, {peak / saved:.2f} times the {saved / GIB:.2f} GiB saved", found)
    if device != "cpu" and not saved <= peak <= PER_SAVED[way] * saved:
        raise Unmet(told)
    return told
