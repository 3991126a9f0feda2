"""`harness evaluate`: what it writes, resumes, looks up and refuses."""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from processes import TINY, Child, contents, forked, harness, run_arguments, run_folder
from toy_table import write_toy_table

from harness.core.errors import HarnessError
from harness.core.genotype import parse
from harness.core.types import TIMINGS
from harness.data import file_digest
from harness.evaluation import evaluate
from harness.evaluation.evaluate import Request
from harness.evaluation.training import Cost, State, Trainer
from harness.runs.machine import environment
from spaces.counting import count
from spaces.darts.members import DARTS
from spaces.published import PUBLISHED

CIFAR10 = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "cifar10"
CELL = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"
DIGITS = ("--dataset", "digits", "--protocol", "smoke", "--checkpoint-seconds", "0")
QUICK = (*DIGITS, "--set", "images=96", "--set", "batch=8")
"""24 steps in two epochs, each of them saved."""


def evaluation(results, *more, target="DARTS_V2", options=QUICK):
    return harness(["evaluate", target, "--results", str(results), *options, *more])


def file_of(results):
    """The only evaluation."""
    (path,) = results.rglob("evaluation-*.json")
    return path


def found(results):
    """All that is decided by the request: the evaluation, the records and the state, without times and memory."""

    def bits(value):
        if isinstance(value, torch.Tensor):
            return value.dtype, value.shape, value.numpy().tobytes()
        if isinstance(value, dict):
            return {key: bits(entry) for key, entry in value.items() if key not in TIMINGS}
        return [bits(entry) for entry in value] if isinstance(value, list) else value

    path = file_of(results)
    folder = path.with_suffix("") if path.with_suffix("").is_dir() else path.parent
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    state = torch.load(folder / "checkpoint.pt", weights_only=True)["state"]
    return bits({"evaluation": json.loads(path.read_text()), "records": records, "state": state})


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """What an evaluation finds that nothing disturbs."""
    results = tmp_path_factory.mktemp("straight")
    ended = forked(evaluation(results))
    assert ended.code == 0, ended.err
    return results


def test_the_evaluation_file(straight):
    path = file_of(straight)
    assert {p.name for p in path.parent.iterdir()} == {
        "spec.json", "records.jsonl", "checkpoint.pt", "checkpoint.previous.pt", "lock", path.name,
        path.with_suffix(".weights.pt").name,
    }  # fmt: skip
    written = json.loads(path.read_text())
    records = [json.loads(line) for line in (path.parent / "records.jsonl").read_text().splitlines()]
    genotype = PUBLISHED["DARTS_V2"].genotype
    counted = count(DARTS.network(genotype, 4, 3, 10), 8)
    errors = [record["test_error"] for record in records]
    assert written["kind"] == "training"
    assert written["protocol"] == {"name": "smoke", "version": 1}
    assert (written["dataset"], written["seed"], written["size"]) == ("digits", 0, "3x4")
    assert written["dataset_files"] is None
    assert (written["genotype"], written["notation"]) == (genotype.to_json(), str(genotype))
    assert (written["parameters"], written["macs"]) == (counted.parameters, counted.macs)
    assert len(records) == 2
    assert written["test_error_last"] == errors[-1]
    assert written["test_error_best"] == min(errors) == errors[written["best_epoch"]]
    assert written["train_error_last"] == records[-1]["train_error"]
    assert path.parent.parent == straight / "evaluations" / "smoke"
    assert (written["cost"]["steps"], written["cost"]["images"]) == (24, 192)
    assert written["cost"]["device"] == environment("cpu", "")["device"]
    figures = {"test_error_last", "test_error_best", "best_epoch", "train_error_last", "parameters", "macs", "cost"}
    assert set(written["how"]) == figures


def test_a_validation_is_no_evaluation_and_leaves_the_test_images_alone(tmp_path):
    ended = forked(evaluation(tmp_path, "--set", "validation=0.25"))
    assert ended.code == 0, ended.err
    assert "validation error" in ended.out
    assert not list(tmp_path.rglob("evaluation-*.json"))
    (path,) = tmp_path.rglob("validation-*.json")
    written = json.loads(path.read_text())
    assert (written["kind"], written["images"]) == ("validation", {"train": 72, "test": 24})
    assert written["how"]["test_error_last"].startswith("percent of 24 training images that were held out, in place of")


def test_the_best_epoch_is_the_first_of_the_lowest():
    records = [
        {"epoch": n, "test_error": error, "train_error": 0.0} for n, error in enumerate((30.0, 20.0, 20.0, 25.0))
    ]
    plan = evaluate.plan(Request("DARTS_V2", "digits", protocol="smoke"))
    source = evaluate.open_source(plan.training.parts.data, "digits", None, "cpu", 0)
    state = State(4, 0, *[torch.zeros(1)] * 4, cost=Cost(), records=records)
    written = evaluate.describe_training(plan, plan.training, source, state, "cpu")
    assert (written["test_error_last"], written["test_error_best"], written["best_epoch"]) == (25.0, 20.0, 1)


def test_again_returns_what_is_done(straight):
    before = contents(straight)
    ended = forked(evaluation(straight, "--json"))
    printed = json.loads(ended.out)
    assert (ended.code, ended.err, printed["was_done"]) == (0, "", True)
    assert printed["test_error_last"] == json.loads(file_of(straight).read_text())["test_error_last"]
    assert contents(straight) == before


def test_what_is_done_anew_keeps_the_network_of_before(searched, tmp_path):
    folder = shutil.copytree(run_folder(searched / "s2"), tmp_path / "smoke" / "run")
    shutil.copy(run_folder(searched / "s2").with_name("protocol.toml"), folder.parent)
    command = ["evaluate", str(folder), "--set", "images=32", "--epochs", "1"]
    assert forked(harness(command)).code == 0
    before = {path.name: path.read_bytes() for path in folder.glob("evaluation-*.*")}
    assert len(before) == 2
    assert forked(harness([*command, "--again"])).code == 0
    kept = folder / ".replaced" / "1"
    assert {path.name: path.read_bytes() for path in kept.glob("evaluation-*.*")} == before
    assert len(list(folder.glob("evaluation-*.*"))) == 2


def test_one_that_another_process_finishes_while_this_one_begins_is_left_alone(tmp_path, monkeypatch):
    read = evaluate._open

    def overtaken(*asked):
        evaluate._open = read
        assert forked(evaluation(tmp_path)).code == 0
        return read(*asked)

    monkeypatch.setattr(evaluate, "_open", overtaken)
    ended = forked(evaluation(tmp_path, "--json"))
    assert (ended.code, ended.err, json.loads(ended.out)["was_done"]) == (0, "", True)


def test_killed_at_random_instants(straight, tmp_path):
    delays, killed = random.Random(0), 0
    for number in range(4):
        child = Child(evaluation(tmp_path))
        child.wait_for(lambda: any(tmp_path.rglob("checkpoint.pt")))
        time.sleep(number * delays.uniform(0, 0.05))
        child.send(signal.SIGKILL)
        killed += child.wait().code == -signal.SIGKILL
    assert killed
    assert forked(evaluation(tmp_path)).code == 0
    assert found(tmp_path) == found(straight)


def signalled(number, call, step=8):
    """The call, with a signal to its own process in this step of the training."""

    def instead():
        advance = Trainer.advance

        def told(trainer, state):
            if state.cost.steps == step - 1:
                signal.raise_signal(number)
            return advance(trainer, state)

        Trainer.advance = told
        call()

    return instead


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_evaluation_goes_on(number, straight, tmp_path):
    ended = forked(signalled(number, evaluation(tmp_path, "--checkpoint-seconds", "1000")))
    assert ended.code == 130
    assert "the state is saved in" in ended.err
    assert "Run the same command again to go on." in ended.err
    ended = forked(evaluation(tmp_path))
    assert "training done, resumed from step 8" in ended.out
    assert found(tmp_path) == found(straight)


def test_a_stop_in_the_last_step_of_an_evaluation_is_heeded(tmp_path):
    """The one that it came in is done, and the next has not begun."""
    two = harness(["evaluate", "DARTS_V1", "DARTS_V2", "--results", str(tmp_path), *QUICK])
    ended = forked(signalled(signal.SIGTERM, two, step=24))
    assert (ended.code, "stopped after 1 of 2 evaluations" in ended.err) == (130, True)
    assert len(list(tmp_path.glob("**/evaluation-*.json"))) == 1


def test_what_decides_the_outcome_names_the_evaluation(tmp_path):
    def name(target="DARTS_V2", seed=0, *assignments):
        request = Request(target, "digits", None, "smoke", seed=seed, assignments=assignments, device="cpu")
        return evaluate.plan(request).name

    assert name().startswith("evaluation-smoke-digits-3x4-s0-")
    assert name() == name()
    assert len({name(), name("DARTS_V1"), name("DARTS_V2", 1), name("DARTS_V2", 0, "lr=0.1")}) == 4
    assert "-4x8-" in name("DARTS_V2", 0, "size=4x8")


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A finished run on NAS-Bench-201 and one on S2."""
    results = tmp_path_factory.mktemp("searched")
    for space in ("nasbench201", "s2"):
        ended = forked(harness(run_arguments(results / space, *TINY, space=space)))
        assert ended.code == 0, ended.err
    return results


def test_a_run_is_evaluated_under_its_own_protocol_and_data(searched):
    folder = run_folder(searched / "s2")
    ended = forked(harness(["evaluate", str(folder), "--set", "images=32", "--json"]))
    printed = json.loads(ended.out)
    assert ended.err == ""
    assert (printed["protocol"]["name"], printed["dataset"]) == ("smoke", "digits")
    assert printed["genotype"] == json.loads((folder / "result.json").read_text())["genotype"]
    assert Path(printed["file"]).parent == folder
    assert (Path(printed["file"]).with_suffix("") / "checkpoint.pt").exists()
    assert "darts-1st on s2" in forked(harness(["describe", str(folder)])).out


def test_a_cell_that_a_run_had_on_the_way_is_evaluated(searched, tmp_path):
    folder = tmp_path / "smoke" / "run"
    shutil.copytree(run_folder(searched / "s2").parent, folder.parent)
    run_folder(tmp_path).rename(folder)
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    last, (_, reduce) = parse(records[-1]["genotype"]), parse(records[-1]["genotype"]).cells
    earlier = replace(last, cells=(("normal", reduce[1]), reduce))
    lines = [{**records[-1], "epoch": epoch, "genotype": str(cell)} for epoch, cell in enumerate((earlier, last))]
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    plans = [evaluate.plan(Request(str(folder), device="cpu", at_epoch=epoch)) for epoch in (1, 2, None)]
    assert [plan.subject.genotype for plan in plans] == [earlier, last, last]
    assert plans[0].file != plans[1].file == plans[2].file  # one training for one cell
    ended = forked(harness(["evaluate", str(folder), "--at-epoch", "1", "--set", "images=32", "--json"]))
    assert json.loads(ended.out)["genotype"] == earlier.to_json(), ended.err
    ended = forked(harness(["evaluate", str(folder), "--at-epoch", "3"]))
    assert (ended.code, ended.err) == (2, f"harness: {folder} took 2 epochs; it had no cell after epoch 3.\n")
    (folder / "records.jsonl").write_text(f'{{"epoch": 0}}\n{json.dumps(lines[1])}\n')
    assert evaluate.find(str(folder), at_epoch=2).genotype == last
    with pytest.raises(HarnessError, match=r"records\.jsonl does not keep the cell after epoch 1, as .* left it out;"):
        evaluate.find(str(folder), at_epoch=1)
    for damaged in ("{}", "[]", '{"epoch": 0, "genotype": 3}', '{"epoch'):
        (folder / "records.jsonl").write_text(f"{damaged}\n")
        with pytest.raises(HarnessError, match=r"records\.jsonl cannot be read"):
            evaluate.find(str(folder), at_epoch=1)
    (folder / "result.json").write_text('{"genotype": null, "space": "s2"}')
    with pytest.raises(HarnessError, match="'null' is not a genotype"):
        evaluate.find(str(folder))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache that holds a table."""
    folder = tmp_path_factory.mktemp("cache")
    write_toy_table(folder / "nasbench201.parquet")
    return folder


def test_a_nasbench201_cell_is_looked_up(cache, searched, tmp_path, monkeypatch):
    from harness.tables.nasbench201 import open_table

    monkeypatch.setenv("HARNESS_CACHE", str(cache))
    table = open_table()
    ended = forked(harness(["evaluate", CELL, "--results", str(tmp_path), "--json"]))
    printed = json.loads(ended.out)
    assert (ended.code, ended.err, printed["kind"]) == (0, "", "lookup")
    assert printed["accuracies"] == {
        "cifar10": {
            "valid": table.accuracy(CELL, "cifar10-valid", "valid", 200, "mean"),
            "test": table.accuracy(CELL, "cifar10", "test", 200, "mean"),
        },
        "cifar100": {split: table.accuracy(CELL, "cifar100", split, 200, "mean") for split in ("valid", "test")},
        "imagenet16-120": {
            split: table.accuracy(CELL, "imagenet16-120", split, 200, "mean") for split in ("valid", "test")
        },
    }
    assert (printed["notation"], printed["table"]) == (CELL, dict(table.provenance))
    written = json.loads(Path(printed["file"]).read_text())
    assert {key: printed[key] for key in written} == written
    folder = run_folder(searched / "nasbench201")
    assert "cifar100" in forked(harness(["evaluate", str(folder)])).out
    assert len(list(folder.glob("evaluation-nasbench201-200-*.json"))) == 1
    assert "lookup was done before" in forked(harness(["evaluate", str(folder)])).out


def test_a_nasbench201_cell_can_be_trained(tmp_path):
    ended = forked(evaluation(tmp_path, "--recipe", "nasbench201", "--epochs", "1", "--json", target=CELL))
    printed = json.loads(ended.out)
    assert (printed["kind"], printed["recipe"], printed["size"]) == ("training", "nasbench201", "1x4")


def folder_without_test(folder):
    for number in range(8):
        path = folder / "train" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    return str(folder)


REFUSED = {
    "a protocol for a look-up": (
        ["evaluate", CELL, "--protocol", "paper", "--set", "lr=1"],
        "--protocol and --set: a NAS-Bench-201 cell is looked up",
    ),
    "a seed for a look-up": (["evaluate", CELL, "--seed", "7"], "--seed: a NAS-Bench-201 cell is looked up"),
    "a recipe of another family": (
        ["evaluate", CELL, "--recipe", "cifar", *DIGITS],
        "recipe 'cifar' is not for a NAS-Bench-201 cell; use --recipe lookup or nasbench201.",
    ),
    "no data": (["evaluate", "DARTS_V2"], "name the data to train on with --dataset"),
    "no such thing": (["evaluate", "DARTS_V9", *DIGITS], "'DARTS_V9' is neither a run folder nor a genotype"),
    "no table": (["evaluate", CELL], "there is no NAS-Bench-201 table at"),
    "a size that is none": (["evaluate", "DARTS_V2", *DIGITS, "--set", "size=big"], "size='big' is not CELLSxCHANNELS"),
    "no such setting": (["evaluate", "DARTS_V2", *DIGITS, "--set", "sizes=1x1"], "unknown setting 'sizes'; did you"),
    "an epoch of a genotype": (
        ["evaluate", "DARTS_V2", *DIGITS, "--at-epoch", "1"],
        "--at-epoch chooses among the cells of a run, and 'DARTS_V2' is no run folder.",
    ),
    "no epochs": (["evaluate", "DARTS_V2", *DIGITS, "--epochs", "0"], "epochs=0 is out of range"),
    "digits under a recipe for folders": (
        ["evaluate", "DARTS_V2", *DIGITS, "--recipe", "imagenet"],
        "digits is no image folder",
    ),
    "an auxiliary head on small images": (
        ["evaluate", "DARTS_V2", *DIGITS, "--set", "auxiliary=0.4"],
        "images of this size are trained without it. (--set auxiliary=0)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_in_one_sentence(case, tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    arguments, message = REFUSED[case]
    ended = forked(harness([*arguments, "--results", str(tmp_path / "results")]))
    assert ended.code == 2
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1
    assert not list(tmp_path.rglob("*.json"))


def test_a_run_that_is_not_done_is_refused(searched, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder(searched / "s2"), folder)
    (folder / "result.json").unlink()
    ended = forked(harness(["evaluate", str(folder)]))
    assert ended.code == 2
    assert f"{folder} has no result.json: it is no run folder, or its run is not done." in ended.err


def test_data_without_a_test_part_are_refused(tmp_path):
    dataset = folder_without_test(tmp_path / "shades")
    more = ("--protocol", "smoke", "--set", "auxiliary=0", "--set", "cutout=0")
    ended = forked(evaluation(tmp_path / "results", options=("--dataset", dataset, *more)))
    assert ended.code == 2
    assert "dataset 'shades' has no test part; add one to evaluate on it." in ended.err


def test_a_protocol_without_evaluation_is_refused(tmp_path):
    (tmp_path / "search.toml").write_text('name = "search"\nversion = 1\nsummary = ""\n')
    ended = forked(evaluation(tmp_path / "results", "--protocol", str(tmp_path / "search.toml")))
    assert ended.code == 2
    assert "protocol 'search' says nothing of evaluation; give its file an [evaluation] table." in ended.err


def together(*calls):
    """The calls in processes as torchrun starts them: how they ended."""
    port = free_port()

    def member(rank, call):
        places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": len(calls), "MASTER_PORT": port}
        os.environ.update({key: str(value) for key, value in places.items()}, MASTER_ADDR="127.0.0.1")
        call()

    children = [Child(functools.partial(member, rank, call)) for rank, call in enumerate(calls)]
    return [child.wait() for child in children]


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def test_two_processes_share_one_training(straight, tmp_path):
    """The leader alone speaks and writes; stopped together and resumed, they end with the same bits."""
    ended = together(*[evaluation(tmp_path / "straight")] * 2)
    assert [end.code for end in ended] == [0, 0], ended[0].err + ended[1].err
    assert not [line for line in ended[1].out.splitlines() if not line.startswith("[Gloo]")]  # torch 2.9's own
    assert found(tmp_path / "straight")["evaluation"]["cost"]["processes"] == 2
    assert found(tmp_path / "straight")["state"] != found(straight)["state"]  # each has its own batch norm
    call = evaluation(tmp_path / "stopped")
    ended = together(call, signalled(signal.SIGTERM, call))  # whoever is told, both stop
    assert [end.code for end in ended] == [130, 130], ended[0].err + ended[1].err
    ended = together(call, call)
    assert "resumed from step 8" in ended[0].out
    assert found(tmp_path / "stopped") == found(tmp_path / "straight")


def test_an_image_folder_under_the_recipe_of_imagenet(tmp_path):
    """Stopped within an epoch and resumed, as read by another number of workers."""
    random = np.random.default_rng(0)
    for part, images in (("train", 24), ("val", 4)):
        for number in range(images):
            path = tmp_path / "shapes" / part / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (40, 44, 3), dtype=np.uint8)).save(path)
    more = ("--recipe", "imagenet", "--set", "batch=8", "--set", "images=20", "--set", "test_images=0")
    options = ("--dataset", str(tmp_path / "shapes"), "--protocol", "smoke", *more)
    ended = forked(evaluation(tmp_path / "straight", "--workers", "0", "--json", options=options))
    printed = json.loads(ended.out)
    assert (ended.code, printed["images"], printed["cost"]["steps"]) == (0, {"train": 20, "test": 4}, 18)
    assert (printed["dataset"], printed["dataset_files"]) == ("shapes", file_digest(str(tmp_path / "shapes")))
    call = evaluation(tmp_path / "stopped", "--workers", "1", options=options)
    assert forked(signalled(signal.SIGTERM, call)).code == 130
    assert "resumed from step 8" in forked(call).out
    assert found(tmp_path / "stopped") == found(tmp_path / "straight")


@pytest.mark.skipif(not CIFAR10.is_dir(), reason=f"no CIFAR-10 at {CIFAR10}")
def test_an_epoch_on_cifar10_killed_and_resumed(tmp_path):
    small = ("--set", "images=320", "--set", "test_images=100", "--set", "batch=64", "--epochs", "1")
    options = ("--dataset", str(CIFAR10), "--protocol", "smoke", "--checkpoint-seconds", "0", *small)
    assert forked(evaluation(tmp_path / "straight", options=options)).code == 0
    child = Child(evaluation(tmp_path / "killed", options=options))
    child.wait_for(lambda: any((tmp_path / "killed").rglob("checkpoint.previous.pt")))
    child.send(signal.SIGKILL)
    assert child.wait().code == -signal.SIGKILL
    ended = forked(evaluation(tmp_path / "killed", options=options))
    assert "resumed from step" in ended.out
    assert found(tmp_path / "killed") == found(tmp_path / "straight")
