"""The claim sheet: verdicts on runs made by hand, through the real command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import pytest
from click.testing import CliRunner
from run_folders import write_lookup, write_run, write_training

from harness.cli import main
from reports.claims.claim import CONTRADICTED, SUPPORTED, UNDECIDED, UNMEASURED, Claim, Finding, judge
from reports.claims.paper import CLAIMS
from reports.records import Records, read

OF_COLLAPSE = {"finetune": "faithful", "finetune_steps": 3}
COLLAPSES = "DARTS collapses on NAS-Bench-201: its cells are worse than random search's"
DOMINATED = "DARTS is dominated by parameterless operations on S1-S4, ZARTS is not"


def claim(begins: str) -> Claim:
    (found,) = (each for each in CLAIMS if each.says.startswith(begins))
    return found


def of(effect: Callable[[Records], Mapping[int, float]]) -> Claim:
    return Claim("it is so", "nowhere", "none", effect, "units", "")


def looked_up(results: Path, method: str, accuracies: list[float], space: str = "nasbench201", **more: object) -> None:
    """Runs of seeds 0, 1, ..., whose cells a table knows."""
    for seed, accuracy in enumerate(accuracies):
        folder = write_run(results, method, space, seed=seed, **more)
        write_lookup(folder, {"cifar10": {"valid": accuracy - 3, "test": accuracy}})


@pytest.mark.parametrize(
    ("effect", "verdict", "hinges"),
    [
        ({}, UNMEASURED, ()),
        ({0: 1.0}, UNDECIDED, ()),
        ({0: 1.0, 1: 1.1, 2: 0.9, 3: 1.0}, SUPPORTED, ()),
        ({0: -1.0, 1: -1.1, 2: -0.9, 3: -1.0}, CONTRADICTED, ()),
        ({0: 1.0, 1: -1.0, 2: 0.1}, UNDECIDED, ()),
        ({0: 1.0, 1: 1.0}, SUPPORTED, (0, 1)),  # of one seed nothing is decided
        ({0: 1.0, 1: 1.1, 2: 0.9, 3: 1.0, 4: -1.5}, UNDECIDED, (4,)),
    ],
)
def test_the_interval_decides_and_seeds_that_matter_are_named(
    effect: Mapping[int, float], verdict: str, hinges: tuple[int, ...]
) -> None:
    found = judge(of(lambda records: effect), Records())
    assert (found.verdict, found.hinges_on, found.n) == (verdict, hinges, len(effect))


def test_accuracies_are_compared_seed_by_seed(tmp_path: Path) -> None:
    looked_up(tmp_path, "random-search", [93.0, 94.0, 93.5, 50.0])  # the last seed has no partner
    looked_up(tmp_path, "darts-1st", [83.0, 83.9, 83.7])
    found = judge(claim("DARTS collapses"), read(tmp_path))
    assert (found.verdict, found.n) == (SUPPORTED, 3)
    assert found.mean == pytest.approx((10.0 + 10.1 + 9.8) / 3)


def test_runs_of_several_settings_are_not_mixed(tmp_path: Path) -> None:
    looked_up(tmp_path, "random-search", [93.0, 94.0])
    looked_up(tmp_path, "darts-1st", [83.0, 84.0])
    looked_up(tmp_path, "darts-1st", [83.0, 84.0], settings={"samples": 2})
    found = judge(claim("DARTS collapses"), read(tmp_path))
    assert found == Finding(UNDECIDED, reason=found.reason)
    assert "the runs of darts-1st on nasbench201 are of several settings" in found.reason


def test_the_operations_of_four_spaces_count_as_one(tmp_path: Path) -> None:
    for space in ("s1", "s2", "s3", "s4"):
        for seed in range(3):
            more = 2 if space == "s1" else seed
            counts = {"skip": 0, "none": 0}
            write_run(
                tmp_path, "darts-2nd", space, seed=seed, operations={"normal": {**counts, "parameterless": 3 + more}}
            )
            write_run(tmp_path, "zarts-mgs", space, seed=seed, operations={"normal": {**counts, "parameterless": 2}})
    found = judge(claim(f"{DOMINATED}: darts-2nd"), read(tmp_path))
    assert (found.n, found.mean) == (3, pytest.approx(1 + (2 + 0 + 0 + 0 + 2 + 1 + 1 + 1 + 2 + 2 + 2 + 2) / 12))


def test_saturation_is_that_more_brings_little(tmp_path: Path) -> None:
    for samples, gained in ((4, 0.0), (8, 0.1), (2, -1.0)):
        accuracies = [93.0 + gained + 0.01 * seed for seed in range(4)]
        settings = {"samples": samples, "weight_mode": "exact"}
        looked_up(tmp_path, "zarts-mgs", accuracies, "nasbench201-table", settings=settings)
    settings = {"samples": 4, "weight_mode": "exact", "oracle": "sampled"}  # another study's
    looked_up(tmp_path, "zarts-mgs", [80.0, 80.0], "nasbench201-table", settings=settings)
    records = read(tmp_path)
    assert judge(claim("Four samples"), records).mean == pytest.approx(0.4)
    assert judge(claim("Two samples"), records).mean == pytest.approx(1.0)


def test_the_effective_sample_ratio(tmp_path: Path) -> None:
    for seed, ratio in enumerate((0.3, 0.31, 0.29)):
        write_run(tmp_path, "zarts-mgs", "nasbench201", seed=seed, rule={"esr": ratio}, settings=OF_COLLAPSE)
    found = judge(claim("The effective sample ratio"), read(tmp_path))
    assert (found.verdict, found.mean) == (CONTRADICTED, pytest.approx(-0.3))


def test_what_a_search_takes_is_counted_in_passes(tmp_path: Path) -> None:
    for method, forwards, backwards in (("zarts-mgs", 500, 300), ("darts-1st", 200, 200)):
        for seed in range(2):
            cost = {"seconds": 1.0, "forwards": forwards, "backwards": backwards}
            write_run(tmp_path, method, "nasbench201", seed=seed, cost=cost, settings=OF_COLLAPSE)
    assert judge(claim("A search of ZARTS-MGS costs"), read(tmp_path)).mean == pytest.approx(2.5 - 2)


def test_landscapes(tmp_path: Path) -> None:
    for space, seed in product(("s1", "s2", "s3", "s4"), range(3)):
        folder = write_run(tmp_path, "zarts-mgs", space, seed=seed)
        content = {
            "kind": "landscape",
            "settings": {},
            "done": True,
            "x": [0.0, 1.0],
            "panels": {"fixed": [[1.0, 2.0], [2.0, 3.0]], "fine-tuned": [[1.0, 1.0], [1.0, 1.1]]},
            "condition": {"fixed": 1000.0 if space == "s1" else 100.0, "fine-tuned": 10.0 + seed},
        }
        (folder / "analysis-landscape.json").write_text(json.dumps(content))
    found = judge(claim("An accurate w*"), read(tmp_path))
    assert (found.verdict, found.n, found.mean) == (SUPPORTED, 3, pytest.approx(0.9598 + 1 / 4, abs=1e-3))


def test_fine_tuning_and_what_the_released_code_makes_of_it(tmp_path: Path) -> None:
    for steps, gained in ((2, 0.0), (3, 9.0), (10, 0.5)):
        of = {"finetune": "faithful", "finetune_steps": steps}
        looked_up(tmp_path, "zarts-mgs", [90.0 + gained + 0.01 * seed for seed in range(3)], settings=of)
    looked_up(tmp_path, "zarts-mgs", [89.0, 89.2, 88.9], settings={"finetune": "released", "finetune_steps": 3})
    looked_up(tmp_path, "darts-1st", [89.0, 89.1, 89.0])
    records = read(tmp_path)
    assert judge(claim("Ten steps"), records).mean == pytest.approx(0.5)
    assert judge(claim("Candidates need"), records).mean == pytest.approx(90.51 - (89.0 + 89.2 + 88.9) / 3)
    assert judge(claim("ZARTS does not collapse there"), records).mean == pytest.approx(99.01 - 89.0333, abs=1e-3)


def test_trained_cells_of_variants(tmp_path: Path) -> None:
    for method, errors in (("gzas", (2.6, 2.7, 2.5)), ("gdas", (2.9, 3.1, 2.8))):
        for seed, error in enumerate(errors):
            write_training(write_run(tmp_path, method, "darts", seed=seed), error)
    found = judge(claim("ZARTS improves the variants of DARTS: gzas"), read(tmp_path))
    assert (found.verdict, found.mean) == (SUPPORTED, pytest.approx(1 / 3))


def test_cells_of_a_variant_that_are_looked_up(tmp_path: Path) -> None:
    looked_up(tmp_path, "gzas", [92.0, 93.0])
    looked_up(tmp_path, "gdas", [91.0, 92.0])
    found = judge(claim("On NAS-Bench-201 ZARTS improves a variant of DARTS: gzas"), read(tmp_path))
    assert (found.verdict, found.mean, found.n) == (SUPPORTED, pytest.approx(1), 2)


def test_the_sheet(tmp_path: Path) -> None:
    looked_up(tmp_path, "random-search", [93.0, 94.0, 93.5])
    looked_up(tmp_path, "darts-1st", [83.0, 83.9, 83.7])
    said = CliRunner().invoke(main, ["report", "claims", "--results", str(tmp_path)])
    assert said.exit_code == 0, said.output
    (row,) = (line for line in said.stdout.splitlines() if COLLAPSES in line)
    assert "supported" in row
    assert "Not measured: Ten steps of fine-tuning" in said.stdout
    assert said.stdout.count("Not measured: ") == len(CLAIMS) - 1
    page = CliRunner().invoke(
        main, ["report", "claims", "--results", str(tmp_path), "--format=html", f"--out={tmp_path}"]
    )
    assert page.exit_code == 0, page.output
    assert "DARTS collapses on NAS-Bench-201" in (tmp_path / "claims.html").read_text()


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    write_run(tmp_path, "darts-1st", "s1")
    said = CliRunner().invoke(main, ["report", "claims", "--results", str(tmp_path)])
    assert said.exit_code == 2
    assert "none of these runs tells of a claim; name studies with --results" in said.stderr


def test_every_claim_names_a_suite() -> None:
    from harness.suite import definition

    assert {each.suite for each in CLAIMS} <= set(definition.available())
