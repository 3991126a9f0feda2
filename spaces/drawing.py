"""Drawings of a genotype's cells, for papers: SVG, PNG or PDF.

The layout is the layered one of Sugiyama et al. (1981), left to right: a state's column is its longest path from the
inputs, and the operation of an edge is a box of its own in the column before the edge's target. Wherever an edge passes
a column it has its own row there, and it changes rows only in the gaps between columns; so no line can cross a label or
a state, and two edges between the same states are two lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import HarnessError, quoted
from harness.core.genotype import AND_SKIP, Cell, Genotype

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = (".svg", ".png", ".pdf")
# Lengths are in inches at the drawing's own size, the font and the lines in points.
FONT_SIZE, LINE_WIDTH = 10.0, 1.5
STATE, BOX = 0.46, 0.25
"""The side of a state, the height of an operation's label."""
GAP, CLEARANCE = 0.45, 0.1
"""Between columns, and between neighbours in a column."""
MARGIN, TITLE, HEAD = 0.12, 0.3, 0.09
"""Around a cell, a title's height, an arrow head's length."""
STRAIGHT, SWEEPS = 30.0, 200
"""How much harder a line's inner links pull than those to states, and the rounds in which all items follow the pull."""


@dataclass(frozen=True)
class Style:
    """How a class of operations is drawn: told apart by colour, and in black and white by dashes."""

    colour: str
    dashes: str | tuple[float, tuple[float, ...]]
    ink: str = "black"
    """The colour of the label."""


# Okabe and Ito's palette, which colour-blind readers can tell apart.
STYLES = {
    "sep_conv": Style("#0072B2", "solid"),
    "nor_conv": Style("#0072B2", "solid"),
    "mbconv": Style("#0072B2", "solid"),
    "dil_conv": Style("#D55E00", (0, (5, 1.4, 1.4, 1.4))),
    "max_pool": Style("#009E73", (0, (1.2, 1.4))),
    "avg_pool": Style("#009E73", (0, (1.2, 1.4))),
    "skip_connect": Style("#444444", (0, (4.5, 2))),
    "noise": Style("#CC79A7", (0, (3, 1.5, 1, 1.5, 1, 1.5))),
    "none": Style("#C8C8C8", (0, (1, 3)), ink="#9A9A9A"),
}
OUTPUT = Style("#9A9A9A", "solid")
UNREACHED = STYLES["none"]
"""An edge from a node that nothing reaches is drawn as what it is worth, and the node in its ink."""
ROW = 6
"""Blocks of a chain side by side; the rest are in further rows."""
INPUT_FILL, NODE_FILL, OUTPUT_FILL, UNREACHED_FILL = "#D6E9D6", "#DCE6F2", "#F6E7C1", "#F4F4F4"
TITLES = {"normal": "Normal cell", "reduce": "Reduction cell"}


def draw(genotype: Genotype, path: str | os.PathLike[str], kinds: Sequence[str] | None = None) -> None:
    """Draws the cells of these kinds (all by default), one above the other, to a file whose suffix names its format.

    The same genotype gives the same bytes. Raises HarnessError for another suffix, a kind that the genotype lacks, or a
    file that cannot be written; a file that was there is then left as it was."""
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise HarnessError(f"{path} is no drawing: its name must end in {', '.join(FORMATS)}.")
    kinds = kinds or genotype.kinds
    for kind in kinds:
        if kind not in genotype.kinds:
            raise HarnessError(f"the genotype has no {quoted(kind)} cell; it has {', '.join(genotype.kinds)}.")
    _save([(kind, genotype[kind]) for kind in kinds], path)


def svg(genotype: Genotype) -> str:
    """The drawing as SVG to stand in a page."""
    buffer = BytesIO()
    _write([(kind, genotype[kind]) for kind in genotype.kinds], buffer, ".svg")
    text = buffer.getvalue().decode()
    return text[text.index("<svg") :]


# The layout: items in columns, linked from column to column.


@dataclass(eq=False)
class _Item:
    """What takes up room in a column: a state, an operation's box, or the passage of an edge."""

    column: int
    height: float
    text: str = ""
    fill: str = ""
    """Only states have one."""
    ink: str = "black"
    left: list[_Item] = field(default_factory=list)
    right: list[_Item] = field(default_factory=list)
    y: float = 0.0

    @property
    def passage(self) -> bool:
        return not self.text


@dataclass(frozen=True)
class _Line:
    """An edge: the items from its source to its target."""

    items: list[_Item]
    style: Style


@dataclass(frozen=True)
class _Layout:
    columns: list[list[_Item]]
    lines: list[_Line]

    @property
    def height(self) -> float:
        return max(item.y + item.height / 2 for column in self.columns for item in column)


def _rows(cell: Cell) -> list[_Layout]:
    """The layout; of a chain, where every node reads the one before and no other, one for each row. The state that a
    row ends with begins the next."""
    count = len(cell.nodes)
    if count <= ROW or [[source for _, source in node] for node in cell.nodes] != [[i] for i in range(count)]:
        return [_lay_out(cell)]
    rows = []
    for first in range(0, count, ROW):
        nodes = tuple(((node[0][0], i),) for i, node in enumerate(cell.nodes[first : first + ROW]))
        rows.append(_lay_out(Cell(1, nodes, (len(nodes),))))
        states = [item for column in rows[-1].columns for item in column if item.fill]
        for number, item in enumerate(states, start=first):
            item.text = str(number)
            item.fill = INPUT_FILL if number == 0 else OUTPUT_FILL if number == count else NODE_FILL
    return rows


def _lay_out(cell: Cell) -> _Layout:
    states, lines = _states(cell), []
    for target, node in enumerate(cell.nodes, start=cell.inputs):
        for operation, source in node:
            style = _style(operation) if states[source].ink == "black" else UNREACHED
            box = _Item(states[target].column - 1, BOX, _readable(operation), ink=style.ink)
            lines.append(_Line(_route(states[source], box) + _route(box, states[target])[1:], style))
    if len(states) > cell.inputs + len(cell.nodes):
        lines += [_Line(_route(states[source], states[-1]), OUTPUT) for source in cell.output]
    return _place(states, lines)


def _states(cell: Cell) -> list[_Item]:
    """The states in the even columns, and the cell's output behind them where it is not a state itself. Nodes that
    nothing reaches are pale."""
    last = cell.inputs + len(cell.nodes) - 1
    columns = [0] * cell.inputs
    for node in cell.nodes:
        columns.append(2 + max((columns[source] for _, source in node), default=0))
    names = _names(cell)
    fills, inks = [INPUT_FILL] * cell.inputs, ["black"] * cell.inputs
    reached = {state for state, _ in cell.reached}
    for state in range(cell.inputs, last + 1):
        fills.append(NODE_FILL if state in reached else UNREACHED_FILL)
        inks.append("black" if state in reached else UNREACHED.ink)
    if cell.output == (last,):
        fills[last] = OUTPUT_FILL
    else:
        columns.append(1 + max(columns))
        names.append("$c_k$")
        fills.append(OUTPUT_FILL)
        inks.append("black")
    each = zip(columns, names, fills, inks, strict=True)
    return [_Item(column, STATE, name, fill, ink) for column, name, fill, ink in each]


def _names(cell: Cell) -> list[str]:
    """As papers write them: c_{k-2}, c_{k-1}, 0, 1, ...; a NAS-Bench-201 cell counts all its states from 0."""
    if cell.inputs == 1:
        return [str(state) for state in range(1 + len(cell.nodes))]
    inputs = [f"$c_{{k-{cell.inputs - state}}}$" for state in range(cell.inputs)]
    return inputs + [str(node) for node in range(len(cell.nodes))]


def _route(start: _Item, end: _Item) -> list[_Item]:
    """The items of a line from start to end, with a new passage in every column between, linked as neighbours."""
    passages = [_Item(column, 0.0) for column in range(start.column + 1, end.column)]
    items = [start, *passages, end]
    for a, b in pairwise(items):
        a.right.append(b)
        b.left.append(a)
    return items


def _place(states: list[_Item], lines: list[_Line]) -> _Layout:
    items = dict.fromkeys([*states, *(item for line in lines for item in line.items)])
    columns = [[item for item in items if item.column == column] for column in range(1 + max(i.column for i in items))]
    _order(columns, lines)
    _set_rows(columns)
    return _Layout(columns, lines)


def _order(columns: list[list[_Item]], lines: list[_Line]) -> None:
    """Sorts the columns for few crossings: by the neighbours' mean rank, to and fro, then by single changes that pay.
    The inputs keep their order."""
    best = [list(column) for column in columns]
    for sweep in range(12):
        rightward = sweep % 2 == 0
        for column in columns[1:] if rightward else columns[-2:0:-1]:
            ranks = _ranks(columns)
            column.sort(key=lambda item: _mean_rank(item, item.left if rightward else item.right, ranks))
        if _crossings(columns) < _crossings(best):
            best = [list(column) for column in columns]
    columns[:] = best
    swaps = [partial(_swap, n, row) for n in range(1, len(columns)) for row in range(len(columns[n]) - 1)]
    lifts = [partial(_lift, line, top) for line in lines for top in (True, False)]
    while any(_pays(columns, change) for change in swaps + lifts):
        pass


def _pays(columns: list[list[_Item]], change: Callable[[list[list[_Item]]], None]) -> bool:
    """Makes the change, and unmakes it unless it leaves fewer crossings."""
    before, crossings = [list(column) for column in columns], _crossings(columns)
    change(columns)
    if _crossings(columns) < crossings:
        return True
    columns[:] = before
    return False


def _swap(number: int, row: int, columns: list[list[_Item]]) -> None:
    """Swaps two neighbours in a column."""
    column = columns[number]
    column[row], column[row + 1] = column[row + 1], column[row]


def _lift(line: _Line, top: bool, columns: list[list[_Item]]) -> None:
    """Leads a whole line over or under everything else."""
    for item in line.items[1:-1]:
        column = columns[item.column]
        column.remove(item)
        column.insert(0 if top else len(column), item)


def _ranks(columns: list[list[_Item]]) -> dict[_Item, int]:
    return {item: rank for column in columns for rank, item in enumerate(column)}


def _mean_rank(item: _Item, neighbours: list[_Item], ranks: dict[_Item, int]) -> float:
    return sum(ranks[n] for n in neighbours) / len(neighbours) if neighbours else float(ranks[item])


def _crossings(columns: list[list[_Item]]) -> int:
    ranks = _ranks(columns)
    total = 0
    for column in columns:
        links = [(ranks[a], ranks[b]) for a in column for b in a.right]
        total += sum((a - c) * (b - d) < 0 for i, (a, b) in enumerate(links) for c, d in links[:i])
    return total


def _set_rows(columns: list[list[_Item]]) -> None:
    """Sets every item's y near its neighbours', in the order of its column and at a distance from the next."""
    for column in columns:
        _spread(column, [0.0] * len(column))
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            _spread(column, [_wish(item) for item in column])
    top = min(item.y - item.height / 2 for column in columns for item in column)
    for column in columns:
        for item in column:
            item.y -= top


def _wish(item: _Item) -> float:
    # A long edge should bend at its ends only, so its inner links pull harder than those to states.
    links = [(1.0 if item.fill or n.fill else STRAIGHT, n.y) for n in (*item.left, *item.right)]
    return sum(weight * y for weight, y in links) / sum(weight for weight, _ in links) if links else item.y


def _spread(column: list[_Item], wishes: list[float]) -> None:
    """The rows nearest to the wishes, in squares, that keep order and distance: isotonic regression by pooling."""
    offsets = [0.0]
    for above, below in pairwise(column):
        offsets.append(offsets[-1] + (above.height + below.height) / 2 + CLEARANCE)
    pools: list[list[float]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        pools.append([wish - offset])
        while len(pools) > 1 and _mean(pools[-2]) >= _mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    levels = [_mean(pool) for pool in pools for _ in pool]
    for item, level, offset in zip(column, levels, offsets, strict=True):
        item.y = level + offset


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


# The drawing: one axes that covers the figure, in inches, y downwards.


def _save(cells: Sequence[tuple[str, Cell]], path: Path) -> None:
    if not path.parent.is_dir():
        raise HarnessError(f"{path} cannot be written: there is no folder {path.parent}. Make it first.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write(cells, temporary, path.suffix.lower())
        temporary.replace(path)
    except OSError as error:
        raise HarnessError(f"{path} cannot be written: {error.strerror}. Give another path.") from None
    finally:
        temporary.unlink(missing_ok=True)


def _write(cells: Sequence[tuple[str, Cell]], file: Path | BytesIO, suffix: str) -> None:
    import matplotlib
    from matplotlib.figure import Figure

    metadata: dict[str, Any] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}[suffix]
    # Type 42 embeds TrueType fonts, which publishers ask for; in SVG, text as paths looks the same everywhere.
    options: dict[Any, Any] = {
        "pdf.fonttype": 42,
        "svg.fonttype": "path",
        "svg.hashsalt": "cell",
        "font.family": "DejaVu Sans",
    }
    with matplotlib.rc_context(options):
        figure = Figure(facecolor="white")
        figure.set_size_inches(_draw_cells(figure.add_axes((0, 0, 1, 1)), cells))
        figure.savefig(file, format=suffix[1:], dpi=300, metadata=metadata)


def _draw_cells(axes: Axes, cells: Sequence[tuple[str, Cell]]) -> tuple[float, float]:
    """Draws the cells one below the other and returns the size it took, width and height."""
    layouts = [
        (TITLES.get(kind, "") if row == 0 else "", layout)
        for kind, cell in cells
        for row, layout in enumerate(_rows(cell))
    ]
    y, width = MARGIN, 0.0
    for title, layout in layouts:
        if title:
            axes.text(MARGIN, y, title, fontsize=FONT_SIZE + 1, fontweight="bold", va="top")
            y += TITLE
        edges = _column_edges(layout)
        for line in layout.lines:
            _draw_line(axes, line, edges, y)
        for column, (left, right) in zip(layout.columns, edges, strict=True):
            for item in column:
                _draw_item(axes, item, (left + right) / 2, y)
        y += layout.height + 2 * MARGIN
        width = max(width, edges[-1][1] + MARGIN)
    height = y - MARGIN
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return width, height


def _column_edges(layout: _Layout) -> list[tuple[float, float]]:
    """The left and right end of every column, in inches."""
    edges, left = [], MARGIN
    for column in layout.columns:
        right = left + max(_width(item) for item in column)
        edges.append((left, right))
        left = right + GAP
    return edges


def _width(item: _Item) -> float:
    if item.passage:
        return 0.0
    if item.fill:
        return STATE
    return _text_width(item.text) + 0.12


@cache
def _text_width(text: str) -> float:
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=FONT_SIZE).get_extents().width / 72)


def _draw_item(axes: Axes, item: _Item, x: float, top: float) -> None:
    from matplotlib.patches import FancyBboxPatch, Rectangle

    if item.passage:
        return
    width, y = _width(item), top + item.y
    if item.fill:
        corner = (x - width / 2, y - item.height / 2)
        style = "round,pad=0,rounding_size=0.1"
        axes.add_patch(FancyBboxPatch(corner, width, item.height, style, fc=item.fill, ec="#333333", lw=0.9, zorder=3))
    else:
        axes.add_patch(Rectangle((x - width / 2, y - item.height / 2), width, item.height, fc="white", zorder=3))
    axes.text(x, y, item.text, color=item.ink, fontsize=FONT_SIZE, ha="center", va="center_baseline", zorder=4)


def _draw_line(axes: Axes, line: _Line, edges: list[tuple[float, float]], top: float) -> None:
    """Flat across every column, curved across the gaps, with a head at the end."""
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path as Curve

    x, y = edges[line.items[0].column][1], top + line.items[0].y + _port(line.items[0].right, line.items[1])
    points, codes = [(x, y)], [Curve.MOVETO]
    for a, b in pairwise(line.items):
        start, end = edges[a.column][1], edges[b.column][0] - (HEAD if b is line.items[-1] else 0)
        x, y = points[-1]
        y_end = top + b.y + (_port(b.left, a) if b.fill else 0)
        middle = (start + end) / 2
        points += [(start, y), (middle, y), (middle, y_end), (end, y_end)]
        codes += [Curve.LINETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    x, y = points[-1]
    colour, dashes = line.style.colour, line.style.dashes
    axes.add_patch(PathPatch(Curve(points, codes), fc="none", ec=colour, ls=dashes, lw=LINE_WIDTH, zorder=1))
    head = [(x + HEAD, y), (x, y - HEAD / 2.6), (x, y + HEAD / 2.6)]
    axes.add_patch(Polygon(head, fc=colour, ec="none", zorder=2))


def _port(siblings: list[_Item], item: _Item) -> float:
    """Where on a state's side the line to this neighbour attaches, from the state's middle."""
    rank = sorted(siblings, key=lambda sibling: sibling.y).index(item)
    last = len(siblings) - 1
    return (rank - last / 2) * min(0.1, 0.3 / max(last, 1))


def _readable(operation: str) -> str:
    """sep_conv_3x3 as "sep conv 3×3", mbconv6_5x5 as "MB6 5×5", skip_connect as "skip", one besides as "+ skip"."""
    text = operation.replace(AND_SKIP, " + skip")
    text = text.replace("skip_connect", "skip").replace("nor_conv", "conv").replace("_", " ")
    text = re.sub(r"^mbconv(?=\d)", "MB", text)
    return re.sub(r"(\d)x(\d)", r"\1×\2", text)


def _style(operation: str) -> Style:
    return next((style for prefix, style in STYLES.items() if operation.startswith(prefix)), OUTPUT)
