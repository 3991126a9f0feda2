"""The tables on records made by hand: every statistic, verdict and mark was worked out by hand, as comments show."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from run_folders import write_lookup, write_run, write_selection, write_training

from harness.cli import main
from harness.core.errors import HarnessError
from reports import REPORTS, published, render
from reports.records import Records, read
from reports.tables.build import build
from reports.tables.cells import BETTER, NOT_COMPARABLE, NOT_MEASURED, WITHIN, WORSE, Cell, Table
from reports.tables.layouts import TABLES, search_of

ROOT = Path(__file__).resolve().parents[2]
CSVS = [layout.csv for layouts in TABLES.values() for layout in layouts]


def records(results: Path, protocol: str | None = None) -> Records:
    return read(results).select(protocol)


def cell(tables: list[Table], *labels: str, table: int = 0) -> Cell:
    """The cell in the row and the column of these labels."""
    found = [
        cell for row, column, cell in tables[table].cells() if (*row.labels, tables[table].heading(column)) == labels
    ]
    assert len(found) == 1, labels
    return found[0]


def searched(results: Path, errors: list[float], *, size: str = "20x36", **run: object) -> None:
    """Runs of the seeds 0, 1, ... that were trained to these errors."""
    for seed, error in enumerate(errors):
        folder = write_run(results, seed=seed, **run)  # type: ignore[arg-type]
        write_training(folder, error, size=size)


@pytest.mark.parametrize("name", sorted(set(CSVS)))
def test_published_values_are_those_of_the_source_cell_by_cell(name: str, shared_data: Path) -> None:
    source = shared_data.parent / "published" / f"{name}.csv"
    if not source.exists():
        pytest.skip(f"{source} does not exist")
    expected = pd.read_csv(source, dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(published.load(name), expected)


def test_every_csv_that_ships_is_in_a_table_and_has_a_source() -> None:
    shipped = {path.stem for path in (ROOT / "reports" / "published").glob("*.csv")}
    assert shipped == set(CSVS) == set(published.SOURCES)
    assert len(shipped) == 10


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("table2", 96),
        ("table3", 40 + 40),
        ("table4", 56),
        ("table5", 56),
        ("supp-table1", 24),
        ("supp-table2", 72 + 36),
        ("supp-table3", 15),
        ("supp-table4", 54),
    ],
)
def test_without_runs_a_table_shows_all_published_values_and_measures_nothing(name: str, numbers: int) -> None:
    tables = build(name, Records())
    cells = [cell for table in tables for *_, cell in table.cells()]
    values = pd.concat([published.load(layout.csv) for layout in {x.csv: x for x in TABLES[name]}.values()])
    stray = values.note.str.contains("text") & ~values.note.str.contains("extract")  # stand in the text or nowhere
    assert len(cells) == numbers == len(values) - stray.sum()
    assert {cell.verdict for cell in cells} == {NOT_MEASURED}
    assert all("/ –" in render.markdown(table) for table in tables)


def test_the_paper_s_marks_are_found_again() -> None:
    """As printed in supplement, Table 2: CIFAR-10 S3 has SDARTS-ADV best and PC-DARTS second."""
    tables = build("supp-table2", Records())
    assert cell(tables, "CIFAR-10", "S3", "SDARTS-ADV").published.mark == 1
    assert cell(tables, "CIFAR-10", "S3", "PC-DARTS").published.mark == 2
    assert cell(tables, "CIFAR-10", "S1", "ZARTS-GLD").published.mark == 1
    right = {
        label: cell(tables, "CIFAR-10", "S2", label, table=1).published.mark for label in ("ZARTS-RS", "ZARTS-GLD")
    }
    assert right == {"ZARTS-RS": 1, "ZARTS-GLD": 0}  # only the best is marked there


def test_equal_values_share_a_mark() -> None:
    """Table 2, CIFAR-10 S3: 2.51 is best; 2.56 is second, twice; 2.59 is neither."""
    tables = build("table2", Records())
    marks = {
        c[0]: row.cells[c].published.mark
        for row in tables[0].rows
        if row.labels == ("CIFAR-10", "S3")
        for c in row.cells
    }
    assert marks == {
        "DARTS": 0,
        "R-DARTS(DP)": 0,
        "R-DARTS(L2)": 1,
        "DARTS-ES": 0,
        "DARTS-ADA": 0,
        "ZARTS-RS": 0,
        "ZARTS-MGS": 2,
        "ZARTS-GLD": 2,
    }


def test_a_best_of_four_and_a_mean_of_four_are_of_the_same_runs_and_judged_each_by_its_rule(tmp_path: Path) -> None:
    searched(tmp_path, [2.70, 2.60, 2.80, 2.90])
    best = cell(build("table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS")
    # Sample std 0.1291, std of the best of 4 normal values 0.7012: half-width 1.96 * sqrt(2) * 0.7012 * 0.1291 = 0.251.
    assert (best.measured_text(), best.verdict, best.measured and best.measured.n) == ("2.60", WITHIN, 4)
    mean = cell(build("supp-table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS", table=1)
    # Mean 2.75, population std sqrt(0.05 / 4) = 0.1118; published 2.79±0.14.
    assert (mean.measured_text(), mean.verdict) == ("2.75±0.11", WITHIN)
    assert mean.measured_with() == "mean of 4"
    assert best.measured_with() == "best of 4, std 0.11"


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        # Published 2.65. All within 0.01 of one another: sample std 0.00577, half-width 0.0112 + 0.005 = 0.0162.
        ([2.60, 2.60, 2.61, 2.61], BETTER),  # 0.05 below
        ([2.70, 2.70, 2.71, 2.71], WORSE),  # 0.05 above
        ([2.66, 2.66, 2.67, 2.67], WITHIN),  # 0.01 above
        # No spread at all: only half of the last printed digit is left.
        ([2.655, 2.655, 2.655, 2.655], WITHIN),
        ([2.656, 2.656, 2.656, 2.656], WORSE),
    ],
)
def test_the_verdict_of_a_best_of_four(tmp_path: Path, errors: list[float], verdict: str) -> None:
    searched(tmp_path, errors)
    assert cell(build("table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS").verdict == verdict


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        # Published 2.79±0.14 of 4: se² = s²/4 + 0.14²/3; with s = 0.1155, 0.003333 + 0.006533 = 0.00987, 4 d.f. to 6:
        # 5.4 d.f., t = 2.52, half-width 0.25, and 0.005 for the digit.
        ([2.9, 3.1, 2.9, 3.1], WITHIN),  # 3.0 is 0.21 above
        ([3.0, 3.2, 3.0, 3.2], WORSE),  # 3.1 is 0.31 above
        ([2.4, 2.6, 2.4, 2.6], BETTER),  # 2.5 is 0.29 below
    ],
)
def test_the_verdict_of_a_mean_of_four(tmp_path: Path, errors: list[float], verdict: str) -> None:
    searched(tmp_path, errors)
    assert cell(build("supp-table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS", table=1).verdict == verdict


def test_fewer_runs_than_published_are_said_and_not_judged(tmp_path: Path) -> None:
    searched(tmp_path, [2.7, 2.6, 2.8])
    write_run(tmp_path, seed=3, finished=False)  # the fourth failed
    found = cell(build("table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS")
    assert (found.measured_text(), found.verdict, found.reason) == ("2.60", NOT_COMPARABLE, "best of 3, published of 4")
    assert any("1 unfinished" in note and "-s3-" in note for note in records(tmp_path).notes)


def test_of_more_runs_the_smallest_seeds_make_a_best_of_four(tmp_path: Path) -> None:
    searched(tmp_path, [2.7, 2.6, 2.8, 2.9, 1.0])
    found = cell(build("table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS")
    assert found.measured_text() == "2.60"
    assert cell(build("supp-table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS", table=1).measured.n == 5  # type: ignore[union-attr]


def test_one_seed_has_no_spread_and_no_verdict(tmp_path: Path) -> None:
    searched(tmp_path, [2.7])
    found = cell(build("supp-table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS", table=1)
    assert (found.measured_text(), found.verdict, found.reason) == ("2.70", NOT_COMPARABLE, "one run has no spread")


def test_the_last_epoch_s_and_the_best_epoch_s_error_are_never_mixed(tmp_path: Path) -> None:
    searched(tmp_path, [2.7, 2.6, 2.8, 2.9])
    best = build("table2", records(tmp_path), epoch="best")
    assert cell(best, "CIFAR-10", "S1", "ZARTS-MGS").measured_text() == "2.50"  # 0.1 below the last's
    assert "test error of the best epoch" in best[0].measured_under


def test_runs_without_an_evaluation_measure_no_error(tmp_path: Path) -> None:
    write_run(tmp_path)
    found = cell(build("table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS")
    assert (found.verdict, found.reason) == (NOT_MEASURED, "its runs are not evaluated on this")


def test_a_network_of_another_size_is_not_compared(tmp_path: Path) -> None:
    searched(tmp_path, [2.7, 2.6, 2.8, 2.9], size="8x16")
    found = cell(build("table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS")
    assert (found.verdict, found.reason) == (NOT_COMPARABLE, "networks of 8x16, published of 20x36")


def test_the_size_that_the_table_is_of_is_chosen_among_evaluations(tmp_path: Path) -> None:
    for seed in range(4):
        folder = write_run(tmp_path, space="s2", seed=seed)
        write_training(folder, 3.3, size="20x16")
        write_training(folder, 2.5, size="20x36")
    assert cell(build("table2", records(tmp_path)), "CIFAR-10", "S2", "ZARTS-MGS").measured_text() == "3.30"
    assert cell(build("supp-table2", records(tmp_path)), "CIFAR-10", "S2", "ZARTS-MGS").measured_text() == "2.50"


def test_another_protocol_is_shown_and_not_compared(tmp_path: Path) -> None:
    for seed in range(4):
        write_training(write_run(tmp_path, seed=seed, protocol="proxy"), 2.6, protocol="proxy")
    found = build("table2", records(tmp_path))
    assert cell(found, "CIFAR-10", "S1", "ZARTS-MGS").reason == "protocol proxy is not the paper's"
    assert "search: proxy, version 1" in found[0].measured_under


def test_what_other_papers_selected_otherwise_is_not_compared(tmp_path: Path) -> None:
    searched(tmp_path, [3.7, 3.8, 3.9, 4.0], method="darts-2nd")
    found = cell(build("table2", records(tmp_path)), "CIFAR-10", "S1", "DARTS")
    assert (found.measured_text(), found.verdict) == ("3.70", NOT_COMPARABLE)
    assert "selects its best otherwise" in found.reason


def test_columns_of_a_row_are_of_the_same_runs(tmp_path: Path) -> None:
    """Table 3: the best row is the run of seed 2 throughout, the average row all four."""
    numbers = zip([2.60, 2.55, 2.50, 2.55], [3.6, 3.7, 3.4, 3.7], [1.0, 1.1, 0.9, 1.0], strict=True)
    for seed, (error, size, days) in enumerate(numbers):
        folder = write_run(tmp_path, space="darts", seed=seed, days=days)
        write_training(folder, error, parameters=int(size * 1e6))
    tables = build("table3", records(tmp_path))
    heads = ("Params (M) ↓", "Error (%) ↓", "Cost (GPU-days) ↓")
    best = [cell(tables, "best", "ZARTS", head) for head in heads]
    assert [c.measured_text() for c in best] == ["3.4", "2.50", "0.9"]
    mean = [cell(tables, "average", "ZARTS", head) for head in heads]
    # Population std: sizes sqrt(0.06 / 4) = 0.12, errors sqrt(0.005 / 4) = 0.035, days sqrt(0.02 / 4) = 0.07.
    assert [c.measured_text() for c in mean] == ["3.6±0.1", "2.55±0.04", "1.0±0.07"]
    assert {c.verdict for c in (*best, *mean)} == {WITHIN}


def test_cost_names_the_gpu_and_cpu_time_is_called_cpu_time(tmp_path: Path) -> None:
    searched(tmp_path / "gpu", [2.6, 2.5, 2.5, 2.5], space="darts", device="cuda:1 (NVIDIA H100)")
    searched(tmp_path / "cpu", [2.6, 2.5, 2.5, 2.5], space="darts", device="cpu (x86_64)")
    for name, unit in (("gpu", "GPU-days, NVIDIA H100"), ("cpu", "CPU-days")):
        tables = build("table5", records(tmp_path / name))
        cost = cell(tables, "ZARTS-avg", "Cost (GPU-days) ↓")
        assert cost.measured
        assert cost.measured.unit == unit
        assert cost.verdict == NOT_COMPARABLE
        assert "published of an NVIDIA 2080Ti" in cost.reason
        assert cell(tables, "ZARTS-avg", "Memory (GB) ↓").measured_text().startswith("9.4")


def test_a_search_of_minutes_is_told_in_minutes(tmp_path: Path) -> None:
    searched(tmp_path, [2.6, 2.5, 2.5, 2.5], space="darts", days=0.01)
    cost = cell(build("table5", records(tmp_path)), "ZARTS-avg", "Cost (GPU-days) ↓")
    assert cost.measured_text() == "14 min"


def test_costs_on_several_devices_are_not_averaged(tmp_path: Path) -> None:
    for seed, device in enumerate(["cpu (x86_64)", "cuda (NVIDIA H100)"]):
        write_run(tmp_path, space="darts", seed=seed, device=device)
    found = cell(build("table5", records(tmp_path)), "ZARTS-avg", "Cost (GPU-days) ↓")
    assert (found.verdict, found.reason) == (NOT_MEASURED, "its runs were on CPU and NVIDIA H100, and are not averaged")


def test_two_configurations_are_not_mixed(tmp_path: Path) -> None:
    searched(tmp_path, [2.7, 2.6, 2.8, 2.9])
    searched(tmp_path, [1.7, 1.6, 1.8, 1.9], settings={"samples": 2})
    searched(tmp_path, [1.7, 1.6, 1.8, 1.9], epochs=3)
    chosen = cell(build("table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS")
    assert chosen.verdict == NOT_MEASURED  # 2 and 3 epochs, neither of them the paper's 50
    assert "differ in" in chosen.reason
    searched(tmp_path, [2.7, 2.6, 2.8, 2.9], epochs=50)
    searched(tmp_path, [1.7, 1.6, 1.8, 1.9], epochs=50, settings={"sigma": 0.3})
    two = cell(build("table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS")
    assert two.reason == "2 configurations of zarts-mgs that differ in sigma; choose one with --where"
    one = build("table2", records(tmp_path).where({"sigma": "0.20"}))
    assert cell(one, "CIFAR-10", "S1", "ZARTS-MGS").measured_text() == "2.60"


def test_the_ablation_takes_its_settings_from_the_column(tmp_path: Path) -> None:
    for samples, errors in ((2, [2.6, 2.7]), (4, [2.5, 2.6]), (8, [2.4])):
        searched(tmp_path, errors, space="darts", settings={"samples": samples}, epochs=50)
    tables = build("supp-table1", records(tmp_path))
    assert [cell(tables, "Error (%) ↓", f"N={n}").measured_text() for n in (2, 4, 6, 8)] == [
        "2.65±0.05",
        "2.55±0.05",
        "–",
        "2.40",
    ]
    assert cell(tables, "Error (%) ↓", "M=10", table=1).measured_text() == "2.55±0.05"
    assert cell(tables, "Error (%) ↓", "M=2", table=1).verdict == NOT_MEASURED


def test_look_ups_fill_the_table_of_nasbench201(tmp_path: Path) -> None:
    for seed, test in enumerate((93.9, 94.0, 94.1)):
        folder = write_run(tmp_path, space="nasbench201", seed=seed)
        write_lookup(
            folder, {"cifar10": {"valid": 91.0, "test": test}, "ImageNet16-120": {"valid": 44.0, "test": 45.0}}
        )
    tables = build("supp-table4", records(tmp_path))
    found = cell(tables, "ZARTS", "CIFAR-10 test (%) ↑")
    assert (found.measured_text(), found.verdict) == ("94.00±0.08", WITHIN)  # published 93.98±0.27
    assert cell(tables, "ZARTS", "ImageNet16-120 valid (%) ↑").measured_text() == "44.00±0.00"
    assert cell(tables, "ZARTS", "CIFAR-100 test (%) ↑").verdict == NOT_MEASURED
    assert cell(tables, "Optimal", "CIFAR-10 test (%) ↑").verdict == NOT_MEASURED


def test_more_accuracy_is_better(tmp_path: Path) -> None:
    for seed in range(3):
        write_lookup(
            write_run(tmp_path, "darts-1st", "nasbench201", seed=seed), {"cifar10": {"valid": 50.0, "test": 40.0}}
        )
    tables = build("supp-table4", records(tmp_path))
    assert cell(tables, "DARTS-V1", "CIFAR-10 valid (%) ↑").verdict == BETTER  # published 39.77±0.00
    assert cell(tables, "DARTS-V1", "CIFAR-10 test (%) ↑").verdict == WORSE  # published 54.30±0.00


def test_cells_trained_with_several_settings_are_not_averaged(tmp_path: Path) -> None:
    for seed, kind in enumerate(("float32", "bfloat16", "float32", "float32")):
        folder = write_run(tmp_path, seed=seed)
        write_training(folder, 2.0 + seed, settings={"autocast": kind})
    mixed = cell(build("table2", records(tmp_path)), "CIFAR-10", "S1", "ZARTS-MGS")
    assert mixed.verdict == NOT_MEASURED
    assert mixed.reason == (
        "its cells were trained with settings that differ in autocast; choose one with "
        "--where evaluation.autocast=VALUE"
    )
    one = build("table2", records(tmp_path).where({"evaluation.autocast": "float32"}))
    best = cell(one, "CIFAR-10", "S1", "ZARTS-MGS")
    assert best.measured_text() == "2.00"
    assert best.measured is not None
    assert best.measured.n == 3


def test_measured_values_are_marked_where_all_their_runs_are_there(tmp_path: Path) -> None:
    searched(tmp_path, [2.9, 2.6, 2.8, 2.9])
    searched(tmp_path, [2.7, 2.7, 2.7, 2.7], method="zarts-rs")
    searched(tmp_path, [2.1, 2.1], method="zarts-gld")  # two of four
    row = next(row for row in build("table2", records(tmp_path))[0].rows if row.labels == ("CIFAR-10", "S1"))
    marks = {column[0]: found.measured.mark for column, found in row.cells.items() if found.measured}
    assert marks == {"ZARTS-MGS": 1, "ZARTS-RS": 2, "ZARTS-GLD": 0}


def test_transferred_networks_stand_in_the_row_of_the_nearer_size(tmp_path: Path) -> None:
    for seed, size in enumerate((5.1, 5.5)):
        folder = write_run(tmp_path, space="darts", seed=seed)
        write_training(folder, 24.0 + seed, dataset="imagenet", size="14x48", parameters=int(size * 1e6))
    tables = build("table4", records(tmp_path))
    errors = {size: cell(tables, f"ZARTS({size}M params)", "Top-1 err. (%) ↓") for size in ("5.0", "5.6")}
    assert [c.measured_text() for c in errors.values()] == ["24.0", "25.0"]
    assert {c.reason for c in errors.values()} == {"one run has no spread"}
    assert "FLOPs" in cell(tables, "ZARTS(5.0M params)", "FLOPs (M) ↓").reason


@pytest.mark.parametrize(
    ("label", "search"),
    [
        ("ZARTS-best", ("zarts-mgs", {})),
        ("P-ZARTS-avg", ("p-zarts", {})),
        ("ZARTS(5.6M params)", ("zarts-mgs", {})),
        ("ZARTS-MGS(N=2;M=10)", ("zarts-mgs", {"samples": "2", "finetune_steps": "10"})),
        ("MergeNAS(2nd)", ("mergenas-2nd", {})),
        ("ZARTS-GLD", ("zarts-gld", {})),
    ],
)
def test_labels_name_methods(label: str, search: tuple[str, dict[str, str]]) -> None:
    assert search_of(label, {}) == search


def full(results: Path) -> list[Table]:
    searched(results, [2.70, 2.60, 2.80, 2.90])
    return [table for name in TABLES for table in build(name, records(results))]


def test_markdown_tables_are_aligned_and_have_as_many_cells_in_every_line(tmp_path: Path) -> None:
    for table in full(tmp_path):
        lines = [line for line in render.markdown(table).splitlines() if line.startswith("|")]
        assert len(lines) == len(table.rows) + 2
        assert len({len(line) for line in lines}) == 1
        assert {line.count("|") for line in lines} == {len(table.headings) + len(table.columns) + 1}
    assert render.markdown_table(["a", "b"], [["x|y", "1"]])[2] == "| x y |   1 |"


def test_csv_round_trips(tmp_path: Path) -> None:
    tables = full(tmp_path)
    back = pd.read_csv(
        io.StringIO(render.csv(tables)), dtype={"published": str}, keep_default_na=False, na_values={"measured": ""}
    )
    expected = render.tidy(tables)
    assert list(back.published) == list(expected.published)
    assert list(back.verdict) == list(expected.verdict)
    pd.testing.assert_series_equal(back.measured, expected.measured, check_dtype=False)
    measured = back[(back.table == "table2") & (back.measured_n > 0)]
    assert measured.runs.str.split().map(len).tolist() == [4]


def test_latex_compiles(tmp_path: Path) -> None:
    engine = shutil.which("tectonic") or shutil.which("pdflatex")
    if engine is None:
        pytest.skip("no TeX engine is installed: neither tectonic nor pdflatex")
    (tmp_path / "tables.tex").write_text(render.latex(full(tmp_path / "results")))
    options = [] if engine.endswith("tectonic") else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run([engine, *options, "tables.tex"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull \\hbox" not in done.stdout


def harness(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("name", [name for name in REPORTS if name in TABLES])
@pytest.mark.parametrize("form", ["md", "csv", "tex"])
def test_every_table_prints_without_runs(name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = harness("report", name, "--format", form)
    assert code == 0
    assert published.PAPER.split(",")[0] in out
    assert err == "harness: no runs are found in results; only published values are shown.\n"


def test_a_wrong_command_costs_one_sentence(tmp_path: Path) -> None:
    write_run(tmp_path / "mixed", protocol="proxy")
    write_run(tmp_path / "mixed", protocol="paper")
    write_run(tmp_path / "versions", version=1)
    write_run(tmp_path / "versions", version=2)
    write_run(tmp_path / "one")
    (tmp_path / "file").touch()
    for arguments, words in (
        (["table9"], "unknown report 'table9'"),
        (["table2", "--results", tmp_path / "none"], "there is no results folder"),
        (["table2", "--results", tmp_path / "mixed"], "2 protocols, paper, proxy; choose one with --protocol"),
        (["table2", "--results", tmp_path / "mixed", "--protocol", "smoke"], "no run is of protocol 'smoke'"),
        (["table2", "--results", tmp_path / "versions"], "2 versions of protocol 'paper', 1 and 2"),
        (["table2", "--out", tmp_path / "file" / "x"], "cannot be made"),
        (["table2", "--where", "samples"], "must have the form name=value"),
        (["table2", "--results", tmp_path / "one", "--where", "samples=9"], "no run has samples=9; there are 4."),
        (["--results", tmp_path / "one", "--where", "smaples=4"], "unknown setting 'smaples'; did you mean 'samples'?"),
    ):
        code, out, err = harness("report", *arguments)
        assert (code, out) == (2, "")
        assert words in err.splitlines()[-1]


def test_an_empty_results_folder_shows_published_values(tmp_path: Path) -> None:
    code, out, err = harness("report", "table4", "--results", tmp_path)
    assert code == 0
    assert "| ZARTS(5.0M params) |" in out
    assert "no runs are found" in err


@pytest.mark.parametrize("form", ["md", "csv", "tex", "html"])
def test_statistics_of_nothing_are_an_error_in_every_form(tmp_path: Path, form: str) -> None:
    write_run(tmp_path, finished=False)
    code, out, err = harness("report", "statistics", "--results", tmp_path, "--format", form, "--out", tmp_path / "out")
    assert (code, out, err) == (2, "", "harness: no run is evaluated: there is nothing to compare.\n")
    assert not (tmp_path / "out").exists()


def test_files_are_written_where_asked(tmp_path: Path) -> None:
    code, out, _ = harness("report", "supp-table3", "--format", "tex", "--out", tmp_path / "a" / "b")
    path = tmp_path / "a" / "b" / "supp-table3.tex"
    assert code == 0
    assert out == f"{path}\n"
    assert path.read_text().startswith(r"\documentclass")


def test_an_unknown_table_is_an_error() -> None:
    with pytest.raises(HarnessError, match="unknown table"):
        build("table1", Records())


def strengths(results: Path, errors: dict[float, float], chosen: float, seed: int = 0, **run: object) -> list[Path]:
    """Runs of R-DARTS at these strengths, each trained to an error, of which a suite chose one."""
    folders = {}
    for strength, error in errors.items():
        settings = {"search_drop_path": strength}
        folders[strength] = write_run(results, "r-darts-dp", seed=seed, settings=settings, **run)  # type: ignore[arg-type]
        write_training(folders[strength], error)
    others = [folder for strength, folder in folders.items() if strength != chosen]
    return [write_selection(folders[chosen], *others), *folders.values()]


def test_of_searches_that_a_suite_selected_from_the_chosen_one_stands_in_the_table(tmp_path: Path) -> None:
    strengths(tmp_path, {0.2: 3.5, 0.4: 3.1, 0.6: 3.3}, chosen=0.6)
    found = records(tmp_path)
    (table,) = build("table2", found)
    measured = cell([table], "CIFAR-10", "S1", "R-DARTS(DP)").measured
    assert measured is not None
    assert (measured.value, measured.n) == (3.3, 1)
    assert "r-darts-dp: searches that were chosen by the lowest number, among 3 each." in table.notes[-1]
    assert any(note.startswith("2 in whose place a selection chose another: r-darts-dp-") for note in found.notes)
    assert set(found.epochs.run) == set(found.evaluations.run) == set(found.runs.run) == set(found.chosen)


def test_choices_of_several_seeds_are_of_one_configuration_whatever_was_chosen(tmp_path: Path) -> None:
    for seed, (error, chosen) in enumerate([(3.0, 0.2), (3.2, 0.4)]):
        strengths(tmp_path, {0.2: error, 0.4: error}, chosen, seed=seed)
    (table,) = build("table2", records(tmp_path))
    measured = cell([table], "CIFAR-10", "S1", "R-DARTS(DP)").measured
    assert measured is not None
    assert measured.values == (3.0, 3.2)


def test_a_selection_counts_only_while_its_choice_is_there_and_one_that_is_damaged_is_named(tmp_path: Path) -> None:
    selection, chosen, other = strengths(tmp_path, {0.2: 3.5, 0.4: 3.1}, chosen=0.2)
    assert list(records(tmp_path).runs.run) == [chosen.name]
    (chosen / "result.json").unlink()
    assert set(records(tmp_path).runs.run) == {chosen.name, other.name}
    selection.write_text('{"chosen": 3}')
    warnings: list[str] = []
    assert len(read(tmp_path, warnings.append).runs) == 2
    assert "this selection is left out" in warnings[0]


def test_a_table_without_choices_has_no_note_of_them(tmp_path: Path) -> None:
    searched(tmp_path, [2.9, 3.0])
    (table,) = build("table2", records(tmp_path))
    assert not any("chosen" in note for note in table.notes)
