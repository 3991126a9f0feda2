"""Drawings: formats, contents, the same bytes twice, and a layout in which nothing overlaps."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.core.genotype import Cell, parse
from spaces.darts.members import SEVEN
from spaces.drawing import CLEARANCE, _crossings, _lay_out, draw
from spaces.published import PUBLISHED

NB201 = parse("|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|")
PDARTS = PUBLISHED["PDARTS"].genotype
HEADERS = {".svg": b"<?xml", ".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-"}


def labels(path: Path) -> list[str]:
    """What the SVG says it writes; the glyphs themselves are paths."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("suffix", HEADERS)
def test_a_drawing_has_its_format_and_the_same_bytes_twice(tmp_path: Path, suffix: str) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    draw(NB201, first)
    draw(NB201, second)
    assert first.read_bytes().startswith(HEADERS[suffix])
    assert first.read_bytes() == second.read_bytes()
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_pdf_embeds_truetype_fonts(tmp_path: Path) -> None:
    draw(NB201, tmp_path / "cell.pdf")
    assert b"/FontFile2" in (tmp_path / "cell.pdf").read_bytes()


def test_a_drawing_names_every_operation_and_state(tmp_path: Path) -> None:
    draw(PDARTS, tmp_path / "cell.svg")
    found = labels(tmp_path / "cell.svg")
    expected = {
        "skip": 2,
        "dil conv 3×3": 3,
        "sep conv 3×3": 5,
        "dil conv 5×5": 3,
        "avg pool 3×3": 1,
        "sep conv 5×5": 1,
        "max pool 3×3": 1,
        "Normal cell": 1,
        "Reduction cell": 1,
        "$c_{k-2}$": 2,
        "$c_{k-1}$": 2,
        "$c_k$": 2,
        "0": 2,
        "1": 2,
        "2": 2,
        "3": 2,
    }
    assert {label: found.count(label) for label in expected} == expected


def test_one_cell_can_be_drawn_alone(tmp_path: Path) -> None:
    draw(PDARTS, tmp_path / "cell.svg", kinds=("reduce",))
    found = labels(tmp_path / "cell.svg")
    assert "Reduction cell" in found
    assert "Normal cell" not in found


def test_a_nasbench201_cell_shows_its_six_edges(tmp_path: Path) -> None:
    draw(NB201, tmp_path / "cell.svg")
    operations = ["none", "skip", "skip", "conv 3×3", "conv 1×1", "avg pool 3×3"]
    assert sorted(labels(tmp_path / "cell.svg")) == sorted([*operations, "0", "1", "2", "3"])


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"must end in \.svg, \.png, \.pdf"):
        draw(NB201, tmp_path / "cell.jpg")
    with pytest.raises(HarnessError, match="no 'normal' cell; it has cell"):
        draw(NB201, tmp_path / "cell.svg", kinds=("normal",))
    with pytest.raises(HarnessError, match="there is no folder"):
        draw(NB201, tmp_path / "missing" / "cell.svg")
    (tmp_path / "taken.svg").mkdir()
    with pytest.raises(HarnessError, match="cannot be written"):
        draw(NB201, tmp_path / "taken.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["taken.svg"]


def random_cell(seed: int) -> Cell:
    """Any two edges into each of four nodes, from the same state too."""
    chance = random.Random(seed)
    nodes = tuple(tuple((chance.choice(SEVEN), chance.randrange(state)) for _ in range(2)) for state in range(2, 6))
    return Cell(2, nodes, (2, 3, 4, 5))


CHAIN = Cell(2, tuple((("skip_connect", state), ("sep_conv_3x3", 0)) for state in range(1, 5)), (2, 3, 4, 5))
WIDE = Cell(2, ((("sep_conv_3x3", 0), ("sep_conv_5x5", 1)),) * 4, (2, 3, 4, 5))
SAME_SOURCE = Cell(2, ((("sep_conv_3x3", 0), ("sep_conv_5x5", 0)),) * 4, (5,))


@pytest.mark.parametrize("cell", [CHAIN, WIDE, SAME_SOURCE, NB201["cell"], *map(random_cell, range(6))])
def test_nothing_overlaps_and_every_line_runs_left_to_right(cell: Cell) -> None:
    layout = _lay_out(cell)
    for column in layout.columns:
        for above, below in pairwise(column):
            assert below.y - above.y >= (above.height + below.height) / 2 + CLEARANCE - 1e-9
    for line in layout.lines:
        assert [b.column - a.column for a, b in pairwise(line.items)] == [1] * (len(line.items) - 1)
    ends = [item for line in layout.lines for item in line.items[1:-1]]
    assert len(ends) == len(set(ends)), "every edge has its own row in every column"


def test_a_nasbench201_cell_is_drawn_without_crossings() -> None:
    assert _crossings(_lay_out(NB201["cell"]).columns) == 0
