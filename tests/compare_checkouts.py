"""Whether two checkouts compute the same bits: every method on its spaces, records, alphas, weights and genotypes.

    python tests/compare_checkouts.py OLD NEW [--methods zarts-mgs,darts-2nd] [--spaces s1,nasbench201]

OLD and NEW are checkouts, each with its own .venv. Every search runs under `smoke` on digits, in one process for each
checkout; the run folders are then compared. Prints a line per search that differs, and the totals; exit code 1 where
any does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

METHODS = (
    "darts-1st,darts-2nd,zarts-rs,zarts-mgs,zarts-gld,zarts-mgs-released,p-darts,p-zarts,gdas,gzas,mergezarts,"
    "darts-minus,pc-darts,sdarts-rs,sdarts-adv,darts-es,random-search,rea"
)
SPACES = "s1,s2,s3,s4,darts,darts-none,nasbench201"
TIMES = ("seconds", "validation_seconds", "peak_memory", "memory_kind")
RUN = """
import json, sys
from harness.cli import main
for method, space in json.loads(sys.argv[1]):
    case = [f"--method={method}", f"--space={space}", "--dataset=digits", "--protocol=smoke"]
    options = [*case, f"--results={sys.argv[2]}", "--device=cpu", "--json"]
    try:
        main.main(["--debug", "run", *options], standalone_mode=False)
    except Exception as error:
        print(f"{method} on {space}: {error}", file=sys.stderr)
"""


def run(checkout: Path, cases: list[tuple[str, str]], results: Path) -> None:
    """All searches of a checkout, in its own interpreter. What does not apply leaves no folder."""
    python = checkout / ".venv" / "bin" / "python"
    subprocess.run(
        [str(python), "-c", RUN, json.dumps(cases), str(results)],
        cwd=checkout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def timeless(value: Any) -> Any:
    """The value without what differs between two identical runs."""
    if isinstance(value, dict):
        return {key: timeless(entry) for key, entry in value.items() if key not in TIMES}
    return [timeless(entry) for entry in value] if isinstance(value, list) else value


def content(folder: Path) -> dict[str, Any]:
    """What a run left, without times: its name, records, result, and the tensors of its last checkpoint."""
    import torch

    state = torch.load(folder / "checkpoint.pt", weights_only=True)["state"]
    tensors = {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}
    records = [timeless(json.loads(line)) for line in (folder / "records.jsonl").read_text().splitlines()]
    result = timeless(json.loads((folder / "result.json").read_text()))
    return {"spec": folder.name, "records": records, "genotype": result["genotype"], "result": result, **tensors}


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The names of what differs."""
    import torch

    def same(a: Any, b: Any) -> bool:
        return torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b

    return [key for key in {**old, **new} if not (key in old and key in new and same(old[key], new[key]))]


def found(results: Path) -> dict[str, Path]:
    """The run folders by what they are called without the spec's hash."""
    return {path.parent.name.rpartition("-")[0]: path.parent for path in results.glob("smoke/*/result.json")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--spaces", default=SPACES)
    asked = parser.parse_args()
    cases = [(method, space) for method in asked.methods.split(",") for space in asked.spaces.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for name, checkout in (("old", asked.old), ("new", asked.new)):
            run(checkout.resolve(), cases, Path(folder, name))
            runs.append(found(Path(folder, name)))
        old, new = runs
        alone = sorted(set(old) ^ set(new))
        wrong = {name: differences(content(old[name]), content(new[name])) for name in sorted(set(old) & set(new))}
    for name in alone:
        print(f"{name}: only one checkout ran it")
    for name, keys in wrong.items():
        if keys:
            print(f"{name}: {', '.join(keys)}")
    differing = sum(bool(keys) for keys in wrong.values()) + len(alone)
    print(f"{len(wrong) + len(alone)} searches, {differing} differ")
    sys.exit(differing > 0)


if __name__ == "__main__":
    main()
