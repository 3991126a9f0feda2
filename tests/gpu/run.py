"""The stages: their checks, the numbers as JSON in OUT as they come, and a table at the end."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gpu.checks import FAILED, Check, Found, Told, carried_out, table
from gpu.scale import ON_CPU, Scale, chosen

STAGES = ("correctness", "speed", "search")


def checks_of(stage: str, scale: Scale, work: Path, out: Path) -> list[Check]:
    if stage == "correctness":
        from gpu import correctness

        return correctness.checks(scale, work)
    if stage == "speed":
        from gpu import speed

        return speed.checks(scale)
    from gpu import search

    return search.checks(scale, work, out)


def machine(device: str) -> Told:
    """What the numbers are of."""
    import torch

    facts: dict[str, Any] = {"python": platform.python_version(), "torch": torch.__version__, "device": device}
    if device == "cpu":
        return Told(f"a rehearsal on a CPU, torch {torch.__version__}", facts)
    about = torch.cuda.get_device_properties(device)
    facts |= {"name": about.name, "memory": about.total_memory, "cuda": torch.version.cuda}
    facts |= {"cudnn": torch.backends.cudnn.version()}
    return Told(f"{about.name}, {about.total_memory / 2**30:.0f} GiB, torch {torch.__version__}", facts)


def staged(stage: str, checks: Sequence[Check], seconds: float, at_once: int, out: Path) -> list[Found]:
    """Carries the checks out; what is known is in OUT at any time."""
    found: list[Found] = []
    for one in carried_out(checks, seconds, at_once):
        found.append(one)
        print(f"[{stage}] {one.name}: {one.state}, {one.seconds:.1f} s: {one.words}", flush=True)
        content = {"stage": stage, "checks": [each._asdict() for each in found]}
        (out / f"{stage}.json").write_text(json.dumps(content, indent=1))
    return found


def main(out: Path, work: Path, stages: Sequence[str], of: Callable[..., list[Check]] = checks_of) -> int:
    """1 where a check failed, 2 for a stage that there is not."""
    if unknown := [stage for stage in stages if stage not in STAGES]:
        print(f"there is no stage {', '.join(unknown)}; there are {', '.join(STAGES)}.", file=sys.stderr)
        return 2
    scale, tables, failed = chosen(), [], False
    if scale is ON_CPU:
        rehearse()
    for stage in stages or STAGES:
        began = time.monotonic()
        checks = [Check("machine", lambda: machine(scale.device), 60.0), *of(stage, scale, work, out)]
        seconds = scale.seconds[stage] - (time.monotonic() - began)  # importing is not free
        found = staged(stage, checks, seconds, scale.at_once if stage == "correctness" else 1, out)
        tables.append(f"{stage}, {time.monotonic() - began:.0f} s\n{table(found)}")
        failed |= any(one.state == FAILED for one in found)
        with (out / "table.txt").open("a") as file:  # below those of an earlier call
            file.write(f"{tables[-1]}\n\n")
    print("", *tables, sep="\n\n")
    return int(failed)


def rehearse() -> None:
    """Lets passes on a CPU be recorded by the tests' own stand-in for a graph, where they would be on a GPU."""
    import recorder

    from methods.lookaheads import fine_tuned
    from methods.training import graphs

    wanted = graphs.wanted
    recorder.recorded_by(recorder.Recorder(), setattr)
    graphs.wanted = lambda device: wanted("cuda")
    fine_tuned.in_parallel = recorder.one_after_the_other


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
