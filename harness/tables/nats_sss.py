"""NATS-Bench's size space: 32,768 networks of one cell whose five layers have 8 to 64 channels each.

Source: Dong et al., NATS-Bench (TPAMI 2021), and its package nats-bench 1.8 (nats_bench/api_size.py). `harness data
import nats-sss FILE` makes a table of its file, NATS-sss-v1_0-50262.pickle.pbz2, or of its folder, whose layout is that
of the topology space; see `harness.tables.importing`. Accuracies are means over the seeds that the file has.

CIFAR-10's validation accuracy is that of training on half of its training images, its test accuracy that of training on
all. A length of training counts where every network was trained so long on all three data sets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from harness.core.errors import HarnessError
from harness.core.imported import place_of
from harness.core.version import __version__
from harness.tables import importing
from harness.tables.ground_truth import Advance
from harness.tables.nasbench201 import MEAN
from harness.tables.tabulated import CLASSES, Tabulated, TabulatedBenchmark, save

NAME, TITLE = "nats-sss", "NATS-Bench's size space"
CHANNELS = tuple(str(width) for width in range(8, 65, 8))
LAYERS = tuple(f"layer{number}" for number in range(1, 6))
EPOCHS = {"01": 1, "12": 12, "90": 90}
"""By the names that the file gives them."""
LONGEST = 90
GUIDES = {"cifar10": "cifar10-valid", "cifar100": "cifar100", "imagenet16-120": "imagenet16-120"}
"""By data set, the training whose validation accuracy guides a search."""
BZIP2 = b"BZh"
Columns = Mapping[str, np.ndarray[Any, Any]]


class NatsSizeBenchmark:
    """The table that the user has imported."""

    title = TITLE
    datasets: Mapping[str, int] = CLASSES
    summary = "32,768 networks of 5 layers on CIFAR-10, CIFAR-100 and ImageNet16-120"

    @property
    def epochs(self) -> Sequence[int]:
        path = place_of(NAME)
        return TabulatedBenchmark(path).epochs if path.exists() else tuple(EPOCHS.values())

    def open(self) -> Tabulated:
        path = place_of(NAME)
        if not path.exists():
            raise HarnessError(
                f"there is no table of {TITLE} at {path}; make it with `harness data import {NAME} FILE`."
            )
        return TabulatedBenchmark(path).open()

    def size(self, source: Path) -> int:
        return importing.size(source)

    def import_from(self, source: Path, advance: Advance) -> None:
        with importing.reported(source):
            form, columns = _read(source, advance)
            digest = importing.digest_of(source, advance)
        origin = {"source": source.name, "form": form, "sha256": digest, "harness": __version__}
        save(place_of(NAME), TITLE, dict.fromkeys(LAYERS, CHANNELS), columns, origin)

    def check(self) -> str:
        return self.open().check()


def networks() -> list[str]:
    """All, as the benchmark writes them, in the order of the grid: 8:8:8:8:8, 8:8:8:8:16 and so on."""
    return [":".join(widths) for widths in product(CHANNELS, repeat=len(LAYERS))]


def _read(source: Path, advance: Advance) -> tuple[str, Columns]:
    if source.is_dir():
        names = _checked(importing.from_nats(source / "meta.pickle.pbz2", advance)["meta_archs"])
        files = (source / f"{number:06d}.pickle.pbz2" for number in range(len(names)))
        return "NATS-Bench's folder", _columns(names, (importing.from_nats(file, advance) for file in files))
    with open(source, "rb") as start:
        if start.read(len(BZIP2)) != BZIP2:
            raise ValueError("it is not NATS-Bench's size file (.pickle.pbz2) or its folder")
    content = importing.from_nats(source, advance)
    names, infos = _checked(content["meta_archs"]), content["arch2infos"]
    if lacking := set(range(len(names))).difference(infos):
        raise ValueError(f"it has no results for {len(lacking):,} networks, {min(lacking)} among them")
    return "NATS-Bench's file", _columns(names, (infos[number] for number in range(len(names))))


def _checked(names: Sequence[str]) -> Sequence[str]:
    known = networks()
    if sorted(names) != sorted(known):
        missing = sorted(set(known).difference(names))
        example = f"{missing[0]} is missing" if missing else "some are there twice"
        raise ValueError(f"its {len(names):,} networks are not the size space's {len(known):,}: {example}")
    return names


def _columns(names: Sequence[str], infos: Iterable[Mapping[str, Any]]) -> Columns:
    """`infos` holds, for each network in index order, name of a number of epochs -> state of an ArchResults."""
    place = {name: number for number, name in enumerate(networks())}
    official: dict[str, np.ndarray[Any, Any]] = defaultdict(lambda: np.full(len(names), np.nan))
    for index, (name, info) in enumerate(zip(names, infos, strict=True)):
        for length, state in sorted(info.items()):
            if state["arch_str"] != name:
                raise ValueError(f"the results of network {index}, {name}, are those of {state['arch_str']}")
            for column, value in importing.row_of(state["all_results"], EPOCHS[length]):
                official[column][place[name]] = value
    found: dict[str, np.ndarray[Any, Any]] = {}
    for epochs in EPOCHS.values():
        if all(_complete(official, f"accuracy/{guide}/valid/{epochs}/{MEAN}") for guide in GUIDES.values()):
            found |= _after(official, epochs)
    for dataset in GUIDES:
        for name in (f"valid/{dataset}/{LONGEST}", f"test/{dataset}/{LONGEST}"):
            if name not in found:
                raise ValueError(f"it lacks {name} of some network")
    found |= {f"cost/{kind}": official[f"{kind}/cifar10"] for kind in ("mparams", "mflops")}
    return {name: _checked_values(name, values) for name, values in found.items()}


def _after(official: Columns, epochs: int) -> Columns:
    """What is known after so many epochs, by the names of `harness.tables.tabulated`."""
    found = {}
    for dataset, guide in GUIDES.items():
        found[f"valid/{dataset}/{epochs}"] = official[f"accuracy/{guide}/valid/{epochs}/{MEAN}"]
        test, trained = f"accuracy/{dataset}/test/{epochs}/{MEAN}", f"train_seconds/{guide}/{epochs}"
        if _complete(official, test):
            found[f"test/{dataset}/{epochs}"] = official[test]
        validated = f"eval_seconds/{guide}/valid/{epochs}"
        if _complete(official, trained) and _complete(official, validated):
            found[f"seconds/{dataset}/{epochs}"] = official[trained] + official[validated]
    return found


def _complete(columns: Columns, name: str) -> bool:
    return name in columns and not np.isnan(columns[name]).any()


def _checked_values(name: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    most = 100.0 if name.startswith(("valid/", "test/")) else np.inf
    wrong = ~(np.isfinite(values) & (values >= 0) & (values <= most))
    if wrong.any():
        place = int(wrong.argmax())
        raise ValueError(f"{name} is {values[place]} for the network {networks()[place]}")
    return values.round(importing.DECIMALS)
