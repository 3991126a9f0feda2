"""Figures of what run folders hold. Every one is drawn for print: a palette for colour-blind readers, and dashes or
markers beside the colours."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.core.errors import HarnessError
from harness.tables.nasbench201 import MEAN, open_table
from reports import analyses, statistics
from reports.comparison import cells_on_the_way, labelled, means, scores
from reports.parameters import parameters
from reports.records import CPU, Records

matplotlib.rcParams["svg.hashsalt"] = "harness"  # the same records give the same bytes
STYLE: Any = {
    "figure.dpi": 100,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.grid": True,
    "grid.alpha": 0.3,
}
METADATA: Any = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
"""What would make two files of one figure differ."""
CHANNELS, CELLS = 36, 20
"""Of the networks whose parameters are drawn (paper, section 5)."""
CLASSES = {"cifar100": 100}
MOST_METHODS = 12
FEW = 16
"""Points of a line up to which each is marked."""
GREY = "#777777"


@dataclass(frozen=True)
class Plot:
    """A figure with what it is called and what it shows."""

    name: str
    title: str
    caption: str
    figure: Figure

    def bytes(self, form: str) -> bytes:
        """As svg, png or pdf; the same figure gives the same bytes."""
        buffer = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            tight = None if self.figure.get_layout_engine() else "tight"
            self.figure.savefig(buffer, format=form, dpi=150, bbox_inches=tight, metadata=METADATA[form])
        return buffer.getvalue()


def draw(records: Records, epoch: str = "last") -> list[Plot]:
    """Every figure that these records have something for."""
    with matplotlib.rc_context(STYLE), sns.axes_style("whitegrid", rc=STYLE):
        if records.epochs.empty:
            return []
        of_epochs = _labelled_epochs(records)
        scored = scores(records, epoch)
        drawn = [
            *convergence(of_epochs, cells_on_the_way(records, epoch)),
            ess(of_epochs),
            nasbench201(of_epochs),
            ablation(records, scored, epoch),
            cost_against_error(scored),
            critical_difference(scored),
            *landscapes(records),
            weighing(records),
        ]
    return [plot for plot in drawn if plot is not None]


def _labelled_epochs(records: Records) -> pd.DataFrame:
    """The epochs, counted from 1, with what they need of their runs."""
    runs = records.runs.assign(label=labelled(records.runs))[["run", "label", "space", "dataset"]]
    return records.epochs.merge(runs, on="run").assign(epoch=lambda frame: frame.epoch + 1)


def _figure(rows: int, columns: int, width: float = 3.3, height: float = 2.5) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _lines(ax: Axes, frame: pd.DataFrame, y: str, title: str, unit: str, order: Sequence[str]) -> None:
    """The mean over runs, and a band from the least to the most."""
    band = frame.groupby(["label", "epoch"])[y].agg(["mean", "min", "max"]).dropna()
    for (label, colour), dashes in zip(_colours(order).items(), _dashes(order), strict=True):
        if label in band.index:
            line = band.loc[label].astype(float)
            ax.plot(line.index, line["mean"], color=colour, linestyle=dashes, marker="o" if len(line) <= FEW else "")
            ax.fill_between(line.index, line["min"], line["max"], color=colour, alpha=0.15, linewidth=0)
    ax.set(title=title, xlabel="epoch", ylabel=unit)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _colours(order: Sequence[str]) -> dict[str, Any]:
    palette = sns.color_palette("colorblind", max(10, len(order)))
    return dict(zip(order, palette, strict=False))


DASHES: tuple[Any, ...] = ("-", *((0, d) for d in ((4, 1.5), (1, 1), (3, 1.2, 1, 1.2), (5, 1, 1, 1, 1, 1), (2, 2))))
MARKERS = "oXs^DvPph*<>"


def _dashes(order: Sequence[str]) -> list[Any]:
    return [DASHES[i % len(DASHES)] for i in range(len(order))]


def _legend(ax: Axes, order: Sequence[str], lines: bool = True) -> None:
    """In a place of its own: lines, or markers."""
    ax.set_axis_off()
    for (label, colour), dashes, marker in zip(_colours(order).items(), _dashes(order), MARKERS, strict=False):
        style = {"linestyle": dashes} if lines else {"linestyle": "", "marker": marker}
        ax.plot([], [], color=colour, label=label, **style)
    ax.legend(loc="center", frameon=False)


def convergence(epochs: pd.DataFrame, evaluated: pd.DataFrame) -> list[Plot]:
    """Paper, Fig. 2, and supplement, Fig. 3: accuracy, size, and operations without parameters over the epochs."""
    return [
        _convergence(group, evaluated, str(space), str(dataset))
        for (space, dataset), group in epochs.groupby(["space", "dataset"])
    ]


def _convergence(epochs: pd.DataFrame, evaluated: pd.DataFrame, space: str, dataset: str) -> Plot:
    kind = _first_kind(epochs)
    panels = []
    evaluated = evaluated[evaluated.run.isin(epochs.run)]
    if len(evaluated):  # of several sizes of network the one that most cells were trained in
        how = evaluated.how.mode()[0]
        trained = evaluated[evaluated.how == how].rename(columns={"accuracy": "trained"})
        epochs = epochs.merge(trained[["run", "genotype", "trained"]], on=["run", "genotype"], how="left")
        panels.append(("trained", f"Trained cell ({how}), test", "accuracy (%)"))
    if "valid_accuracy" in epochs:
        epochs = epochs.assign(accuracy=100 * epochs.valid_accuracy.astype(float))
        panels.append(("accuracy", "Supernet, validation", "accuracy (%)"))
    if "table.test" in epochs:
        panels.append(("table.test", "Derived cell, by the table, test", "accuracy (%)"))
    if kind == "normal":
        classes = CLASSES.get(dataset, 10)
        counted = epochs.genotype.map(lambda text: parameters(text, CHANNELS, CELLS, classes), na_action="ignore")
        epochs = epochs.assign(size=pd.to_numeric(counted) / 1e6)
        panels.append(("size", f"Network, {CELLS} cells, {CHANNELS} channels", "parameters (M)"))
    of_cell = "normal cell" if kind == "normal" else "cell"  # the other families have one
    panels += [
        (f"operations.{kind}.parameterless", f"Parameterless operations, {of_cell}", "operations"),
        (f"operations.{kind}.skip", f"Skip connections, {of_cell}", "operations"),
    ]
    panels = [panel for panel in panels if panel[0] in epochs and epochs[panel[0]].notna().any()]
    order = sorted(epochs.label.unique())[:MOST_METHODS]
    epochs = epochs[epochs.label.isin(order)]
    places = len(panels) + 1
    figure, axes = _figure(math.ceil(places / 3), min(3, places))
    for ax, (column, title, unit) in zip(axes, panels, strict=False):
        _lines(ax, epochs, column, title, unit, order)
        if unit == "operations":
            ax.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _legend(axes[places - 1], order)
    for ax in axes[places:]:
        ax.set_axis_off()
    caption = (
        f"Over the epochs of the searches on {space} with {dataset}: mean over the seeds, and the band from the least "
        "to the most. The supernet's accuracy is not the cell's; the trained cell's stands at every epoch whose cell "
        "was evaluated. Parameterless: pooling and skip connections among the chosen operations."
    )
    return Plot(f"convergence-{space}-{dataset}", f"Convergence on {space} with {dataset}", caption, figure)


def _first_kind(epochs: pd.DataFrame) -> str:
    """The kind of cell whose operations are drawn: the first that these epochs count the operations of."""
    counted = [name for name in epochs if name.startswith("operations.") and epochs[name].notna().any()]
    return str(counted[0]).split(".")[1] if counted else "normal"


def ess(epochs: pd.DataFrame) -> Plot | None:
    """Supplement, Fig. 2: effective sample size and its ratio to the number of samples."""
    if "rule.ess" not in epochs or epochs["rule.ess"].notna().sum() == 0:
        return None
    epochs = epochs[epochs["rule.ess"].notna()]
    order = sorted(epochs.label.unique())[:MOST_METHODS]
    figure, axes = _figure(1, 3)
    _lines(axes[0], epochs, "rule.ess", "Effective sample size", "ESS", order)
    _lines(axes[1], epochs, "rule.esr", "Effective sample ratio", "ESS / N", order)
    _legend(axes[2], order)
    caption = (
        "Mean over the updates of an epoch, all spaces and data sets together; the band is from the least to the most."
    )
    return Plot("ess", "Effective sample size of MGS", caption, figure)


DATASETS201 = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "imagenet16-120": "ImageNet16-120"}


def nasbench201(epochs: pd.DataFrame) -> Plot | None:
    """Supplement, Fig. 4: the table's accuracy of the cell that each epoch would give. None without the table."""
    epochs = epochs[epochs.space.astype(str).str.startswith("nasbench201")]
    if epochs.empty:
        return None
    try:
        table = open_table()
    except HarnessError:
        return None
    order = sorted(epochs.label.unique())[:MOST_METHODS]
    figure, axes = _figure(1, 4)
    for ax, (dataset, title) in zip(axes, DATASETS201.items(), strict=False):
        of_cells = {cell: table.accuracy(cell, dataset, "test", 200, MEAN) for cell in epochs.genotype.unique()}
        _lines(ax, epochs.assign(found=epochs.genotype.map(of_cells)), "found", title, "test accuracy (%)", order)
        best = float(np.nanmax(table.column(dataset, "test", 200, MEAN)))
        ax.axhline(best, color=GREY, linestyle=":", linewidth=1)
    _legend(axes[3], order)
    caption = (
        "The cell derived after each epoch, looked up after 200 epochs of training (mean over the table's seeds): mean "
        "over the searches, band from the least to the most. Dotted: the best cell of the table."
    )
    return Plot("nasbench201", "NAS-Bench-201: accuracy of the derived cell", caption, figure)


def ablation(records: Records, scored: pd.DataFrame, epoch: str) -> Plot | None:
    """Supplement, Table 1, as a figure: test error and cost over N and over M."""
    if scored.empty:
        return None
    settings = records.finished.set_index("run").settings
    swept = scored.assign(
        samples=[settings[run].get("samples") for run in scored.run],
        steps=[settings[run].get("finetune_steps") for run in scored.run],
        of=scored.method.str.replace(r" \(.*", "", regex=True) + ", " + scored.benchmark,
    ).dropna(subset=["samples", "steps"])
    varied = [
        (x, label) for x, label in (("samples", "N, samples"), ("steps", "M, fine-tuning steps")) if _varies(swept, x)
    ]
    if not varied:
        return None
    order = sorted(swept["of"].unique())[:MOST_METHODS]
    figure, axes = _figure(2, len(varied) + 1)
    for column, (x, label) in enumerate(varied):
        fixed = "steps" if x == "samples" else "samples"
        usual = swept[fixed].mode()[0]
        shown = swept[(swept[fixed] == usual) & swept["of"].isin(order)].assign(days=lambda f: f.seconds / 86400)
        for row, (y, unit) in enumerate((("error", "test error (%)"), ("days", "cost (days)"))):
            ax = axes[row * (len(varied) + 1) + column]
            sns.pointplot(
                shown,
                x=x,
                y=y,
                hue="of",
                hue_order=order,
                palette=_colours(order),
                markers=list(MARKERS[: len(order)]),
                errorbar="sd",
                capsize=0.1,
                dodge=0.2 if len(order) > 1 else False,
                linewidth=1.2,
                legend=False,
                ax=ax,
            )
            fixed_name = "M" if fixed == "steps" else "N"
            ax.set(xlabel=label, ylabel=unit, title=f"{fixed_name} = {usual:g}" if row == 0 else "")
    _legend(axes[len(varied)], order, lines=False)
    axes[-1].set_axis_off()
    devices = ", ".join(sorted(swept.device.unique()))
    caption = f"Mean and sample standard deviation over seeds; test error of the {epoch} epoch; cost on {devices}."
    return Plot("ablation", "Ablation over N and M", caption, figure)


def _varies(frame: pd.DataFrame, column: str) -> bool:
    return bool(len(frame)) and bool((frame.groupby("of")[column].nunique() > 1).any())


def cost_against_error(scored: pd.DataFrame) -> Plot | None:
    """Every evaluated run, by benchmark and device."""
    if scored.empty:
        return None
    groups = list(scored.groupby(["benchmark", "device"]))
    order = sorted(scored.method.unique())[:MOST_METHODS]
    columns = min(3, len(groups) + 1)
    figure, axes = _figure(math.ceil((len(groups) + 1) / columns), columns, height=2.3)
    for ax, ((benchmark, device), group) in zip(axes, groups, strict=False):
        group = group[group.method.isin(order)].assign(hours=lambda frame: frame.seconds / 3600)
        sns.scatterplot(
            group,
            x="hours",
            y="error",
            hue="method",
            style="method",
            hue_order=order,
            style_order=order,
            palette=_colours(order),
            markers=dict(zip(order, MARKERS, strict=False)),
            legend=False,
            ax=ax,
        )
        unit = "CPU-hours" if device == CPU else f"GPU-hours, {device}"
        ax.set(title=benchmark, xlabel=f"search cost ({unit})", ylabel="test error (%)")
        if group.hours.max() > 10 * group.hours.min():
            ax.set_xscale("log")
    _legend(axes[len(groups)], order, lines=False)
    for ax in axes[len(groups) + 1 :]:
        ax.set_axis_off()
    return Plot(
        "cost",
        "Search cost against test error",
        "Every evaluated run; costs on different devices stand in different panels.",
        figure,
    )


def critical_difference(scored: pd.DataFrame) -> Plot | None:
    """Demšar's (JMLR 2006) diagram of average ranks: methods that a bar joins are not told apart."""
    found = None if scored.empty else statistics.ranks(means(scored))
    if found is None:
        return None
    order = list(found.mean.index)
    k, rows = len(order), math.ceil(len(order) / 2)
    figure = Figure(figsize=(7.5, 1.5 + 0.28 * rows + 0.12 * k))
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.set_axis_off()
    bars = _cliques(found)
    depth = 0.5 + 0.22 * len(bars)
    ax.set(xlim=(0.2, k + 0.8), ylim=(-(depth + 0.45 * rows), 1.6))
    ax.plot([1, k], [0, 0], color="black", linewidth=1)
    for rank in range(1, k + 1):
        ax.plot([rank, rank], [0, 0.15], color="black", linewidth=1)
        ax.text(rank, 0.22, str(rank), ha="center", va="bottom")
    ax.plot([1, 1 + min(found.critical_difference, k - 1)], [1.0, 1.0], color="black", linewidth=1.5)
    ax.text(1, 1.1, f"critical difference {found.critical_difference:.2f}", ha="left", va="bottom", fontsize=8)
    for place, (method, rank) in enumerate(found.mean.items()):
        left = place < rows
        level = -(depth + 0.45 * (place if left else k - 1 - place))
        side = 0.75 if left else k + 0.25
        ax.plot([rank, rank, side], [0, level, level], color=GREY, linewidth=0.8)
        words = f"{method} ({rank:.2f})"
        ax.text(side - 0.05 if left else side + 0.05, level, words, ha="right" if left else "left", va="center")
    for number, (low, high) in enumerate(bars):
        level = -0.3 - 0.22 * number
        ax.plot([low - 0.04, high + 0.04], [level, level], color="black", linewidth=3, solid_capstyle="round")
    caption = (
        f"Average ranks over the {found.benchmarks} benchmarks that all methods share; 1 is best. A bar joins methods "
        "whose ranks differ by less than Nemenyi's critical difference at 5 %."
    )
    return Plot("critical-difference", "Critical-difference diagram", caption, figure)


def _cliques(found: statistics.Ranks) -> list[tuple[float, float]]:
    """The longest runs of neighbours whose ranks lie within the critical difference."""
    ranks = list(found.mean)
    ends = [
        max(j for j in range(len(ranks)) if ranks[j] - ranks[i] < found.critical_difference) for i in range(len(ranks))
    ]
    return [(ranks[i], ranks[end]) for i, end in enumerate(ends) if end > i and (i == 0 or end > ends[i - 1])]


def landscapes(records: Records) -> list[Plot]:
    """Paper, Fig. 1, and supplement, Fig. 1: the loss around alpha, and paths of methods on it."""
    paths = analyses.read(records, "path")
    return [
        _landscape(run, found, paths.get(run, {}).get("paths", {}))
        for run, found in analyses.read(records, "landscape").items()
    ]


def _landscape(run: str, found: dict[str, Any], paths: dict[str, list[list[float]]]) -> Plot:
    x, panels = np.asarray(found["x"]), {panel: np.asarray(rows) for panel, rows in found["panels"].items()}
    figure, axes = _figure(2, 2, 4.0, 3.5) if paths else _figure(1, len(panels), 4.0, 3.5)
    sharp = dict(analyses.sharpness(found))
    for ax, (panel, grid) in zip(axes, panels.items(), strict=False):
        words = analyses.PANELS[panel]
        if panel == "fine-tuned":
            words += f", {found['settings']['steps']} steps"
        _contours(ax, x, grid, words)
        of = sharp[panel]
        ax.plot(of["x"], of["y"], marker="*", color="white", markeredgecolor="black", markersize=12, linestyle="")
        ax.set_xlabel(
            f"direction 1\nminimum {of['least']:.3f} at ({of['x']:.2g}, {of['y']:.2g})\nmean slope {of['slope']:.2g}"
        )
    if paths:
        ax, order = axes[len(panels)], sorted(paths)
        _contours(ax, x, panels["fine-tuned"], "paths, fine-tuned")
        for (method, colour), marker in zip(_colours(order).items(), MARKERS, strict=False):
            places = np.asarray(paths[method])
            line = {"color": colour, "marker": marker, "markersize": 3.5, "linewidth": 1.2, "label": method}
            ax.plot(places[:, 0], places[:, 1], **line, markeredgecolor="white", markeredgewidth=0.4)
        ax.plot(*np.asarray(paths[order[0]])[0], marker="o", color="white", markeredgecolor="black", markersize=7)
        ax.set_xlabel("direction 1")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=4, frameon=False, fontsize=7)
    caption = (
        f"Run {run}: mean loss over alpha's images at alpha + x d1 + y d2, eval mode, with weights as they are, after "
        "one unrolled step, and after fine-tuning at each point. Star: the least loss of the grid; alpha is at (0, 0)."
    )
    if paths:
        caption += " Paths: updates of alpha from one start (circle), every move scaled to one length."
    return Plot(f"landscape-{run}", f"Loss around alpha: {run}", caption, figure)


def _contours(ax: Axes, x: np.ndarray, grid: np.ndarray, title: str) -> None:
    levels = 14
    drawn = ax.contourf(x, x, grid, levels=levels, cmap="viridis")
    ax.contour(x, x, grid, levels=levels, colors="black", linewidths=0.3, alpha=0.5)
    ax.figure.colorbar(drawn, ax=ax, shrink=0.8, label="loss")
    ax.set(title=title, xlabel="direction 1", ylabel="direction 2", aspect="equal")
    ax.grid(False)


def weighing(records: Records) -> Plot | None:
    """Effective sample size against the number of samples, by the way candidates are weighed."""
    found = analyses.effective_samples(records)
    if found.empty:
        return None
    order = sorted(found.weight_mode.unique())
    figure, axes = _figure(1, 3)
    for ax, (y, title) in zip(
        axes, (("ess", "Effective sample size"), ("esr", "Effective sample ratio")), strict=False
    ):
        sns.lineplot(
            found,
            x="samples",
            y=y,
            hue="weight_mode",
            style="weight_mode",
            hue_order=order,
            style_order=order,
            palette=_colours(order),
            dashes=False,
            markers=dict(zip(order, MARKERS, strict=False)),
            errorbar=("pi", 100) if found.run.nunique() > 1 else None,
            legend=False,
            ax=ax,
        )
        ax.set(title=title, xlabel="N, samples", ylabel=y.upper())
    _legend(axes[2], order, lines=False)
    caption = (
        f"At the final alpha of {found.run.nunique()} runs, mean over draws; weights: exact as the paper states them, "
        "released as its code has them, softmin their limit, unit_var the original MGS code's."
    )
    return Plot("ess-by-weights", "Effective sample size by the way to weigh", caption, figure)
