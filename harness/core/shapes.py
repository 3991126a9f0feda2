"""What is needed at least of every JSON file that is read back: see `harness.core.untrusted`."""

from __future__ import annotations

from harness.core.untrusted import ANYTHING, FINITE, MEASURED, OBJECT, PLAIN, REAL, TEXT, TRUTH, WHOLE, Shape

PROTOCOL: Shape = {"name": TEXT, "version": WHOLE}
SETTINGS: Shape = {"*": {"*": PLAIN}}
SPEC: dict[str, Shape] = {
    "spec": {
        "protocol": PROTOCOL,
        "method": TEXT,
        "space": TEXT,
        "dataset": TEXT,
        "dataset_files?": TEXT,
        "split?": TEXT,
        "costs?": {"*": TEXT},
        "seed": WHOLE,
        "budget": {"epochs": WHOLE, "seconds?": FINITE, "evaluations?": WHOLE},
        "settings": SETTINGS,
    },
    "environments": [{"device": TEXT, "data?": TEXT}],
}
"""spec.json of a search."""
DATA: Shape = {"dataset": TEXT, "dataset_files?": TEXT}
"""The part of a spec that says what was trained on."""
FINISHED: dict[str, Shape] = {"genotype": OBJECT, "cost": OBJECT, "how": OBJECT}
"""result.json, to be taken for that of a finished search."""
DONE: dict[str, Shape] = {"kind": TEXT, "genotype": OBJECT, "how": OBJECT}
"""evaluation-*.json, to be taken for that of a finished evaluation."""
FOUND: dict[str, Shape] = {
    "method": TEXT,
    "space": TEXT,
    "dataset": TEXT,
    "seed": WHOLE,
    "protocol": OBJECT,
    "classes": WHOLE,
    "genotype": ANYTHING,
}
"""result.json, for what it says of the cell."""
RESULT: Shape = {
    "cost": {"seconds": FINITE, "simulated_seconds?": FINITE, "peak_memory": FINITE, "memory_kind": TEXT},
    "genotype": OBJECT,
    "notation": TEXT,
    "parameters?": WHOLE,
    "macs?": WHOLE,
    "costs?": {"*": FINITE},
    "stopped_by": TEXT,
    "valid_accuracy?": FINITE,
    "trial_accuracy?": FINITE,
    "table?": {"*": {"*": FINITE}},
}
"""result.json, for what it says of the search."""
SPENT = ("evaluations", "loss_evaluations", "gradient_evaluations", "simulated_seconds", "seconds")
RECORD: Shape = {
    "epoch": WHOLE,
    "genotype?": TEXT,
    "operations?": {"*": {"*": REAL}},
    **{
        f"{name}?": REAL
        for name in ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "alpha_entropy", "alpha_norm")
    },
    "rule?": {"*": MEASURED},
    "table?": {"*": REAL},
    "cost?": {**{f"{name}?": FINITE for name in SPENT}, "*": PLAIN},
}
"""A line of records.jsonl."""
EVALUATION: Shape = {
    "kind": TEXT,
    "protocol": PROTOCOL,
    "notation?": TEXT,
    "dataset_files?": TEXT,
    "recipe?": TEXT,
    "size?": TEXT,
    "settings?": SETTINGS,
    "seed?": WHOLE,
    "parameters?": WHOLE,
    "macs?": WHOLE,
    "cost?": {"seconds?": FINITE, "peak_memory?": FINITE, "device?": TEXT},
}
TRAINING: Shape = {"dataset": TEXT, "test_error_last": FINITE, "test_error_best": FINITE, "best_epoch": WHOLE}
LOOKUP: Shape = {"accuracies": {"*": {"valid?": FINITE, "test?": FINITE}}}
"""evaluation-*.json: all of them, and what the two kinds say besides."""
PRICE: dict[str, Shape] = {"seconds": FINITE, "memory": FINITE, "memory_kind": TEXT, "steps_timed": WHOLE}
"""A calibration in the cache."""
MADE_BY: dict[str, Shape] = {"spec": OBJECT, "code?": {"*": TEXT}}
"""spec.json, for the source files that decided the numbers."""
PLACES: Shape = [{"folder": TEXT, "code": TEXT, "evaluation?": {"name": TEXT, "spec": OBJECT}, "on_table?": TRUTH}]
"""The cells of a suite in the cache."""
SELECTION: dict[str, Shape] = {
    "chosen": TEXT,
    "among": [TEXT],
    "by": TEXT,
    "searches": [{"run": TEXT, "number?": FINITE, "seed": WHOLE, "settings": [TEXT]}],
}
"""selection-*.json of a suite."""
COSTS: dict[str, Shape] = {
    "format": WHOLE,
    "space": TEXT,
    "network?": {"*": PLAIN},
    "costs": {
        "*": {
            "unit": TEXT,
            "around": REAL,
            "edges": [{"cell": TEXT, "source": WHOLE, "target": WHOLE, "operations": {"*": REAL}}],
        }
    },
    "measured?": OBJECT,
}
"""A table of costs."""
BASELINE: dict[str, Shape] = {
    "made": OBJECT,
    "parts": {"*": {"data": TEXT, "figures": {"*": {"*": [FINITE]}}}},
}
SCORES = ("synflow", "snip", "grad-norm", "jacov", "nwot", "params", "flops")
"""The zero-cost proxies."""
ANALYSES: dict[str, dict[str, Shape]] = {
    "landscape": {"x?": [REAL], "panels?": {"*": [[REAL]]}, "condition?": {"*": REAL}},
    "path": {"paths?": {"*": [[REAL]]}},
    "eigenvalue": {"epochs?": [{"epoch": WHOLE, "largest": REAL, "smallest": REAL, "dominant": REAL}]},
    "ranking": {"scored?": [{"cell": TEXT, "accuracy": FINITE, "scores": {"*": FINITE}}]},
    "zero-cost": {"scored?": [{"cell": TEXT, "accuracy": FINITE, "scores": dict.fromkeys(SCORES, FINITE)}]},
    "ess": {"rows?": [{"samples": WHOLE, "weight_mode": TEXT, "ess": REAL, "esr": REAL}]},
}
BEGUN: dict[str, Shape] = {"kind": TEXT, "settings": {"*": PLAIN}, "done": TRUTH}
"""analysis-KIND.json: by kind, and what all of them have."""
