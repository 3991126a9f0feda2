"""The records of a study in a few small files: what the JSON files of its run folders say, in Parquet.

A row is one file: `run` ("proxy/darts-1st-nasbench201-..."), `file` ("result.json"), `text`. Numbers are kept to DIGITS
significant digits, but for those of spec.json, whose hash is in the run's name. Of many or long runs less may be kept:
the records of some epochs, with what tables and curves read (BRIEF), and the cells that a suite evaluates; no alpha.
Checkpoints stay where they were made.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import HarnessError, quoted
from harness.core.files import cache_root, make_folder, rename, selections
from harness.core.untrusted import WHOLE, check, loads

if TYPE_CHECKING:
    import pyarrow as pa

DIGITS = 6
BRIEF = ("epoch", "steps", "valid_loss", "best_accuracy", "table", "cost")
"""Keys of the records of which only some epochs are kept."""
TIMED = 2
"""Digits of their seconds (choice): those of searches that are alike differ by more."""
COLUMNS = ("run", "file", "text")
RUN = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)?")
FILE = re.compile(
    r"(spec|result|(evaluation|validation|selection)-[\w.+-]+|analysis-[\w-]+)\.json|records\.jsonl|protocol\.toml"
)
LEVEL = 19
"""Of the compression: packing is rare, and what is packed ships."""
SMALL = 1_000_000
"""Bytes of a file that ships."""
Row = tuple[str, str, str]


@dataclass(frozen=True)
class Few:
    """What of a run is kept, where that is not all."""

    most: int
    """At most so many for tables and curves, see `steps` and `spread`."""
    evaluated: Collection[int] = ()
    """Those after so many epochs besides, with the cells that the run had then."""

    def of_records(self, records: Sequence[Any]) -> list[Any]:
        spared = {record["epoch"] for record in spread(steps(records), self.most)}
        cells = {after - 1 for after in self.evaluated}
        return [_brief(record, record["epoch"] in cells) for record in records if record["epoch"] in spared | cells]

    def of_result(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Without alpha: dozens of random digits, which nothing reads that has no checkpoint."""
        return {key: value for key, value in result.items() if key != "alpha"}


def pack(results: Path, runs: Sequence[str], folder: Path, name: str, few: Few | None) -> dict[Path, int]:
    """Writes these run folders, relative to the folder of results, and what lies beside them, into `name.parquet` of
    another folder, or, where that would be larger than SMALL, into several, each with other runs. Returns their sizes
    in bytes. `few`: what of each run is kept; None: all.

    Raises HarnessError where a file cannot be read or written.
    """
    # What is alike lies together: all files of a name, run by run.
    rows = sorted(_rows(results, runs, few), key=lambda row: (row[1], row[0]))
    made = _divided(rows, runs)
    names = _names(name, len(made))
    make_folder(folder)
    fresh = [folder / f".{each}.tmp" for each in names]
    try:
        for path, data in zip(fresh, made, strict=True):
            path.write_bytes(data)
        for old in _parts_of(folder, name):  # else their runs would be read beside the new ones
            old.unlink()
        for path, to in zip(fresh, names, strict=True):
            os.replace(path, folder / to)
    except OSError as error:
        for path in fresh:
            path.unlink(missing_ok=True)
        raise HarnessError(f"{folder} cannot be written: {error.strerror}.") from None
    return {folder / each: len(data) for each, data in zip(names, made, strict=True)}


def is_packed(path: Path) -> bool:
    """Whether a path is such a file, or a folder of them. One with run folders is not, whatever was packed into it."""
    if os.path.isfile(path):  # where a path is too long for the system, too, it is none
        return path.suffix == ".parquet"
    return os.path.isdir(path) and bool(parts(path)) and not any(path.glob("*/*/spec.json"))


def parts(folder: Path) -> list[Path]:
    """The files of a study, or of all studies in a folder."""
    return [folder] if folder.is_file() else sorted([*folder.glob("*.parquet"), *folder.glob("*/*.parquet")])


def unpack(study: Path, results: Path) -> list[str]:
    """Writes the runs of a study that are not there into a folder of results; returns them. Raises HarnessError where
    the study is damaged, or a file cannot be written."""
    found = _by_run(study)
    _check_protocols(found, results)
    made = []
    for run, files in found.items():
        folder = results / run
        if "/" not in run:  # a protocol's own files
            make_folder(folder)
            _write_all(folder, {name: text for name, text in files.items() if not (folder / name).exists()})
        elif not folder.exists():
            fresh = folder.with_name(f".{folder.name}.tmp")
            make_folder(fresh)
            _write_all(fresh, files)
            rename(fresh, folder)
            made.append(run)
    return made


def opened(path: Path) -> Path:
    """A folder of results to read: the path itself, or, if it is a study, what that unpacks to, in the cache. Raises
    HarnessError where it is damaged."""
    if not is_packed(path):
        return path
    digest = hashlib.sha256(b"".join(part.read_bytes() for part in parts(path))).hexdigest()[:16]
    place = cache_root() / "studies" / digest
    if place.exists():
        return place
    make_folder(place.parent)
    fresh = Path(tempfile.mkdtemp(dir=place.parent))
    try:
        unpack(path, fresh)
        fresh.rename(place)
    except OSError:
        if not place.exists():  # else another process was as quick
            raise HarnessError(f"{place} cannot be written; name another cache with XDG_CACHE_HOME.") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return place


def _names(name: str, count: int) -> list[str]:
    return [f"{name}.parquet"] if count == 1 else [f"{name}-{part}-of-{count}.parquet" for part in range(1, count + 1)]


def _parts_of(folder: Path, name: str) -> list[Path]:
    """What was packed under a name, in however many parts."""
    own = re.compile(rf"{re.escape(name)}(-\d+-of-\d+)?\.parquet")
    return [path for path in folder.iterdir() if own.fullmatch(path.name)]


def _divided(rows: Sequence[Row], runs: Sequence[str]) -> list[bytes]:
    """Files that are small, as few as can be: of n, each has every n-th run, so that they are about equal."""
    place = {run: index for index, run in enumerate(runs)}
    count = 1
    while True:
        made = [
            _parquet([row for row in rows if place.get(row[0], part) % count == part])  # in each, what is of no one run
            for part in range(count)
        ]
        if max(map(len, made)) <= SMALL or count >= len(runs):
            return made
        count = min(max(count + 1, -(-sum(map(len, made)) // SMALL)), len(runs))


def _parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=LEVEL, data_page_size=1 << 26)
    return sink.getvalue().to_pybytes()


def _rows(results: Path, runs: Sequence[str], few: Few | None) -> Iterator[Row]:
    for run in runs:
        for path in sorted((results / run).iterdir()):
            if FILE.fullmatch(path.name):
                yield run, path.name, _kept(path, few)
    for protocol in sorted({run.partition("/")[0] for run in runs}):
        for path in selections(results, protocol):
            yield protocol, path.name, _kept(path, few)
        yield protocol, "protocol.toml", _protocol(results / protocol / "protocol.toml")


def _protocol(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise HarnessError(
            f"{path}, the copy of the protocol of the runs beside it, cannot be read ({error.strerror}); put it back."
        ) from None


def _kept(path: Path, few: Few | None) -> str:
    """What is kept of a file."""
    try:
        text = path.read_text("utf-8")
        if path.name == "spec.json":
            return text
        if path.name != "records.jsonl":
            value = loads(text)
            check(value, {})
            return json.dumps(_rounded(few.of_result(value) if few and path.name == "result.json" else value))
        records = [loads(line) for line in text.splitlines()]
        check(records, [{"epoch": WHOLE}])
    except (OSError, ValueError) as error:
        raise HarnessError(f"{path} cannot be read ({error}); nothing is packed.") from None
    return "".join(json.dumps(_rounded(record)) + "\n" for record in (few.of_records(records) if few else records))


def _brief(record: Mapping[str, Any], with_cell: bool) -> dict[str, Any]:
    kept = {key: record[key] for key in (*BRIEF, *(["genotype"] if with_cell else [])) if key in record}
    if isinstance(cost := kept.get("cost"), dict) and isinstance(seconds := cost.get("seconds"), float):
        kept["cost"] = {**cost, "seconds": _rounded(seconds, TIMED)}
    return kept


def steps(records: Sequence[Any]) -> list[Any]:
    """Those that a curve of a table's values is made of: the first, those where other values stand than before, and the
    last, for its cost. Of other searches all."""
    if not records or any("table" not in record for record in records):
        return list(records)
    kept = [records[0], *(after for before, after in pairwise(records) if after["table"] != before["table"])]
    return kept if kept[-1] is records[-1] else [*kept, records[-1]]


def spread(records: Sequence[Any], most: int) -> list[Any]:
    """At most so many of them, the last among them, and the first if there is room: ever further apart, as budgets are
    read on logarithmic axes."""
    if len(records) <= most:
        return list(records)
    ratio = len(records) ** (1 / max(most - 1, 1))
    places = sorted({round(len(records) / ratio**back) for back in range(most)} - {0})
    return [records[place - 1] for place in places]


def _rounded(value: Any, digits: int = DIGITS) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: _rounded(item, digits) for key, item in value.items()}
    return [_rounded(item, digits) for item in value] if isinstance(value, list) else value


def _by_run(study: Path) -> Mapping[str, Mapping[str, str]]:
    """What the files of each run say. Raises HarnessError where names are none of this program's: a study may come from
    anybody, and must not write elsewhere."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, dict[str, str]] = {}
    for part in parts(study):
        try:
            table: pa.Table = pq.read_table(part, columns=list(COLUMNS))
            rows = zip(*(table.column(name).cast(pa.string()).to_pylist() for name in COLUMNS), strict=True)
        except (OSError, pa.ArrowException) as error:
            raise HarnessError(f"{part} is damaged, or no study ({str(error)[:100]}); fetch it again.") from None
        for run, file, text in rows:
            if not (run and file and RUN.fullmatch(run) and FILE.fullmatch(file)):
                raise HarnessError(f"{part} is no study: it names {quoted(f'{run}/{file}')}.")
            found.setdefault(run, {})[file] = text or ""
    return found


def _check_protocols(found: Mapping[str, Mapping[str, str]], results: Path) -> None:
    for run, files in found.items():
        copy = results / run / "protocol.toml"
        if "protocol.toml" in files and copy.exists() and copy.read_text("utf-8") != files["protocol.toml"]:
            raise HarnessError(
                f"{copy.parent} holds runs of another version of protocol {quoted(run)} than the study's; use another "
                "--results folder."
            )


def _write_all(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        try:
            (folder / name).write_text(text, "utf-8")
        except OSError as error:
            raise HarnessError(f"{folder / name} cannot be written: {error.strerror}.") from None
