"""`harness regress`: say whether methods became worse than a stored baseline."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from harness.core.errors import HarnessError, quoted
from harness.core.rng import MOST_SEED

REGRESSED = 1
BASELINE = Path(__file__).parents[1] / "regress" / "baseline.json"


@click.command()
@click.option(
    "--part",
    "chosen",
    type=click.Choice(["all", "table", "supernet"]),
    default="all",
    show_default=True,
    help="`all` leaves the table out, and says so, where none is imported; `table` requires it.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    default=BASELINE,
    show_default="the one that ships with the harness",
    help="What is compared with.",
)
@click.option(
    "--first-seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, MOST_SEED // 2),
    help="The baseline's begin with 0: an unchanged tree then gives the same numbers. Others are as fair.",
)
@click.option("--update", is_flag=True, help="Measure again and store the baseline, in place of comparing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def regress(chosen: str, baseline: Path, first_seed: int, update: bool, as_json: bool) -> None:
    """Say whether methods became worse than a stored baseline: exit code 1 if any did. Prints Markdown."""
    import time

    import torch

    from harness.core.files import make_folder, read_shaped, write_json
    from harness.core.shapes import BASELINE
    from harness.regress.baseline import from_baseline, to_baseline
    from harness.regress.judging import FALSE_ALARMS, judge, to_markdown
    from harness.regress.measuring import check
    from harness.regress.parts import PARTS
    from harness.tables.nasbench201 import default_path

    torch.set_num_threads(1)  # the networks are too small for more, and the sums do not depend on the machine's cores
    began, notes = time.perf_counter(), []
    names = [name for name in PARTS if chosen in ("all", name)]
    if chosen == "all" and not default_path().exists():
        names.remove("table")
        notes.append(
            "**Only the supernet was checked**: there is no NAS-Bench-201 table here. Import one with "
            "`harness data import nasbench201 FILE`."
        )
    parts = [part for name in names for part in PARTS[name]]

    def progress(message: str) -> None:
        if not as_json:
            click.echo(message, err=True)

    if update:
        stored = read_shaped(baseline, BASELINE)["parts"] if baseline.exists() else {}
        measured, fingerprints = check(parts, 0, lambda part: part.baseline_seeds, progress)
        content = to_baseline(parts, measured, fingerprints, "harness regress --update")
        make_folder(baseline.parent)
        write_json(baseline, {**content, "parts": {**stored, **content["parts"]}})
        for note in notes:
            click.echo(f"harness: {note}", err=True)
        click.echo(json.dumps({"baseline": str(baseline)}) if as_json else f"baseline: {baseline}")
        return
    if not baseline.exists():
        raise HarnessError(f"there is no baseline {baseline}; make one with `harness regress --update`.")
    content = read_shaped(baseline, BASELINE)
    known = from_baseline(content, parts)
    measured, fingerprints = check(parts, first_seed, lambda part: part.seeds, progress)
    notes += [
        f"The baseline's part {quoted(name)} was made from other data than these."
        for name, fingerprint in fingerprints.items()
        if content["parts"][name]["data"] != fingerprint
    ]
    verdicts = judge(measured, known)
    seconds = time.perf_counter() - began
    regressed = any(verdict.regressed for verdict in verdicts)
    if as_json:
        facts = {"regressed": regressed, "false_alarms": FALSE_ALARMS, "notes": notes, "seconds": seconds}
        click.echo(json.dumps({**facts, "verdicts": [verdict.to_json() for verdict in verdicts]}, indent=2))
    else:
        click.echo(to_markdown(verdicts, notes, seconds))
    if regressed:
        sys.exit(REGRESSED)
