"""The commands that make a number again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SHIPPED = ("paper", "proxy", "smoke")


def run_command(folder: Path, spec: Mapping[str, Any]) -> str:
    """The search, with every setting spelt out: it resolves to the same spec, whatever a protocol says today."""
    name = spec["protocol"]["name"]
    protocol = name if name in SHIPPED else str(folder.parent / "protocol.toml")
    words = ["harness", "run"]
    for key in ("method", "space", "dataset", "seed"):
        words += [f"--{key}", str(spec[key])]
    words += ["--protocol", protocol, "--epochs", str(spec["budget"]["epochs"])]
    for limit in ("seconds", "evaluations"):
        if spec["budget"].get(limit) is not None:
            words += [f"--{limit}", str(spec["budget"][limit])]
    settings = {name: value for part in spec["settings"].values() for name, value in part.items() if name != "epochs"}
    for name, value in settings.items():
        if value != "":  # stands for none, and is the default wherever there is one
            words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    return shlex.join([*words, "--results", str(folder.parent.parent)])


def evaluate_command(folder: Path, evaluation: Mapping[str, Any], at_epoch: int | None = None) -> str:
    """The evaluation of the cell that this run found, or had after so many epochs."""
    words = ["harness", "evaluate", str(folder)]
    if at_epoch is not None:
        words += ["--at-epoch", str(at_epoch)]
    if evaluation["kind"] == "training":
        words += ["--dataset", evaluation["dataset"], "--protocol", evaluation["protocol"]]
        words += [word for key in ("recipe", "seed") if evaluation[key] for word in (f"--{key}", str(evaluation[key]))]
    return shlex.join(words)


def report_command(name: str, results: Path, protocol: str | None, epoch: str) -> str:
    words = ["harness", "report", name, "--results", str(results), "--epoch", epoch]
    return shlex.join(words + (["--protocol", protocol] if protocol else []))
