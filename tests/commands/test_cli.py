"""The command line: what it prints, and that a mistake costs one sentence, exit code 2 and nothing else."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from official_nasbench201 import csv
from PIL import Image
from processes import timed
from toy_table import toy_table

from harness import __version__, data
from harness.cli import main
from harness.core.errors import HarnessError
from harness.data.catalogue import DATASETS
from harness.describing.listing import KINDS, PARTS
from harness.runs import runner
from methods import CATALOGUE
from spaces import SPACES

Command = Callable[..., Result]

TINY = """
name = "tiny"
version = 1
summary = "for tests"
[settings]
epochs = 1
warmup = 0
images = 16
batch = 8
valid_batch = 8
channels = 2
cells = 3
"""
LITERAL = (
    "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=range(2, 3), "
    "reduce=[('max_pool_3x3', 0), ('skip_connect', 1)], reduce_concat=[2])"
)
STRING = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"
JSON = json.dumps({"cell": {"inputs": 1, "nodes": [[["none", 0]], [["none", 0], ["none", 1]]], "concat": [2]}})


def harness(*arguments: str | Path) -> Result:
    """The command in this process; an exception that is no exit is a bug, and raised."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module", autouse=True)
def deterministic_again() -> Iterator[None]:
    """A run switches torch's deterministic mode on, for good; the tests after these are to find it as it was."""
    before = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(before)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with the protocol tiny.toml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


def run(*arguments: str | Path, **options: str | Path) -> Result:
    """A tiny run in the working directory; options replace its own."""
    chosen = {"method": "darts-1st", "space": "s2", "dataset": "digits", "protocol": "tiny.toml", "device": "cpu"}
    flags = [f"--{name}={value}" for name, value in (chosen | options).items()]
    return harness("run", *flags, *arguments)


def refused(result: Result, *fragments: str) -> None:
    """Exit code 2, and at most a usage and one short paragraph, on stderr alone."""
    assert result.exit_code == 2, result.output
    message = result.stderr.strip().splitlines()[-1]
    assert message.startswith(("harness: ", "Error: ")), result.stderr
    assert len(message) < 500
    assert "Traceback" not in result.output
    for fragment in fragments:
        assert fragment in message


def changes(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# What it prints


NAMES = [kind for kind in KINDS if kind not in PARTS]  # parts are imported to be listed, and torch with them


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *(["list", kind] for kind in NAMES)], ids=" ".join)
def test_small_commands_answer_in_a_blink(arguments: list[str]) -> None:
    done, seconds = timed([sys.executable, "-m", "harness", *arguments])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert seconds < 0.5


def test_the_script_has_the_same_exit_codes() -> None:
    command = [sys.executable, "-m", "harness", "describe", "zarts-msg"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "harness: unknown name 'zarts-msg'; did you mean 'zarts-mgs'?\n"
    with pytest.raises(HarnessError):
        harness("--debug", "describe", "zarts-msg")


def test_help_and_version() -> None:
    assert __version__ in harness("--version").stdout
    for command in main.commands:
        assert command in harness("--help").stdout
        assert harness(command, "-h").stdout.startswith("Usage: ")


@pytest.mark.parametrize(("kind", "known"), [("methods", CATALOGUE), ("spaces", SPACES), ("datasets", DATASETS)])
def test_lists_name_everything_once(kind: str, known: dict[str, object]) -> None:
    lines = harness("list", kind).stdout.splitlines()
    entries = [line for line in lines if kind != "methods" or line.startswith("  ")]  # methods are under their families
    assert sorted(line.split()[0] for line in entries) == sorted(known)
    assert max(map(len, lines)) <= 120
    assert list(json.loads(harness("list", kind, "--json").stdout)) == list(known)


@pytest.mark.parametrize("name", ["zarts-mgs", "s4", "digits", "proxy", LITERAL, STRING])
def test_describe_as_text_and_as_json(name: str) -> None:
    text, facts = harness("describe", name), json.loads(harness("describe", name, "--json").stdout)
    assert text.exit_code == 0
    assert text.stdout.startswith(f"{facts['name']} ({facts['kind']})\n")


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_describe_draws(suffix: str, here: Path) -> None:
    assert f"drawing: cell.{suffix}" in harness("describe", STRING, "--draw", f"cell.{suffix}").stdout
    assert (here / f"cell.{suffix}").stat().st_size > 1000


@pytest.mark.parametrize("command", ["check", "prepare"])
def test_data_reads_the_digits(command: str) -> None:
    lines = harness("data", command, "digits").stdout.splitlines()
    assert lines[0].startswith("digits: 10 classes, all images 8x8 pixels")
    assert lines[1].startswith("train: 1,437 images")
    assert lines[2].startswith("test: 360 images")


def test_the_table_of_nasbench201_is_imported_checked_and_looked_up(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", "cache")
    missing = "no NAS-Bench-201 table at cache/nasbench201.parquet; make it with `harness data import nasbench201 FILE`"
    refused(harness("data", "check", "nasbench201"), missing)
    assert missing in harness("describe", STRING).stdout
    assert json.loads(harness("describe", STRING, "--json").stdout)["table"] is None
    table = toy_table()
    (here / "table.csv").write_bytes(csv(table))
    result = harness("data", "import", "nasbench201", "table.csv")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("NAS-Bench-201: 15,625 cells in cache/nasbench201.parquet (")
    assert harness("data", "check", "nasbench201").stdout == result.stdout
    accuracy = table.accuracy(STRING, "cifar10-valid", "valid", 12, "mean")
    rows = [line.split() for line in harness("describe", STRING).stdout.splitlines()]
    assert ["cifar10-valid", "valid", f"{accuracy:.3f}"] in [row[:3] for row in rows]
    row = json.loads(harness("describe", STRING, "--json").stdout)["table"]
    assert row["index"] == table.index(STRING)
    assert row["accuracy/cifar10-valid/valid/12/mean"] == pytest.approx(accuracy)
    (here / "cache" / "nasbench201.parquet").write_bytes(b"PAR1")
    refused(harness("data", "check", "nasbench201"), "cache/nasbench201.parquet is damaged", "data import nasbench201")
    assert "cache/nasbench201.parquet is damaged" in harness("describe", STRING).stdout


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["nasbench101", "x"], "unknown table 'nasbench101'; did you mean 'nasbench201'?"),
        (["nasbench201", "absent"], "absent does not exist; give NAS-Bench-201's .pth"),
        (["nasbench201", "tiny.toml"], "tiny.toml cannot be imported: it is not NAS-Bench-201's .pth, NATS-Bench's"),
    ],
)
def test_what_cannot_be_imported(
    arguments: list[str], fragment: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", "cache")
    refused(harness("data", "import", *arguments), fragment)
    assert changes(here) == {"tiny.toml"}


def test_a_run_is_summed_up_drawn_and_described(here: Path) -> None:
    first = run()
    assert first.exit_code == 0, first.output
    (folder,) = (here / "results" / "tiny").glob("darts-1st-s2-digits-s0-*")
    assert f"run folder: {folder.relative_to(here)}" in first.stdout
    assert "done, epochs used up" in first.stdout
    assert "epoch 1 of 1" in first.stderr
    result = json.loads((folder / "result.json").read_text())
    assert result["notation"] in first.stdout
    before = changes(here)
    assert "was done before" in run().stdout
    printed = json.loads(run("--json").stdout)
    assert printed["genotype"] == result["genotype"]
    assert Path(printed["drawing"]).read_text().startswith("<?xml")
    assert json.loads(harness("describe", folder, "--json").stdout)["notation"] == result["notation"]
    assert changes(here) == before


def test_options_reach_the_search(here: Path) -> None:
    result = run("--set", "lr=0.5", "--set", "cadence=2", "--epochs", "2", "--seed", "7", "--json", results="elsewhere")
    folder = Path(json.loads(result.stdout)["folder"])
    spec = json.loads((folder / "spec.json").read_text())["spec"]
    assert folder.parts[:2] == ("elsewhere", "tiny")
    assert (spec["seed"], spec["budget"]["epochs"]) == (7, 2)
    assert (spec["settings"]["training"]["lr"], spec["settings"]["schedule"]["cadence"]) == (0.5, 2)


def lines_of(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_combination_is_run_and_compared_and_a_run_looks_the_same_alone(here: Path) -> None:
    several = ("--method=darts-2nd", "--space=s1", "--seed=0,3-4,3", "--set=images=32")
    first = run(*several)
    assert first.exit_code == 0, first.output
    assert len(list(here.glob("results/tiny/*/result.json"))) == 2 * 2 * 3
    rows = [line.split() for line in first.stdout.splitlines()]
    assert rows[1][:4] == ["method", "space", "data", "n"]
    assert [row[:4] for row in rows[2:6]] == [
        [method, space, "digits", "3"] for method in ("darts-1st", "darts-2nd") for space in ("s2", "s1")
    ]
    again = lines_of(run(*several, "--json"))
    assert [item["was_done"] for item in again] == [True] * 12
    accuracies = [item["valid_accuracy"] for item in again[:3]]
    assert f"{100 * fmean(accuracies):.2f} ± {100 * pstdev(accuracies):.2f}" in first.stdout
    (alone,) = lines_of(run("--set=images=32", "--seed=3", "--json"))
    assert alone | {"drawing": None} == again[1]


def test_a_run_that_fails_is_told_and_the_others_go_on(here: Path) -> None:
    result = run("--method=zarts-msg", "--dataset=./absent", "--json")
    assert result.exit_code == 2
    wrong, worse, done, failed = lines_of(result)
    assert wrong["failed"] == "zarts-msg on s2 with digits"  # told before any run begins
    assert wrong["error"] == "unknown method 'zarts-msg'; did you mean 'zarts-mgs'?"
    assert worse["failed"] == "zarts-msg on s2 with ./absent"
    assert done["method"] == "darts-1st"
    assert failed["failed"].startswith("darts-1st-s2-absent-s0-")
    assert failed["error"].startswith("./absent does not exist")
    assert f"harness: {failed['failed']}: ./absent does not exist" in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("harness: failed, while the others went on: zarts-msg on s2 with digits, ")


def test_a_pattern_stands_for_the_runs_that_are_done(here: Path) -> None:
    assert run("--seed=1,0").exit_code == 0
    done = sorted(map(str, Path("results").glob("*/*")))[:2]
    unfinished = Path("results/tiny/unfinished")
    unfinished.mkdir()
    (unfinished / "spec.json").write_text("{}")
    options = ("--protocol=smoke", "--set=images=32", "--epochs=1", "--device=cpu", "--json")
    result = harness("evaluate", "results/**", done[0], "DARTS_V2", "--dataset=digits", *options)
    assert result.exit_code == 0, result.output
    assert [str(Path(item["file"]).parent) for item in lines_of(result)[:2]] == done
    assert [item["was_done"] for item in lines_of(result)] == [False] * 3
    assert f"harness: skipped, for the run is not done: {unfinished}." in result.stderr
    failing = harness("evaluate", unfinished, "results/t*/darts-1st-*", "--dataset=digits", *options)
    assert failing.exit_code == 2
    assert [item.get("was_done", item.get("failed")) for item in lines_of(failing)] == [str(unfinished), True, True]
    refused(harness("evaluate", "absent/*", *options), "'absent/*' matches no folder of a finished run")


# Mistakes


@pytest.mark.parametrize(
    ("options", "fragments"),
    [
        ({"method": "zarts-msg"}, ["unknown method 'zarts-msg'; did you mean 'zarts-mgs'?"]),
        ({"method": ""}, ["unknown method ''; known: darts-1st"]),
        ({"space": "nasbench"}, ["unknown space 'nasbench'; did you mean 'nasbench201'?"]),
        ({"space": "日本"}, ["unknown space '日本'; known: darts"]),
        ({"dataset": "cifar"}, ["unknown dataset 'cifar'; did you mean 'cifar10'?"]),
        ({"dataset": ""}, ["unknown dataset ''"]),
        ({"dataset": "./absent"}, ["./absent does not exist"]),
        ({"dataset": "tiny.toml"}, ["tiny.toml is no dataset"]),
        ({"protocol": "prox"}, ["unknown protocol 'prox'; did you mean 'proxy'?"]),
        ({"protocol": "absent.toml"}, ["absent.toml cannot be read: No such file"]),
        ({"set": "lrr=1"}, ["unknown setting 'lrr'; did you mean 'lr'?"]),
        ({"set": "ünïcode=1"}, ["unknown setting 'ünïcode'"]),
        ({"set": "lr=fast"}, ["lr='fast' is not a finite number"]),
        ({"set": "lr=nan"}, ["lr='nan' is not a finite number"]),
        ({"set": "batch=1"}, ["batch=1 is out of range; it must be at least 2"]),
        ({"set": "cells=2"}, ["cells=2 is out of range; it must be at least 3"]),
        ({"set": "lr"}, ["'lr' must have the form name=value"]),
        ({"epochs": "1", "set": "epochs=2"}, ["--epochs 1 and --set epochs=2 say the same thing; give one."]),
        ({"set": ""}, ["'' must have the form name=value"]),
        ({"set": "warmup=99"}, ["warmup=99 leaves alpha no epoch of epochs=1"]),
        ({"set": "images=1"}, ["leaves a half empty"]),
        ({"epochs": "0"}, ["0 epochs; give 1 or more"]),
        ({"epochs": "-1"}, ["-1 epochs; give 1 or more"]),
        ({"epochs": "many"}, ["'many' is not a valid integer"]),
        ({"seconds": "0"}, ["0.0 seconds; give a number above 0"]),
        ({"seconds": "-1"}, ["-1.0 seconds; give a number above 0"]),
        ({"seconds": "nan"}, ["nan seconds; give a number above 0"]),
        ({"seed": "-1"}, ["--seed '-1' is not in the range"]),
        ({"seed": "9" * 300}, ["is not in the range"]),
        ({"seed": "0-9999999999"}, ["more than the 100,000 seeds of one range"]),
        ({"seed": "3-1"}, ["--seed '3-1' is empty; the first number is the smaller one"]),
        ({"seed": "1,,2"}, ["give a number from 0 to 9223372036854775807, two such as 0-499, or several"]),
        ({"checkpoint-seconds": "-1"}, ["-1.0 is not in the range"]),
        ({"device": "tpu"}, ["device 'tpu' is not known; use auto, cpu, cuda or cuda:N"]),
        ({"device": "cuda:x"}, ["device 'cuda:x' is not known"]),
        ({"device": "cuda:99"}, ["device 'cuda:99' is not here", "Use --device cpu"]),
        ({"results": "tiny.toml"}, ["tiny.toml", "cannot be made: ", "choose another"]),
    ],
    ids=lambda value: "-".join(f"{k}-{v[:12]}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_a_wrong_option_leaves_nothing_behind(options: dict[str, str], fragments: list[str], here: Path) -> None:
    refused(run(**options), *fragments)
    assert changes(here) == {"tiny.toml"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_cuda_where_there_is_none(here: Path) -> None:
    refused(run(device="cuda"), "device 'cuda' is not here: PyTorch sees 0 CUDA devices. Use --device cpu.")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_results_folder_that_cannot_be_written(here: Path) -> None:
    (here / "locked").mkdir(mode=0o500)
    refused(run(results="locked"), "locked", "Permission denied")


def test_a_results_folder_that_cannot_be_searched(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it can be asked for; root may, so that the system's answer is put in its place."""
    exists = Path.exists

    def asked(path: Path) -> bool:
        if "locked" in path.parts:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return exists(path)

    monkeypatch.setattr(Path, "exists", asked)
    refused(run(results="locked"), "/result.json cannot be reached: Permission denied; see to the permissions of its")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version", "versio", "unknown key 'versio'"),
        ("version = 1\n", "", "'version' is missing"),
        ("epochs = 1", 'epochs = "many"', "epochs='many' is not an integer"),
        ("epochs = 1", "epochs = inf", "epochs=inf is not an integer"),
        ("epochs = 1", "epochs = [1]", "epochs=[1] is not an integer"),
        ("epochs = 1", "epoch = 1", "protocol tiny: unknown setting 'epoch'; did you mean 'epochs'?"),
        ('"tiny"', '"a/../../b"', "name = 'a/../../b' must be letters"),
        ("[settings]", "[settings", "is not valid TOML"),
    ],
)
def test_a_malformed_protocol(old: str, new: str, message: str, here: Path) -> None:
    (here / "tiny.toml").write_text(TINY.replace(old, new))
    refused(run(), message)
    assert changes(here) == {"tiny.toml"}


def test_a_warm_up_that_eats_all_epochs_names_both(here: Path) -> None:
    refused(run("--epochs", "1", method="zarts-mgs", protocol="smoke"), "warmup=1 leaves alpha no epoch of epochs=1")


def test_an_absent_data_set_without_network(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    for result in (run(dataset="cifar10", data="data"), harness("data", "prepare", "cifar10", "--data", "data")):
        refused(result, "is not in data", "no route to host", "cifar-10-python.tar.gz", "https://", "put it into")
    assert not (here / "results").exists()
    assert not list((here / "data").iterdir())


def image_folder(folder: Path, size: int = 8, mode: str = "RGB", classes: int = 2, each: int = 8) -> Path:
    draw = np.random.default_rng(0)
    for number in range(classes):
        (folder / "train" / f"{number:03d}").mkdir(parents=True)
        for i in range(each):
            pixels = Image.fromarray(draw.integers(0, 256, (size, size, 3), dtype=np.uint8))
            pixels.convert(mode).save(folder / "train" / f"{number:03d}" / f"{i}.png")
    return folder


def spoil(folder: Path) -> Path:
    (folder / "train" / "000" / "0.png").write_text("no image")
    return folder


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: image_folder(path, size=6), "6x6 pixels; images must be square, with a side that is a multiple"),
        (lambda path: spoil(image_folder(path)), "0.png is not an image that can be read"),
        (lambda path: image_folder(path, classes=1), "fewer than 2 classes"),
        (lambda path: path.mkdir() or (path / "train-0.parquet").write_bytes(b"PAR1 no"), "train-0.parquet"),
    ],
    ids=["odd size", "no image", "one class", "damaged parquet"],
)
def test_data_that_cannot_be_used(make: Callable[[Path], object], message: str, here: Path) -> None:
    make(here / "pets")
    refused(run(dataset="./pets"), message)
    refused(harness("data", "check", "./pets"), message)
    assert not (here / "results").exists()


@pytest.mark.parametrize(
    "arguments",
    [{"mode": "L"}, {"mode": "RGBA"}, {"mode": "P"}, {"size": 4}, {"classes": 300, "each": 1}],
    ids=["grey", "alpha", "palette", "4x4", "300 classes"],
)
def test_unusual_data_that_can_be_used(arguments: dict[str, int], here: Path) -> None:
    image_folder(here / "pets", **arguments)
    result = run(dataset="./pets")
    assert result.exit_code == 0, result.output
    assert "done" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (["nonsense-name"], ["unknown name 'nonsense-name'"]),
        (["."], ["has no result.json"]),
        (["Genotype("], ["cannot be read", "was never closed", "NAS-Bench-201 string"]),
        (["|none~0|"], ["a NAS-Bench-201 cell has 3 nodes"]),
        ([JSON], ["a NAS-Bench-201 cell has 3 nodes"]),
        (["{"], ["cannot be read"]),
        ([LITERAL.replace("sep_conv_3x3", "conv_9x9")], ["unknown operation 'conv_9x9'"]),
        ([STRING.replace("nor_conv_1x1", "conv_9x9")], ["unknown operation 'conv_9x9'"]),
        ([STRING, "--draw", "out.txt"], ["must end in .svg, .png, .pdf"]),
        ([STRING, "--draw", ""], ["must end in .svg, .png, .pdf"]),
        ([STRING, "--draw", "absent/out.svg"], ["there is no folder"]),
        (["s1", "--draw", "out.svg"], ["s1 is a space, not a cell"]),
        ([STRING, "--classes", "1"], ["1 is not in the range"]),
        ([STRING, "--classes", "100000000000"], ["is not in the range"]),
    ],
)
def test_describe_of_what_is_not_there(arguments: list[str], fragments: list[str], here: Path) -> None:
    refused(harness("describe", *arguments), *fragments)
    assert changes(here) == {"tiny.toml"}


def test_control_c_outside_a_search_is_an_interruption(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "plan", interrupt)
    result = run()
    assert (result.exit_code, result.stderr) == (130, "harness: interrupted.\n")


@pytest.mark.parametrize("command", ["run", "evaluate"])
def test_control_c_stops_what_fetches_data(command: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it went on")

    monkeypatch.setattr(data, "load", fetch, raising=False)
    result = run() if command == "run" else harness("evaluate", "DARTS_V2", "--dataset=digits", "--protocol=smoke")
    assert result.exit_code == 130
    assert "stopped while the data were being read. Run the same command again to go on." in result.stderr
