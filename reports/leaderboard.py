"""The boards as tables of text: which method is where, of how many seeds, and at what cost."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from reports.costs import cost, spoken
from reports.statistics import inference, truth
from reports.statistics.boards import TEST_ACCURACY, TEST_ERROR, Board, names
from reports.statistics.scores import AVERAGED
from reports.statistics.sheets import Sheet

NOTHING = "Nothing is finished here yet."


def sheets(boards: Sequence[Board]) -> list[Sheet]:
    """One for each board, those with rows first."""
    ordered = sorted(boards, key=lambda board: board.scores.empty)
    name = names(boards)
    return [_sheet(board, name[board.benchmark], number) for number, board in enumerate(ordered, start=1)]


def _sheet(board: Board, name: str, number: int) -> Sheet:
    of, measure, best = board.benchmark, board.measure, best_of_table(board)
    title = f"{name}: "
    note = f"P{of.under[1:]}; {of.budget}."
    if board.scores.empty:
        title += "nothing finished"
        return Sheet(f"board-{number}", title, f"{note} {NOTHING} Searches: {board.left_out}.", ("method",), ())
    note += (
        f" {'Less' if measure.lower_is_better else 'More'} is better. n: seeds. {inference.OF_MEAN} Cost: median of a "
        "search."
    )
    if measure.heading == TEST_ERROR:
        note += f" {AVERAGED}"
    header = ["method", "rank", "n", measure.heading, "95 % interval"]
    if best is not None:
        header.append("regret")
        average = truth.average(of.space, of.dataset)
        note += f" Regret: below the table's best, {best:.2f} %; its average cell has {average:.2f} %."
    header += [f"{name}, test (%)" for name in board.also] + ["cost"]
    if board.left_out:
        note += f" Not ranked: {board.left_out}."
    rows = tuple(_row(board, best, *ranked) for ranked in board.ranked)
    return Sheet(f"board-{number}", title + measure.words, note, tuple(header), rows)


def _row(board: Board, best: float | None, method: str, rank: float, runs: pd.DataFrame) -> tuple[str, ...]:
    interval, mean = inference.interval_of_mean(runs.value.to_list()), runs.value.mean()
    return (
        method,
        f"{rank:.0f}",
        str(len(runs)),
        f"{mean:.2f}",
        "one seed" if interval is None else f"{interval.low:.2f} to {interval.high:.2f}",
        *(() if best is None else (f"{best - mean:.2f}",)),
        *(f"{runs[name].mean():.2f}" for name in board.also),
        cost(runs) + _simulated(runs),
    )


def _simulated(runs: pd.DataFrame) -> str:
    """What a table would have charged, where a search has a simulated budget."""
    seconds = float(runs.simulated_seconds.median())
    return f" ({spoken(seconds)} by the table's times)" if seconds else ""


def best_of_table(board: Board) -> float | None:
    """The best test accuracy (percent) of all cells of NAS-Bench-201 on the data that ranks; None where the board is
    of something else, or no table is imported."""
    of = board.benchmark
    best = truth.best(of.space, of.dataset) if board.measure.heading == TEST_ACCURACY else None
    return None if best is None else best["test"]


def tidy(boards: Sequence[Board]) -> pd.DataFrame:
    """One row per board and method, its numbers unrounded."""
    rows = []
    for board in boards:
        best = best_of_table(board)
        for method, rank, runs in board.ranked:
            interval, mean = inference.interval_of_mean(runs.value.to_list()), float(runs.value.mean())
            rows.append(
                {
                    **vars(board.benchmark),
                    "measure": board.measure.words,
                    "method": method,
                    "rank": int(rank),
                    "n": len(runs),
                    "mean": mean,
                    "low": interval and interval.low,
                    "high": interval and interval.high,
                    "regret": None if best is None else best - mean,
                    "seconds": runs.seconds.median(),
                    "simulated_seconds": runs.simulated_seconds.median(),
                    "device": " + ".join(sorted(set(runs.device))),
                    "runs": " ".join(runs.run),
                    "left_out": board.left_out,
                }
            )
    return pd.DataFrame(rows)
