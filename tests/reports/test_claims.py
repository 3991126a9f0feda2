"""The claim sheet: verdicts on runs made by hand, through the real command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from run_folders import write_lookup, write_run, write_training

from harness.cli import main
from methods.rules.mgs import MGS
from reports.claims.claim import CONTRADICTED, POSITIVE, SUPPORTED, UNDECIDED, UNMEASURED, Claim, Finding, Within, judge
from reports.claims.measures import ratio_of_equal_losses
from reports.claims.paper import CLAIMS
from reports.records import Records, read
from reports.statistics import truth

OF_COLLAPSE = {"finetune": "faithful", "finetune_steps": 3, "weight_mode": "exact"}
COLLAPSES = "DARTS collapses on NAS-Bench-201: its cells are worse than random search's"
FEWER = "ZARTS' cells have fewer of them than those of darts-2nd: zarts-mgs"


def claim(begins: str) -> Claim:
    (found,) = (each for each in CLAIMS if each.says.startswith(begins))
    return found


def of(measured: Mapping[int, float], true_if: Within = POSITIVE) -> Claim:
    return Claim("it is so", "nowhere", "none", lambda records: measured, "units", "", true_if)


def looked_up(results: Path, method: str, accuracies: list[float], space: str = "nasbench201", **more: object) -> None:
    """Runs of seeds 0, 1, ..., whose cells a table knows."""
    for seed, accuracy in enumerate(accuracies):
        folder = write_run(results, method, space, seed=seed, **more)
        write_lookup(folder, {"cifar10": {"valid": accuracy - 3, "test": accuracy}})


@pytest.mark.parametrize(
    ("measured", "verdict", "hinges"),
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
    measured: Mapping[int, float], verdict: str, hinges: tuple[int, ...]
) -> None:
    found = judge(of(measured), Records())
    assert (found.verdict, found.hinges_on, found.n) == (verdict, hinges, len(measured))


@pytest.mark.parametrize(
    ("true_if", "words", "verdict"),
    [
        (Within(0.6, 0.8), "0.6 to 0.8", SUPPORTED),
        (Within(high=0.8), "below 0.8", SUPPORTED),
        (Within(low=0.6), "above 0.6", SUPPORTED),
        (Within(0.7, 0.8), "0.7 to 0.8", UNDECIDED),
        (Within(high=0.7), "below 0.7", UNDECIDED),
        (Within(0.8, 0.9), "0.8 to 0.9", CONTRADICTED),
        (Within(0.5, 0.6), "0.5 to 0.6", CONTRADICTED),
    ],
)
def test_a_claim_says_where_its_number_lies(true_if: Within, words: str, verdict: str) -> None:
    assert (judge(of({0: 0.69, 1: 0.7, 2: 0.71}, true_if), Records()).verdict, str(true_if)) == (verdict, words)


def test_accuracies_are_compared_seed_by_seed(tmp_path: Path) -> None:
    looked_up(tmp_path, "random-search", [93.0, 94.0, 93.5, 50.0])  # the last seed has no partner
    looked_up(tmp_path, "darts-1st", [83.0, 83.9, 83.7])
    found = judge(claim(COLLAPSES), read(tmp_path))
    assert (found.verdict, found.n) == (SUPPORTED, 3)
    assert found.mean == pytest.approx((10.0 + 10.1 + 9.8) / 3)


def test_a_cell_that_was_looked_up_twice_counts_once(tmp_path: Path) -> None:
    """The result of a search on a table says what a look-up of its cell says again."""
    looked_up(tmp_path, "random-search", [93.0, 94.0])
    looked_up(tmp_path, "darts-1st", [83.0, 83.9])
    for path in tmp_path.glob("*/darts-1st-*/result.json"):
        said = json.loads((path.parent / "evaluation-lookup.json").read_text())["accuracies"]
        path.write_text(json.dumps({**json.loads(path.read_text()), "table": said}))
    found = judge(claim(COLLAPSES), read(tmp_path))
    assert (found.n, found.mean) == (2, pytest.approx((10.0 + 10.1) / 2))


def test_cells_are_held_against_the_average_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up(tmp_path, "darts-1st", [83.0, 84.0, 83.5])
    says = claim("DARTS collapses on NAS-Bench-201: its cells are worse than the average cell")
    assert judge(says, read(tmp_path)) == Finding(UNMEASURED)  # no table is imported
    monkeypatch.setattr(truth, "average", lambda space, dataset: 87.0)
    found = judge(says, read(tmp_path))
    assert (found.verdict, found.mean) == (SUPPORTED, pytest.approx(3.5))


def test_runs_of_several_settings_are_not_mixed(tmp_path: Path) -> None:
    looked_up(tmp_path, "random-search", [93.0, 94.0])
    looked_up(tmp_path, "darts-1st", [83.0, 84.0])
    looked_up(tmp_path, "darts-1st", [83.0, 84.0], settings={"samples": 2})
    found = judge(claim(COLLAPSES), read(tmp_path))
    assert found == Finding(UNDECIDED, reason=found.reason)
    assert "the runs of darts-1st on nasbench201 are of several settings" in found.reason


def test_the_operations_of_three_spaces_count_as_one(tmp_path: Path) -> None:
    for space in ("s1", "s2", "s3"):
        for seed in range(3):
            more = 2 if space == "s1" else seed
            counts = {"skip": 0, "none": 0}
            write_run(
                tmp_path, "darts-2nd", space, seed=seed, operations={"normal": {**counts, "parameterless": 3 + more}}
            )
            write_run(tmp_path, "zarts-mgs", space, seed=seed, operations={"normal": {**counts, "parameterless": 2}})
    records = read(tmp_path)
    found = judge(claim(FEWER), records)
    assert (found.n, found.mean) == (3, pytest.approx(1 + (2 + 0 + 0 + 2 + 1 + 1 + 2 + 2 + 2) / 9))
    assert (
        judge(claim("Parameterless operations do not dominate the cells of ZARTS: zarts-mgs"), records).verdict
        == SUPPORTED
    )


def test_saturation_is_that_more_brings_little(tmp_path: Path) -> None:
    for samples, gained in ((4, 0.0), (8, 0.05), (2, -1.0)):
        accuracies = [93.0 + gained + 0.01 * seed for seed in range(4)]
        settings = {"samples": samples, "weight_mode": "exact"}
        looked_up(tmp_path, "zarts-mgs", accuracies, "nasbench201-table", settings=settings)
    settings = {"samples": 4, "weight_mode": "exact", "oracle": "sampled"}  # another study's
    looked_up(tmp_path, "zarts-mgs", [80.0, 80.0], "nasbench201-table", settings=settings)
    records = read(tmp_path)
    saturated = judge(claim("Four samples"), records)
    assert (saturated.verdict, saturated.mean) == (SUPPORTED, pytest.approx(0.05))
    assert judge(claim("Two samples"), records).mean == pytest.approx(1.0)


def test_the_effective_sample_ratio(tmp_path: Path) -> None:
    for seed, ratio in enumerate((0.3, 0.31, 0.29)):
        write_run(tmp_path, "zarts-mgs", "nasbench201", seed=seed, rule={"esr": ratio}, settings=OF_COLLAPSE)
    released = {**OF_COLLAPSE, "weight_mode": "released"}
    for seed, ratio in enumerate((0.7, 0.71, 0.69)):
        folder = write_run(tmp_path, "zarts-mgs", "nasbench201", seed=seed, rule={"esr": ratio}, settings=released)
        first, last = map(json.loads, (folder / "records.jsonl").read_text().splitlines())
        first["rule"]["esr"], last["rule"]["esr"] = ratio - 0.3, ratio + 0.3
        (folder / "records.jsonl").write_text(f"{json.dumps(first)}\n{json.dumps(last)}\n")
    records = read(tmp_path)
    for weights, verdict, mean in (("Eq. 8", CONTRADICTED, 0.3), ("the released code", SUPPORTED, 0.7)):
        found = judge(claim(f"The effective sample ratio settles at 0.7: with the weights of {weights}"), records)
        assert (found.verdict, found.mean) == (verdict, pytest.approx(mean))


def test_the_ratio_of_equal_losses_is_that_of_the_rule() -> None:
    rule = MGS(lam=0.0)
    generator = torch.Generator().manual_seed(0)
    u = rule.sigma * torch.randn(2000, 4, 30, generator=generator, dtype=torch.float64)
    log_c = rule.log_weights(torch.zeros(2000, 4), u, torch.zeros(2000, 30), rule.sigma)
    ratio = torch.exp(-torch.logsumexp(2 * log_c, dim=-1)).mean() / 4
    assert ratio_of_equal_losses(4, 30) == pytest.approx(float(ratio), abs=0.01)
    assert ratio_of_equal_losses(4, 1) > 0.6 > 0.4 > ratio_of_equal_losses(4, 30)


def test_cells_are_compared_at_equal_evaluations(tmp_path: Path) -> None:
    """Each at its last record within the budget, whatever it comes to later."""
    courses = {
        "zarts-mgs": {1000: 92.0, 2000: 93.0, 3000: 93.5, 4000: 94.0},
        "zarts-rs": {1600: 91.0, 3200: 92.5, 4800: 94.2},
    }
    for (method, course), dataset in product(courses.items(), ("cifar10", "cifar100", "imagenet16-120")):
        settings = {"samples": 4, "weight_mode": "exact"}
        folder = write_run(tmp_path, method, "nasbench201-table", dataset, settings=settings)
        records = [
            {
                "epoch": epoch,
                "table": {"valid": 90.0, "test": test},
                "cost": {"loss_evaluations": spent - 100, "gradient_evaluations": 100},
            }
            for epoch, (spent, test) in enumerate(course.items())
        ]
        (folder / "records.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))
        write_lookup(folder, {dataset: {"valid": 90.0, "test": records[-1]["table"]["test"]}})
    records = read(tmp_path)
    begins = "MGS finds better cells than random-search gradients (RS), after"
    assert judge(claim(f"{begins} 3,200 evaluations each"), records).mean == pytest.approx(93.5 - 92.5)
    assert judge(claim(f"{begins} as many updates each"), records).mean == pytest.approx(94.0 - 94.2)


def test_what_the_papers_search_takes_is_counted_in_passes(tmp_path: Path) -> None:
    """Of an update of ZARTS 86, and of DARTS 2, and 2 of a step of the weights, however many a small search has."""
    for method, moves, each in (("zarts-mgs", 20, 86), ("darts-1st", 100, 2)):
        cost = {"seconds": 1.0, "weight_steps": 100, "alpha_steps": moves, "backwards": 100 + each * moves}
        settings = {**OF_COLLAPSE, "finetune_steps": 10}
        for seed in range(2):
            write_run(tmp_path, method, "nasbench201", seed=seed, cost=cost | {"forwards": 100}, settings=settings)
    found = judge(claim("ZARTS-MGS costs at most 2.5 times"), read(tmp_path))
    expected = (2 * 19_550 + 86 * 1_600) / (4 * 19_550)
    assert (found.verdict, found.mean) == (SUPPORTED, pytest.approx(expected))
    assert expected == pytest.approx(2.26, abs=0.005)


def bowl(height: float) -> list[list[float]]:
    return [[height * (x * x + y * y) for x in (-1, 0, 1)] for y in (-1, 0, 1)]


def test_landscapes(tmp_path: Path) -> None:
    for space, seed in product(("s1", "s2", "s3", "s4"), range(3)):
        folder = write_run(tmp_path, "zarts-mgs", space, seed=seed)
        content = {
            "kind": "landscape",
            "settings": {},
            "done": True,
            "x": [-1.0, 0.0, 1.0],
            "panels": {name: bowl(height) for name, height in (("fixed", 100), ("unrolled", 20), ("fine-tuned", 10))},
            "condition": {"fixed": 1000.0 if space == "s1" else 100.0, "unrolled": 20.0, "fine-tuned": 10.0 + seed},
        }
        (folder / "analysis-landscape.json").write_text(json.dumps(content))
    of = "An accurate w*(alpha) makes the loss landscape flatter"
    found = judge(claim(f"{of}: Q, fine-tuned and fixed"), read(tmp_path))
    assert (found.verdict, found.n, found.mean) == (SUPPORTED, 3, pytest.approx(0.9598 + 1 / 4, abs=1e-3))
    for than, decades in (("fixed", 1.0), ("one unrolled", np.log10(2))):
        assert judge(claim(f"{of}: curvature, fine-tuned and {than}"), read(tmp_path)).mean == pytest.approx(decades)


def test_fine_tuning_and_what_the_released_code_makes_of_it(tmp_path: Path) -> None:
    for steps, gained in ((2, 0.0), (3, 9.0), (10, 0.5)):
        of = {**OF_COLLAPSE, "finetune_steps": steps}
        looked_up(tmp_path, "zarts-mgs", [90.0 + gained + 0.01 * seed for seed in range(3)], settings=of)
    looked_up(tmp_path, "zarts-mgs", [89.0, 89.2, 88.9], settings={**OF_COLLAPSE, "finetune": "released"})
    for how, accuracies in (("faithful", [92.0, 92.1]), ("released", [91.0, 91.1])):
        settings = {**OF_COLLAPSE, "finetune": how, "weight_mode": "softmin"}
        looked_up(tmp_path, "zarts-mgs", accuracies, settings=settings)
    looked_up(tmp_path, "darts-1st", [89.0, 89.1, 89.0])
    records = read(tmp_path)
    by_loss = claim("Candidates need their own weights, where these are weighed by their losses alone")
    assert judge(by_loss, records).mean == pytest.approx(1.0)
    assert judge(claim("Ten steps"), records).mean == pytest.approx(0.5)
    assert judge(claim("Candidates need their own weights: the released"), records).mean == pytest.approx(
        90.51 - (89.0 + 89.2 + 88.9) / 3
    )
    assert judge(claim("ZARTS does not collapse there"), records).mean == pytest.approx(99.01 - 89.0333, abs=1e-3)


def test_trained_cells_of_variants(tmp_path: Path) -> None:
    for method, errors in (("gzas", (2.6, 2.7, 2.5)), ("gdas", (2.9, 3.1, 2.8))):
        for seed, error in enumerate(errors):
            write_training(write_run(tmp_path, method, "darts", seed=seed), error)
    found = judge(claim("ZARTS improves the variants of DARTS: gzas"), read(tmp_path))
    assert (found.verdict, found.mean) == (SUPPORTED, pytest.approx(1 / 3))


def test_trained_cells_of_three_spaces_count_as_one(tmp_path: Path) -> None:
    for space, gained in (("s1", 1.0), ("s2", 2.0), ("s3", 3.0), ("s4", 4.0)):
        for seed in (0, 1):
            write_training(write_run(tmp_path, "darts-2nd", space, seed=seed), 5.0)
            folder = write_run(tmp_path, "zarts-rs", space, seed=seed)
            for training_seed, more in enumerate((-0.5, 0.5)):
                write_training(folder, 5.0 - gained + more + seed / 10, seed=training_seed)
    for of, mean in (("S1 to S3", 1.95), ("S4", 3.95)):
        found = judge(claim(f"All three zero-order rules outperform darts-2nd on {of}: zarts-rs"), read(tmp_path))
        assert (found.n, found.mean) == (2, pytest.approx(mean))


def test_trained_cells_of_searches_that_are_set_otherwise_stand_apart(tmp_path: Path) -> None:
    """A study of S4 moves alpha more often, and weighs candidates in another way."""
    ways = {"S4: zarts-mgs": {}, "with as many": {"cadence": 1}, "with candidates": {"weight_mode": "softmin"}}
    ways["with both"] = {"cadence": 1, "weight_mode": "softmin"}
    for seed in (0, 1):
        write_training(write_run(tmp_path, "darts-1st", "s4", seed=seed), 5.0)
        for gained, changed in enumerate(ways.values()):
            settings = {**OF_COLLAPSE, "cadence": 5, **changed}
            write_training(write_run(tmp_path, "zarts-mgs", "s4", seed=seed, settings=settings), 5.0 - gained)
    records = read(tmp_path)
    for gained, way in enumerate(ways):
        (of,) = (each for each in CLAIMS if way in each.says and "darts-1st on S4" in each.says)
        assert judge(of, records).mean == pytest.approx(gained)


def test_trainings_of_several_kinds_are_not_mixed(tmp_path: Path) -> None:
    for method, epochs in (("gzas", 600), ("gdas", 8)):
        for seed in (0, 1):
            folder = write_run(tmp_path, method, "darts", seed=seed)
            write_training(folder, 2.6, settings={"epochs": epochs})
    write_training(write_run(tmp_path, "random-search", "darts"), 3.0, settings={"epochs": 2})  # is not asked for
    found = judge(claim("ZARTS improves the variants of DARTS: gzas"), read(tmp_path))
    assert found.verdict == UNDECIDED
    assert found.reason == "cells of darts were trained in several ways: 20x36 (epochs=600), 20x36 (epochs=8)"


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
    assert said.stdout.count("`harness suite run finetuning` and `collapse`.") == 2
    assert "`harness suite run robustness`, and `harness analyse landscape` for its runs." in said.stdout
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
