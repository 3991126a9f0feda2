"""The line of every epoch: what it says, that it does not flood a log, and where a program gets it from."""

from __future__ import annotations

import logging
import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
from processes import TINY, forked, harness, run_arguments, run_folder
from rich.console import Console
from rich.table import Table
from toy_table import write_toy_table

from harness.core.types import Cost
from harness.runs import logs
from harness.runs.lines import Lines, line
from harness.runs.logs import LOGGER, on_stderr
from harness.runs.progress import EpochClock, live_display, shown

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "
OPERATIONS = {
    "normal": {"skip": 1, "parameterless": 3, "none": 0},
    "reduce": {"skip": 2, "parameterless": 2, "none": 0},
}


def test_a_line_of_a_search_on_a_supernet():
    record = {
        "epoch": 2,
        "train_loss": 2.3014,
        "train_accuracy": 0.125,
        "valid_loss": None,
        "valid_accuracy": 0.1,
        "operations": OPERATIONS,
        "cost": Cost(weight_steps=1200, seconds=725.0).to_json(),
    }
    assert line(record, 50, 12000.0) == (
        "epoch 3 of 50; training loss 2.301, accuracy 12.5 %; validation loss not finite, accuracy 10.0 %; "
        "normal cell 1 skip, 3 parameterless; reduce cell 2 skips, 2 parameterless; 12 min 05 s, 1,200 steps; "
        "3 h 20 min left"
    )


def test_a_line_at_the_end_says_what_was_ranked(caplog):
    record = {"epoch": 2, "train_loss": 2.3, "cost": Cost(weight_steps=12).to_json()}
    state = SimpleNamespace(records=[record], stopped_by="")
    lines = Lines("run", 3, SimpleNamespace(add=lambda *_: None, left=lambda _: None), 0)
    with caplog.at_level(logging.INFO, LOGGER.name):
        lines.update(state, 1.0)
        lines.update(state, 1.0)  # a candidate
        assert len(caplog.messages) == 1
        state.stopped_by, state.records = "epochs", [{**record, "selection": {"ranked": 1000, "best_score": 43.75}}]
        lines.update(state, 1.0)
    assert len(caplog.messages) == 2
    assert "best of 1,000 candidates 43.75" in caplog.messages[1]


def test_a_line_of_a_black_box_search_on_a_table():
    record = {
        "epoch": 0,
        "trial_accuracy": 80.125,
        "best_accuracy": 91.5,
        "table": {"valid": 91.5, "test": 91.25},
        "operations": {"cell": {"skip": 0, "parameterless": 1, "none": 0}},
        "cost": Cost(evaluations=1).to_json(),
    }
    assert line(record, 9, None) == (
        "epoch 1 of 9; accuracy of the trial 80.12 %, of the best 91.50 %; by the table valid 91.50 %, test 91.25 %; "
        "cell 0 skips, 1 parameterless; 0.0 s, 1 step"
    )


def test_a_line_of_a_training():
    record = {"epoch": 0, "train_loss": 1.0, "train_error": 50.0, "test_loss": 1.5, "test_error": 60.25}
    cost = {"cost": {"steps": 24, "seconds": 3.0}}
    said = (
        "epoch 1 of 2; training loss 1.000, error 50.00 %; test loss 1.500, error 60.25 %; 3.0 s, 24 steps; 3.0 s left"
    )
    assert line(record | cost, 2, 3.0) == said


def test_the_time_left_counts_the_epochs_of_this_process_alone():
    clock = EpochClock(epochs=10, done=4)
    clock.add(SimpleNamespace(epoch=4), 1.0)
    assert clock.left(SimpleNamespace(epoch=4)) is None
    clock.add(SimpleNamespace(epoch=5), 2.0)
    assert clock.left(SimpleNamespace(epoch=5)) == 5 * 3.0


# On the command line


def lines_of(err):
    return [re.sub(f"^{STAMP}", "", text) for text in err.splitlines()]


def test_without_a_terminal_every_epoch_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "EVERY", 0.0)
    ended = forked(harness(run_arguments(tmp_path, "--epochs", "3", *TINY[2:])))
    name = run_folder(tmp_path).name
    lines = lines_of(ended.err)
    assert [text.split(";")[0] for text in lines] == [f"{name}: epoch {n} of 3" for n in (1, 2, 3)]
    for part in ("training loss ", "validation loss ", "cell ", " parameterless; ", " steps"):
        assert all(part in text for text in lines)
    assert [text.endswith(" left") for text in lines] == [True, True, False]
    assert re.match(STAMP, ended.err)


def test_an_evaluation_has_its_lines_too(tmp_path, monkeypatch):
    monkeypatch.setattr(logs, "EVERY", 0.0)
    monkeypatch.chdir(tmp_path)
    options = ("--dataset=digits", "--protocol=smoke", "--set=images=32", "--set=batch=8")
    ended = forked(harness(["evaluate", "DARTS_V2", *options]))
    lines = lines_of(ended.err)
    assert [text.split(": ")[1].split(";")[0] for text in lines] == ["epoch 1 of 2", "epoch 2 of 2"]
    assert all("test loss " in text for text in lines)


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_who_wants_silence_gets_it(option, tmp_path):
    ended = forked(harness(run_arguments(tmp_path, *TINY, option)))
    assert (ended.code, ended.err) == (0, "")


def test_thousands_of_epochs_are_few_lines_and_the_last_is_among_them(tmp_path, monkeypatch):
    write_toy_table(tmp_path / "nasbench201.parquet")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    monkeypatch.setattr(logs, "EVERY", 3600.0)
    names = ("--method=rea", "--space=nasbench201-table", "--dataset=cifar10", f"--results={tmp_path}")
    ended = forked(harness(["run", *names, "--seed=0-2", "--epochs=100"]))
    first, last = lines_of(ended.err)
    assert "-s0-" in first
    assert "epoch 1 of 100;" in first
    assert "-s2-" in last
    assert "epoch 100 of 100;" in last


def test_a_stderr_that_is_gone_ends_nothing(monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    with on_stderr():
        LOGGER.info("a line")


# From Python


def finished_epoch():
    cost = Cost(weight_steps=1).to_json()
    return SimpleNamespace(epoch=1, stopped_by="", records=[{"epoch": 0, "train_loss": 1.0, "cost": cost}])


def test_a_program_that_listens_to_the_logger_gets_the_lines(caplog):
    caplog.set_level(logging.INFO, "harness")
    observer = Lines("a-run", 2, EpochClock(2, 0), told=0)
    for _ in range(2):
        observer.update(finished_epoch(), 4.0)
    Lines("resumed", 2, EpochClock(2, 1), told=1).update(finished_epoch(), 1.0)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "a-run: epoch 1 of 2; training loss 1.000; 0.0 s, 1 step; 4.0 s left")
    ]


def test_a_program_that_does_not_listen_is_told_nothing(capfd):
    code = LOGGER.handlers
    assert any(isinstance(handler, logging.NullHandler) for handler in code)
    Lines("a-run", 2, EpochClock(2, 0), told=0).update(finished_epoch(), 4.0)
    assert capfd.readouterr() == ("", "")


def test_notices_are_written_at_once_and_the_logger_is_left_as_it_was(capsys, monkeypatch):
    monkeypatch.setattr(logs, "EVERY", 3600.0)
    before = LOGGER.level, list(LOGGER.handlers)
    with on_stderr():
        for text in ("first", "second", "third"):
            LOGGER.info(text)
        LOGGER.warning("a notice")
        assert [text.split(" ", 2)[2] for text in capsys.readouterr().err.splitlines()] == ["first", "a notice"]
    assert capsys.readouterr().err.endswith("third\n")
    assert (LOGGER.level, list(LOGGER.handlers)) == before


def test_a_notebook_gets_a_live_display_without_ipywidgets(monkeypatch):
    shows = []

    class Output:
        def update(self, renderable):
            shows.append(("replaced", renderable))

    def display(renderable, display_id):
        assert display_id
        shows.append(("new", renderable))
        return Output()

    fake = ModuleType("IPython.display")
    fake.display = display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    with live_display(Console(force_jupyter=True)) as live:
        tables = [Table(title=str(number)) for number in range(3)]
        for table in tables:
            live.update(table, refresh=True)
    assert shows == [("new", tables[0]), ("replaced", tables[1]), ("replaced", tables[2])]
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    with shown() as observe:
        assert observe is not None
