"""Anytime results: step functions on records made by hand, and what the report makes of them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from matplotlib.text import Text
from run_folders import write_run
from scipy import stats

from harness.cli import main
from reports import figures
from reports.records import Records, read
from reports.statistics import anytime, truth

BEST = {"valid": 91.0, "test": 94.0}


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The best of a table, where the tests import none."""
    monkeypatch.setattr(truth, "best", lambda space, dataset: BEST if space.startswith("nasbench201") else None)


def on_table(
    results: Path, method: str, seed: int, tests: list[float], space: str = "nasbench201-table", charged: float = 100.0
) -> None:
    """A run whose trials each took `charged` seconds by the table; `tests`: the accuracies of the incumbents."""
    folder = write_run(results, method, space, seed=seed, epochs=4, device="cpu (x86_64)")
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()[: len(tests)]]
    for number, (record, test) in enumerate(zip(records, tests, strict=True), start=1):
        record["table"] = {"valid": test - 3.0, "test": test}
        record["operations"] = {"cell": {"skip": 1, "parameterless": 1, "none": 0}}
        record["cost"] |= {"evaluations": number, "loss_evaluations": 0, "gradient_evaluations": 0}
        record["cost"] |= {"simulated_seconds": charged * number}
    (folder / "records.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods, two seeds each, on one table; one method has no charge."""
    results = tmp_path_factory.mktemp("anytime")
    on_table(results, "rea", 0, [90.0, 92.0, 93.0])
    on_table(results, "rea", 1, [80.0, 80.0, 91.0, 93.0])
    on_table(results, "darts-1st", 0, [92.0, 92.5], charged=0.0)
    on_table(results, "darts-1st", 1, [92.0, 91.5], charged=0.0)
    return results


def over(records: Records, axis: str = "evaluations") -> list[anytime.Race]:
    return anytime.races(anytime.incumbents(records), anytime.AXES[axis])


def test_a_step_stands_until_the_next_and_there_is_nothing_before_the_first() -> None:
    found = anytime.steps([2, 4, 9], [5.0, 3.0, 4.0], [1, 2, 3.99, 4, 8, 9, 100])
    np.testing.assert_array_equal(found, [np.nan, 5, 5, 3, 3, 4, 4])


def test_a_grid_ends_where_it_should_and_evaluations_are_whole() -> None:
    wide = anytime.grid(anytime.EVALUATIONS, 1, 30)
    assert wide.tolist() == list(range(1, 31))
    assert anytime.grid(anytime.SIMULATED, 3.0, 7.5)[[0, -1]].tolist() == [3.0, 7.5]
    assert anytime.grid(anytime.EVALUATIONS, 2, 2).tolist() == [2]


def test_regrets_are_below_the_best_of_the_table_and_the_last_incumbent_stands(raced: Path) -> None:
    (race,) = over(read(raced).select())
    assert race.benchmark == "nasbench201-table cifar10"
    rea = race.courses["rea"]
    assert (rea.n, rea.begins, rea.ends, race.budget) == (2, 1, 4, 2)
    np.testing.assert_array_equal(rea.regrets([1, 2, 3, 4, 9]), [[4, 2, 1, 1, 1], [14, 14, 3, 1, 1]])
    np.testing.assert_array_equal(rea.gaps([4]), [[-3], [-3]])


def test_what_a_method_was_not_charged_is_not_shown(raced: Path) -> None:
    (race,) = over(read(raced).select(), "simulated-seconds")
    assert set(race.courses) == {"rea"}
    assert race.budget == 400


def test_a_mean_waits_for_the_last_run_to_begin(tmp_path: Path) -> None:
    on_table(tmp_path, "rea", 0, [90.0] * 3, charged=10.0)
    on_table(tmp_path, "rea", 1, [92.0] * 3, charged=25.0)
    (race,) = over(read(tmp_path).select(), "simulated-seconds")
    curve = anytime.curves([race])
    assert (curve.spent.min(), curve.spent.max()) == (25, 75)
    assert curve["mean"].unique() == pytest.approx([3.0])
    half = stats.t.ppf(0.975, 1) * np.std([4.0, 2.0], ddof=1) / np.sqrt(2)
    assert curve.high.to_numpy() == pytest.approx(3.0 + half)


def test_evaluations_are_trials_losses_and_gradients(tmp_path: Path) -> None:
    cost = {"evaluations": 0, "loss_evaluations": 8, "gradient_evaluations": 2, "seconds": 1.0}
    write_run(tmp_path, space="nasbench201-table", epochs=1, cost=cost, table={"valid": 90.0, "test": 92.0})
    (race,) = over(read(tmp_path).select())
    assert race.courses["zarts-mgs"].begins == 10


def test_a_run_is_left_out_where_a_cell_of_it_has_no_known_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cells of searches on a supernet are looked up."""
    cells = {"|a|": {"valid": 80.0, "test": 84.0}}
    monkeypatch.setattr(truth, "of_cell", lambda notation, space, dataset: cells.get(notation))
    cost = {"evaluations": 1, "loss_evaluations": 0, "gradient_evaluations": 0, "seconds": 5.0}
    write_run(tmp_path, "darts-1st", "nasbench201", epochs=1, genotype="|a|", cost=cost)
    half = write_run(tmp_path, "darts-2nd", "nasbench201", epochs=2, genotype="|b|", cost=cost) / "records.jsonl"
    half.write_text(half.read_text().replace("|b|", "|a|", 1))
    write_run(tmp_path, "zarts-rs", "nasbench201", epochs=1, genotype="|a|", cost=cost, finished=False)
    (race,) = over(read(tmp_path).select(), "seconds")
    assert race.benchmark == "nasbench201 cifar10, NVIDIA GeForce RTX 2080 Ti"
    assert {method: course.regrets([5]).tolist() for method, course in race.courses.items()} == {"darts-1st": [[10]]}


def test_a_table_whose_best_is_not_known_gives_test_errors(tmp_path: Path) -> None:
    on_table(tmp_path, "rea", 0, [60.0], space="tiny-table")
    (race,) = over(read(tmp_path).select())
    assert (race.measure, race.courses["rea"].regrets([1]).tolist()) == ("test error", [[40]])


def test_nothing_is_nothing() -> None:
    assert over(Records()) == []
    assert anytime.sheets([]) == []


def harness(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)])


def test_the_report_prints_its_table_and_its_curves(raced: Path) -> None:
    """At the budget that both have spent, 2 evaluations: means of 2 and 14, and of 1.5 and 2.5."""
    done = harness("anytime", "--results", raced, "--over", "evaluations")
    assert done.exit_code == 0, done.output
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines() if "|" in line]
    assert [row[:9] for row in rows[2:]] == [
        [*("nasbench201-table cifar10", "darts-1st", "regret", "2", "2"), *("2.00", "2.00", "2.00", "-4.35 to 8.35")],
        [*("nasbench201-table cifar10", "rea", "regret", "2", "2"), *("9.00", "9.00", "8.00", "-68.24 to 84.24")],
    ]
    assert "Incumbents over simulated time" not in done.stdout
    curves = list(csv.DictReader(io.StringIO(harness("anytime", "--results", raced, "--format", "csv").stdout)))
    assert {row["over"] for row in curves} == {"evaluations", "simulated-seconds"}
    assert [row["mean"] for row in curves if row["method"] == "rea"][:4] == ["9.0", "8.0", "2.0", "1.0"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["statistics", "--over", "seconds"], "report 'statistics' is not over a budget"),
        (["--over", "seconds"], "--over needs a NAME"),
    ],
)
def test_over_is_of_the_report_that_has_it(raced: Path, arguments: list[str], words: str) -> None:
    done = harness(*arguments, "--results", raced)
    assert done.exit_code == 2
    assert words in done.stderr


def test_without_a_table_there_is_nothing_over_time(tmp_path: Path) -> None:
    write_run(tmp_path)
    done = harness("anytime", "--results", tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no finished run has cells that a table judges" in done.stderr


def test_figures_show_the_means_and_keep_colours_and_print(raced: Path) -> None:
    plots = {plot.name: plot for plot in figures.draw(read(raced).select(), of=[figures.anytime.draw])}
    assert list(plots) == [
        f"{kind}-{axis}" for axis in ("evaluations", "simulated-seconds") for kind in ("anytime", "gap", "attainment")
    ]
    darts, rea, budget = plots["anytime-evaluations"].figure.axes[0].lines
    named = [text.get_text() for text in plots["anytime-evaluations"].figure.legends[0].get_texts()]
    assert named == ["darts-1st", "rea", "common budget"]
    assert (list(rea.get_xdata()), list(rea.get_ydata())) == ([1, 2, 3, 4], [9, 8, 2, 1])
    assert rea.get_drawstyle() == "steps-post"
    assert list(budget.get_xdata()) == [2, 2]
    assert (
        plots["anytime-simulated-seconds"].figure.axes[0].lines[0].get_color() == rea.get_color() != darts.get_color()
    )
    attained = plots["attainment-evaluations"].figure.axes[0].lines[1]
    assert (list(attained.get_xdata()), list(attained.get_ydata())) == ([1, 3, 4], [0.5, 1, 1])
    plot = plots["anytime-evaluations"]
    plot.bytes("svg")
    renderer, edge = plot.figure.canvas.get_renderer(), plot.figure.bbox
    texts = [text for text in plot.figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7
    titles = [ax.title.get_window_extent(renderer) for ax in plot.figure.axes]
    assert all(edge.x0 <= title.x0 and title.x1 <= edge.x1 for title in titles)
    assert all(a.x1 < b.x0 for a, b in pairwise(titles))


def test_no_regret_is_drawn_at_0_and_many_regrets_on_a_plain_logarithm(tmp_path: Path) -> None:
    on_table(tmp_path, "rea", 0, [84.0, 93.0, 94.0])
    on_table(tmp_path, "bohb", 0, [84.0, 93.0])
    for runs, scale in (("rea", "symlog"), ("bohb", "log")):
        found = read(tmp_path).select()
        found = replace(found, runs=found.runs[found.runs.method == runs])
        ax = figures.draw(found, of=[figures.anytime.draw])[0].figure.axes[0]
        assert ax.get_yscale() == scale
    found = figures.draw(read(tmp_path).select(), of=[figures.anytime.draw])[0].figure.axes[0]
    assert list(found.lines[1].get_ydata()) == [10, 1, 0]
    assert found.get_ylim()[0] < 0 < found.get_ylim()[1]
    assert [text.get_text() for text in found.get_yticklabels()] == ["0", "0.01", "0.1", "1", "10"]


def test_those_left_out_are_told_with_the_rule(tmp_path: Path) -> None:
    for number in range(13):
        on_table(tmp_path, f"method-{number:02}", 0, [80.0 + number])
    for plot in figures.draw(read(tmp_path).select(), of=[figures.anytime.draw]):
        names = [text.get_text() for text in plot.figure.legends[0].get_texts()]
        assert "method-00" not in names
        assert "method-12" in names
        told = f"12 of 13 methods are drawn: {figures.anytime.BEST}."
        assert plot.figure.legends[0].get_title().get_text() == told
        assert plot.caption.endswith(told)
        plot.bytes("png")
        renderer, edge = plot.figure.canvas.get_renderer(), plot.figure.bbox
        words = plot.figure.legends[0].get_title().get_window_extent(renderer)
        assert edge.x0 <= words.x0 < words.x1 <= edge.x1


def test_of_many_methods_those_are_drawn_that_spent_something(tmp_path: Path) -> None:
    """The best twelve were charged nothing by the table; a thirteenth was, and is alone on another space."""
    for number in range(12):
        on_table(tmp_path, f"method-{number:02}", 0, [90.0], charged=0.0)
    for space in ("nasbench201-table", "nasbench201-other"):
        on_table(tmp_path, "random-search", 0, [80.0, 81.0], space=space)
    found = {plot.name: plot for plot in figures.draw(read(tmp_path).select(), of=[figures.anytime.draw])}
    evaluations, simulated = (found[f"anytime-{over}"].figure for over in ("evaluations", "simulated-seconds"))
    assert [ax.get_title() for ax in evaluations.axes] == ["nasbench201-table cifar10"]
    assert [ax.get_title() for ax in simulated.axes] == ["nasbench201-other cifar10", "nasbench201-table cifar10"]
    assert all(list(ax.lines[0].get_ydata())[-1] == pytest.approx(13.0) for ax in simulated.axes)
