"""Run folders as tidy frames.

    records = read(Path("results"), warn=print).select("paper")
    records.runs           one row per run, unfinished ones included
    records.epochs         one row per run and epoch: records.jsonl, nested keys joined by dots ("cost.seconds")
    records.evaluations    one row per evaluation of a cell that a run found; a look-up has one per data set
    records.earlier        the same of cells that a run had on the way

Only JSON is read. A file that is damaged is named and skipped.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from harness.core import untrusted
from harness.core.errors import LISTED, LONGEST_MESSAGE, HarnessError, listed, quoted, unknown, visible
from harness.core.files import selections
from harness.core.shapes import EVALUATION, LOOKUP, RECORD, RESULT, SELECTION, SPEC, TRAINING
from harness.core.types import CHARGED
from harness.core.untrusted import check, loads, reason

RUN_COLUMNS = (
    "run",
    "folder",
    "protocol",
    "version",
    "method",
    "space",
    "dataset",
    "dataset_files",
    "seed",
    "configuration",
    "settings",
    "epochs",
    "budget_seconds",
    "budget_evaluations",
    "budget_simulated",
    "oracle",
    "device",
    "finished",
    "failed",
    "stopped_by",
    "parameters",
    "macs",
    "costs",
    "valid_accuracy",
    "trial_accuracy",
    "seconds",
    "simulated_seconds",
    "peak_memory",
    "memory_kind",
    "notation",
    "genotype",
    "spec",
)
EPOCH_COLUMNS = ("run", "epoch")
EVALUATION_COLUMNS = (
    "run",
    "file",
    "notation",
    "kind",
    "protocol",
    "version",
    "dataset",
    "recipe",
    "size",
    "settings",
    "seed",
    "test_error_last",
    "test_error_best",
    "best_epoch",
    "valid_accuracy",
    "test_accuracy",
    "parameters",
    "macs",
    "seconds",
    "device",
    "peak_memory",
)
CPU = "CPU"
TABLE_CONTENT = "table_content"
OF_EVALUATION = "evaluation."
"""What the name of a setting of evaluations begins with, where those of searches are meant otherwise."""


@dataclass(frozen=True)
class Records:
    """The frames of a results folder, and what had to be left out of them, a sentence each."""

    runs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=RUN_COLUMNS))
    epochs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=EPOCH_COLUMNS))
    evaluations: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=EVALUATION_COLUMNS))
    earlier: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=EVALUATION_COLUMNS))
    notes: tuple[str, ...] = ()
    chosen: Mapping[str, str] = field(default_factory=dict)
    """How a suite's selection chose a run, in words, by the run's name."""
    passed_over: frozenset[str] = frozenset()
    """The runs in whose place another was chosen."""

    @property
    def protocol(self) -> str | None:
        """ "paper, version 1" of selected records, several joined; None where there are no runs."""
        named = self.runs[["protocol", "version"]].drop_duplicates().sort_values("protocol")
        return "; ".join(f"{of.protocol}, version {of.version}" for of in named.itertuples()) or None

    @property
    def protocols(self) -> list[str]:
        """The names of the protocols of these runs."""
        return sorted(self.runs.protocol.unique())

    @classmethod
    def together(cls, parts: Sequence[Records]) -> Records:
        """The records of several selections, each of its own protocol."""
        runs, epochs, evaluations, earlier = (
            pd.concat(frames, ignore_index=True)
            for frames in zip(*((p.runs, p.epochs, p.evaluations, p.earlier) for p in parts), strict=True)
        )
        notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
        return cls(runs, epochs, evaluations, earlier, notes)

    @property
    def finished(self) -> pd.DataFrame:
        return self.runs[self.runs.finished.astype(bool)]

    def select(self, protocol: str | None = None) -> Records:
        """The records of one protocol at one version: the named one, or the only one there is.

        Raises HarnessError where there is more than one, as their numbers must not stand in one column. Trainings of a
        cell under a protocol of another name are left out; look-ups are kept, for they have none of the search's. Of
        the searches that a suite selected from, the chosen one is kept.
        """
        known = self.protocols
        if protocol is None and len(known) > 1:
            raise HarnessError(
                f"the runs are of {len(known)} protocols, {', '.join(known)}; choose one with --protocol."
            )
        if protocol is not None and protocol not in known and known:
            raise HarnessError(f"no run is of protocol {quoted(protocol)}; there are {', '.join(known)}.")
        chosen = known[0] if protocol is None and known else protocol
        runs = self.runs[self.runs.protocol == chosen]
        _one_version(runs, f"protocol {quoted(chosen)}", "runs")
        notes, kept = list(self.notes), []
        passed_over = runs.run.isin(self.passed_over)
        if passed_over.any():
            notes.append(
                f"{passed_over.sum()} in whose place a selection chose another: {_names(list(runs.run[passed_over]))}"
            )
            runs = runs[~passed_over]
        for frame in (self.evaluations, self.earlier):
            found = frame[frame.run.isin(runs.run)]
            kept.append(found[(found.protocol == chosen) | (found.kind == "lookup")])
            for name, group in kept[-1].groupby("protocol"):
                _one_version(group, f"protocol {quoted(name)}", "evaluations")
            if others := sorted(set(found.protocol) - set(kept[-1].protocol)):
                left = len(found) - len(kept[-1])
                notes.append(f"{left} evaluations under other protocols ({', '.join(others)}) left out")
        if len(unfinished := runs[~runs.finished.astype(bool)]):
            notes.append(f"{len(unfinished)} unfinished, left out of tables: {_names(list(unfinished.run))}")
        evaluations, earlier = kept
        epochs = self.epochs[self.epochs.run.isin(runs.run)]
        return Records(runs, epochs, evaluations, earlier, tuple(notes), self.chosen)

    def where(self, settings: Mapping[str, str]) -> Records:
        """The runs whose settings have these values, written as `harness run --set` takes them; "evaluation.NAME" is a
        setting of the trainings of their cells."""
        if not settings or self.runs.empty:
            return self
        of_trainings = {name: value for name, value in settings.items() if name.startswith(OF_EVALUATION)}
        of_runs = {name: value for name, value in settings.items() if name not in of_trainings}
        runs = self.runs[_have(self.runs, of_runs)]
        named = {name.removeprefix(OF_EVALUATION): value for name, value in of_trainings.items()}
        epochs = self.epochs[self.epochs.run.isin(runs.run)]
        evaluations, earlier = (
            frame[frame.run.isin(runs.run) & ((frame.kind == "lookup") | _have(frame, named))]
            for frame in (self.evaluations, self.earlier)
        )
        return replace(self, runs=runs, epochs=epochs, evaluations=evaluations, earlier=earlier)


def having(parts: Sequence[Records], settings: Mapping[str, str]) -> list[Records]:
    """Of each of these selections the runs that have the settings, see `Records.where`, if it has such. Raises
    HarnessError where none has them, or knows no setting of a name."""
    if not settings or all(part.runs.empty for part in parts):
        return list(parts)
    for name, value in settings.items():
        _check_known(parts, name, value)
    found = [of for part in parts if len((of := part.where(settings)).runs)]
    if not found:
        given = " and ".join(visible(f"{name}={value}") for name, value in settings.items())
        raise HarnessError(f"no run has {given} together; leave one of them out.")
    return found


def _check_known(parts: Sequence[Records], name: str, value: str) -> None:
    """Raises HarnessError where no run, or training, has a setting of this name, or none of this value."""
    of_runs = [of for part in parts for of in part.runs.settings]
    of_trainings = [of for part in parts for frame in (part.evaluations, part.earlier) for of in frame.settings]
    known = [*_names_in(of_runs), *(f"{OF_EVALUATION}{own}" for own in _names_in(of_trainings))]
    if name not in known:
        raise unknown("setting", name, known)
    own = name.removeprefix(OF_EVALUATION)
    who, those = ("run", of_runs) if own == name else ("training", of_trainings)
    if not any(_same(of.get(own), value) for of in those):
        there = sorted({str(of[own]) for of in those if own in of})
        raise HarnessError(f"no {who} has {visible(f'{name}={value}')}; there are {visible(listed(there), LISTED)}.")


def _names_in(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({name for of in settings for name in of})


def read(results: Path, warn: Callable[[str], None] = lambda message: None) -> Records:
    """The records of all run folders `results/<protocol>/<run id>/`. What is damaged is warned of, noted and left out.

    Raises HarnessError where there is no such folder.
    """
    if not os.path.isdir(results):
        raise HarnessError(
            f"there is no results folder {visible(str(results), LONGEST_MESSAGE)}; name one with --results."
        )
    runs: list[dict[str, Any]] = []
    epochs: list[dict[str, Any]] = []
    evaluations: list[dict[str, Any]] = []
    notes: list[str] = []

    def skip(path: Path, error: Exception, what: str) -> None:
        notes.append(f"{path} is damaged ({reason(error)}); {what} is left out")
        warn(notes[-1] + ".")

    for path in sorted(results.glob("*/*/spec.json")):
        folder = path.parent
        try:
            result = _load(folder / "result.json") if (folder / "result.json").exists() else None
            run = _run(folder, result)
            of_run = list(_epochs(folder, run["run"]))
            looked_up = _looked_up(result, run["run"]) if result else []
        except DAMAGES as error:
            skip(folder, error, "this run")
            continue
        runs.append(run)
        epochs += of_run
        evaluations += looked_up
        for file in sorted(folder.glob("evaluation-*.json")):
            try:
                evaluations += _evaluations(file, run["run"])
            except DAMAGES as error:
                skip(file, error, "this evaluation")
    choices = []
    for path in selections(results):
        try:
            selection = _load(path)
            check(selection, SELECTION)
        except DAMAGES as error:
            skip(path, error, "this selection")
            continue
        choices.append(selection)
    chosen, passed_over = _selected(choices, runs)
    frame = pd.DataFrame(evaluations, columns=EVALUATION_COLUMNS)
    found = frame.run.map({run["run"]: run.get("notation") for run in runs})
    frame = frame.assign(notation=frame.notation.fillna(found))
    of_found = (frame.notation == found) | found.isna()
    return Records(
        pd.DataFrame(runs, columns=RUN_COLUMNS),
        pd.DataFrame(epochs) if epochs else pd.DataFrame(columns=EPOCH_COLUMNS),
        frame[of_found],
        frame[~of_found],
        tuple(notes),
        chosen,
        passed_over,
    )


def _selected(
    found: Sequence[Mapping[str, Any]], runs: Iterable[dict[str, Any]]
) -> tuple[dict[str, str], frozenset[str]]:
    """How the chosen runs were chosen, in words, and those that no selection chose. The chosen ones are given the
    configuration that all have in common. A selection among some of another's searches is of a suite that has grown."""
    finished = {run["run"]: run for run in runs if run["finished"]}
    among = [(selection["by"], {each["run"] for each in selection["searches"]}) for selection in found]
    chosen, compared = {}, set[str]()
    for selection, (by, names) in zip(found, among, strict=True):
        run = finished.get(selection["chosen"])
        if run is None or any(by == of and names < more for of, more in among):
            continue
        run["configuration"] = _configuration(run["spec"], run["settings"].get(TABLE_CONTENT), selection["among"])
        chosen[run["run"]] = f"{by}, among {len(names)}"
        compared |= names
    return chosen, frozenset(compared - chosen.keys())


DAMAGES = (OSError, *untrusted.DAMAGES)
"""What reading a damaged file raises."""


def _run(folder: Path, result: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of a finished run with its result."""
    saved = _load(folder / "spec.json")
    check(saved, SPEC)
    spec, environments = saved["spec"], saved["environments"]
    table_content = _table_content(spec, environments)
    settings = _by_name(spec["settings"]) | _data(spec, table_content)
    oracle = settings.get("oracle")
    run = {
        "run": folder.name,
        "folder": str(folder),
        "protocol": spec["protocol"]["name"],
        "version": spec["protocol"]["version"],
        **{key: spec[key] for key in ("method", "space", "dataset", "seed")},
        "dataset_files": spec.get("dataset_files"),
        "configuration": _configuration(spec, table_content),
        "settings": settings,
        "epochs": spec["budget"]["epochs"],
        "budget_seconds": spec["budget"].get("seconds"),
        "budget_evaluations": spec["budget"].get("evaluations"),
        "budget_simulated": settings.get("simulated_seconds") if oracle in CHARGED else None,
        "oracle": oracle,
        "device": " + ".join(dict.fromkeys(compute(environment["device"]) for environment in environments)),
        "finished": result is not None,
        "failed": folder.with_name(f"{folder.name}.failed.json").exists(),
        "spec": spec,
    }
    if result is None:
        return run
    check(result, RESULT)
    cost = result["cost"]
    return run | {
        **{key: result[key] for key in ("stopped_by", "notation", "genotype")},
        **{key: result.get(key, math.nan) for key in ("parameters", "macs")},  # a table may know of no network
        "costs": result.get("costs"),  # what the objective had a price on
        "valid_accuracy": result.get("valid_accuracy"),  # a search on a table has no supernet
        "trial_accuracy": result.get("trial_accuracy"),
        "simulated_seconds": cost.get("simulated_seconds") or 0.0,
        **{key: cost[key] for key in ("seconds", "peak_memory", "memory_kind")},
    }


def _table_content(spec: Mapping[str, Any], environments: Sequence[Mapping[str, Any]]) -> str | None:
    """8 hexadecimal digits of the content of the table that was searched on; None for a search on images, whose files
    the spec tells."""
    content = None if "data" in spec["settings"] else environments[-1].get("data")
    return content and content[:8]


def _data(spec: Mapping[str, Any], table_content: str | None) -> dict[str, Any]:
    """What tells data of one name apart, as settings: it is told, and asked for, where it differs."""
    costs = ", ".join(f"{name} {digest}" for name, digest in (spec.get("costs") or {}).items())
    told = {"dataset_files": spec.get("dataset_files"), "split": spec.get("split"), "cost_files": costs}
    return {name: value for name, value in {**told, TABLE_CONTENT: table_content}.items() if value}


def _configuration(spec: Mapping[str, Any], table_content: str | None, without: Sequence[str] = ()) -> str:
    """What runs have in common that differ in their seed, and in the settings of these names."""
    settings = {
        part: {name: value for name, value in of.items() if name not in without}
        for part, of in spec["settings"].items()
    }
    same = {key: value for key, value in spec.items() if key != "seed"}
    return json.dumps({**same, "settings": settings, TABLE_CONTENT: table_content}, sort_keys=True)


def _epochs(folder: Path, run: str) -> Iterator[dict[str, Any]]:
    path = folder / "records.jsonl"
    if not path.exists():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            record = loads(line)
            check(record, RECORD)
            yield {"run": run, "epoch": record["epoch"], "genotype": None, **_flat(record)}
        except DAMAGES as error:
            raise ValueError(f"{path.name}, line {number}: {reason(error)}") from None


def _looked_up(result: Mapping[str, Any], run: str) -> list[dict[str, Any]]:
    """What a search on NAS-Bench-201's table says of its cell, as a look-up."""
    table, protocol = result.get("table"), {"name": "table", "version": 1}
    return _rows({"kind": "lookup", "protocol": protocol, "accuracies": table}, "result.json", run) if table else []


def _evaluations(file: Path, run: str) -> list[dict[str, Any]]:
    return _rows(_load(file), file.name, run)


def _rows(found: Mapping[str, Any], file: str, run: str) -> list[dict[str, Any]]:
    check(found, EVALUATION)
    cost, files = found.get("cost") or {}, found.get("dataset_files")
    row = {
        "run": run,
        "file": file,
        "notation": found.get("notation"),
        "kind": found["kind"],
        "protocol": found["protocol"]["name"],
        "version": found["protocol"]["version"],
        "recipe": found.get("recipe"),
        "size": found.get("size"),
        "settings": _by_name(found.get("settings") or {}) | ({"dataset_files": files} if files else {}),
        "seed": found.get("seed"),
        "parameters": found.get("parameters"),
        "macs": found.get("macs"),
        "seconds": cost.get("seconds"),
        "device": compute(cost["device"]) if cost.get("device") else None,
        "peak_memory": cost.get("peak_memory"),
    }
    if found["kind"] == "lookup":
        check(found, LOOKUP)
        return [
            row | {"dataset": name, "valid_accuracy": of.get("valid"), "test_accuracy": of.get("test")}
            for name, of in found["accuracies"].items()
        ]
    if found["kind"] != "training":
        raise ValueError(f"kind {quoted(found['kind'])} is neither training nor lookup")
    check(found, TRAINING)
    measured = {key: found[key] for key in ("dataset", "test_error_last", "test_error_best", "best_epoch")}
    return [row | measured]


def differing(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of the settings that do not have one value in all of these."""
    each = list(settings)
    return [name for name in _names_in(each) if len({str(of.get(name)) for of in each}) > 1]


def _by_name(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The settings of all parts."""
    return {name: value for part in parts.values() for name, value in part.items()}


def _have(frame: pd.DataFrame, settings: Mapping[str, str]) -> pd.Series:
    """Which rows have settings of these values."""
    have = frame.settings.map(lambda of: all(_same(of.get(name), value) for name, value in settings.items()))
    return have.astype(bool)


def compute(device: str) -> str:
    """ "cuda:0 (NVIDIA H100)" is "NVIDIA H100"; whatever is no GPU is "CPU"."""
    if not device.startswith("cuda"):
        return CPU
    named = re.search(r"\((.+)\)", device)
    return named[1] if named else "GPU"


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, the keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _load(path: Path) -> dict[str, Any]:
    value = loads(path.read_bytes())
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} is no JSON object")
    return value


def _one_version(rows: pd.DataFrame, of: str, what: str) -> None:
    versions = sorted(rows.version.unique())
    if len(versions) > 1:
        raise HarnessError(
            f"the {what} are of {len(versions)} versions of {of}, {' and '.join(map(str, versions))}, whose numbers "
            "must not be mixed; keep each version in a --results folder of its own."
        )


def _same(value: Any, written: str) -> bool:
    """Whether a setting has the value that is written: "0.20" is 0.2, "true" is True."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return str(value).lower() == written.lower()
    try:
        return float(value) == float(written)
    except ValueError:
        return False


def _names(runs: list[str], most: int = 5) -> str:
    return ", ".join(runs[:most]) + (f" and {len(runs) - most} more" if len(runs) > most else "")
