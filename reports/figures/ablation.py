"""Ablations over the number of samples and of fine-tuning steps."""

from __future__ import annotations

import pandas as pd
import seaborn as sns

from reports.costs import unit
from reports.figures.frames import Frames
from reports.figures.panels import MARKERS, colours, figure_of, first, legend
from reports.figures.plot import Plot


def draw(frames: Frames) -> list[Plot]:
    """Supplement, Table 1, as a figure: test error and cost over N and over M."""
    records, scored = frames.records, frames.scored
    if scored.empty:
        return []
    settings = records.finished.set_index("run").settings
    swept = scored.assign(
        samples=[settings[run].get("samples") for run in scored.run],
        steps=[settings[run].get("finetune_steps") for run in scored.run],
        of=scored.method.str.replace(r" \(.*", "", regex=True) + ", " + scored.benchmark,
    ).dropna(subset=["samples", "steps"])
    varied = [
        (x, label) for x, label in (("samples", "N, samples"), ("steps", "M, fine-tuning steps")) if _varying(swept, x)
    ]
    if not varied:
        return []
    order, left = first(name for x, _ in varied for name in _varying(swept, x))
    figure, axes = figure_of(2 * len(varied), most=2)
    length, unit_of_cost = unit(swept.seconds)
    for column, (x, label) in enumerate(varied):
        fixed = "steps" if x == "samples" else "samples"
        usual = swept[fixed].mode()[0]
        shown = swept[(swept[fixed] == usual) & swept["of"].isin(order)].assign(cost=lambda f: f.seconds / length)
        for row, (y, words) in enumerate((("error", "test error (%)"), ("cost", f"cost ({unit_of_cost})"))):
            ax = axes[row * len(varied) + column]
            sns.pointplot(
                shown,
                x=x,
                y=y,
                hue="of",
                hue_order=order,
                palette=colours(order),
                markers=list(MARKERS[: len(order)]),
                errorbar="sd",
                capsize=0.1,
                dodge=0.2 if len(order) > 1 else False,
                linewidth=1.2,
                markersize=4,
                legend=False,
                ax=ax,
            )
            fixed_name = "M" if fixed == "steps" else "N"
            ax.set(xlabel=label, ylabel=words, title=f"{fixed_name} = {usual:g}" if row == 0 else "")
    legend(figure, order, lines=False, title=left)
    devices = ", ".join(sorted(swept.device.unique()))
    caption = (
        f"Mean and sample standard deviation over seeds; test error of the {frames.epoch} epoch; cost on {devices}. "
        f"{left}"
    )
    return [Plot("ablation", "Ablation over N and M", caption.strip(), figure)]


def _varying(frame: pd.DataFrame, column: str) -> list[str]:
    """Those that have several values of it."""
    values = frame.groupby("of")[column].nunique()
    return [str(name) for name in values.index[values > 1]]
