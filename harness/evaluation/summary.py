"""A finished evaluation as text: what `harness evaluate` shows and the log of a suite's cell holds."""

from __future__ import annotations

import json

from harness.core.genotype import parse
from harness.core.text import cell_rows, columns
from harness.evaluation.evaluate import Outcome
from harness.runs.progress import duration


def summary(outcome: Outcome) -> str:
    """The evaluation in lines."""
    found = outcome.evaluation
    state = "was done before" if outcome.was_done else "done"
    if outcome.resumed_from is not None:
        state += f", resumed from step {outcome.resumed_from:,}"
    rows = [
        ("evaluation", f"{found['kind']} {state}"),
        *cell_rows(parse(json.dumps(found["genotype"]))),
        ("genotype", found["notation"]),
        ("protocol", f"{found['protocol']['name']}, version {found['protocol']['version']}"),
    ]
    if "parameters" in found:
        rows.append(("parameters", f"{found['parameters']:,}, {found['macs']:,} MACs ({found['how']['parameters']})"))
    if found["kind"] == "lookup":
        for dataset, splits in found["accuracies"].items():
            rows.append((dataset, ", ".join(f"{split} {value:.3f} %" for split, value in splits.items())))
    else:
        cost = found["cost"]
        rows += [
            ("recipe", f"{found['recipe']}, size {found['size']}, seed {found['seed']}"),
            ("data", f"{found['dataset']}: {found['images']['train']:,} to train, {found['images']['test']:,} to test"),
            (
                "validation error" if found["kind"] == "validation" else "test error",
                f"{found['test_error_last']:.2f} % after the last of {found['epochs']} epochs",
            ),
            ("", f"{found['test_error_best']:.2f} % after epoch {found['best_epoch'] + 1}, the lowest of all"),
            ("train error", f"{found['train_error_last']:.2f} % in the last epoch, as augmented"),
            ("cost", f"{duration(cost['seconds'])} of training, {duration(cost['test_seconds'])} of tests"),
            ("", f"{cost['steps']:,} steps, {cost['images']:,} images, on {cost['device']}"),
            ("", f"peak memory {cost['peak_memory'] / 2**20:,.0f} MiB ({cost['memory_kind']})"),
        ]
    rows.append(("file", str(outcome.file)))
    if "weights" in found:
        rows.append(("weights", str(outcome.file.with_name(found["weights"]))))
    return "\n".join(columns(rows))
