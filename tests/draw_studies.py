"""Writes the pages of results/studies from the records there: nothing on them is written by hand but the questions.

    python tests/draw_studies.py

where NAS-Bench-201's table is imported, which knows the best cell.

A study has the name of its suite. Its page says how much of the suite is done, and is what `harness report` prints of
its records, first what they say of the claims; README.md lists all, with what they took; claims.md is the claim sheet
over all of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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

Hours are sums of wall-clock time on cores that had other work, too.

| study | of what | searches | trainings | hours of both | with |
|---|---|--:|--:|--:|---|
"""

MORE = "The report says more: test errors on the other data sets, paired tests, wins, fronts.\n"


@dataclass(frozen=True)
class Study:
    """How the records of a suite are shown."""

    figures: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """That the page has: what `harness report` is told, to draw them and others."""
    analyses: Sequence[str] = ()
    """What `harness analyse` was told of some of the runs; their time is not in the hours."""
    sections: Sequence[str] = ()
    """What the headings begin with of what the page has of `harness report`; empty: all of it."""


OF_TABLES = ("nasbench201-table", "Interquartile means", "Probability of improvement", "Average ranks")
OVER_TIME = {"anytime-simulated-seconds": ("anytime", "--over", "simulated-seconds")}
OVER_EVALUATIONS = {"anytime-evaluations": ("anytime", "--over", "evaluations")}
SHOWN: Mapping[str, Study] = {
    "solvers": Study(
        {**OVER_TIME, **OVER_EVALUATIONS},
        sections=(*OF_TABLES, "Incumbents over simulated time", "Incumbents over evaluations"),
    ),
    "rules": Study(OVER_EVALUATIONS, sections=(*OF_TABLES, "Incumbents over evaluations")),
    "weighing": Study(OVER_EVALUATIONS),
    "collapse": Study({"convergence-nasbench201-cifar10": ["figures"]}, ["eigenvalue RUN"]),
    "finetuning": Study({"convergence-nasbench201-cifar10": ["figures"]}),
    "robustness": Study(
        {
            **{f"convergence-s{number}-cifar10": ["figures"] for number in (1, 2, 3, 4)},
            "landscape-zarts-mgs-s1-cifar10-s0-27b5bf7d": ["figures"],
            "landscape-zarts-mgs-s4-cifar10-s0-1128aa83": ["figures"],
        },
        ["landscape RUN --set points=5"],
    ),
    "noise": Study({"convergence-s4-cifar10": ["figures"]}),
    "variants": Study({"convergence-darts-cifar10": ["figures"]}),
    "short-trainings": Study(
        {"rankings-darts-cifar10": ["figures"]}, sections=("How trainings rank cells", "Test errors")
    ),
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
    said = _chosen(_printed("--results", STUDIES / name), SHOWN[name].sections)
    analyses = "".join(f"    harness analyse {told}\n" for told in SHOWN[name].analyses)
    commands = f"    harness suite run {name}\n{analyses}    harness report --results results/studies/{name}\n"
    figures = "".join(_figure(name, *figure) for figure in SHOWN[name].figures.items())
    return f"{_head(name)}\n\n{commands}\n{figures}{_claims(name)}{said}"


def drawn(name: str, out: Path) -> dict[str, bytes]:
    """A study's figures by name, PNG, as its records have them."""
    made = {}
    for figure, told in SHOWN[name].figures.items():
        place = out / "-".join(told)
        if not place.exists():  # one report draws several
            _printed(*told, "--results", STUDIES / name, "--out", place)
        made[figure] = (place / "figures" / f"{figure}.png").read_bytes()
    return made


def _chosen(said: str, sections: Sequence[str]) -> str:
    """Those of what a report says."""
    if not sections:
        return said
    parts = re.split(r"^(?=## )", said, flags=re.MULTILINE)
    chosen = [[part for part in parts if part.startswith(f"## {begins}")] for begins in sections]
    assert all(chosen), f"one of {sections} is not in the report"
    return "".join(part for each in chosen for part in each) + MORE


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
    made_with = sorted({_environment(of) for of in environments})
    asked = sum(isinstance(cell, SearchCell) for cell in cells(name))
    return Done(len(searches), asked, len(trainings), hours, made_with)


def _environment(of: Mapping[str, Any]) -> str:
    threads = f"{of['threads']} thread{'' if of['threads'] == 1 else 's'}"
    return f"commit {of['commit']}, torch {of['torch']}, {of['device']}, {threads}"


def _head(name: str) -> str:
    asks, of = summaries()[name], done(name)
    trainings = f" and {of.trainings} trainings" if of.trainings else ""
    counts = (
        f"{of.searches:,} of the suite's {of.asked:,} searches{trainings} are done, in {of.hours} beside other work"
    )
    return f"# {name}\n\n{asks if asks.endswith('?') else asks + '.'}\n\n{counts} ({'; '.join(of.made_with)})."


def _figure(study: str, name: str, told: Sequence[str]) -> str:
    command = " ".join(("harness report", *told, f"--results results/studies/{study} --out FOLDER"))
    with Image.open(STUDIES / study / f"{name}.png") as picture:
        says = f"{picture.info['Title']}. {picture.info['Description']} (`{command}` draws it.)"
    return f"![{name}]({name}.png)\n\n{says}\n\n"


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

    for each in SHOWN:
        with tempfile.TemporaryDirectory() as folder:
            for figure, data in drawn(each, Path(folder)).items():
                (STUDIES / each / f"{figure}.png").write_bytes(data)
    for path, text in pages().items():
        path.write_text(text)
