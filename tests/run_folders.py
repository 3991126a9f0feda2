"""Run folders made by hand, with what reports read in them."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

from harness.core.packed import Few

GENOTYPE = {
    kind: {
        "inputs": 2,
        "nodes": [[["sep_conv_3x3", 0], ["skip_connect", 1]]] + [[["sep_conv_3x3", 0], ["max_pool_3x3", 1]]] * 3,
        "concat": [2, 3, 4, 5],
    }
    for kind in ("normal", "reduce")
}


def notation(skips: int = 1) -> str:
    """A DARTS literal whose normal cell has so many skips, and three poolings in the rest."""
    normal = [("skip_connect" if i < skips else "sep_conv_3x3", i % 2) for i in range(8)]
    reduce = [("max_pool_3x3", 0), ("sep_conv_3x3", 1)] * 4
    return f"Genotype(normal={normal}, normal_concat=[2, 3, 4, 5], reduce={reduce}, reduce_concat=[2, 3, 4, 5])"


def write_run(
    results: Path,
    method: str = "zarts-mgs",
    space: str = "s1",
    dataset: str = "cifar10",
    seed: int = 0,
    *,
    protocol: str = "paper",
    version: int = 1,
    settings: dict[str, Any] | None = None,
    epochs: int = 2,
    device: str = "cuda (NVIDIA GeForce RTX 2080 Ti)",
    days: float = 1.0,
    memory: float = 9.4,
    parameters: int = 3_500_000,
    finished: bool = True,
    rule: dict[str, float] | None = None,
    cell: str | None = None,
    of_data: dict[str, Any] | None = None,
    content: str | None = None,
    **more: Any,
) -> Path:
    """One run. `cell`: which it found, where that is not the usual one; `of_data`: what its spec says of the data
    besides the name; `content`: the fingerprint of what it searched on. `more` goes into every epoch's record."""
    values = {"samples": 4, "sigma": 0.2, "finetune_steps": 10} | (settings or {})
    spec = {
        "protocol": {"name": protocol, "version": version},
        "method": method,
        "space": space,
        "dataset": dataset,
        "seed": seed,
        "budget": {"epochs": epochs, "seconds": None},
        "settings": {"rule": values},
        **(of_data or {}),
    }
    tag = "-".join(
        f"{value}" for value in (*values.values(), *(of_data or {}).values(), *([content] if content else []))
    )
    folder = results / protocol / f"{method}-{space}-{dataset}-s{seed}-{version}-{epochs}-{tag}"
    folder.mkdir(parents=True)
    environment = {"device": device, "harness": "0.1.0", "commit": "abc", "torch": "2.15.0"}
    if content is not None:
        environment["data"] = content
    (folder / "spec.json").write_text(json.dumps({"spec": spec, "hash": "0" * 64, "environments": [environment]}))
    cost = {"seconds": days * 86400, "validation_seconds": 1.0, "peak_memory": int(memory * 1e9), "memory_kind": "peak"}
    counts = {"skip": 1, "parameterless": 4, "none": 0}
    with (folder / "records.jsonl").open("w") as file:
        for epoch in range(epochs):
            record = {
                "epoch": epoch,
                "train_loss": 2.0 - epoch / epochs,
                "valid_loss": 2.0 - epoch / epochs,
                "valid_accuracy": 0.1 + 0.5 * epoch / epochs,
                "genotype": notation(epoch % 4),
                "operations": {"normal": {**counts, "skip": epoch % 4}, "reduce": counts},
                "alpha_entropy": 1.0,
                "rule": {"ess": 1.2, "esr": 0.3} if rule is None else rule,
                "cost": cost | {"seconds": cost["seconds"] * (epoch + 1) / epochs},
                **more,
            }
            file.write(json.dumps(record) + "\n")
    if finished:
        result = {
            "method": method,
            "genotype": GENOTYPE,
            "notation": notation() if cell is None else cell,
            "parameters": parameters,
            "macs": 500_000_000,
            "valid_accuracy": 0.6,
            "cost": cost,
            "stopped_by": "epochs",
        }
        (folder / "result.json").write_text(json.dumps(result))
    return folder


def write_training(
    folder: Path,
    error: float,
    *,
    best: float | None = None,
    dataset: str = "cifar10",
    size: str = "20x36",
    parameters: int | None = 3_500_000,
    macs: int | None = 500_000_000,
    protocol: str = "paper",
    version: int = 1,
    seed: int = 0,
    cell: str | None = None,
    settings: dict[str, Any] | None = None,
    recipe: str = "cifar",
    files: str | None = None,
) -> None:
    """The evaluation of a cell by training, by default of the one that the run found; the best epoch's error is 0.1
    below the last's."""
    found = {
        "kind": "training",
        "recipe": recipe,
        "notation": notation() if cell is None else cell,
        "protocol": {"name": protocol, "version": version},
        "dataset": dataset,
        "size": size,
        "seed": seed,
        **({} if parameters is None else {"parameters": parameters}),
        **({} if macs is None else {"macs": macs}),
        "test_error_last": error,
        "test_error_best": error - 0.1 if best is None else best,
        "best_epoch": 590,
        "settings": {"arithmetic": settings or {}},
        "dataset_files": files,
        "cost": {"seconds": 3600.0, "device": "cpu (x86_64)", "peak_memory": 10**9},
        "how": {},
    }
    of = "-".join(
        [
            "found" if cell is None else str(zlib.crc32(cell.encode())),
            *map(str, (settings or {}).values()),
            *([files] if files else []),
        ]
    )
    (folder / f"evaluation-{protocol}-{dataset}-{size}-{seed}-{of}.json").write_text(json.dumps(found))


def write_lookup(folder: Path, accuracies: dict[str, dict[str, float]], cell: str | None = None) -> None:
    """`accuracies` by data set: {"valid": percent, "test": percent}; `cell`: where it is not the one found."""
    found = {
        "notation": cell,
        "kind": "lookup",
        "protocol": {"name": "table", "version": 1},
        "seed": 0,
        "accuracies": accuracies,
    }
    (folder / "evaluation-lookup.json").write_text(json.dumps(found))


def thin(folder: Path, few: Few) -> None:
    """Leaves of a run's records what a packed study keeps."""
    path = folder / "records.jsonl"
    records = few.of_records([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def write_selection(chosen: Path, *others: Path, among: str = "search_drop_path") -> Path:
    """The file of a suite that chose one of these runs; the numbers are 1.0 for it, and 2.0 for the others."""
    searches = [{"run": run.name, "number": 2.0, "seed": 0, "settings": []} for run in others]
    path = chosen.parent / f"selection-{chosen.name}.json"
    content = {
        "chosen": chosen.name,
        "among": [among],
        "by": "the lowest number",
        "searches": [{"run": chosen.name, "number": 1.0, "seed": 0, "settings": []}, *searches],
    }
    path.write_text(json.dumps(content))
    return path
