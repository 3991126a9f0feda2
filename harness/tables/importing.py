"""Importing NAS-Bench-201: from its own files, NATS-Bench's or a CSV to the one file of `harness.tables.nasbench201`.

The layout of the official files is that of the packages nas-bench-201 2.1 (nas_201_api/api_utils.py) and nats-bench 1.8
(nats_bench/api_utils.py): for every cell and number of epochs the state of an `ArchResults`, which has the state of one
`ResultsCount` for each (data set, seed).
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import IO, Any

import numpy as np

from harness.core.errors import HarnessError
from harness.core.files import make_folder
from harness.core.unpickling import unpickle
from harness.core.version import __version__
from harness.tables.ground_truth import Advance
from harness.tables.nasbench201 import CELLS, MEAN, Column, Table, all_cells, default_path
from harness.tables.nasbench201 import EPOCHS as EVALUATED_AFTER
from harness.tables.nasbench201 import SPLITS as EVALUATED

KNOWN = (
    "NAS-Bench-201's .pth, NATS-Bench's topology file (.pickle.pbz2) or its folder with such a file for each cell, or "
    "a CSV file with a column arch_str"
)
EPOCHS = {"less": 12, "12": 12, "full": 200, "200": 200}
"""By the names that NAS-Bench-201 and NATS-Bench give them."""
SPLITS = {
    "cifar10-valid": {"x-valid": "valid", "ori-test": "test"},
    "cifar10": {"ori-test": "test"},
    "cifar100": {"x-valid": "valid", "x-test": "test", "ori-test": "valid+test"},
    "imagenet16-120": {"x-valid": "valid", "x-test": "test", "ori-test": "valid+test"},
}
"""By the names of the official files (ArchResults.get_metrics)."""
GZIP, BZIP2, ZIP = b"\x1f\x8b", b"BZh", b"PK"
TORCH_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The first of five pickles that torch wrote until version 1.6, the fourth being the content."""
SIZE_SEED = 888
"""Whose size counts where trainings of one cell disagree, as in nats-bench 1.8: some are off by one convolution."""
DECIMALS = 6
"""Accuracies are shares of at most 50,000 images: the digits after these are noise, and take space."""

CSV_MEANS = {
    "c10valid_valid": "cifar10-valid/valid",
    "c10_test": "cifar10/test",
    "c100_valid": "cifar100/valid",
    "c100_test": "cifar100/test",
    "in16_valid": "imagenet16-120/valid",
    "in16_test": "imagenet16-120/test",
}
CSV_TRIALS = {
    "c10valid_valid": "cifar10-valid/valid",
    "c100_valtest": "cifar100/valid+test",
    "in16_valtest": "imagenet16-120/valid+test",
}
CSV_SEEDS = (777, 888, 999)
CSV_DATASETS = {"c10valid": "cifar10-valid", "c10": "cifar10", "c100": "cifar100", "in16": "imagenet16-120"}


def import_table(source: Path, target: Path | None = None, advance: Advance = lambda count: None) -> Path:
    """Writes the table that a file or folder holds to the target, else to the user's cache, and returns its path.

    `advance` sees the bytes of the source go by twice, once for their checksum. An official file is held in memory
    whole while it is read, which takes as much as its own package needs; NATS-Bench's folder is read cell by cell.
    Raises HarnessError, writing nothing, where the source is damaged, incomplete, something else, or names code to run.
    """
    target = target or default_path()
    with reported(source):
        form, cells, columns = _read(source, advance)
        columns = _checked_columns(cells, columns)
        origin = {"source": source.name, "form": form, "sha256": digest_of(source, advance), "harness": __version__}
    make_folder(target.parent)
    Table(cells, columns, origin).save(target)
    return target


def size(source: Path) -> int:
    """Bytes of a file or of a folder's files. Raises HarnessError where there is none."""
    if not source.exists():
        raise HarnessError(f"{source} does not exist; give {KNOWN}.")
    return sum(file.stat().st_size for file in files_of(source))


@contextmanager
def reported(source: Path) -> Iterator[None]:
    """What reads a file of any content may fail in any way."""
    try:
        yield
    except HarnessError:
        raise
    except Exception as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error).strip().partition("\n")[0].rstrip(".")
        reason = what or f"{type(error).__name__} while reading"
        raise HarnessError(f"{source} cannot be imported: {reason}. Nothing was written.") from error


def _read(source: Path, advance: Advance) -> tuple[str, tuple[str, ...], Mapping[str, Column]]:
    """What kind of file it is, by its first bytes; the cells in index order; the columns."""
    if source.is_dir():
        cells = checked_cells(from_nats(source / "meta.pickle.pbz2", advance)["meta_archs"])
        files = (source / f"{number:06d}.pickle.pbz2" for number in range(CELLS))
        return "NATS-Bench's folder", cells, _columns(cells, (from_nats(file, advance) for file in files))
    with open(source, "rb") as start:
        head = start.read(4096)
    if head.startswith(GZIP) or b"arch_str" in head.partition(b"\n")[0]:
        return "CSV", *_from_csv(source, advance)
    if head.startswith(BZIP2):
        form, content = "NATS-Bench's file", from_nats(source, advance)
    elif head.startswith((ZIP, TORCH_LEGACY)):
        form, content = "NAS-Bench-201's file", _from_torch(source, advance)
    else:
        raise ValueError(f"it is not {KNOWN}")
    cells, infos = checked_cells(content["meta_archs"]), content["arch2infos"]
    lacking = set(range(CELLS)).difference(infos)
    if lacking:
        raise ValueError(f"it has no results for {len(lacking):,} cells, {min(lacking)} among them")
    return form, cells, _columns(cells, (infos[number] for number in range(CELLS)))


def from_nats(path: Path, advance: Advance) -> Any:
    with opened(path, advance) as file, bz2.open(file) as content:
        return _to_the_end(content)


def _from_torch(path: Path, advance: Advance) -> Any:
    """torch.save puts its pickle into a zip archive, beside tensors, of which a table has none."""
    with opened(path, advance) as file:
        if file.peek().startswith(TORCH_LEGACY):
            _, _, _, content, _ = (unpickle(file) for _ in range(5))
            return content
        with zipfile.ZipFile(file) as archive:
            pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise ValueError("it is a zip archive without the one data.pkl that torch writes")
            with archive.open(pickles[0]) as member:
                return _to_the_end(member)


def _to_the_end(archive: IO[bytes]) -> Any:
    """The only pickle in it. An archive checks itself when it has been read to its end."""
    value = unpickle(archive)
    if archive.read(1):
        raise ValueError("it goes on after its end")
    return value


def _columns(cells: Sequence[str], infos: Iterable[Mapping[str, Any]]) -> Mapping[str, Column]:
    """`infos` holds, for each cell in index order, number of epochs -> state of an ArchResults."""
    columns: dict[str, Column] = defaultdict(lambda: np.full(CELLS, np.nan))
    for index, (cell, info) in enumerate(zip(cells, infos, strict=True)):
        for name, state in sorted(info.items(), key=lambda item: EPOCHS[item[0]]):  # the size is that of 200 epochs
            if state["arch_str"] != cell:
                raise ValueError(f"the results of cell {index}, {cell}, are those of {state['arch_str']}")
            for column, value in row_of(state["all_results"], EPOCHS[name]):
                columns[column][index] = value
    return columns


def row_of(trials: Mapping[tuple[str, int], Mapping[str, Any]], epochs: int) -> Iterator[tuple[str, float]]:
    """The columns' values for one cell: of its (data set, seed) -> state of a ResultsCount."""
    datasets: dict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for (dataset, seed), trial in trials.items():
        if trial["epochs"] != epochs:
            raise ValueError(f"a training of {epochs} epochs has {trial['epochs']}")
        datasets[dataset.lower()][int(seed)] = trial
    for dataset, trained in datasets.items():
        for official, split in SPLITS[dataset].items():
            last = f"{official}@{epochs - 1}"
            found = {seed: t["eval_acc1es"][last] for seed, t in trained.items() if last in t["eval_acc1es"]}
            yield from ((f"accuracy/{dataset}/{split}/{epochs}/{seed}", value) for seed, value in found.items())
            if found:
                yield f"accuracy/{dataset}/{split}/{epochs}/{MEAN}", fmean(found.values())
            passes = [_passes(trial, official) for trial in trained.values()]
            if all(passes):
                yield f"eval_seconds/{dataset}/{split}/{epochs}", fmean(map(fmean, passes))
        spent = [[*(trial.get("train_times") or {}).values()] for trial in trained.values()]
        if all(len(times) == epochs for times in spent):
            yield f"train_seconds/{dataset}/{epochs}", fmean(map(sum, spent))
        sized = trained.get(SIZE_SEED, next(iter(trained.values())))
        yield f"mparams/{dataset}", sized["params"]
        yield f"mflops/{dataset}", sized["flop"]


def _passes(trial: Mapping[str, Any], split: str) -> list[float]:
    """Seconds of each pass over the split, one after each epoch; none where they were not recorded."""
    times = trial.get("eval_times") or {}
    return [times[name] for name in _passes_named(split, trial["epochs"]) if name in times]


@cache
def _passes_named(split: str, epochs: int) -> tuple[str, ...]:
    return tuple(f"{split}@{epoch}" for epoch in range(epochs))


def _from_csv(path: Path, advance: Advance) -> tuple[tuple[str, ...], Mapping[str, Column]]:
    """The layout of a table distilled from public copies: means over seeds, some single trainings, and training times
    of 200 epochs. Those of 12 follow: the benchmark assigned every epoch of a cell the same time, measured once
    (AutoDL-Projects exps/NAS-Bench-201/statistics-v2.py, correct_time_related_info)."""
    import pyarrow as pa
    from pyarrow import csv

    with opened(path, advance) as file:
        zipped = file.peek().startswith(b"\x1f\x8b")
        content = csv.read_csv(io.BytesIO(gzip.decompress(file.read()) if zipped else file.read()))

    def column(name: str) -> Column:
        if name not in content.column_names or pa.types.is_string(content[name].type):
            raise ValueError(f"it has no column {name}, or one that is not all numbers")
        return content[name].to_numpy().astype(np.float64)

    if "arch_str" not in content.column_names:
        raise ValueError("it has no column arch_str")
    if column("index").tolist() != list(range(content.num_rows)):
        raise ValueError("its rows are not numbered 0, 1, 2 and so on in the column index")
    columns = {
        f"accuracy/{ours}/{epochs}/{MEAN}": column(f"{theirs}_acc_{epochs}")
        for epochs in (12, 200)
        for theirs, ours in CSV_MEANS.items()
    }
    for theirs, ours in CSV_TRIALS.items():
        trials = {seed: column(f"{theirs}_acc_200_s{seed}") for seed in CSV_SEEDS}
        columns |= {f"accuracy/{ours}/200/{seed}": values for seed, values in trials.items()}
        if f"accuracy/{ours}/200/{MEAN}" not in columns:
            trained = np.isfinite(list(trials.values())).sum(axis=0)
            columns[f"accuracy/{ours}/200/{MEAN}"] = np.nansum(list(trials.values()), axis=0) / trained
    for theirs, ours in CSV_DATASETS.items():
        if theirs != "c10":
            columns[f"train_seconds/{ours}/200"] = column(f"train_seconds_200ep_{theirs}")
            columns[f"train_seconds/{ours}/12"] = column(f"train_seconds_200ep_{theirs}") * 12 / 200
        if theirs != "c10valid":
            columns |= {f"{size}/{ours}": column(f"{size}_{theirs}") for size in ("mparams", "mflops")}
    return checked_cells(content["arch_str"].to_pylist()), columns


def checked_cells(cells: Sequence[str]) -> tuple[str, ...]:
    known = all_cells()
    if sorted(cells) != sorted(known):
        twice = [cell for cell, count in Counter(cells).items() if count > 1]
        missing = set(known).difference(cells)
        example = f"{twice[0]} is there twice" if twice else f"{min(missing)} is missing"
        raise ValueError(f"its {len(cells):,} cells are not the benchmark's {CELLS:,}: {example}")
    return tuple(cells)


def _checked_columns(cells: Sequence[str], columns: Mapping[str, Column]) -> Mapping[str, Column]:
    """Only a single training may be missing, and a cost that was not recorded for all cells is left out."""
    kept = {}
    for name, values in sorted(columns.items()):
        kind, *_, last = name.split("/")
        missing = np.isnan(values)
        wrong = ~missing & ~((values >= 0) & (values <= (100 if kind == "accuracy" else np.inf)))
        for places, what in ((wrong, "is {value}"), (missing & (kind == "accuracy" and last == MEAN), "is missing")):
            if places.any():
                first = int(places.argmax())
                raise ValueError(f"{name} {what.format(value=values[first])} for cell {first}, {cells[first]}")
        if kind == "accuracy" or not missing.any():
            kept[name] = values.round(DECIMALS)
    return kept


def summary(table: Table, path: Path) -> str:
    """What the table holds and where it comes from, in lines."""
    origin, rows = table.provenance, []
    for dataset, splits in EVALUATED.items():
        for split, epochs in product(splits, EVALUATED_AFTER):
            prefix = f"accuracy/{dataset}/{split}/{epochs}/"
            seeds = table.seeds(dataset, split, epochs)
            trained = [f"{np.isfinite(table.columns[f'{prefix}{s}']).sum():,} with seed {s}" for s in seeds]
            if prefix + MEAN in table.columns:
                best = f"{table.columns[prefix + MEAN].max():.3f} %"
                rows.append(f"{dataset}, {split}, {epochs} epochs: best {best}; {', '.join(trained) or 'means only'}")
    costs = sorted({name.rpartition("/")[0] for name in table.columns if not name.startswith("accuracy/")})
    return "\n".join(
        (
            f"NAS-Bench-201: {len(table.cells):,} cells in {path} ({path.stat().st_size / 1e6:.1f} MB, checksum: ok)",
            f"made from {origin['source']} ({origin['form']}, SHA-256 {origin['sha256'][:16]}...)",
            *rows,
            f"costs: {', '.join(costs)}",
        )
    )


def files_of(source: Path) -> list[Path]:
    return sorted(file for file in source.iterdir() if file.is_file()) if source.is_dir() else [source]


def digest_of(source: Path, advance: Advance) -> str:
    """SHA-256 of a file; of a folder, over the names and digests of its files."""
    digests = {file.name: _file_digest(file, advance) for file in files_of(source)}
    if not source.is_dir():
        return digests[source.name]
    return hashlib.sha256("".join(f"{name} {own}\n" for name, own in digests.items()).encode()).hexdigest()


def _file_digest(path: Path, advance: Advance) -> str:
    with opened(path, advance) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Watched(io.FileIO):
    """A file that says how many bytes it has given."""

    def __init__(self, path: Path, advance: Advance) -> None:
        super().__init__(path)
        self.advance = advance

    def readinto(self, buffer: Any) -> int | None:
        count = super().readinto(buffer)
        self.advance(count or 0)
        return count


def opened(path: Path, advance: Advance) -> io.BufferedReader:
    return io.BufferedReader(_Watched(path, advance), 1 << 20)
