"""`harness export`: what is kept, written, loaded again with equal outputs, and refused."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from processes import TINY, forked, harness, run_arguments, run_folder

from harness import data
from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.genotype import parse
from harness.data.augment import normalise
from harness.data.normalisation import Statistics
from harness.evaluation.model import load, weights_beside
from harness.export import FORMATS
from harness.export.as_python import source
from harness.export.untrained import untrained
from harness.runs import checkpoint
from spaces.counting import parameters
from spaces.operations import OPERATIONS

CELLS = {
    "darts": "Genotype(normal=[('sep_conv_3x3', 0), ('dil_conv_5x5', 1), ('skip_connect', 0), ('max_pool_3x3', 2)], "
    "normal_concat=[2, 3], reduce=[('avg_pool_3x3', 0), ('skip_connect', 1), ('sep_conv_5x5', 0), "
    "('dil_conv_3x3', 2)], reduce_concat=[2, 3])",
    "nasbench201": "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|",
}
SETTINGS = {"darts": ["--set", "channels_last=true"], "nasbench201": ["--recipe", "nasbench201"]}
EXTRAS = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "safetensors": ("safetensors",)}
FAMILIES = list(CELLS)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """The evaluation file of each family's cell, and how its command ended."""
    found = {}
    for family, cell in CELLS.items():
        results = tmp_path_factory.mktemp(family)
        options = ["--dataset", "digits", "--protocol", "smoke", "--set", "images=96", *SETTINGS[family]]
        ended = forked(harness(["evaluate", cell, "--results", str(results), *options]))
        assert ended.code == 0, ended.err
        (found[family],) = results.rglob("evaluation-*.json")
        assert f"weights      {weights_beside(found[family])}" in ended.out
    return found


def export(*arguments, code=0):
    """What the command printed."""
    ended = CliRunner().invoke(main, ["export", *map(str, arguments)])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    assert ended.exit_code == code, ended.output
    return ended.output


def exported(target, form, folder, *more):
    """The main file that was written."""
    for package in EXTRAS.get(form, ()):
        pytest.importorskip(package, reason="pip install 'zarts-harness[export]'")
    return Path(json.loads(export(target, "--format", form, "--out", folder, "--json", *more))["file"])


@pytest.fixture(scope="module")
def export_of(evaluated, tmp_path_factory):
    """The file of each format and family: exporting one takes seconds."""

    @functools.cache
    def find(form, family):
        folder = tmp_path_factory.mktemp("exported")
        return exported(evaluated[family], form, folder / f"{family}{FORMATS[form].suffix}")

    return find


def images(model, count=5):
    draw = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, model.image_size, model.image_size, generator=draw)


def loaded(form, path):
    """The network in a file of each format, as a user gets it."""
    if form == "torch":
        return load(path).network()
    if form == "torch-export":
        return torch.export.load(path).module()
    if form == "python":
        return imported(path).load()
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(session.run(None, {"images": x.numpy()})[0])


def imported(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("family", FAMILIES)
def test_an_evaluation_keeps_the_weights_of_its_last_epoch(family, evaluated):
    """The network that is kept makes the errors that the evaluation reports."""
    evaluation, model = json.loads(evaluated[family].read_text()), load(evaluated[family])
    assert evaluation["weights"] == weights_beside(evaluated[family]).name
    assert model.evaluation == evaluation
    network = model.network()
    assert (network.training, parameters(network)) == (False, evaluation["parameters"])
    digits = data.load("digits", images=96, test_images=64)
    mean, std = map(torch.tensor, model.normalisation)
    wrong = network(normalise(digits.test.pixels, mean, std)).argmax(1) != digits.test.labels
    assert 100 * wrong.double().mean().item() == evaluation["test_error_last"]
    assert model.class_names == digits.class_names
    convention = {"darts": "darts", "nasbench201": "nasbench201"}[family]
    torch.testing.assert_close(mean, torch.tensor(digits.statistics(convention, digits.train).mean))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("form", "tolerance"), [("torch", 0), ("torch-export", 1e-6), ("onnx", 1e-5), ("python", 1e-6)]
)
def test_an_exported_network_computes_the_same(form, tolerance, family, evaluated, export_of):
    model, path = load(evaluated[family]), export_of(form, family)
    assert path.suffix == FORMATS[form].suffix
    x = images(model)
    with torch.no_grad():
        torch.testing.assert_close(loaded(form, path)(x), model.network()(x), atol=tolerance, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_safetensors_hold_the_weights_by_name_and_the_facts(family, evaluated, export_of):
    path, model = export_of("safetensors", family), load(evaluated[family])
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        written = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        facts = {name: json.loads(value) for name, value in file.metadata().items()}
    assert written.keys() == model.weights.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in model.weights.items())
    assert parse(json.dumps(facts["genotype"])) == model.genotype
    assert Statistics(*map(tuple, facts["normalisation"].values())) == model.normalisation
    assert (facts["class_names"], facts["trained"]) == (list("0123456789"), True)


def test_a_graph_and_an_onnx_file_hold_the_facts(evaluated, export_of):
    facts = {"class_names": "", "evaluation": ""}
    torch.export.load(export_of("torch-export", "darts"), extra_files=facts)
    assert json.loads(facts["class_names"]) == list("0123456789")
    assert json.loads(facts["evaluation"]) == json.loads(evaluated["darts"].read_text())
    path = export_of("onnx", "darts")
    import onnx

    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(properties["class_names"]) == list("0123456789")


ALONE = """
import sys
for name in ("harness", "methods", "spaces", "reports", "torchvision", "pandas", "sklearn", "click", "onnx"):
    sys.modules[name] = None  # an import of it fails
import torch
folder, expected = sys.argv[1], torch.load(sys.argv[2], weights_only=True)
sys.path.insert(0, folder)
import darts, nasbench201
for module in (darts, nasbench201):
    pixels, images, logits = expected[module.__name__]
    assert torch.equal(module.normalise(pixels), images)
    graph = torch.export.load(f"{folder}/{module.__name__}.pt2").module()
    for network in (module.load(), graph):
        with torch.no_grad():
            torch.testing.assert_close(network(images), logits, atol=1e-6, rtol=0)
print("equal")
"""


def test_a_python_file_and_a_graph_run_where_torch_is_alone(evaluated, export_of, tmp_path):
    expected = {}
    for family, file in evaluated.items():
        model = load(file)
        for form in ("python", "torch-export"):
            shutil.copytree(export_of(form, family).parent, tmp_path, dirs_exist_ok=True)
        pixels = torch.arange(3 * 3 * 64, dtype=torch.uint8).view(3, 3, 8, 8)
        x = normalise(pixels, *map(torch.tensor, model.normalisation))
        expected[family] = [pixels, x, model.network()(x).detach()]
    torch.save(expected, tmp_path / "expected")
    command = [sys.executable, "-I", "-c", ALONE, tmp_path, tmp_path / "expected"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "equal\n", done.stderr


def everything(stem, size):
    """A cell of the DARTS family with every operation, of stride 2 and of stride 1."""
    nodes = [[[name, 0], [name, index + 1]] for index, name in enumerate(OPERATIONS)]
    cell = {"inputs": 2, "nodes": nodes, "concat": list(range(2, 2 + len(nodes)))}
    genotype = parse(json.dumps({"normal": cell, "reduce": cell}))
    return untrained(genotype, stem, [f"size={size}"], 7)


@pytest.mark.parametrize(
    ("form", "stem", "size"),
    [
        ("python", "cifar", "3x4"),
        ("python", "imagenet", "3x4"),
        ("torch", "imagenet", "3x4"),
        ("torch-export", "imagenet", "1x4"),  # of its one cell both strides are exported
    ],
)
def test_every_operation_is_exported(form, stem, size, tmp_path):
    model = everything(stem, size)
    options = ("--set", f"size={size}", "--classes", "7", "--recipe", stem)
    path = exported(json.dumps(model.genotype.to_json()), form, tmp_path, *options)
    x, found = images(model, 2), []
    for network in (model.network(), loaded(form, path)):
        torch.manual_seed(0)  # `noise` draws from the global generator
        found.append(network(x))
    torch.testing.assert_close(*found, atol=1e-6, rtol=0)
    assert "draws random numbers at every call" in path.with_name(f"{path.name}.md").read_text()


UNTRAINED = ("--set", "size=3x4", "--classes", "7")


def test_a_genotype_is_exported_untrained_and_says_so(tmp_path):
    printed = export("DARTS_V2", "--format", "python", "--out", tmp_path, *UNTRAINED)
    assert "UNTRAINED" in printed
    path = tmp_path / "untrained_3x4.py"
    assert "UNTRAINED" in path.read_text()
    assert "**state**: UNTRAINED" in path.with_name(f"{path.name}.md").read_text()
    network = imported(path).load()
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 7)


def test_a_run_is_exported_with_its_model_card(tmp_path, monkeypatch):
    results = tmp_path / "results"
    assert forked(harness(run_arguments(results, *TINY, space="s2"))).code == 0
    folder = run_folder(results)
    assert "has no evaluation, hence no trained network; run `harness evaluate" in export(
        folder, "--format", "torch", code=2
    )
    evaluate = ["evaluate", str(folder), "--set", "images=32", "--json"]
    evaluation = json.loads(forked(harness(evaluate)).out)
    monkeypatch.chdir(tmp_path)
    printed = json.loads(export(folder, "--format", "torch", "--json"))
    name = f"{Path(evaluation['file']).stem}.pt"
    assert (printed["file"], printed["files"]) == (name, [name, f"{name}.md"])
    assert load(name).weights.keys() == load(folder).weights.keys()
    card = Path(f"{name}.md").read_text()
    for said in (
        "found by darts-1st on s2 with digits, seed 0",
        f"`{evaluation['notation']}`",
        "digits: 32 images to train, 64 to test",
        "smoke, version 1; recipe cifar, seed 0",
        f"{evaluation['test_error_last']:.2f} % after the last of 2 epochs",
        "zarts-harness 0.1.0",
        "Divide pixels by 255, subtract the mean (",
        "Classes, in the order of the logits: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9.",
        "lr=0.025",
        "network = load(",
    ):
        assert said in card
    assert forked(harness([*evaluate, "--seed", "1"])).code == 0
    message = export(folder, "--format", "torch", code=2)
    files = sorted(file.name for file in folder.glob("evaluation-*.json"))
    assert message == f"harness: {folder} has 2 trained networks; name one of {', '.join(files)} in it.\n"
    assert "test error" in export(folder / files[0], "--format", "torch")


def test_no_name_becomes_code(evaluated):
    """A file of weights is somebody's: its words are written as literals."""
    bad = '"""\nraise SystemExit("executed")\n"""'
    model = load(evaluated["darts"])
    with pytest.raises(HarnessError, match="is no number of pixels"):
        replace(model, image_size=bad)
    facts = {**model.evaluation, "dataset": bad, "protocol": {"name": bad, "version": 1}}
    text = source(
        replace(model, class_names=(bad,) * 10, evaluation=facts, made_with=dict.fromkeys(model.made_with, bad)), "m"
    )
    values = {"__file__": "m.py", "__name__": "m"}
    exec(compile(text, "m.py", "exec"), values)
    assert values["CLASS_NAMES"] == [bad] * 10


@pytest.fixture
def copied(evaluated, tmp_path):
    """An evaluation file that a test may spoil."""
    folder = tmp_path / "results" / "evaluations" / "smoke" / evaluated["darts"].stem
    shutil.copytree(evaluated["darts"].parent, folder)
    return folder / evaluated["darts"].name


def test_an_evaluation_from_before_weights_were_kept(copied, tmp_path):
    """Its checkpoint gives them, without training."""
    weights, before = weights_beside(copied), load(copied).weights
    weights.unlink()
    message = export(copied, "--format", "torch", code=2)
    assert "has no weights beside it" in message
    assert "finds them in its checkpoint." in message
    copied.rename(tmp_path / "away.json")
    options = ["--dataset", "digits", "--protocol", "smoke", "--set", "images=96", *SETTINGS["darts"]]
    ended = forked(harness(["evaluate", CELLS["darts"], "--results", str(tmp_path / "results"), *options]))
    assert "resumed from step 12" in ended.out, ended.err
    after = load(copied).weights
    assert all(torch.equal(before[name], after[name]) for name in before.keys() | after.keys())
    assert json.loads(copied.read_text()) == json.loads((tmp_path / "away.json").read_text())
    weights.unlink()
    for file in copied.parent.glob("checkpoint*"):
        file.unlink()
    assert "trains anew: its checkpoint is gone." in export(copied, "--format", "torch", code=2)


def damaged(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def of_another_cell(path):
    model = load(path)
    path.write_bytes(replace(model, size="3x8").pack())


def without_facts(path):
    path.write_bytes(replace(load(path), evaluation={"kind": "training"}).pack())


def another_checkpoint(path):
    path.write_bytes(checkpoint.pack({"weights": torch.zeros(3)}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (damaged, "holds no network that can be read"),
        (lambda path: path.write_bytes(b""), "holds no network that can be read"),
        (lambda path: torch.save(damaged, path), "it holds more than tensors and plain values"),
        (of_another_cell, "the weights are not those of a network of size 3x8 with this cell."),
        (without_facts, "is damaged; evaluate the cell again."),
        (another_checkpoint, "holds no network; name a run folder"),
    ],
)
def test_a_damaged_file_of_weights(spoil, message, copied, tmp_path):
    spoil(weights_beside(copied))
    printed = export(copied, "--format", "python", "--out", tmp_path / "out", code=2)
    assert message in printed
    assert len(printed.splitlines()) == 1
    assert not (tmp_path / "out").exists()


NOISY = json.dumps(
    {
        kind: {"inputs": 2, "nodes": [[["noise", 0], ["skip_connect", 1]]], "concat": [2]}
        for kind in ("normal", "reduce")
    }
)
REFUSED = {
    "a bare genotype": (["DARTS_V2"], "a genotype has no trained weights: export its evaluation"),
    "a size without classes": (["DARTS_V2", "--set", "size=3x4"], "a genotype has no trained weights"),
    "a setting of a training": (["DARTS_V2", *UNTRAINED, "--set", "lr=1"], "--set lr: of an untrained network only"),
    "a size that is none": (["DARTS_V2", "--set", "size=big", "--classes", "2"], "size='big' is not CELLSxCHANNELS"),
    "nothing": (["DARTS_V9"], "'DARTS_V9' is neither a run folder nor a genotype"),
    "no module's name": (["DARTS_V2", *UNTRAINED, "--out", "a-b.py"], "--out 'a-b.py' is no name of a Python module"),
    "another family's recipe": (
        [CELLS["nasbench201"], *UNTRAINED, "--recipe", "imagenet"],
        "recipe 'imagenet' is not for a NAS-Bench-201 cell",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_in_one_sentence(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, message = REFUSED[case]
    printed = export(*arguments, "--format", "python", code=2)
    assert message in printed
    assert len(printed.splitlines()) == 1
    assert not os.listdir(tmp_path)


def test_settings_of_a_trained_network_are_refused(evaluated):
    message = export(evaluated["darts"], "--format", "torch", *UNTRAINED, code=2)
    assert f"--set and --classes: {evaluated['darts']} is trained" in message


def test_onnx_refuses_random_numbers(tmp_path):
    for package in EXTRAS["onnx"]:
        pytest.importorskip(package, reason="pip install 'zarts-harness[export]'")
    message = export(NOISY, "--format", "onnx", *UNTRAINED, "--out", tmp_path / "x.onnx", code=2)
    assert "the cell has `noise`, which draws random numbers at every call" in message
    assert not os.listdir(tmp_path)


def test_a_cell_that_was_looked_up_has_no_weights(tmp_path):
    (tmp_path / "evaluation-x.json").write_text('{"kind": "lookup"}')
    assert "was only looked up in a table; train it with" in export(tmp_path, "--format", "torch", code=2)
    file = tmp_path / "evaluation-x.json"
    assert "train the cell with --recipe nasbench201." in export(file, "--format", "torch", code=2)
    with pytest.raises(HarnessError, match="does not exist"):
        load(tmp_path / "nowhere.pt")


@pytest.mark.parametrize("form", EXTRAS)
def test_a_format_without_its_extra(form, evaluated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, f"harness.export.as_{form}", raising=False)
    for name in [module for module in sys.modules if module.partition(".")[0] in EXTRAS[form]] or EXTRAS[form]:
        monkeypatch.setitem(sys.modules, name, None)
    message = export(evaluated["darts"], "--format", form, code=2)
    assert "is not installed; pip install 'zarts-harness[export]'." in message
