"""What found cells are made of: counts by hand, and of which searches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from run_folders import notation, write_run

from harness.cli import main
from reports.records import Records, read
from reports.statistics.operations import sheet

TABULAR = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"


def rows(results: Path) -> list[tuple[str, ...]]:
    (only,) = sheet(read(results).select())
    return list(only.rows)


def test_parameterless_operations_by_hand(tmp_path: Path) -> None:
    """Of 3, 5, 7 in the normal cells: 5 and 4.3027 * 2 / sqrt(3) = 4.97; two are more than 4. All reduction cells have
    the same 4 poolings."""
    for seed, skips in enumerate((3, 5, 7)):
        write_run(tmp_path, "darts-1st", seed=seed, cell=notation(skips))
    assert rows(tmp_path) == [
        ("s1 cifar10", "normal", "darts-1st", "3", "5.00", "5.00", "0.03 to 9.97", "0.00", "2 of 3"),
        ("s1 cifar10", "reduce", "darts-1st", "3", "0.00", "4.00", "4.00 to 4.00", "0.00", "–"),
    ]


def test_four_of_eight_do_not_dominate_a_cell(tmp_path: Path) -> None:
    write_run(tmp_path, cell=notation(4))
    assert rows(tmp_path)[0][5:] == ("4.00", "one seed", "0.00", "0 of 1")


@pytest.mark.parametrize(
    ("space", "cell", "kind", "counts"),
    [
        ("nasbench201", TABULAR, "cell", ("1.00", "2.00", "one seed", "2.00", "–")),
        (
            "s4",
            notation(2).replace("sep_conv_3x3", "noise", 3),
            "normal",
            ("2.00", "2.00", "one seed", "3.00", "0 of 1"),
        ),
    ],
)
def test_what_hands_nothing_on_is_counted_apart(
    tmp_path: Path, space: str, cell: str, kind: str, counts: tuple[str, ...]
) -> None:
    write_run(tmp_path, space=space, cell=cell)
    assert rows(tmp_path)[0][:4] == (f"{space} cifar10", kind, "zarts-mgs", "1")
    assert rows(tmp_path)[0][4:] == counts


def test_searches_without_a_supernet_are_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "rea", "nasbench201-table", cell=TABULAR)
    result = json.loads((folder / "result.json").read_text())
    del result["valid_accuracy"]
    (folder / "result.json").write_text(json.dumps(result))
    assert sheet(read(tmp_path).select()) == []
    assert sheet(Records()) == []


def test_it_stands_in_the_report_of_searches_that_are_not_evaluated(tmp_path: Path) -> None:
    write_run(tmp_path, "darts-1st")
    done = CliRunner().invoke(main, ["report", "--results", str(tmp_path)])
    assert "\n## Operations of the cells\n" in done.stdout
