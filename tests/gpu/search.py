"""Real searches on NAS-Bench-201 with the paper's settings, as far as the time goes; what they leave is taken along.

One after the other: two processes on one GPU take turns in running kernels, so the second would only fill the gaps that
the first leaves between its recordings (`speed` says how much that is), and both would end later than one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gpu.checks import Check, Told, Unmet
from gpu.prepare import PREPARED
from gpu.scale import Scale

from harness.core.genotype import parse
from harness.tables import TABLES
from harness.tables.ground_truth import opened

FROM = "HARNESS_GPU_FROM"
"""The environment variable that names what an earlier run left: the searches in it go on."""
PART = 15 * 2**20
"""Bytes of a file that is taken along, at most."""
TAKEN = (".json", ".jsonl", ".pt", ".toml", ".txt")
ENDING = 20.0
"""Seconds that are kept for saving and packing."""
STOPPED = 130


def checks(scale: Scale, work: Path, out: Path) -> list[Check]:
    seconds = scale.seconds["search"]
    return [Check("searches", partial(searches, scale, work, out, seconds - ENDING), seconds)]


def searches(scale: Scale, work: Path, out: Path, seconds: float) -> Told:
    end, results = time.monotonic() + seconds, work / "results"
    results.mkdir(parents=True)
    if os.environ.get(FROM):
        unpack(Path(os.environ[FROM]), results)
    said = []
    try:
        for options in scale.searches:
            code, last = _search(options, scale, results, end)
            if code not in (0, STOPPED):
                raise Unmet(Told(f"{' '.join(options)}: exit code {code}: {last}", said))
            said.append(last)
            if code == STOPPED:
                break
    finally:
        sizes = pack(results, out)
    runs = [_told(folder.parent) for folder in sorted(results.glob("*/*/spec.json"))]
    files = ", ".join(f"{name} {size / 2**20:.1f} MiB" for name, size in sizes.items())
    warned = [line for line in (results / "log.txt").read_text().splitlines() if "cannot be recorded" in line]
    words = [*(run["words"] for run in runs), *warned, f"{files}; to go on: {FROM}={out.name}"]
    return Told("\n".join(words), {"runs": runs, "files": sizes, "said": said})


def _search(options: Sequence[str], scale: Scale, results: Path, end: float) -> tuple[int, str]:
    """The exit code, and the last line that it said. It is stopped, with its state saved, at the end."""
    images = "digits" if scale.device == "cpu" else str(PREPARED / "cifar10")
    command = [
        *(sys.executable, "-m", "harness", "run", *options, "--space", "nasbench201", "--dataset", images),
        *("--device", scale.device, "--results", str(results), "--checkpoint-seconds", "20"),
    ]
    log = results / "log.txt"
    with log.open("a") as lines, subprocess.Popen(command, stdout=lines, stderr=lines, cwd=results) as process:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            process.wait()
    return process.returncode, (log.read_text().strip().splitlines() or [""])[-1]


def _told(folder: Path) -> dict[str, Any]:
    """How far a run came, and what the table says of its cell."""
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    if not records:
        return {"words": f"{folder.name}: no epoch yet", "records": []}
    last, done = records[-1], (folder / "result.json").exists()
    accuracies = _in_table(last["genotype"])
    looked_up = "".join(f", {data} {value:.2f} %" for data, value in accuracies.items())
    words = (
        f"{folder.name}: {len(records)} epochs{', done' if done else ''}, {last['cost']['seconds'] / 60:.1f} minutes; "
        f"{last['genotype']}{looked_up}"
    )
    return {"words": words, "done": done, "records": records, "table": accuracies}


def _in_table(genotype: str) -> dict[str, float]:
    """Test accuracies after 200 epochs, in percent; nothing where no table was prepared."""
    if not (PREPARED / "cache" / "nasbench201.parquet").exists():
        return {}
    found = opened(TABLES["nasbench201"]).accuracies(parse(genotype))
    return {data: float(each["test"]) for data, each in found.items() if "test" in each}


# What is taken along: an archive in parts, none of them larger than PART.


def pack(results: Path, out: Path) -> dict[str, int]:
    """The bytes of each file that is written; the checkpoints before the last ones are left behind."""
    archive = results.with_suffix(".tar")
    with tarfile.open(archive, "w") as tar:
        for path in sorted(results.rglob("*")):
            if path.suffix in TAKEN and "previous" not in path.name:
                tar.add(path, path.relative_to(results))
    for old in out.glob("searches.tar.*"):
        old.unlink()
    sizes = {}
    for number, part in enumerate(_parts(archive)):
        path = out / f"searches.tar.{number}"
        path.write_bytes(part)
        sizes[path.name] = len(part)
    return sizes


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(PART):
            yield part


def unpack(taken: Path, results: Path) -> None:
    """What `pack` has left in a folder. Raises Unmet where there is nothing."""
    parts = sorted(taken.glob("searches.tar.*"), key=lambda path: int(path.suffix[1:]))
    if not parts:
        raise Unmet(Told(f"{taken} holds no searches.tar.0", None))
    archive = results.with_suffix(".earlier.tar")
    archive.write_bytes(b"".join(part.read_bytes() for part in parts))
    with tarfile.open(archive) as tar:
        tar.extractall(results, filter="data")
