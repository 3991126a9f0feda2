"""`harness report` without a name: a leaderboard of the runs that are there, by hand, before anything else."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from run_folders import write_lookup, write_run, write_training
from toy_table import toy_table, write_toy_table

from harness.cli import main
from reports.costs import spoken
from reports.figures.plot import Plot
from reports.statistics import truth


def harness(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def report(results: Path, *options: str | Path) -> str:
    done = harness("report", "--results", results, *options)
    assert done.exit_code == 0, done.output
    return done.stdout


def rows(text: str) -> list[list[str]]:
    """Of the first table of a text."""
    lines = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]


def trained(results: Path, method: str, errors: list[float], **run: object) -> None:
    for seed, error in enumerate(errors):
        write_training(write_run(results, method, seed=seed, **run), error)  # type: ignore[arg-type]


def test_trained_cells_are_ranked_by_their_test_error(tmp_path: Path) -> None:
    """Of 2.6, 2.7, 2.8: 2.7 and 4.3027 * 0.1 / sqrt(3) = 0.248."""
    trained(tmp_path, "darts-1st", [3.0, 3.0, 3.0], days=0.25)
    trained(tmp_path, "zarts-mgs", [2.6, 2.7, 2.8], days=3.0)
    trained(tmp_path, "zarts-rs", [2.9], days=1 / 86400)
    write_run(tmp_path, "zarts-gld")
    write_run(tmp_path, "zarts-gld", seed=1, finished=False)
    failed = write_run(tmp_path, "zarts-gld", seed=2, finished=False)
    failed.with_name(f"{failed.name}.failed.json").write_text('{"reason": "out of memory"}')
    text = report(tmp_path)
    assert text.startswith("## s1, cifar10: test error of the cells trained on cifar10, 20x36, last epoch\n")
    assert rows(text) == [
        ["method", "rank", "n", "test error (%)", "95 % interval", "cost"],
        ["zarts-mgs", "1", "3", "2.70", "2.45 to 2.95", "3.0 days, NVIDIA GeForce RTX 2080 Ti"],
        ["zarts-rs", "2", "1", "2.90", "one seed", "1.0 s, NVIDIA GeForce RTX 2080 Ti"],
        ["darts-1st", "3", "3", "3.00", "3.00 to 3.00", "6.0 h, NVIDIA GeForce RTX 2080 Ti"],
    ]
    assert "Protocol paper, version 1; 2 epochs." in text
    assert "Student's t, which takes the values for symmetric and may leave what is possible. Cost" in text
    assert "Not ranked: 1 unfinished, 1 failed, 1 finished but not evaluated in this way." in text


def unprinted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn, and not printed, which takes most of the time of a report."""
    monkeypatch.setattr(Plot, "bytes", lambda plot, form: b"<svg/>")


def test_protocols_and_budgets_are_other_benchmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unprinted(monkeypatch)
    trained(tmp_path, "darts-1st", [3.0])
    trained(tmp_path, "darts-1st", [3.1], epochs=4)
    write_run(tmp_path, "darts-1st", protocol="smoke")
    boards = list(csv.DictReader(io.StringIO(report(tmp_path, "--format", "csv"))))
    assert [(b["protocol"], b["epochs"], b["mean"], b["rank"]) for b in boards] == [
        ("paper", "2", "3.0", "1"),
        ("paper", "4", "3.1", "1"),
        ("smoke", "2", "60.0", "1"),
    ]
    only = list(csv.DictReader(io.StringIO(report(tmp_path, "--format", "csv", "--protocol", "smoke"))))
    assert [b["protocol"] for b in only] == ["smoke"]
    drawn = report(tmp_path, "--out", tmp_path / "out")
    assert "figures/smoke-convergence-s1-cifar10.pdf" in drawn


def test_methods_of_all_families_that_a_table_charges_stand_on_one_board(tmp_path: Path) -> None:
    """An epoch of either is another thing; what they were told, and could pay, is not."""
    asked = {"oracle": "sampled", "simulated_seconds": 12_000.0}
    for method, epochs, settings, accuracy in (
        ("zarts-mgs", 50, asked, 91.0),
        ("rea", 1000, asked, 93.0),
        ("rea", 1000, asked | {"simulated_seconds": 600.0}, 90.0),
        ("rea", 1000, asked | {"oracle": "noisy"}, 92.0),
        ("rea", 1000, {"simulated_seconds": 12_000.0}, 93.0),
        ("zarts-mgs", 50, {}, 94.0),
    ):
        run = write_run(tmp_path, method, "nasbench201-table", settings=settings, epochs=epochs)
        write_lookup(run, {"cifar10": {"valid": 90.0, "test": accuracy}})
    sheets = report(tmp_path).split("\n## ")
    (shared,) = (sheet for sheet in sheets if "; oracle sampled, at most 3.3 h by the table's times." in sheet)
    assert [row[0].split()[0] for row in rows(shared)] == ["method", "rea", "zarts-mgs"]
    budgets = (
        "oracle sampled, at most 10 min",
        "oracle noisy, at most",
        "version 1; 50 epochs.",
        "version 1; 1,000 epochs.",
    )
    for words in budgets:
        (sheet,) = (sheet for sheet in sheets if words in sheet)
        assert len(rows(sheet)) == 2


def test_without_evaluations_the_supernets_rank_and_the_heading_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, "darts-1st")
    text = report(tmp_path)
    assert "## s1, cifar10: validation accuracy of the supernet, as no cell is evaluated; it is not the cell's" in text
    assert rows(text)[1][:4] == ["darts-1st", "1", "1", "60.00"]


def on_table(results: Path, method: str, seed: int, accuracy: float, simulated: float = 0.0) -> None:
    folder = write_run(results, method, "nasbench201-table", seed=seed, device="cpu (x86_64)", days=0.5 / 86400)
    result = json.loads((folder / "result.json").read_text())
    del result["valid_accuracy"]
    result["table"] = {
        "cifar10": {"valid": 90.0, "test": accuracy},
        "cifar100": {"valid": 70.0, "test": accuracy - 20},
    }
    result["cost"]["simulated_seconds"] = simulated
    (folder / "result.json").write_text(json.dumps(result))


def test_searches_on_a_table_are_ranked_by_accuracy_and_regret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The more, the better; equal means share a rank."""
    monkeypatch.setattr(truth, "best", lambda space, dataset: {"valid": 91.5, "test": 94.5})
    monkeypatch.setattr(truth, "average", lambda space, dataset: 87.1)
    for seed, accuracy in enumerate((93.0, 94.0)):
        on_table(tmp_path, "rea", seed, accuracy, simulated=12000.0)
        on_table(tmp_path, "zarts-gld", seed, accuracy)
        on_table(tmp_path, "darts-1st", seed, accuracy - 3)
    text = report(tmp_path)
    assert text.startswith("## nasbench201-table, cifar10: test accuracy of the cells on cifar10, looked up\n")
    assert "Regret: below the table's best, 94.50 %; its average cell has 87.10 %." in text
    found = rows(text)
    assert found[0] == [
        *("method", "rank", "n", "test accuracy (%)", "95 % interval", "regret", "cifar100, test (%)", "cost"),
    ]
    assert found[1:] == [  # 93.5 and 12.706 * 0.7071 / sqrt(2) = 6.353
        ["rea", "1", "2", "93.50", "87.15 to 99.85", "1.00", "73.50", "0.5 s, CPU (3.3 h by the table's times)"],
        ["zarts-gld", "1", "2", "93.50", "87.15 to 99.85", "1.00", "73.50", "0.5 s, CPU"],
        ["darts-1st", "3", "2", "90.50", "84.15 to 96.85", "4.00", "70.50", "0.5 s, CPU"],
    ]


def test_the_average_cell_is_of_all_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_toy_table(tmp_path / "table.parquet")
    monkeypatch.setattr(truth, "default_path", lambda: table)
    assert truth.average("nasbench201", "cifar100") == pytest.approx(
        toy_table().columns["accuracy/cifar100/test/200/mean"].mean()
    )
    assert truth.average("s1", "cifar100") is None


def test_without_the_table_there_is_no_regret(tmp_path: Path) -> None:
    on_table(tmp_path, "rea", 0, 93.0)
    assert "regret" not in report(tmp_path).lower()


def test_cells_that_were_trained_and_looked_up_stand_on_two_boards(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "darts-1st", "nasbench201")
    write_training(folder, 7.0, size="5x16")
    write_lookup(folder, {"cifar10": {"valid": 91.0, "test": 93.0}})
    measures = [b["measure"] for b in csv.DictReader(io.StringIO(report(tmp_path, "--format", "csv")))]
    assert measures == [
        "test error of the cells trained on cifar10, 5x16, last epoch",
        "test accuracy of the cells on cifar10, looked up",
    ]


def test_a_benchmark_on_which_nothing_is_finished_is_counted(tmp_path: Path) -> None:
    write_run(tmp_path, "darts-1st", finished=False)
    text = report(tmp_path)
    assert text.startswith("## s1, cifar10: nothing finished\n")
    assert "Searches: 1 unfinished." in text


def test_the_paper_s_tables_stand_last_and_those_without_runs_are_a_line(tmp_path: Path) -> None:
    trained(tmp_path, "zarts-mgs", [2.6, 2.7, 2.8, 2.9])
    text = report(tmp_path)
    order = ["## s1, cifar10: test error", "## Test errors", "## Test error (%) on S1-S4\n", "## Not measured yet"]
    places = [text.index(heading) for heading in order]
    assert places == sorted(places)
    assert "- Table 5: nothing measured yet; `harness suite run table5`\n" in text
    assert "- Supplement, Table 4: nothing measured yet; `harness suite run supp-table4`\n" in text
    assert "Variants of ZARTS" not in text


def test_where_no_table_has_runs_one_line_stands_for_all(tmp_path: Path) -> None:
    trained(tmp_path, "zarts-mgs", [2.6], space="darts", dataset="digits")
    text = report(tmp_path)
    assert "Table 2" not in text
    assert text.count("## Not measured yet\n\nNothing of the paper's tables: `harness report all` shows") == 1
    assert len(text.split("## Not measured yet")[1].splitlines()) < 8


def test_the_page_has_the_same_order_and_opens_what_is_folded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unprinted(monkeypatch)
    trained(tmp_path, "zarts-mgs", [2.6, 2.7])
    assert report(tmp_path, "--format", "html", "--out", tmp_path / "out") == f"{tmp_path / 'out' / 'index.html'}\n"
    text = (tmp_path / "out" / "index.html").read_text()
    places = [
        text.index(f'<h2 class="part" id="{part}"') for part in ("leaderboard", "figures", "statistics", "tables")
    ]
    assert places == sorted(places)
    folded = text.index("<summary>Table 5: nothing measured yet; `harness suite run table5`</summary>")
    assert (
        text.index("<h3>Test error (%) on S1-S4</h3>") < folded < text.index("<h3>Variants of ZARTS on CIFAR-10</h3>")
    )
    assert "24 h, NVIDIA" in text
    assert "e-0" not in text[: text.index("<script")]


def test_one_slow_search_does_not_decide_what_a_method_costs(tmp_path: Path) -> None:
    """Seconds of darts-1st on a machine that was busy for the first one: their mean is 268."""
    for seed, seconds in enumerate((1710, 108, 106, 56, 50, 49, 56, 60)):
        write_training(write_run(tmp_path, "darts-1st", seed=seed, device="cpu", days=seconds / 86400), 3.0)
    text = report(tmp_path)
    assert rows(text)[1][-1] == "58 s, CPU"
    assert text.count("Cost: median of a search.") == 2  # the leaderboard and the test errors
    (board,) = csv.DictReader(io.StringIO(report(tmp_path, "--format", "csv")))
    assert float(board["seconds"]) == 58


def test_an_empty_results_folder_says_what_to_do(tmp_path: Path) -> None:
    done = harness("report", "--results", tmp_path)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"harness: there are no runs in {tmp_path}; make one, e.g. with `harness run ")
    page = harness("report", "--results", write_run(tmp_path).parents[1], "--format", "html")
    assert (page.exit_code, page.stderr) == (2, "harness: a page is a file; name a folder for it with --out.\n")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (1e-5, "under 1 ms"),
        (0.0234, "23 ms"),
        (0.5, "0.5 s"),
        (99, "99 s"),
        (720, "12 min"),
        (2 * 3600, "2.0 h"),
        (47 * 3600, "47 h"),
        (11.2 * 86400, "11 days"),
        (1234 * 86400, "1,234 days"),
    ],
)
def test_costs_are_spoken(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
