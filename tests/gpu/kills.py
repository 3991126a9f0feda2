"""Runs on a GPU that are killed with `kill -9` and started again end with the bits of those that are not."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gpu.checks import Told, Unmet
from processes import Child, forked, harness
from toy_table import write_toy_table

from harness.testing.states import equal, timeless

KILLS = 2
SMALL = ("--dataset", "digits", "--protocol", "smoke", "--checkpoint-seconds", "0")
COMMANDS = {
    "a search on a supernet": ("run", "--method", "zarts-mgs", "--space", "nasbench201", *SMALL),
    "a search on a table": (
        *("run", "--method", "zarts-rs", "--space", "nasbench201-table", "--dataset", "cifar10"),
        *("--protocol", "smoke", "--epochs", "20", "--checkpoint-seconds", "0"),
    ),
    "a black-box search": ("run", "--method", "rea", "--space", "nasbench201", "--set", "trial_epochs=2", *SMALL),
    "an evaluation": ("evaluate", "DARTS_V2", "--set", "images=96", "--set", "batch=8", *SMALL),
}
"""Each saves after every step."""


def killed(name: str, device: str, work: Path) -> Told:
    """Raises Unmet where the ends differ, and where no kill came before the end."""
    folder = work / name.replace(" ", "-")
    folder.mkdir()
    os.environ["HARNESS_CACHE"] = str(folder)  # of this check's process
    write_toy_table(folder / "nasbench201.parquet")

    def call(results: Path) -> Callable[[], object]:
        return harness([*COMMANDS[name], "--device", device, "--results", str(results)])

    _carried_out(call(folder / "straight"))
    delays, kills = random.Random(name), 0
    for _ in range(KILLS):
        saved, child = _saved_anew(folder / "killed"), Child(call(folder / "killed"))
        child.wait_for(saved)
        time.sleep(delays.uniform(0, 0.05))
        child.send(signal.SIGKILL)
        kills += child.wait().code == -signal.SIGKILL
    _carried_out(call(folder / "killed"))
    straight, again = end(folder / "straight"), end(folder / "killed")
    facts = {"kills": kills, "files": sorted(straight)}
    if not equal(straight, again):
        differing = sorted(name for name in {*straight, *again} if not equal(straight.get(name), again.get(name)))
        raise Unmet(Told(f"killed {kills} times: other bits in {', '.join(differing)}", facts))
    if not kills:
        raise Unmet(Told("it was over before it could be killed", facts))
    return Told(f"killed {kills} times, and the same bits", facts)


def _carried_out(call: Callable[[], object]) -> None:
    """To its end. Raises Unmet where that is an error."""
    ended = forked(call)
    if ended.code:
        last = (ended.err.strip().splitlines() or [""])[-1]
        raise Unmet(Told(f"exit code {ended.code}: {last}", ended.err))


def _saved_anew(results: Path) -> Callable[[], bool]:
    """Whether there is a checkpoint that was not there at this call."""

    def times() -> set[tuple[str, int]]:
        return {(str(path), path.stat().st_mtime_ns) for path in results.rglob("checkpoint.pt")}

    before = times()
    return lambda: bool(times() - before)


def end(results: Path) -> dict[str, Any]:
    """What the files of the results hold that must be the same bits each time, by their names."""
    found: dict[str, Any] = {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        if path.name == "spec.json":
            found[name] = json.loads(path.read_text())["spec"]  # beside it stand the commit and the machine
        elif path.suffix == ".json":
            found[name] = json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            found[name] = [json.loads(line) for line in path.read_text().splitlines()]
        elif path.name == "checkpoint.pt":
            found[name] = torch.load(path, weights_only=True)["state"]
    assert any(name.endswith("checkpoint.pt") for name in found), f"no checkpoint in {results}"
    return dict(timeless(found))
