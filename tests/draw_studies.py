"""Writes the pages of results/studies from the records there: nothing on them is written by hand but the questions.

    python tests/draw_studies.py

where NAS-Bench-201's table is imported, which knows the best cell.

A study has the name of its suite. Its page says how much of the suite is done, and is what `harness report` prints of
its records, first what they say of the claims; README.md lists all, with what they took; claims.md is the claim sheet
over all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from click.testing import CliRunner
from PIL import Image

from harness.cli import main
from harness.core.packed import opened, parts
from harness.suite.definition import SearchCell, cells, summaries
from reports.claims.paper import CLAIMS
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
    "robustness": Study((), "convergence-s2-cifar10"),
    "short-trainings": Study((), ""),
}


def pages() -> dict[Path, str]:
    """Every text by its path."""
    return lists() | {STUDIES / name / "README.md": page(name) for name in SHOWN}


def lists() -> dict[Path, str]:
    """Those that are of all studies."""
    lines = [_line(name) for name in sorted(SHOWN)]
    return {
        STUDIES / "README.md": HEAD + "\n".join(lines) + "\n",
        STUDIES / "claims.md": _printed("claims", "--results", STUDIES),
    }


def page(name: str) -> str:
    """Of one study."""
    shown, said = SHOWN[name], _printed(*SHOWN[name].report, "--results", STUDIES / name)
    command = " ".join(("harness report", *shown.report, f"--results results/studies/{name}"))
    return f"{_head(name)}\n\n    harness suite run {name}\n    {command}\n\n{_figure(name)}{_claims(name)}{said}"


def drawn(name: str, out: Path) -> bytes:
    """The PNG of a study's figure, as its records have it."""
    shown = SHOWN[name]
    _printed(*(shown.report or ("figures",)), "--results", STUDIES / name, "--out", out)
    return (out / "figures" / f"{shown.figure}.png").read_bytes()


@dataclass(frozen=True)
class Done:
    """What of a suite has been done, and what it took."""

    searches: int
    asked: int
    trainings: int
    hours: str
    made_with: Sequence[str]


def done(name: str) -> Done:
    """By the records of a study and its suite."""
    files = list(_files(name))
    searches = [content for file, content in files if file == "result.json"]
    trainings = [content for file, content in files if file.startswith("evaluation-") and content["kind"] == "training"]
    hours = spoken(sum(content["cost"]["seconds"] for content in (*searches, *trainings)))
    environments = [of for file, content in files if file == "spec.json" for of in content["environments"]]
    made_with = sorted({f"commit {of['commit']}, torch {of['torch']}, {of['device']}" for of in environments})
    asked = sum(isinstance(cell, SearchCell) for cell in cells(name))
    return Done(len(searches), asked, len(trainings), hours, made_with)


def _head(name: str) -> str:
    asks, of = summaries()[name], done(name)
    trainings = f" and {of.trainings} trainings" if of.trainings else ""
    counts = f"{of.searches:,} of the suite's {of.asked:,} searches{trainings} are done, in {of.hours}"
    return f"# {name}\n\n{asks if asks.endswith('?') else asks + '.'}\n\n{counts} ({'; '.join(of.made_with)})."


def _figure(name: str) -> str:
    figure = SHOWN[name].figure
    if not figure:
        return ""
    with Image.open(STUDIES / name / "figure.png") as picture:
        return f"![{figure}](figure.png)\n\n{picture.info['Title']}. {picture.info['Description']}\n\n"


def _claims(name: str) -> str:
    """Those that this study tells of by itself."""
    if not any(claim.suite == name for claim in CLAIMS):
        return ""
    said = _printed("claims", "--results", STUDIES / name)
    return "\n".join(line for line in said.splitlines() if not line.startswith("Not measured: ")).strip() + "\n\n"


def _line(name: str) -> str:
    of = done(name)
    searches = f"{of.searches:,}" if of.searches == of.asked else f"{of.searches:,} of {of.asked:,}"
    took = f"{searches} | {of.trainings or '–'} | {of.hours}"
    return f"| [{name}]({name}/README.md) | {summaries()[name]} | {took} | {'; '.join(of.made_with)} |"


def _files(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON files of all runs, by name."""
    for path in parts(STUDIES / name):
        table = pq.read_table(path, filters=[("file", "not in", ("records.jsonl", "protocol.toml"))])
        for file, text in zip(table.column("file").to_pylist(), table.column("text").to_pylist(), strict=True):
            yield file, json.loads(text)


def _printed(*arguments: object) -> str:
    """What `harness report` prints, without the folder that the records were unpacked to."""
    said = CliRunner().invoke(main, ["report", *map(str, arguments)], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    results = Path(str(arguments[list(arguments).index("--results") + 1]))
    return said.stdout.replace(str(opened(results)), str(results.relative_to(STUDIES.parents[1])))


if __name__ == "__main__":
    import tempfile

    for each in (name for name, shown in SHOWN.items() if shown.figure):
        with tempfile.TemporaryDirectory() as folder:
            (STUDIES / each / "figure.png").write_bytes(drawn(each, Path(folder)))
    for path, text in pages().items():
        path.write_text(text)
