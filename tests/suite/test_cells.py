"""Cells on disk: they are those of `harness run`, and asking again needs no torch."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from processes import timed

import harness
from harness.core.errors import HarnessError
from harness.core.files import weights_beside
from harness.evaluation import evaluate
from harness.evaluation.evaluate import Request
from harness.runs import runner
from harness.suite import cells, definition
from harness.suite.cells import Cell, resolve
from harness.suite.definition import EvaluationCell, SearchCell
from harness.suite.planning import Planner
from harness.suite.status import status_of
from spaces.published import PUBLISHED


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


SEARCH = SearchCell("darts-1st", "s1", "digits", 3, "smoke", ("lr=0.1",))


@pytest.mark.parametrize("name", definition.available())
def test_every_shipped_suite_resolves_to_cells_of_different_folders(name):
    asked = definition.cells(name)
    assert len({cell.name for cell in resolve(asked)}) == len(asked)


def test_what_is_written_in_two_ways_is_one_cell():
    searches = [replace(SEARCH, settings=written) for written in (("lr=3e-2", "batch=8"), ("batch=8", "lr=0.03"))]
    other = replace(SEARCH, settings=("lr=0.3", "batch=8"))
    asked = [*searches, *(EvaluationCell(search, None, None, None, ()) for search in searches), other]
    assert [cell.asked for cell in resolve(asked)] == [asked[0], asked[2], other]


def test_mistakes_are_all_named_before_anything_is_begun():
    wrong = [
        SearchCell("mergezarts", "s2", "digits", 0, "smoke", ()),
        SearchCell("zarts-msg", "s1", "digits", 0, "smoke", ()),
        SearchCell("darts-1st", "s1", "digits", 0, "smoke", ("lrr=1",)),
        SearchCell("darts-1st", "s9", "digits", 0, "smoke", ()),
        SearchCell("darts-1st", "s9", "digits", 1, "smoke", ()),
    ]
    with pytest.raises(HarnessError) as error:
        resolve([SEARCH, *wrong])
    assert str(error.value).startswith("nothing is begun. mergezarts on s2 with digits: ")
    assert "did you mean 'zarts-mgs'?" in str(error.value)
    assert "unknown setting 'lrr'" in str(error.value)
    assert str(error.value).endswith("And 1 more.")


@pytest.mark.parametrize(
    ("space", "dataset", "on", "message"),
    [
        ("s1", "digit", None, "with digit: unknown dataset 'digit'; did you mean 'digits'?"),
        ("s1", "digits", "cifar01", "with digits: unknown dataset 'cifar01'; did you mean 'cifar10'?"),
        ("nasbench201-table", "cifar01", None, "unknown data set of NAS-Bench-201's table 'cifar01'; did you mean"),
    ],
)
def test_a_data_set_that_is_not_known_is_named_before_anything_is_begun(space, dataset, on, message):
    search = SearchCell("darts-1st", space, dataset, 0, "smoke", ())
    with pytest.raises(HarnessError) as error:
        resolve([search, *([EvaluationCell(search, on, None, None, ())] if on else [])])
    assert str(error.value).startswith(f"nothing is begun. darts-1st on {space} with ")
    assert message in str(error.value)


def test_the_evaluation_of_a_cell_on_the_way_is_that_of_harness_evaluate(tmp_path):
    asked = [EvaluationCell(SEARCH, None, None, None, (), epoch) for epoch in (None, 1, 2)]
    found = resolve(asked)
    assert len({cell.name for cell in found}) == 3
    run = tmp_path / found[0].folder
    run.mkdir(parents=True)
    genotypes = [PUBLISHED[name].genotype for name in ("DARTS_V1", "DARTS_V2")]
    (run / "result.json").write_text(json.dumps({"genotype": genotypes[1].to_json(), "space": "s1"}))
    records = [{"epoch": epoch, "genotype": str(genotype)} for epoch, genotype in enumerate(genotypes)]
    (run / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (run / "spec.json").write_text(json.dumps({"spec": {"dataset": "digits", "dataset_files": None}}))
    shutil.copy(Path(harness.__file__).parent / "protocols" / "smoke.toml", run.parent / "protocol.toml")
    files = [evaluate.plan(Request(str(run), at_epoch=cell.asked.at_epoch, device="cpu")).file for cell in found]
    assert [cell.output(tmp_path) for cell in found] == files
    assert files[0] == files[2] != files[1]
    with pytest.raises(HarnessError, match=r"at_epoch 9: the search has 2 epochs; name one of them\."):
        resolve([EvaluationCell(SEARCH, None, None, None, (), 9)])


def test_each_seed_of_a_training_has_the_file_of_harness_evaluate(tmp_path):
    found = resolve([EvaluationCell(SEARCH, None, None, None, (), seed=seed) for seed in (0, 1)])
    run = tmp_path / found[0].folder
    run.mkdir(parents=True)
    cell = PUBLISHED["DARTS_V2"].genotype.to_json()
    (run / "result.json").write_text(json.dumps({"genotype": cell, "space": "s1"}))
    (run / "spec.json").write_text(json.dumps({"spec": {"dataset": "digits", "dataset_files": None}}))
    shutil.copy(Path(harness.__file__).parent / "protocols" / "smoke.toml", run.parent / "protocol.toml")
    files = [evaluate.plan(Request(str(run), seed=seed, device="cpu")).file for seed in (0, 1)]
    assert [each.output(tmp_path) for each in found] == files
    assert [resolve([each.asked])[0].name for each in found] == [each.name for each in found]
    assert found[0].name != found[1].name
    assert [each.training_seed for each in found] == [0, 1]


def test_a_look_up_has_no_seed():
    search = SearchCell("darts-1st", "nasbench201", "cifar10", 0, "smoke", ())
    resolve([EvaluationCell(search, None, None, None, ())])
    with pytest.raises(HarnessError, match=r"seed 1: its cell is looked up, not trained, .* leave it out\."):
        resolve([EvaluationCell(search, None, None, None, (), seed=1)])
    trained, again = resolve([EvaluationCell(search, None, None, "nasbench201", (), seed=seed) for seed in (0, 1)])
    assert trained.name != again.name


def test_what_was_worked_out_is_kept_until_something_that_decides_it_changes(monkeypatch, tmp_path):
    (first,) = resolve([SEARCH])

    def never(asked):
        raise AssertionError("it was worked out again")

    monkeypatch.setattr(cells, "_places", never)
    assert resolve([SEARCH]) == [first]
    images = tmp_path / "images" / "train" / "a"
    images.mkdir(parents=True)
    by_path = SearchCell("darts-1st", "s1", str(tmp_path / "images"), 0, "smoke", ())
    monkeypatch.setattr(cells, "_places", lambda asked: [{"folder": "smoke/x", "code": ""}])
    resolve([by_path])
    monkeypatch.setattr(cells, "_places", never)
    resolve([by_path])
    (images / "new.png").write_bytes(b"more data")
    with pytest.raises(AssertionError):
        resolve([by_path])
    monkeypatch.setattr(cells, "code_digest", lambda: "another version")
    with pytest.raises(AssertionError):
        resolve([SEARCH])


@pytest.mark.parametrize(
    ("known", "plugin", "edited"),
    [
        ("plugin_names", "mine.py", "mine.py"),
        ("plugin_names", "lonely_plugin", "lonely_plugin.py"),
        ("plugin_names", "packed_plugin.parts", "packed_plugin/helper.py"),
        ("installed_modules", "packed_plugin", "packed_plugin/helper.py"),
    ],
)
def test_a_plugin_that_is_edited_is_worked_out_again(known, plugin, edited, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "packed_plugin").mkdir()
    for name in ("mine.py", "lonely_plugin.py", *(f"packed_plugin/{each}.py" for each in ("parts", "helper"))):
        (tmp_path / name).write_text("raise AssertionError('it was imported')")
    places = [{"folder": "smoke/x", "code": ""}]
    monkeypatch.setattr(cells, "_places", lambda asked: places)
    monkeypatch.setattr(cells, known, lambda: [plugin])
    (first,) = resolve([SEARCH])
    places = [{"folder": "smoke/x", "code": "another"}]
    assert resolve([SEARCH]) == [first]
    (tmp_path / edited).write_text("LATER = 1")
    (later,) = resolve([SEARCH])
    assert later.code == "another"


def test_a_plugin_that_is_not_there_has_a_digest():
    assert cells.plugin_digest("absent_plugin") == cells.plugin_digest("..") != cells.plugin_digest("harness.cli")


def test_a_damaged_cache_is_worked_out_again(tmp_path):
    (first,) = resolve([SEARCH])
    (kept,) = (tmp_path / "cache").rglob("*.json")
    kept.write_text("{")
    assert resolve([SEARCH]) == [first]


def test_a_split_file_that_changes_changes_the_cell(tmp_path):
    split = tmp_path / "split.json"
    asked = SearchCell("darts-1st", "s1", "digits", 0, "smoke", (f"split_file={split}",))
    split.write_text(json.dumps({"train": [0, 1], "valid": [2, 3]}))
    (before,) = resolve([asked])
    split.write_text(json.dumps({"train": [0, 1], "valid": [4, 5]}))
    assert resolve([asked]) != [before]


def write_done(cell: Cell, results):
    folder = results / cell.folder
    folder.mkdir(parents=True)
    (folder / "result.json").write_text('{"genotype": {}}')


def test_an_evaluation_is_set_aside_with_its_network(tmp_path):
    search, evaluation = resolve([SEARCH, EvaluationCell(SEARCH, None, None, None, ())])
    write_done(search, tmp_path)
    file = evaluation.output(tmp_path)
    evaluation.workplace(tmp_path).mkdir()
    for path in (file, weights_beside(file)):
        path.touch()
    evaluation.set_aside(tmp_path)
    kept = sorted(path.name for path in (file.parent / ".replaced" / "1").iterdir())
    assert kept == sorted([file.stem, file.name, weights_beside(file).name])


def test_the_status_of_a_thousand_done_cells_takes_less_than_two_seconds_and_no_torch(tmp_path):
    seeds = list(range(1000))
    suite = tmp_path / "many.toml"
    suite.write_text(
        'summary = "many"\nprotocol = "smoke"\n[[search]]\nmethod = ["darts-1st"]\nspace = ["s1"]\n'
        f'dataset = ["digits"]\nseed = {seeds}\n'
    )
    for cell in resolve(definition.cells(str(suite))):
        write_done(cell, tmp_path / "results")
    code = (
        "import sys\nfrom harness.cli import main\n"
        f"main(['suite', 'status', {str(suite)!r}, '--results={tmp_path / 'results'}'], standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules and 'this loaded torch')"
    )
    done, seconds = timed([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    assert "1,000 cells: 1,000 done" in done.stdout
    assert seconds < 2.0


def test_an_interrupted_run_says_how_far_it_came(tmp_path):
    (cell,) = resolve([SEARCH])
    folder = cell.workplace(tmp_path)
    assert status_of(cell, tmp_path).state == "queued"
    folder.mkdir(parents=True)
    spec = {"settings": {"training": {"epochs": 5}, "schedule": {"warmup": 1}}}
    (folder / "spec.json").write_text(json.dumps({"spec": spec}))
    records = [{"cost": {"seconds": s, "validation_seconds": v, "images": 9}} for s, v in ((10, 1), (30, 2), (50, 3))]
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records[:1]))
    assert status_of(cell, tmp_path).seconds_left is None  # the warm-up says nothing of what comes
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    found = status_of(cell, tmp_path)
    assert (found.state, found.epoch, found.epochs, found.seconds_left) == ("queued", 3, 5, 2 * 21.0)


def test_what_seeds_have_in_common_is_planned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(runner, "code_of", lambda parts: asked.append("search") or {"a.py": "1"})
    monkeypatch.setattr(evaluate, "code_of", lambda parts: asked.append("evaluation") or {"b.py": "2"})
    planner = Planner()
    searches = [SearchCell("darts-1st", "s1", "digits", seed, "smoke", ()) for seed in range(20)]
    trainings = [EvaluationCell(search, None, "smoke", None, ()) for search in searches]
    places = [planner.place(cell) for cell in (*searches, *trainings)]
    assert asked == ["search", "evaluation"]
    assert len({place["folder"] for place in places}) == len(searches)
    assert [place["folder"] for place in places[:20]] == [place["folder"] for place in places[20:]]
