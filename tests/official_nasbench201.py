"""The content of files that can be imported, filled from a table: NAS-Bench-201's and NATS-Bench's own, by the classes
of their packages or without, and the CSV."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from toy_table import SEEDS

from harness.tables.nasbench201 import Table

SPLITS = {
    "cifar10-valid": {"x-valid": "valid", "ori-test": "test"},
    "cifar10": {"ori-test": "test"},
    "cifar100": {"x-valid": "valid", "x-test": "test", "ori-test": "valid+test"},
    "ImageNet16-120": {"x-valid": "valid", "x-test": "test", "ori-test": "valid+test"},
}
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
EPOCHS = {"less": 12, "12": 12, "full": 200, "200": 200, "01": 1, "90": 90}
"""The last two are the size space's."""


class ArchResults:
    """As in both packages, where the tests are to do without them."""

    def __init__(self, arch_index: int, arch_str: str) -> None:
        self.arch_index, self.arch_str = arch_index, arch_str
        self.all_results: dict[tuple[str, int], ResultsCount] = {}
        self.dataset_seed: dict[str, list[int]] = {}

    def update(self, dataset: str, seed: int, result: ResultsCount) -> None:
        self.dataset_seed.setdefault(dataset, []).append(seed)
        self.all_results[dataset, seed] = result

    def state_dict(self) -> dict[str, Any]:
        return self.__dict__ | {"all_results": {key: vars(trial) for key, trial in self.all_results.items()}}


class ResultsCount:
    """As in both packages, where the tests are to do without them."""

    def __init__(
        self, name, state_dict, train_accs, train_losses, params, flop, arch_config, seed, epochs, latency
    ) -> None:
        self.name, self.net_state_dict, self.params, self.flop = name, state_dict, params, flop
        self.arch_config, self.seed, self.epochs, self.latency = arch_config, seed, epochs, latency
        self.eval_names, self.eval_acc1es, self.eval_times, self.eval_losses = [], {}, {}, {}

    def update_train_info(self, accuracies, top5, losses, times) -> None:
        self.train_acc1es, self.train_acc5es, self.train_losses, self.train_times = accuracies, top5, losses, times

    def update_OLD_eval(self, name, accuracies, losses) -> None:
        self.eval_names.append(name)
        self.eval_acc1es |= {f"{name}@{epoch}": value for epoch, value in accuracies.items()}
        self.eval_losses |= {f"{name}@{epoch}": value for epoch, value in losses.items()}


def content(table: Table, plan: Mapping[str, Sequence[str]], seeds: Sequence[int] = SEEDS, api: Any = None) -> dict:
    """What the file unpickles to: for every cell, under each name of a number of epochs, these data sets."""
    return {
        "meta_archs": list(table.cells),
        "total_archs": len(table.cells),
        "arch2infos": {index: info(table, index, plan, seeds, api) for index in range(len(table.cells))},
        "evaluated_indexes": set(range(len(table.cells))),
    }


def info(table: Table, index: int, plan: Mapping[str, Sequence[str]], seeds: Sequence[int], api: Any = None) -> dict:
    """What the file holds of one cell."""
    arch_results = api.ArchResults if api else ArchResults
    states = {}
    for name, datasets in plan.items():
        results = arch_results(index, table.cells[index])
        for dataset in datasets:
            for seed in seeds:
                trial = training(table, index, EPOCHS[name], dataset, seed, api)
                if trial is not None:
                    results.update(dataset, seed, trial)
        states[name] = results.state_dict()
    return states


def training(table: Table, index: int, epochs: int, dataset: str, seed: int, api: Any = None) -> Any:
    """One ResultsCount; None where the cell has no such training."""
    ours, last = dataset.lower(), epochs - 1
    columns = table.columns
    accuracies = {
        theirs: columns[f"accuracy/{ours}/{split}/{epochs}/{seed}"][index] for theirs, split in SPLITS[dataset].items()
    }
    if any(np.isnan(value) for value in accuracies.values()):
        return None
    trial = (api.ResultsCount if api else ResultsCount)(
        dataset,
        None,
        None,
        None,
        columns[f"mparams/{ours}"][index].item(),
        columns[f"mflops/{ours}"][index].item(),
        {"channel": 16, "num_cells": 5, "arch_str": table.cells[index], "class_num": 10},
        seed,
        epochs,
        None,
    )
    spent = columns[f"train_seconds/{ours}/{epochs}"][index].item()
    passes = {
        theirs: columns[f"eval_seconds/{ours}/{s}/{epochs}"][index].item() for theirs, s in SPLITS[dataset].items()
    }
    trial.update_train_info({last: 99.0}, None, {last: 0.1}, train_times(spent, epochs))
    for theirs, value in accuracies.items():
        trial.update_OLD_eval(theirs, {last: value}, {last: 1.0})
    trial.eval_times = eval_times(tuple(passes.items()), epochs)
    return trial


@cache
def train_times(spent: float, epochs: int) -> OrderedDict[int, float]:
    """Seconds of each epoch, one object for all cells alike: pickled once, it keeps files small."""
    return OrderedDict((epoch, spent / epochs) for epoch in range(epochs))


@cache
def eval_times(passes: tuple[tuple[str, float], ...], epochs: int) -> dict[str, float]:
    return {f"{name}@{epoch}": seconds for name, seconds in passes for epoch in range(epochs)}


def csv(table: Table) -> bytes:
    """The table in the layout of the CSV file, as far as it is imported."""
    columns: dict[str, Any] = {"index": np.arange(len(table.cells)), "arch_str": list(table.cells)}
    for epochs in (12, 200):
        for theirs, ours in CSV_MEANS.items():
            columns[f"{theirs}_acc_{epochs}"] = table.columns[f"accuracy/{ours}/{epochs}/mean"].round(6)
    for theirs, ours in CSV_TRIALS.items():
        for seed in SEEDS:
            values = table.columns[f"accuracy/{ours}/200/{seed}"].round(6)
            columns[f"{theirs}_acc_200_s{seed}"] = pa.array(values, from_pandas=True)
    for theirs, ours in {"c10valid": "cifar10-valid", "c100": "cifar100", "in16": "imagenet16-120"}.items():
        columns[f"train_seconds_200ep_{theirs}"] = table.columns[f"train_seconds/{ours}/200"]
    for theirs, ours in {"c10": "cifar10", "c100": "cifar100", "in16": "imagenet16-120"}.items():
        columns |= {f"{kind}_{theirs}": table.columns[f"{kind}/{ours}"] for kind in ("mparams", "mflops")}
    file = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(columns), file)
    return file.getvalue()
