"""Statistics against values worked out by hand or printed in the literature."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from run_folders import write_lookup, write_run, write_training
from scipy import stats

from reports import leaderboard
from reports.records import Records, read
from reports.statistics import inference
from reports.statistics.boards import boards
from reports.statistics.scores import AVERAGED, labelled, means, scores
from reports.statistics.sheets import sheets


def test_the_spread_of_a_best_of_four_is_the_known_order_statistic() -> None:
    """Variances of the smallest of n standard normal values: 1 - 1/pi for n = 2, 0.4917 for n = 4 (Sarhan, 1954)."""
    assert inference._std_of_best(1) == pytest.approx(1)
    assert inference._std_of_best(2) == pytest.approx(math.sqrt(1 - 1 / math.pi))
    assert inference._std_of_best(4) == pytest.approx(math.sqrt(0.4917), abs=1e-4)


def test_welch_s_half_width_is_scipy_s() -> None:
    values = [2.0, 2.5, 3.5]
    other = np.array([1.0, 2.0, 3.0, 3.0])
    expected = stats.ttest_ind(values, other, equal_var=False).confidence_interval(0.95)
    found = inference.half_width_of_means(values, float(np.std(other)), len(other))
    assert found == pytest.approx((expected.high - expected.low) / 2)


def test_half_widths_by_hand() -> None:
    """Of 1, 2, 3: s = 1, t(2) = 4.3027."""
    assert inference.half_width_of_single_and_mean([1, 2, 3]) == pytest.approx(4.3027 * math.sqrt(4 / 3), abs=1e-3)
    assert inference.half_width_of_singles([1, 2, 3]) == pytest.approx(4.3027 * math.sqrt(2), abs=1e-3)
    assert inference.half_width_of_means([1, 2, 3], None, 3) == pytest.approx(4.3027 * math.sqrt(2 / 3), abs=1e-3)
    assert inference.half_width_of_means([2, 2], 0.0, 4) == 0


def test_the_interval_of_a_mean_by_hand() -> None:
    """Of 1, 2, 3: 2 and t(2) = 4.3027 standard errors of 1 / sqrt(3)."""
    interval = inference.interval_of_mean([1, 2, 3])
    assert interval is not None
    assert interval.low == pytest.approx(2 - 4.3027 / math.sqrt(3), abs=1e-4)
    assert interval.high == pytest.approx(2 + 4.3027 / math.sqrt(3), abs=1e-4)
    assert inference.interval_of_mean([2.0, 2.0, 2.0]) == inference.Interval(2.0, 2.0)
    assert inference.interval_of_mean([2.0]) is None


def test_differences_are_paired_where_the_seeds_are_common() -> None:
    """Differences 1, 2, 3: 2 +- 4.3027 / sqrt(3), whatever the seeds have in common; the fourth seed has no partner."""
    found = inference.difference({0: 11.0, 1: 22.0, 2: 33.0}, {0: 10.0, 1: 20.0, 2: 30.0, 3: 99.0})
    assert (found.mean, found.pairs) == (2.0, (1.0, 2.0, 3.0))
    assert found.half == pytest.approx(4.3027 / math.sqrt(3), abs=1e-4)
    assert found.p == pytest.approx(stats.ttest_1samp([1, 2, 3], 0).pvalue)


def test_differences_of_other_seeds_are_welch_s() -> None:
    a, b = {0: 2.0, 1: 2.5, 2: 3.5}, {1: 1.0, 3: 2.0, 4: 3.0, 5: 3.0}
    expected = stats.ttest_ind(list(a.values()), list(b.values()), equal_var=False)
    found = inference.difference(a, b)
    assert (found.mean, found.pairs) == (pytest.approx(8 / 3 - 9 / 4), ())
    interval = expected.confidence_interval(0.95)
    assert (found.half, found.p) == (pytest.approx((interval.high - interval.low) / 2), expected.pvalue)


def test_a_difference_without_spread_has_no_p() -> None:
    same = inference.difference({0: 1.0, 1: 2.0}, {0: 1.5, 1: 2.5})
    assert (same.mean, same.half) == (-0.5, 0.0)
    assert math.isnan(same.p)
    alone = inference.difference({0: 1.0}, {0: 2.0, 1: 3.0})
    assert (alone.mean, alone.half) == (-1.5, None)


def test_pairs_to_decide_are_the_textbook_s() -> None:
    """A mean difference of half a standard deviation takes 34 pairs at 80 % power (Cohen, 1988), of one 10."""
    unit = [-math.sqrt(0.5), math.sqrt(0.5)]  # sample std 1
    assert inference.pairs_to_decide([x + 0.5 for x in unit]) == 34
    assert inference.pairs_to_decide([x - 1.0 for x in unit]) == 10
    assert inference.pairs_to_decide(unit) is None
    assert inference.pairs_to_decide([1.0, 1.0]) is None
    assert inference.pairs_to_decide([1.0]) is None


def test_holm_by_hand() -> None:
    """Sorted 0.01, 0.03, 0.04 of three tests: 3 * 0.01, 2 * 0.03, and 1 * 0.04 raised to the one before it."""
    adjusted = inference.holm(pd.Series([0.04, math.nan, 0.01, 0.03]))
    assert adjusted.tolist()[0] == pytest.approx(0.06)
    assert math.isnan(adjusted[1])
    assert adjusted.tolist()[2:] == pytest.approx([0.03, 0.06])
    assert inference.holm(pd.Series([0.9, 0.9])).tolist() == [1.0, 1.0]


SCORES = pd.DataFrame(
    {"a": [1.0, 1.0, 1.0, 1.0], "b": [2.0, 2.0, 2.0, 1.0], "c": [3.0, 3.0, 1.5, 3.0]}, index=list("wxyz")
)


def test_ranks_by_hand() -> None:
    """Ranks of a, b, c: 123, 123, 132, and 1.5 1.5 3 for the tie. Nemenyi's q for 3 is 2.343 (Demšar, Table 5)."""
    found = inference.ranks(SCORES)
    assert found is not None
    assert found.mean.to_dict() == pytest.approx({"a": 4.5 / 4, "b": 8.5 / 4, "c": 11 / 4})
    assert found.critical_difference == pytest.approx(2.343 * math.sqrt(3 * 4 / (6 * 4)), abs=1e-3)
    assert found.friedman_p == pytest.approx(stats.friedmanchisquare(*(SCORES[m] for m in SCORES)).pvalue)


def test_benchmarks_that_a_method_lacks_are_no_part_of_the_ranks() -> None:
    holes = SCORES.copy()
    holes.loc["w", "c"] = math.nan
    found = inference.ranks(holes)
    assert found is not None
    assert found.benchmarks == 3
    assert inference.ranks(holes.loc[["w", "x"]]) is None
    assert inference.ranks(SCORES[["a"]]) is None


def test_equal_methods_have_equal_ranks() -> None:
    found = inference.ranks(pd.DataFrame({m: [1.0, 2.0, 3.0] for m in "abc"}))
    assert found is not None
    assert found.mean.tolist() == [2, 2, 2]
    assert math.isnan(found.friedman_p)


def test_wins_by_hand() -> None:
    counted = inference.wins(SCORES)
    assert counted.loc["a"].to_dict() == {"a": 0, "b": 3, "c": 4}  # z is a tie with b
    assert counted.loc["b"].to_dict() == {"a": 0, "b": 0, "c": 3}
    assert counted.loc["c"].to_dict() == {"a": 0, "b": 1, "c": 0}


def test_paired_comparison() -> None:
    better = pd.DataFrame({"a": np.arange(8.0), "b": np.arange(8.0) + np.arange(1, 9) / 10, "c": np.arange(8.0)})
    found = inference.compare(better).set_index(["a", "b"])
    assert found.loc[("a", "b"), "p"] == pytest.approx(2 / 2**8)  # all 8 differences have one sign
    assert found.loc[("a", "b"), "median_difference"] == pytest.approx(-0.45)
    assert math.isnan(found.loc[("a", "c"), "p"])  # equal everywhere
    assert found.loc[("a", "b"), "p_holm"] == pytest.approx(2 * 2 / 2**8)  # of the two tests that could be made


def test_seeds_to_separate_are_the_textbook_s() -> None:
    """An effect of one standard deviation takes 17 values a group at 80 % power, half of one 64 (Cohen, 1988)."""
    unit = [-math.sqrt(0.5), math.sqrt(0.5)]  # sample std 1
    assert inference.seeds_to_separate(unit, [x + 1.0 for x in unit]) == 17
    assert inference.seeds_to_separate(unit, [x + 0.5 for x in unit]) == 64
    assert inference.seeds_to_separate(unit, [x + 1e-4 for x in unit]) is None
    assert inference.seeds_to_separate(unit, unit) is None
    assert inference.seeds_to_separate([1.0], unit) is None
    assert inference.seeds_to_separate([1.0, 1.0], [2.0, 2.0]) == 2


def evaluated(results: Path) -> Records:
    """a is better than b by 0.5 on three spaces; c has one space and one seed; d looked up; one run failed."""
    for number, space in enumerate(("s1", "s2", "s3")):
        for seed in range(3):
            for method, error in (("darts-1st", 3.0 + number), ("zarts-rs", 3.5 + number)):
                write_training(write_run(results, method, space, seed=seed), error + 0.1 * seed)
    write_training(write_run(results, "zarts-mgs", "s1"), 2.5)
    write_lookup(write_run(results, "zarts-mgs", "nasbench201"), {"cifar100": {"valid": 70.0, "test": 71.0}})
    write_run(results, "zarts-gld", "s1", finished=False)
    return read(results).select()


def test_scores_are_errors_by_benchmark(tmp_path: Path) -> None:
    found = scores(evaluated(tmp_path))
    assert len(found) == 20
    assert found.benchmark.nunique() == 4
    table = means(found)
    assert table.loc["s1 cifar10, 20x36"].to_dict() == pytest.approx(
        {"darts-1st": 3.1, "zarts-rs": 3.6, "zarts-mgs": 2.5}
    )
    assert table.loc["nasbench201 cifar100 (searched on cifar10), look-up", "zarts-mgs"] == pytest.approx(29)


def test_a_cell_that_was_trained_with_several_seeds_counts_once_by_their_mean(tmp_path: Path) -> None:
    for run, errors in enumerate(((2.0, 9.0), (3.0, 4.0, 5.0))):
        folder = write_run(tmp_path, seed=run)
        for seed, error in enumerate(errors):
            write_training(folder, error, seed=seed)
    records = read(tmp_path).select()
    assert scores(records).error.tolist() == [5.5, 4.0]
    (results, *_), (board, *_) = sheets(records), leaderboard.sheets(boards(records))
    assert [row[2:4] for row in (*results.rows, *board.rows)] == [("2", "4.75"), ("2", "4.75")]
    assert all(AVERAGED in sheet.note for sheet in (results, board))


def test_trainings_with_other_settings_are_another_benchmark(tmp_path: Path) -> None:
    for seed, kind in enumerate(("float32", "bfloat16")):
        folder = write_run(tmp_path, seed=seed)
        write_training(folder, 2.0 + seed, settings={"autocast": kind, "tf32": False})
    write_training(folder, 5.0, settings={"autocast": "float32", "tf32": False})
    records = read(tmp_path).select()
    found = scores(records)
    assert found.groupby("benchmark").error.mean().to_dict() == {
        "s1 cifar10, 20x36 (autocast=bfloat16)": 3.0,
        "s1 cifar10, 20x36 (autocast=float32)": 3.5,
    }
    assert means(found)["zarts-mgs"].to_dict() == {"s1 cifar10, 20x36 (autocast=float32)": 3.5}
    one = records.where({"evaluation.autocast": "float32"})
    assert means(scores(one))["zarts-mgs"].to_dict() == {"s1 cifar10, 20x36": 3.5}
    assert len(one.runs) == 2


def test_sheets_say_what_they_can_and_no_more(tmp_path: Path) -> None:
    found = {sheet.name: sheet for sheet in sheets(evaluated(tmp_path))}
    assert list(found) == [  # all three methods share no two benchmarks: no ranks
        *("results", "seeds", "interquartile", "improvement", "wins", "paired"),
    ]
    results = {row[:2]: row[2:] for row in found["results"].rows}
    assert results[("s1 cifar10, 20x36", "darts-1st")][:3] == ("3", "3.10", "0.08")  # sqrt(0.02 / 3)
    assert results[("s1 cifar10, 20x36", "zarts-mgs")][2:4] == ("–", "one seed")
    assert found["seeds"].rows[0][1:] == ("zarts-mgs", "darts-1st", "0.60", "1", "unknown: one seed has no spread")
    assert found["seeds"].rows[1][1:3] == ("darts-1st", "zarts-rs")
    (best, *_), (shared, *_) = found["interquartile"].rows, found["improvement"].rows
    assert best == ("zarts-mgs", "1", "1", "0.00", "one seed")  # s1 is all that the three share: 2.5 is the least there
    assert shared[:4] == ("darts-1st", "zarts-mgs", "1", "0.00")
    assert found["wins"].rows == (
        ("darts-1st", "·", "0", "3"),
        ("zarts-mgs", "1", "·", "1"),
        ("zarts-rs", "0", "0", "·"),
    )
    assert sheets(Records()) == []


TABLES = ("cifar10", "cifar100", "imagenet16-120")


def test_one_cell_that_three_tables_know_is_one_benchmark(tmp_path: Path) -> None:
    """Ranks over the three would find a difference between methods whose every search is one and the same."""
    for seed in range(2):
        for method, accuracy in (("darts-1st", 90.0), ("zarts-rs", 91.0), ("zarts-mgs", 92.0)):
            folder = write_run(tmp_path, method, "nasbench201", seed=seed)
            write_lookup(folder, {name: {"valid": accuracy, "test": accuracy} for name in TABLES})
    found = {sheet.name: sheet for sheet in sheets(read(tmp_path).select())}
    assert len(found["results"].rows) == 9
    assert list(found) == ["results", "seeds", "interquartile", "improvement"]
    assert {row[2] for row in found["improvement"].rows} == {"1"}


def test_a_search_counts_on_the_data_that_it_was_on(tmp_path: Path) -> None:
    """And where nothing judged its cell there, on the first."""
    for dataset, tables in (("cifar10", TABLES), ("cifar100", TABLES), ("svhn", TABLES[1:])):
        for method in ("darts-1st", "zarts-rs"):
            folder = write_run(tmp_path, method, "nasbench201", dataset)
            write_lookup(folder, {name: {"valid": 80.0, "test": 80.0} for name in tables})
    assert list(means(scores(read(tmp_path).select())).index) == [
        "nasbench201 cifar10, look-up",
        "nasbench201 cifar100 (searched on svhn), look-up",
        "nasbench201 cifar100, look-up",
    ]


def test_cells_that_were_judged_in_two_ways_count_in_that_of_most_methods(tmp_path: Path) -> None:
    for method, sizes in (("darts-1st", ("20x36", "8x16")), ("zarts-rs", ("8x16",))):
        folder = write_run(tmp_path, method)
        for size in sizes:
            write_training(folder, 3.0, size=size)
    assert list(means(scores(read(tmp_path).select())).index) == ["s1 cifar10, 8x16"]


def test_configurations_of_a_method_are_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0)
    write_run(tmp_path, seed=0, settings={"samples": 2})
    write_run(tmp_path, method="darts-1st")
    runs = read(tmp_path).runs
    assert sorted(labelled(runs)) == ["darts-1st", "zarts-mgs (samples=2)", "zarts-mgs (samples=4)"]


def test_methods_are_told_apart_by_the_budget_too(tmp_path: Path) -> None:
    for seed, evaluations in enumerate((10, 20)):
        spec = write_run(tmp_path, "rea", seed=seed) / "spec.json"
        spec.write_text(spec.read_text().replace('"seconds": null', f'"evaluations": {evaluations}'))
    assert sorted(labelled(read(tmp_path).runs)) == ["rea (evaluations=10)", "rea (evaluations=20)"]


def test_data_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Two folders of images, each searched with two seeds: one board for each, and no mean over both."""
    for files, error in (("11111111", 3.0), ("22222222", 5.0)):
        for seed in range(2):
            run = write_run(tmp_path, dataset="imgs", seed=seed, of_data={"dataset_files": files})
            write_training(run, error, dataset="imgs", files=files)
    records = read(tmp_path).select()
    found = boards(records)
    assert [[(method, len(runs)) for method, _, runs in board.ranked] for board in found] == [[("zarts-mgs", 2)]] * 2
    assert [sheet.title.partition(":")[0] for sheet in leaderboard.sheets(found)] == [
        "s1, imgs (dataset_files=11111111)",
        "s1, imgs (dataset_files=22222222)",
    ]
    assert [sheet.title.partition(":")[0] for sheet in leaderboard.sheets(found[:1])] == ["s1, imgs"]
    assert set(labelled(records.runs)) == {
        "zarts-mgs (dataset_files=11111111)",
        "zarts-mgs (dataset_files=22222222)",
    }
    assert len(records.where({"dataset_files": "11111111"}).runs) == 2


def test_searches_whose_splits_costs_or_tables_differ_are_told_apart(tmp_path: Path) -> None:
    for method, of_data, content in (
        ("a", {"split": "11111111"}, None),
        ("a", {"split": "22222222"}, None),
        ("b", {"costs": {"latency": "11111111"}}, None),
        ("b", {"costs": {"latency": "22222222"}}, None),
        ("c", None, "11111111" * 8),
        ("c", None, "22222222" * 8),
    ):
        write_run(tmp_path, method, of_data=of_data, content=content)
    assert sorted(labelled(read(tmp_path).runs)) == [
        *("a (split=11111111)", "a (split=22222222)"),
        *("b (cost_files=latency 11111111)", "b (cost_files=latency 22222222)"),
        *("c (table_content=11111111)", "c (table_content=22222222)"),
    ]


def test_the_images_of_a_search_are_told_by_their_files(tmp_path: Path) -> None:
    """What is known of their content may be as another library read it."""
    for content in ("1" * 64, "2" * 64):
        run = write_run(tmp_path, content=content) / "spec.json"
        saved = json.loads(run.read_text())
        saved["spec"]["settings"]["data"] = {"batch_size": 64}
        run.write_text(json.dumps(saved))
    assert set(labelled(read(tmp_path).runs)) == {"zarts-mgs"}


def test_trainings_on_other_data_of_one_name_are_no_mean(tmp_path: Path) -> None:
    run = write_run(tmp_path, dataset="imgs")
    for files, error in ((None, 2.0), ("11111111", 3.0), ("22222222", 5.0)):
        write_training(run, error, dataset="imgs", files=files)
    found = scores(read(tmp_path).select())
    assert dict(zip(found.benchmark, found.error, strict=True)) == {
        "s1 imgs, 20x36 (dataset_files=11111111)": 3.0,
        "s1 imgs, 20x36 (dataset_files=22222222)": 5.0,
        "s1 imgs, 20x36 (dataset_files=None)": 2.0,
    }
