"""Writes the pages of results/studies from the records there: nothing on them is written by hand but the questions.

    python tests/draw_studies.py

where NAS-Bench-201's table is imported, which knows the best cell.

A study has the name of its suite. Its page is what `harness report` prints of its records; README.md lists all, with
what they took; claims.md is the claim sheet over all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from click.testing import CliRunner

from harness.cli import main
from harness.core.packed import opened, parts
from harness.suite.definition import summaries
from reports.costs import spoken

STUDIES = Path(__file__).resolve().parents[1] / "results" / "studies"
HEAD = """# Studies

Measured by the suites that they are named after, and drawn from the records beside them: `harness report --results
results/studies/NAME` shows them again, `harness suite unpack results/studies/NAME` makes run folders of them, from
which `harness suite run NAME --keep` goes on. `python tests/draw_studies.py` writes these pages. What they say of the
paper's claims stands in [claims.md](claims.md).

| study | of what | searches | trainings | hours of both | with |
|---|---|--:|--:|--:|---|
"""


@dataclass(frozen=True)
class Study:
    """How the records of a suite are shown."""

    report: Sequence[str]
    """What `harness report` is told."""
    figure: str
    """That the page has, of those that the report draws."""


SHOWN: Mapping[str, Study] = {
    "solvers": Study(("anytime", "--over", "simulated-seconds"), "anytime-simulated-seconds"),
    "rules": Study(("anytime", "--over", "evaluations"), "anytime-evaluations"),
    "weighing": Study((), ""),
    "collapse": Study((), "convergence-nasbench201-cifar10"),
    "finetuning": Study((), "convergence-nasbench201-cifar10"),
    "robustness": Study((), "landscape-zarts-mgs-s2-cifar10-s0-537e9cf8"),
    "short-trainings": Study((), ""),
}


def pages() -> dict[Path, str]:
    """Every text by its path."""
    studies = sorted(path.name for path in STUDIES.glob("*/"))
    lines = [_line(name) for name in studies]
    found = {STUDIES / "README.md": HEAD + "\n".join(lines) + "\n"}
    found[STUDIES / "claims.md"] = _printed("claims", "--results", STUDIES)
    return found | {STUDIES / name / "README.md": page(name) for name in studies}


def page(name: str) -> str:
    """Of one study."""
    shown, said = SHOWN[name], _printed(*SHOWN[name].report, "--results", STUDIES / name)
    figure = f"![{shown.figure}](figure.png)\n\n" if shown.figure else ""
    command = " ".join(("harness report", *shown.report, f"--results results/studies/{name}"))
    asks = summaries()[name]
    return f"# {name}\n\n{asks if asks.endswith('?') else asks + '.'}\n\n    {command}\n\n{figure}{said}"


def draw(name: str, out: Path) -> None:
    """The figure of a study, if it has one."""
    shown = SHOWN[name]
    if shown.figure:
        _printed(*(shown.report or ("figures",)), "--results", STUDIES / name, "--out", out)
        (STUDIES / name / "figure.png").write_bytes((out / "figures" / f"{shown.figure}.png").read_bytes())


def _line(name: str) -> str:
    files = list(_files(name))
    searches = [content for file, content in files if file == "result.json"]
    trainings = [content for file, content in files if file.startswith("evaluation-") and content["kind"] == "training"]
    hours = spoken(sum(content["cost"]["seconds"] for content in (*searches, *trainings)))
    environments = [of for file, content in files if file == "spec.json" for of in content["environments"]]
    with_ = sorted({f"commit {of['commit']}, torch {of['torch']}, {of['device']}" for of in environments})
    counts = f"{len(searches):,} | {len(trainings) or '–'}"
    return f"| [{name}]({name}/README.md) | {summaries()[name]} | {counts} | {hours} | {'; '.join(with_)} |"


def _files(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON files of all runs, by name."""
    for path in parts(STUDIES / name):
        table = pq.read_table(path, filters=[("file", "not in", ("records.jsonl", "protocol.toml"))])
        for file, text in zip(table.column("file").to_pylist(), table.column("text").to_pylist(), strict=True):
            yield file, json.loads(text)


def _printed(*arguments: object) -> str:
    """What `harness report` prints, without the folder that the records were unpacked to."""
    done = CliRunner().invoke(main, ["report", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    results = Path(str(arguments[list(arguments).index("--results") + 1]))
    return done.stdout.replace(str(opened(results)), str(results.relative_to(STUDIES.parents[1])))


if __name__ == "__main__":
    import tempfile

    for path, text in pages().items():
        path.write_text(text)
    for each in sorted(path.name for path in STUDIES.glob("*/")):
        with tempfile.TemporaryDirectory() as folder:
            draw(each, Path(folder))
