"""Figures: which there are, and that what they show is what the records hold."""

from __future__ import annotations

import html
import io
import json
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image
from run_folders import notation, thin, write_lookup, write_run, write_training

from harness.core.errors import HarnessError
from harness.core.packed import Few
from reports import REPORTS, analyses, figures
from reports.figures import over_epochs, panels
from reports.figures.critical_difference import _cliques
from reports.parameters import parameters
from reports.records import Records, read
from reports.statistics import inference, truth


def drawn(results: Path, *of: figures.Figure) -> dict[str, figures.Plot]:
    """These figures, or all."""
    return {plot.name: plot for plot in figures.draw(read(results).select(), of=of or figures.FIGURES)}


def lines(plot: figures.Plot, panel: int) -> list[tuple[list[float], list[float]]]:
    return [
        (list(np.asarray(line.get_xdata(), float)), list(np.asarray(line.get_ydata(), float)))
        for line in plot.figure.axes[panel].lines
    ]


def test_convergence_is_the_mean_over_seeds_with_its_standard_error(tmp_path: Path) -> None:
    write_run(tmp_path, seed=0, epochs=4)
    other = write_run(tmp_path, seed=1, epochs=4)
    text = (other / "records.jsonl").read_text()
    (other / "records.jsonl").write_text(text.replace('"valid_accuracy": 0.1,', '"valid_accuracy": 0.3,'))
    plot = drawn(tmp_path, figures.convergence.draw)["convergence-s1-cifar10"]
    titles = [ax.get_title() for ax in plot.figure.axes]
    assert titles[:2] == ["Supernet, validation", "Network, 20 cells, 36 channels"]
    ((epochs, accuracy),) = lines(plot, 0)
    assert epochs == [1, 2, 3, 4]
    assert accuracy[0] == pytest.approx((10 + 30) / 2)
    band = plot.figure.axes[0].collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(10)
    ((_, sizes),) = lines(plot, 1)
    assert sizes == pytest.approx([parameters(notation(i), 36, 20, 10) / 1e6 for i in range(4)])  # type: ignore[operator]
    ((_, skips),) = lines(plot, 3)
    assert skips == [0, 1, 2, 3]


def test_a_mean_is_drawn_while_most_searches_last(tmp_path: Path) -> None:
    """Of searches that end after 2, 4, 4 and after 2, 2, 4 epochs: a mean of one search is none of the method's."""
    for method, lasting in (("darts-1st", (2, 4, 4)), ("zarts-mgs", (2, 2, 4))):
        for seed, epochs in enumerate(lasting):
            records = write_run(tmp_path, method, seed=seed, epochs=4) / "records.jsonl"
            records.write_text("".join(records.read_text().splitlines(keepends=True)[:epochs]))
    found = drawn(tmp_path, figures.convergence.draw)["convergence-s1-cifar10"]
    assert [epochs for epochs, _ in lines(found, 0)] == [[1, 2, 3, 4], [1, 2]]


def test_a_long_name_of_a_method_sets_no_column_apart(tmp_path: Path) -> None:
    for steps in range(5):
        write_run(tmp_path, "zarts-mgs", settings={"finetune_steps": steps, "weight_mode": f"mode-{steps}" * 3})
    plot = drawn(tmp_path, figures.convergence.draw)["convergence-s1-cifar10"]
    plot.bytes("png")  # which lays it out
    lefts = [ax.get_position().x0 for ax in plot.figure.axes[: len(plot.figure.axes) // 5]]
    gaps = np.diff(lefts)
    assert max(gaps) < 1.1 * min(gaps)


def test_many_methods_have_a_row_each_before_the_others_on_one_scale(tmp_path: Path) -> None:
    methods = ["darts-1st", "darts-2nd", "gdas", "zarts-gld", "zarts-mgs"]
    for number, method in enumerate(methods):
        write_run(tmp_path, method, epochs=3, valid_accuracy=0.5 + number / 10)
    plot = drawn(tmp_path, figures.convergence.draw)["convergence-s1-cifar10"]
    columns = len(plot.figure.axes) // len(methods)
    rows = plot.figure.axes[::columns]
    assert [ax.texts[0].get_text() for ax in rows] == methods
    assert [ax.get_title().split("\n")[0] for ax in rows] == ["Supernet, validation", "", "", "", ""]
    assert len({ax.get_ylim() for ax in rows}) == 1
    for number, ax in enumerate(rows):
        *behind, own = ax.lines
        assert list(own.get_ydata()) == pytest.approx([50 + 10 * number] * 3)
        assert {line.get_color() for line in behind} == {over_epochs.BEHIND}
    assert "Grey: the means of the other methods" in plot.caption


def test_a_wide_band_does_not_press_the_means_flat(tmp_path: Path) -> None:
    for seed, accuracy in enumerate((0.9, 0.1)):
        write_run(tmp_path, seed=seed, epochs=2, valid_accuracy=accuracy)
    write_run(tmp_path, "darts-1st", epochs=2, valid_accuracy=0.6)
    low, high = drawn(tmp_path, figures.convergence.draw)["convergence-s1-cifar10"].figure.axes[0].get_ylim()
    assert 45 < low < 50 < 60 < high < 65


def test_every_method_has_a_colour_and_those_left_out_are_told(tmp_path: Path) -> None:
    palette = panels.colours([str(number) for number in range(panels.MOST_METHODS)])
    assert len(set(palette.values())) == panels.MOST_METHODS == 12
    for number in range(panels.MOST_METHODS + 1):
        write_training(write_run(tmp_path, f"method-{number:02}", epochs=1), 3.0)
    found = drawn(tmp_path, figures.convergence.draw, figures.cost.draw)
    for name in ("convergence-s1-cifar10", "cost"):
        (legend,) = found[name].figure.legends
        assert legend.get_title().get_text() == "12 of 13 methods are drawn: the first by name."
        assert found[name].caption.endswith("12 of 13 methods are drawn: the first by name.")


def test_trained_cells_of_one_size_and_the_searched_data_are_shown(tmp_path: Path) -> None:
    """Where the cells of most searches were trained: three of these four epochs have others than the one found, with
    one skip."""
    for seed in range(2):
        folder = write_run(tmp_path, seed=seed, epochs=4)
        write_training(folder, 3.0 + seed, size="20x36")
        write_training(folder, 24.0, dataset="imagenet", size="14x48")
        if seed:
            write_training(folder, 9.0, size="8x16")
            write_training(folder, 2.5, cell=notation(3))
        else:
            write_training(folder, 5.0, cell=notation(2))
            write_training(folder, 2.0, cell=notation(3))
            write_training(folder, 1.0, cell=notation(3), seed=1)
    plot = drawn(tmp_path, figures.convergence.draw)["convergence-s1-cifar10"]
    titles = [ax.get_title() for ax in plot.figure.axes]
    (shown,) = (i for i, title in enumerate(titles) if "Trained" in title)
    assert titles[shown] == "Trained cell (20x36), test"
    assert lines(plot, shown) == [([2, 4], [96.5, 98.0])]  # of two trainings the mean


def test_cells_trained_after_one_epoch_alone_are_no_curve(tmp_path: Path) -> None:
    write_training(write_run(tmp_path, epochs=4), 3.0)
    plot = drawn(tmp_path, figures.convergence.draw)["convergence-s1-cifar10"]
    assert not any("Trained" in ax.get_title() for ax in plot.figure.axes)


def test_trained_cells_of_a_minority_of_methods_are_no_panel(tmp_path: Path) -> None:
    for method in ("darts-1st", "zarts-mgs"):
        folder = write_run(tmp_path, method, epochs=4)
        write_training(folder, 3.0)
        if method == "zarts-mgs":
            write_training(folder, 2.0, cell=notation(3))
    plot = drawn(tmp_path, figures.convergence.draw)["convergence-s1-cifar10"]
    assert not any("Trained" in ax.get_title() for ax in plot.figure.axes)


def test_cells_of_the_last_epochs_alone_are_no_curve(tmp_path: Path) -> None:
    """The cell in the end is that of some epochs before, too."""
    folder = write_run(tmp_path, epochs=8)
    write_training(folder, 3.0, cell=notation(2))
    write_training(folder, 2.0, cell=notation(3))
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    for record in records:
        record["genotype"] = notation(2 if record["epoch"] == 6 else 3 if record["epoch"] == 7 else 0)
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    plot = drawn(tmp_path, figures.convergence.draw)["convergence-s1-cifar10"]
    assert not any("Trained" in ax.get_title() for ax in plot.figure.axes)


def test_noise_is_counted_and_what_no_cell_has_is_not_drawn(tmp_path: Path) -> None:
    counts = {kind: {"skip": 0, "parameterless": 0, "none": 0} for kind in ("normal", "reduce")}
    records = write_run(tmp_path, space="s4", epochs=3, operations=counts) / "records.jsonl"
    records.write_text(records.read_text().replace("skip_connect", "noise"))
    (plot,) = drawn(tmp_path, figures.convergence.draw).values()
    titles = [" ".join(ax.get_title().split()) for ax in plot.figure.axes]
    assert not any("Parameterless" in title or "Skip" in title for title in titles)
    assert lines(plot, titles.index("None or noise, normal cell")) == [([1, 2, 3], [0, 1, 2])]


def test_figures_are_drawn_for_what_there_is(tmp_path: Path) -> None:
    write_run(tmp_path, "darts-1st", rule={})
    assert set(drawn(tmp_path)) == {"convergence-s1-cifar10"}
    write_run(tmp_path, "zarts-mgs")
    assert set(drawn(tmp_path)) == {"convergence-s1-cifar10", "ess"}
    for samples in (2, 8):
        for space in ("s1", "s2"):
            folder = write_run(tmp_path, "zarts-rs", space, settings={"samples": samples})
            write_training(folder, 3.0 - samples / 10)
    assert set(drawn(tmp_path)) == {
        "convergence-s1-cifar10",
        "convergence-s2-cifar10",
        "ess",
        "ablation",
        "cost",
        "critical-difference",
    }
    with pytest.raises(HarnessError, match="no figures"):
        REPORTS["figures"].files(Records(), "md", "last")


def test_records_that_are_packed_too_short_to_draw_are_no_figure(tmp_path: Path) -> None:
    thin(write_run(tmp_path, "darts-1st"), Few(1))
    assert drawn(tmp_path) == {}
    records = read(tmp_path).select()
    assert "all.md" in REPORTS["all"].files(records, "md", "last")
    with pytest.raises(HarnessError, match="no run has left anything to draw"):
        REPORTS["figures"].files(records, "md", "last")


def test_the_ablation_shows_the_means(tmp_path: Path) -> None:
    for samples, errors in ((2, (3.0, 3.2)), (4, (2.8, 2.8))):
        for seed, error in enumerate(errors):
            write_training(write_run(tmp_path, "zarts-rs", seed=seed, settings={"samples": samples}), error)
    found = [y for _, y in lines(drawn(tmp_path, figures.ablation.draw)["ablation"], 0)]
    assert found[0] == pytest.approx([3.1, 2.8])


def test_figures_are_printed_as_they_are_drawn(tmp_path: Path) -> None:
    """As wide as a page, no text below 7 points, none beyond the edge or over other text of its axis, and whole epochs
    below searches of one epoch and of two."""
    for space, epochs in (("s1", 1), ("s2", 2)):
        for method in ("zarts-mgs", "p-g-zarts-mgs-by-a-long-name", "darts-1st"):
            for samples in (2, 4):
                folder = write_run(tmp_path, method, space, epochs=epochs, settings={"samples": samples})
                write_training(folder, 3.0 - samples / 10)
    analysed(write_run(tmp_path, "zarts-rs"))
    for plot in drawn(tmp_path).values():
        plot.bytes("png")
        assert plot.figure.get_figwidth() == 6.75
        texts = [text for text in plot.figure.findobj(Text) if text.get_visible() and text.get_text()]
        assert min(text.get_fontsize() for text in texts) >= 7, plot.name
        renderer, edge = plot.figure.canvas.get_renderer(), plot.figure.bbox
        for legend in plot.figure.legends:
            assert edge.x0 <= legend.get_window_extent(renderer).x0 < legend.get_window_extent(renderer).x1 <= edge.x1
        for ax in plot.figure.axes:
            low, high = sorted(ax.get_xlim())
            if not ax.get_xticklabels():  # those of the panel below are its own
                continue
            ticks = [label for x, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True) if low <= x <= high]
            boxes = [label.get_window_extent(renderer) for label in ticks if label.get_text()]
            assert all(a.x1 < b.x0 for a, b in pairwise(boxes)), plot.name
            if ax.get_xlabel() == "epoch":
                assert {label.get_text() for label in ticks} <= {"1", "2"}


def analysed(folder: Path) -> None:
    """A landscape whose middle is not quite at 0, as numpy.linspace gives it; flatter, and least on the border, after a
    step."""
    x = [-1.0, -0.5, -5.551e-17, 0.5, 1.0]
    grids = {
        "fixed": [[1 + a * a + b * b for a in x] for b in x],
        "unrolled": [[3 + 0.1 * b for _ in x] for b in x],
    }
    content = {"kind": "landscape", "settings": {"steps": 10}, "done": True, "x": x, "panels": grids}
    (folder / "analysis-landscape.json").write_text(json.dumps(content))


def test_the_middle_of_a_landscape_is_at_0(tmp_path: Path) -> None:
    analysed(write_run(tmp_path))
    (plot,) = drawn(tmp_path, figures.landscapes.draw).values()
    assert "minimum 1.000 at (0, 0)" in plot.figure.axes[0].get_xlabel()
    (sheet,) = analyses.sheets(read(tmp_path))
    assert sheet.rows[0][2:5] == ("1", "0", "0")


def test_the_panels_of_a_landscape_have_one_scale(tmp_path: Path) -> None:
    """From the least loss of each on: 0 to 2, and 0 to 0.2."""
    analysed(write_run(tmp_path))
    (plot,) = drawn(tmp_path, figures.landscapes.draw).values()
    fixed, unrolled, bar = plot.figure.axes
    first, second = (ax.collections[0] for ax in (fixed, unrolled))
    assert list(first.levels) == list(second.levels)
    assert (first.levels[0], first.zmin, second.zmin) == (0, 0, 0)
    assert (first.zmax, second.zmax) == (2, pytest.approx(0.2))
    assert bar.get_xlabel() == "loss above the panel's least (nats)"
    assert "5 x 5 points" in plot.caption
    star = unrolled.lines[-1]
    assert (*star.get_xdata(), *star.get_ydata(), star.get_clip_on()) == (-1, -1, False)


def test_captions_lie_beside_the_figures(tmp_path: Path) -> None:
    write_run(tmp_path)
    files = REPORTS["figures"].files(read(tmp_path).select(), "md", "last")
    for plot in drawn(tmp_path).values():
        assert f"![{plot.name}]({plot.name}.png)\n\n{plot.caption}\n" in files["figures/captions.md"].decode()
        assert f"figures/{plot.name}.png" in files


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    write_run(tmp_path)
    first, second = (drawn(tmp_path, figures.ess.draw)["ess"] for _ in range(2))
    for form, start in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        content = first.bytes(form)
        assert content == second.bytes(form)
        assert content.startswith(start)


def test_a_file_has_the_caption_with_it(tmp_path: Path) -> None:
    write_run(tmp_path)
    plot = drawn(tmp_path, figures.ess.draw)["ess"]
    said = Image.open(io.BytesIO(plot.bytes("png"))).info
    assert (said["Title"], said["Description"]) == (plot.title, plot.caption)
    assert plot.caption in html.unescape(plot.bytes("svg").decode())
    assert b"/Subject" in plot.bytes("pdf")


def test_long_names_stand_apart_beside_the_ranks(tmp_path: Path) -> None:
    names = ("finetune_steps", "finetune_momentum", "search_drop_path", "weight_decay", "warmup_epochs")
    settings = [{**dict.fromkeys(names, 0.5 / number), "weight_mode": "released"} for number in range(1, 5)]
    for space in ("s1", "s2", "s3"):
        for number, of in enumerate(settings):
            write_training(write_run(tmp_path, space=space, settings=of), 3.0 + number)
    plot = drawn(tmp_path, figures.critical_difference.draw)["critical-difference"]
    plot.bytes("png")
    (ax,) = plot.figure.axes
    low, high = ax.get_xlim()
    assert low < 1 < 4 < high
    renderer, edge = plot.figure.canvas.get_renderer(), plot.figure.bbox
    boxes = [text.get_window_extent(renderer) for text in ax.texts]
    assert all(edge.x0 <= box.x0 and box.x1 <= edge.x1 and edge.y0 <= box.y0 and box.y1 <= edge.y1 for box in boxes)
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_bars_join_what_is_not_told_apart() -> None:
    """Ranks 1, 1.5, 3, 3.4, 5 at a difference of 2.2: 1 to 3, 1.5 to 3.4, 3 to 5."""
    ranks = inference.Ranks(pd.Series([1, 1.5, 3, 3.4, 5.0], list("abcde")), 10, 0.01, 2.2)
    assert _cliques(ranks) == [(1, 3), (1.5, 3.4), (3, 5)]
    assert _cliques(inference.Ranks(ranks.mean, 10, 0.01, 0.1)) == []


def test_nasbench201_is_looked_up_where_there_is_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = "|skip_connect~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    run = write_run(
        tmp_path, space="nasbench201", genotype=cell, operations={"cell": {"skip": 1, "parameterless": 1, "none": 5}}
    )

    class Table:
        def accuracy(self, cell: str, dataset: str, split: str, epochs: int, seed: int | str) -> float:
            assert (split, epochs, seed) == ("test", 200, "mean")
            return {"cifar10": 90.0, "cifar100": 70.0, "imagenet16-120": 40.0}[dataset]

        def column(self, *arguments: object) -> np.ndarray:
            return np.array([50.0, 94.0])

    monkeypatch.setattr(figures.nasbench201, "open_table", Table)
    plot = drawn(tmp_path, figures.nasbench201.draw)["nasbench201"]
    assert lines(plot, 0) == [([1, 2], [90, 90]), ([0, 1], [94, 94])]
    assert lines(plot, 2)[0][1] == [40, 40]
    thin(run, Few(1, evaluated=[1]))
    plot = drawn(tmp_path, figures.nasbench201.draw)["nasbench201"]
    assert lines(plot, 0)[0] == ([1], [90])
    thin(run, Few(1))
    assert not drawn(tmp_path, figures.nasbench201.draw)
    write_run(tmp_path, space="nasbench201", genotype=cell, seed=1)

    def missing() -> None:
        raise HarnessError("no table")

    monkeypatch.setattr(figures.nasbench201, "open_table", missing)
    assert not drawn(tmp_path, figures.nasbench201.draw)


def test_convergence_shows_what_a_table_says_of_every_epochs_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = "|skip_connect~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    counts = {"cell": {"skip": 1, "parameterless": 1, "none": 5}}
    folder = write_run(tmp_path, space="nasbench201", genotype=cell, operations=counts, cell=cell)
    write_lookup(folder, {"cifar10": {"valid": 88.0, "test": 90.0}})
    accuracies = {"valid": 88.0, "test": 90.0}
    for known in (accuracies, None):
        monkeypatch.setattr(truth, "of_cell", lambda *asked, known=known: known if asked[0] == cell else None)
        (plot,) = drawn(tmp_path, figures.convergence.draw).values()
        titles = [ax.get_title() for ax in plot.figure.axes]
        assert (titles[0] == "Derived cell, by the table, test") == (known is not None)
        assert not any("look-up" in title for title in titles)
        if known:
            assert lines(plot, 0) == [([1, 2], [90, 90])]


def test_a_search_on_a_table_is_drawn_with_what_the_table_says(tmp_path):
    counts = {"tiny": {"skip": 1, "parameterless": 1, "none": 0}}
    write_run(tmp_path, space="tiny-table", operations=counts, table={"valid": 70.0, "test": 69.0})
    (plot,) = drawn(tmp_path, figures.convergence.draw).values()
    titles = [ax.get_title() for ax in plot.figure.axes]
    assert "Derived cell, by the table, test" in titles
    assert {"Parameterless operations, cell", "Skip connections, cell"} <= set(titles)
