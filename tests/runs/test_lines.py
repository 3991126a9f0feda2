"""A line for every epoch where there is no terminal: what it says, how often, and who may listen."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from processes import forked, harness

from harness.runs import logs
from harness.runs.lines import line
from harness.runs.logs import LOGGER, on_stderr

SEARCH = ["run", "--method=zarts-mgs", "--space=s2", "--dataset=digits", "--protocol=smoke"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_search_without_a_terminal_says_a_line_an_epoch(here: Path) -> None:
    done = forked(harness(SEARCH))
    assert done.code == 0, done.err
    said = [text for text in done.err.splitlines() if "epoch" in text]
    wanted = (
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d zarts-mgs-s2-digits-s0-\w+: epoch \d of 2; training loss .*accuracy .* %; "
        r"validation loss .*; normal cell \d+ skips?, \d+ parameterless; reduce cell .*; .* steps?"
    )
    assert said
    assert all(re.match(wanted, text) for text in said), said
    assert "epoch 2 of 2" in said[-1]  # the last is never held back


def test_quiet_silences_it_and_json_stays_json(here: Path) -> None:
    done = forked(harness([*SEARCH, "--quiet"]))
    assert "epoch" not in done.err
    done = forked(harness([*SEARCH, "--seed=1", "--json"]))
    assert json.loads(done.out)["method"] == "zarts-mgs"


def test_an_evaluation_says_its_lines_too(here: Path) -> None:
    cell = "Genotype(normal=[{0}], normal_concat=range(2, 6), reduce=[{0}], reduce_concat=range(2, 6))"
    edges = ", ".join(["('skip_connect', 0), ('sep_conv_3x3', 1)"] * 4)
    done = forked(harness(["evaluate", cell.format(edges), "--dataset=digits", "--protocol=smoke"]))
    assert done.code == 0, done.err
    assert re.search(r"epoch \d of \d+; training loss .*; test loss .*, error .* %", done.err), done.err


def test_a_flood_is_held_back_but_for_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    with on_stderr():
        for number in range(1000):
            LOGGER.info("epoch %d", number)
        LOGGER.warning("look here")
    said = capsys.readouterr().err.splitlines()
    assert [text.partition(" ")[2].partition(" ")[2] for text in said] == ["epoch 0", "look here", "epoch 999"]
    assert not [handler for handler in LOGGER.handlers if isinstance(handler, logs.Paced)]


def test_a_program_hears_the_logger(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    from harness.runs import protocol, runner

    with caplog.at_level(logging.INFO, logger="harness"):
        runner.run(runner.plan(runner.Request("darts-1st", "s2", "digits", protocol.load("smoke"))))
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
    assert "epoch 2 of 2" in caplog.text


def test_what_is_not_finite_is_said() -> None:
    record = {"epoch": 0, "train_loss": None, "cost": {"seconds": 1.0, "steps": 1}}
    assert line(record, 3, 61.0) == "epoch 1 of 3; training loss not finite; 1.0 s, 1 step; 61 s left"
