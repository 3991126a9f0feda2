"""Selections: what they choose from, by which numbers, what follows them, and that nothing disturbs them."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace

import pytest
from click.testing import CliRunner
from drills import Runner, kill_all

from harness.cli import main
from harness.core.errors import HarnessError
from harness.suite import definition
from harness.suite.cells import Cell, Selection, resolve
from harness.suite.definition import EvaluationCell, SearchCell, SelectionCell
from harness.suite.driver import Driver
from harness.suite.job import Ending
from harness.suite.pricing import kind_of, time_to_end
from harness.suite.requests import Equipment, request_from_json, to_json
from harness.suite.status import Status, status_of

HEAD = """
summary = "a test"
protocol = "smoke"
[[search]]
method = ["r-darts-dp", "darts-1st"]
space = ["s1", "s2"]
dataset = ["digits"]
seed = [0, 1]
set = { search_drop_path = [0.0, 0.4], lr = 0.1 }
"""
SUITE = (
    HEAD
    + """
[[select]]
method = ["r-*"]
among = ["search_drop_path"]
by = "training"
set = { epochs = 3 }
[[evaluate]]
method = ["r-*"]
space = ["s1"]
selected = true
set = { size = ["8x16", "20x36"] }
[[evaluate]]
method = ["darts-*"]
"""
)


@pytest.fixture
def cells_of(tmp_path):
    """The cells of a suite of this text."""

    def write(text, protocol=None):
        (tmp_path / "mine.toml").write_text(text)
        return definition.cells(str(tmp_path / "mine.toml"), protocol)

    return write


def selections(cells):
    return [cell for cell in cells if isinstance(cell, SelectionCell)]


def test_one_is_selected_of_all_that_differ_in_nothing_else(cells_of):
    cells = cells_of(SUITE)
    found = selections(cells)
    assert [(cell.search.space, cell.search.seed) for cell in found] == [("s1", 0), ("s1", 1), ("s2", 0), ("s2", 1)]
    of_first = [
        SearchCell("r-darts-dp", "s1", "digits", 0, "smoke", (f"search_drop_path={p}", "lr=0.1")) for p in (0.0, 0.4)
    ]
    assert list(found[0].searches) == of_first
    assert found[0].settings == ("lr=0.1",)
    trainings = [EvaluationCell(each, None, None, None, ("validation=0.5", "epochs=3")) for each in of_first]
    assert list(found[0].trainings) == trainings
    for cell in (*of_first, *trainings):
        assert cells.index(cell) < cells.index(found[0])


def test_what_follows_a_selection_is_not_done_of_every_search(cells_of):
    cells = cells_of(SUITE)
    of_dp = [cell for cell in cells if isinstance(cell, EvaluationCell) and cell.search.method == "r-darts-dp"]
    chosen = [cell for cell in of_dp if cell.selection]
    assert {cell.search.space for cell in chosen} == {"s1"}
    assert [cell.settings for cell in chosen] == [("size=8x16",), ("size=20x36",)] * 2
    assert all(
        cells.index(cell) > cells.index(cell.selection) and cell.search == cell.selection.search for cell in chosen
    )
    assert len(of_dp) - len(chosen) == 8  # the short trainings
    assert sum(isinstance(cell, EvaluationCell) and cell.search.method == "darts-1st" for cell in cells) == 8


def test_among_seeds_by_the_searches_own_last_loss(cells_of):
    text = SUITE.replace(
        'among = ["search_drop_path"]\nby = "training"\nset = { epochs = 3 }', 'among = ["seed"]\nby = "valid_loss"'
    )
    found = selections(cells_of(text))
    assert [[cell.seed for cell in each.searches] for each in found] == [[0, 1]] * 4
    assert not any(each.trainings for each in found)
    both = selections(cells_of(text.replace('["seed"]', '["seed", "search_drop_path"]')))
    assert [len(each.searches) for each in both] == [4, 4]


def test_another_protocol_replaces_that_of_the_short_trainings_too(cells_of):
    named = SUITE.replace('by = "training"', 'by = "training"\nprotocol = "paper"')
    assert selections(cells_of(named))[0].trainings[0].protocol == "paper"
    assert selections(cells_of(named, "smoke"))[0].trainings[0].protocol == "smoke"
    assert selections(cells_of(SUITE, "proxy"))[0].trainings[0].protocol is None


WRONG = {
    SUITE.replace('by = "training"\nset = { epochs = 3 }', 'by = "luck"'): "by = 'luck' must be training or valid_loss",
    SUITE.replace('by = "training"', 'by = "valid_loss"'): "unknown key 'set'",
    SUITE.replace("{ epochs = 3 }", "{ epochs = [3, 4] }"): "epochs = [3, 4] must be one value",
    SUITE.replace("{ epochs = 3 }", "{ validation = 0 }"): "validation = 0 must be above 0",
    SUITE.replace("{ epochs = 3 }", '{ validation = "0.0" }'): "validation = '0.0' must be above 0",
    SUITE.replace('among = ["search_drop_path"]\n', ""): "'among' is missing",
    SUITE.replace(
        'among = ["search_drop_path"]', 'among = ["lr"]'
    ): "leaves one search to select from: r-darts-dp on s1",
    SUITE.replace("selected = true", "selected = 1"): "selected = 1 must be true or false",
}


@pytest.mark.parametrize("text", WRONG, ids=WRONG.values())
def test_a_malformed_selection_is_explained(text, cells_of):
    with pytest.raises(HarnessError) as error:
        cells_of(text)
    assert WRONG[text] in str(error.value)


NAMED = """
summary = "a test"
protocol = "smoke"
[[search]]
method = ["darts-1st"]
space = ["s1"]
dataset = ["digits"]
seed = [0, 1]
[[select]]
among = ["seed"]
by = "training"
set = { epochs = 3 }
"""
OTHERS = {
    "measure": NAMED.replace('"training"\nset = { epochs = 3 }', '"valid_loss"'),
    "training": NAMED.replace("epochs = 3", "epochs = 4"),
    "candidates": NAMED.replace("[0, 1]", "[0, 1, 2]"),
    "order": NAMED.replace("[0, 1]", "[1, 0]"),  # of equals the first is chosen
    "settings": NAMED.replace("seed = [0, 1]", "seed = [0, 1]\nset = { lr = 0.1 }"),
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_selections_that_may_say_different_things_have_files_of_their_own(text, cells_of):
    (first,), (other,) = (
        [cell for cell in resolve(cells_of(each)) if isinstance(cell, Selection)] for each in (NAMED, text)
    )
    assert first.folder.startswith("smoke/selection-darts-1st-s1-digits-")
    assert other.folder != first.folder


def search(seed):
    return Cell(SearchCell("m", "s", "d", seed, "p", ()), f"p/m-s-d-s{seed}")


def made(by_training):
    """Two searches, the selection among them, and the evaluation of what it selects, with their short trainings."""
    searches = [search(0), search(1)]
    short = {"name": "validation", "spec": {"short": True}}
    trainings = [
        Cell(EvaluationCell(each.search, None, None, None, ("validation=0.5",)), each.folder, short)
        for each in searches
    ]
    compared = trainings if by_training else searches
    asked = SelectionCell(
        ("seed",), tuple(each.search for each in searches), tuple(each.asked for each in trainings if by_training)
    )
    selection = Selection(asked, "p/selection-m-s-d-1", compared=tuple(compared))
    follower = EvaluationCell(searches[0].search, None, "p", None, (), None, asked)
    evaluation = Cell(follower, selection.folder, {"name": "evaluation", "spec": {}}, selection=selection)
    return searches, trainings if by_training else [], selection, evaluation


def write(cell, results, **content):
    path = cell.output(results)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"genotype": {"cell": cell.search.seed}, **content}))


@pytest.mark.parametrize(("errors", "seed"), [((7.5, 3.25), 1), ((3.25, 7.5), 0), ((3.25, 3.25), 0)])
def test_the_lowest_error_is_chosen_and_of_equals_the_first(errors, seed, tmp_path):
    searches, trainings, selection, evaluation = made(by_training=True)
    for cell in searches:
        write(cell, tmp_path)
    assert status_of(selection, tmp_path).state == "waiting"
    for cell, error in zip(trainings, errors, strict=True):
        write(cell, tmp_path, test_error_last=error, test_error_best=0.0)
    assert [status_of(cell, tmp_path).state for cell in (selection, evaluation)] == ["queued", "waiting"]
    selection.decide(tmp_path)
    assert status_of(selection, tmp_path).state == "done"
    written = json.loads((tmp_path / "p" / "selection-m-s-d-1.json").read_text())
    assert written["chosen"] == f"m-s-d-s{seed}"
    assert [(each["run"], each["number"], each["seed"]) for each in written["searches"]] == [
        *(("m-s-d-s0", errors[0], 0), ("m-s-d-s1", errors[1], 1)),
    ]
    assert evaluation.run(tmp_path) == tmp_path / "p" / f"m-s-d-s{seed}"
    assert status_of(evaluation, tmp_path).state == "queued"
    asked = evaluation.request(tmp_path, Equipment("cpu"))
    assert asked.command[:2] == ("evaluate", str(tmp_path / "p" / f"m-s-d-s{seed}"))
    assert request_from_json(json.loads(json.dumps(to_json(asked)))) == asked


@pytest.mark.parametrize(
    ("losses", "seed"), [((0.5, 0.25), 1), ((None, 9.0), 1), ((None, None), 0)], ids=["lower", "finite", "none finite"]
)
def test_by_the_last_validation_loss_of_the_searches(losses, seed, tmp_path):
    searches, _, selection, _ = made(by_training=False)
    for cell, loss in zip(searches, losses, strict=True):
        write(cell, tmp_path)
        records = [{"valid_loss": 0.0}, {"valid_loss": loss}]
        (tmp_path / cell.folder / "records.jsonl").write_text("".join(json.dumps(each) + "\n" for each in records))
    selection.decide(tmp_path)
    assert selection.chosen(tmp_path).name == f"m-s-d-s{seed}"


def test_a_choice_that_is_no_longer_true_or_damaged_is_made_again(tmp_path):
    searches, trainings, selection, _ = made(by_training=True)
    for cell, error in zip((*searches, *trainings), (0, 0, 2.0, 1.0), strict=True):
        write(cell, tmp_path, test_error_last=error)
    selection.decide(tmp_path)
    write(trainings[0], tmp_path, test_error_last=0.5)
    assert status_of(selection, tmp_path).state == "queued"
    selection.decide(tmp_path)
    assert selection.chosen(tmp_path).name == "m-s-d-s0"
    selection.output(tmp_path).write_text("{")
    assert status_of(selection, tmp_path).state == "queued"
    selection.output(tmp_path).write_text(json.dumps({**selection.decision(tmp_path), "chosen": "../x"}))
    with pytest.raises(HarnessError, match="is damaged"):
        selection.chosen(tmp_path)


class AsSaid:
    """An executor that ends every job at once, well but for the named ones."""

    room = 1

    def __init__(self, results, cells, failing):
        self.results, self.cells, self.failing, self.begun = results, {cell.name: cell for cell in cells}, failing, []

    def submit(self, jobs):
        self.waiting = [name for name, _ in jobs]
        self.begun += self.waiting

    def wait(self, seconds):
        ended, self.waiting = self.waiting, []
        for name in ended:
            if name not in self.failing:
                write(self.cells[name], self.results, test_error_last=1.0)
        return [(name, Ending("failed", "why") if name in self.failing else Ending("done")) for name in ended]

    def stop(self):
        pass


def driven(results, failing=()):
    searches, trainings, selection, evaluation = made(by_training=True)
    cells = [*searches, *trainings, selection, evaluation]
    executor, told = AsSaid(results, cells, failing), []
    Driver(cells, results, executor, retries=0, tell=lambda what, cell, _: told.append((what, cell.name))).run()
    return [status_of(cell, results).state for cell in cells], executor, told


def test_a_driver_decides_as_soon_as_it_can_and_hands_the_rest_over(tmp_path):
    states, executor, told = driven(tmp_path)
    assert states == ["done"] * 6
    assert len(executor.begun) == 5
    assert ("done", "p/selection-m-s-d-1") in told
    assert executor.begun[-1].startswith("p/selection-m-s-d-1.evaluation-")
    assert driven(tmp_path)[1].begun == []


def test_what_waits_for_a_failure_through_others_is_left(tmp_path):
    states, executor, _ = driven(tmp_path, failing={"p/m-s-d-s1"})
    assert states == ["done", "failed", "done", "waiting", "waiting", "waiting"]
    assert len(executor.begun) == 3


def test_a_selection_that_cannot_decide_fails_and_is_made_once_it_can(tmp_path):
    searches, _, selection, evaluation = made(by_training=False)
    cells = [*searches, selection, evaluation]
    for each in searches:
        write(each, tmp_path)
        (tmp_path / each.folder / "records.jsonl").write_text("")
    executor = AsSaid(tmp_path, cells, ())
    Driver(cells, tmp_path, executor).run()
    assert [status_of(cell, tmp_path).state for cell in cells] == ["done", "done", "failed", "waiting"]
    assert "m-s-d-s0/records.jsonl cannot be read" in status_of(selection, tmp_path).reason
    for each in searches:
        (tmp_path / each.folder / "records.jsonl").write_text(json.dumps({"valid_loss": 1.0}))
    Driver(cells, tmp_path, executor).run()
    assert [status_of(cell, tmp_path).state for cell in cells] == ["done"] * 4
    assert not list(tmp_path.rglob("*.failed.json"))


def test_a_selection_costs_nothing_and_what_follows_it_ends_after_all_it_compares():
    searches, trainings, selection, evaluation = made(by_training=True)
    cells = [*searches, *trainings, selection, evaluation]
    seconds = dict(zip((cell.name for cell in cells), (5.0, 2.0, 1.0, 1.0, 0.0, 4.0), strict=True))
    standings = [Status(cell, "queued") for cell in cells]
    assert time_to_end(standings, seconds, workers=1) == 13.0
    assert time_to_end(standings, seconds, workers=2) == 10.0  # the second search and training beside the first search
    plain = replace(evaluation.asked, selection=None)
    assert kind_of(evaluation.asked) == kind_of(plain)


def test_cells_travel_as_plain_values():
    *_, evaluation = made(by_training=True)
    plain = replace(evaluation.asked, selection=None)
    assert definition.from_json(json.loads(json.dumps(asdict(plain)))) == plain


LITTLE = """
summary = "two searches, two short trainings, a selection, and an evaluation"
protocol = "smoke"
[[search]]
method = ["r-darts-dp"]
space = ["s1"]
dataset = ["digits"]
seed = [0]
set = { search_drop_path = [0.0, 0.4], images = 32, batch = 8, valid_batch = 8 }
[[select]]
among = ["search_drop_path"]
by = "training"
set = { images = 48, epochs = 1 }
[[evaluate]]
selected = true
set = { images = 32, test_images = 40, epochs = 1 }
"""


def suite(*arguments):
    return CliRunner().invoke(main, ["suite", *map(str, arguments)], catch_exceptions=False).stdout


@pytest.mark.timeout(300)
def test_a_suite_that_is_killed_on_its_way_evaluates_the_one_that_it_selects(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file, results, mark = tmp_path / "little.toml", tmp_path / "results", f"{os.getpid()}-{tmp_path.name}"
    file.write_text(LITTLE)
    arguments = (mark, file, f"--results={results}", "--device=cpu", "--workers=1")
    try:
        first = Runner(*arguments)
        while first.alive and not list(results.glob("*/*/validation-*/records.jsonl")):
            time.sleep(0.01)
    finally:
        kill_all(mark)
    first.process.communicate()
    assert "6 cells" in suite("status", file, f"--results={results}")
    try:
        assert "6 cells: 6 done" in Runner(*arguments).finish()
    finally:
        kill_all(mark)
    (path,) = results.glob("smoke/selection-r-darts-dp-s1-digits-*.json")
    written = json.loads(path.read_text())
    errors = {}
    for each in written["searches"]:
        training = json.loads((path.parent / each["run"] / each["training"]).read_text())
        assert (training["kind"], training["images"]) == ("validation", {"train": 24, "test": 24})
        assert training["test_error_last"] == each["number"]
        errors[each["run"]] = each["number"]
    assert len(errors) == 2
    assert written["chosen"] == min(errors, key=errors.get)
    (evaluation,) = results.rglob("evaluation-*.json")
    assert evaluation.parent.name == written["chosen"]
    assert "6 cells, 6 done" in suite("plan", file, f"--results={results}", "--no-calibration", "--device=cpu")
    before = {each: each.read_bytes() for each in results.rglob("*.json")}
    assert "6 cells: 6 done" in suite("run", file, f"--results={results}", "--device=cpu", "--workers=1")
    assert {each: each.read_bytes() for each in results.rglob("*.json")} == before
