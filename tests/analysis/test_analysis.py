"""Analyses of a real small run: checked against direct evaluation, the full Hessian, and themselves after a stop."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner

from harness.analysis import Asked, analyse, eigenvalue, ess, landscape, path
from harness.analysis.reopened import ReopenedRun
from harness.cli import main
from harness.core.errors import HarnessError
from harness.core.types import Budget
from harness.runs import protocol as protocols
from harness.runs import runner
from methods.training.weights import FlatModel
from reports import analyses, figures
from reports.records import read

SMALL = ("images=48", "batch=12", "valid_batch=12", "finetune_batch=12", "channels=2", "cells=3", "warmup=0")
FEW = ("points=3", "steps=2", "directions=2", "lr=0.05")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one epoch on S2 with digits."""
    results = tmp_path_factory.mktemp("results")
    request = runner.Request(
        *("zarts-mgs", "s2", "digits", protocols.load("smoke"), Budget(1)),
        seed=1,
        assignments=SMALL,
        device="cpu",
        results=results,
    )
    return runner.run(runner.plan(request)).folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of the run in a results folder of its own."""
    return Path(shutil.copytree(made, tmp_path / "results" / "smoke" / made.name))


@pytest.fixture
def run(folder: Path) -> ReopenedRun:
    return ReopenedRun(folder, "cpu")


def plain_loss(run: ReopenedRun, model: FlatModel, alpha: torch.Tensor) -> float:
    """Over all of alpha's images, in one batch, eval mode."""
    model.module.eval()
    with torch.no_grad():
        images, labels = run.search.images.valid.batch(torch.arange(len(run.search.images.valid)), None)
        gates = alpha.view(-1, 2).softmax(dim=1)
        return float(F.cross_entropy(model.module(images, gates, None), labels))


def plain_tuned(run: ReopenedRun, alpha: torch.Tensor, steps: int, lr: float) -> FlatModel:
    """Fine-tuned by torch's own SGD and clipping on a copy."""
    model = copy.deepcopy(run.search.supernets.model)
    model.module.train()
    training = run.parts.training
    sgd = torch.optim.SGD(model.module.parameters(), lr, training.momentum, weight_decay=training.weight_decay)
    flat = FlatModel(copy.deepcopy(model.module), "cpu")  # to hand the momentum over in the parameters' shapes
    flat.bind(run.state.momentum.clone(), run.state.statistics.clone())
    for parameter, buffer in zip(model.module.parameters(), flat.module.parameters(), strict=True):
        sgd.state[parameter]["momentum_buffer"] = buffer.detach().clone()
    stream = run.batches("finetune", training.batch)
    for step in range(steps):
        images, labels = stream.at(step)
        sgd.zero_grad(set_to_none=False)
        F.cross_entropy(model.module(images, alpha.view(-1, 2).softmax(dim=1), None), labels).backward()
        torch.nn.utils.clip_grad_norm_(model.module.parameters(), training.clip)
        sgd.step()
    return model


def test_the_plane_is_orthonormal_and_the_run_s_own(run: ReopenedRun) -> None:
    first, second = landscape.plane(run)
    assert first.numel() == 56
    products = torch.stack([first @ first, second @ second, first @ second])
    torch.testing.assert_close(products, torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64), atol=1e-12, rtol=0)
    assert torch.equal(first, landscape.plane(run)[0])


def test_points_of_the_landscape_are_what_direct_evaluation_gives(run: ReopenedRun) -> None:
    settings = landscape.Landscape(points=3, steps=2, lr=0.05)
    draw = torch.Generator().manual_seed(0)
    before = run.search.supernets.model.weights.clone(), run.search.supernets.model.statistics.clone()
    for _ in range(2):
        alpha = run.alpha + 0.3 * torch.randn(56, generator=draw)
        found = landscape.losses(run, alpha, settings)
        assert found["fixed"] == pytest.approx(plain_loss(run, run.search.supernets.model, alpha), rel=1e-5)
        tuned = plain_tuned(run, alpha, 2, 0.05)
        assert found["fine-tuned"] == pytest.approx(plain_loss(run, tuned, alpha), rel=1e-4)
        assert len({round(value, 6) for value in found.values()}) == 3  # the weights do follow alpha
    assert torch.equal(before[0], run.search.supernets.model.weights)
    assert torch.equal(before[1], run.search.supernets.model.statistics)


def test_the_unrolled_step_is_plain_gradient_descent(run: ReopenedRun) -> None:
    model = copy.deepcopy(run.search.supernets.model)
    model.module.train()
    images, labels = run.batches("finetune", run.parts.training.batch).at(0)
    gates = run.alpha.view(-1, 2).softmax(dim=1)
    gradients = torch.autograd.grad(
        F.cross_entropy(model.module(images, gates, None), labels), list(model.module.parameters())
    )
    stepped = run.unrolled(run.alpha, 0.1)
    for parameter, gradient, found in zip(
        model.module.parameters(), gradients, stepped.module.parameters(), strict=True
    ):
        torch.testing.assert_close(found, parameter - 0.1 * gradient, atol=1e-6, rtol=1e-5)


def test_a_landscape_resumes_row_by_row(folder: Path, made: Path, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(done: int, of: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        analyse(Asked("landscape", folder, FEW, "cpu"), advance=kill)
    half = json.loads((folder / "analysis-landscape.json").read_text())
    assert (half["done"], [len(rows) for rows in half["panels"].values()]) == (False, [1, 1, 1])
    counted: list[int] = []
    resumed = analyse(Asked("landscape", folder, FEW, "cpu"), advance=lambda done, of: counted.append(done))
    assert counted == [2, 3]
    other = Path(shutil.copytree(made, tmp_path / "other"))
    assert analyse(Asked("landscape", other, FEW, "cpu")) == resumed
    assert resumed["panels"]["fixed"][1][1] == pytest.approx(
        json.loads((folder / "result.json").read_text())["valid_loss"]
    )
    with pytest.raises(HarnessError, match="made with another lr; delete it"):
        analyse(Asked("landscape", folder, (*FEW[:-1], "lr=0.1"), "cpu"))


def test_eigenvalues_are_those_of_the_full_hessian(run: ReopenedRun) -> None:
    settings = eigenvalue.Eigenvalue(batches=1, decay=0.5)

    def loss(alpha: torch.Tensor) -> torch.Tensor:
        model = copy.deepcopy(run.search.supernets.model)
        model.module.train()
        images, labels = run.valid_batch(0)
        return F.cross_entropy(model.module(images, alpha.view(-1, 2).softmax(dim=1), None), labels)

    hessian = torch.autograd.functional.hessian(loss, run.alpha) + 0.5 * torch.eye(56)
    values = torch.linalg.eigvalsh(hessian.double())
    before = run.search.supernets.model.statistics.clone()
    found = eigenvalue.analyse(run, settings)["epochs"]
    assert found[0]["largest"] == pytest.approx(float(values[-1]), rel=1e-3)
    assert found[0]["smallest"] == pytest.approx(float(values[0]), rel=1e-3)
    assert found[0]["dominant"] == max(found[0]["largest"], found[0]["smallest"], key=abs)
    assert torch.equal(before, run.search.supernets.model.statistics)
    assert eigenvalue.analyse(run, settings)["epochs"] == found  # one entry per epoch


def test_paths_start_together_take_equal_steps_and_leave_the_run_as_it_was(run: ReopenedRun) -> None:
    model, momentum = run.search.supernets.model, run.state.momentum
    before = [tensor.clone() for tensor in (model.weights, model.statistics, momentum)]
    settings = path.Walk(methods="darts-1st zarts-rs", updates=2, length=0.2)
    found = path.analyse(run, settings)["paths"]
    assert list(found) == ["darts-1st", "zarts-rs"]
    for places in found.values():
        assert places[0] == (-0.5, 0.5)
        steps = np.diff(np.asarray(places), axis=0)
        np.testing.assert_allclose(np.hypot(*steps.T), 0.2, atol=1e-6)
    after = (model.weights, model.statistics, momentum)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert path._scaled(torch.zeros(2), 0.1).tolist() == [0, 0]  # what stays, stays
    assert path._scaled(torch.tensor([3.0, 4.0]), 0.0).tolist() == [3, 4]


def test_weights_are_trained_where_a_move_ends(run: ReopenedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a search: alpha moves, and then the weights."""
    trained: list[torch.Tensor] = []
    monkeypatch.setattr(path, "_train", lambda run, alpha, update, steps: trained.append(alpha))
    places = path.walk(run, run.parts_of("darts-1st"), path.Walk(updates=2, length=0.2))
    directions = torch.stack(landscape.plane(run))
    for alpha, place in zip(trained, places[1:], strict=True):
        at = directions @ (alpha - run.alpha).double() - torch.tensor(place, dtype=torch.float64)
        assert float(at.abs().max()) < 1e-5


def test_the_first_step_of_darts_goes_down_its_gradient(run: ReopenedRun) -> None:
    """Adam's first step has the signs of the gradient."""
    settings = path.Walk(methods="darts-1st", updates=1, length=0.1)
    places = path.walk(run, run.parts_of("darts-1st"), settings)
    directions = torch.stack(landscape.plane(run))
    alpha = (run.alpha.double() + torch.tensor([-0.5, 0.5], dtype=torch.float64) @ directions).float()
    gradient = run.parts_of("darts-1st").lookahead.oracle(run.context(0)).gradient(alpha)
    expected = directions @ -gradient.sign().double()
    found = torch.tensor(places[1], dtype=torch.float64) - torch.tensor(places[0], dtype=torch.float64)
    assert float(F.cosine_similarity(expected, found, dim=0)) > 0.9  # weight decay bends it a little


def test_effective_sample_sizes(run: ReopenedRun) -> None:
    asked: list[int] = []

    class Counting:
        def gradient(self, alpha: torch.Tensor) -> torch.Tensor:
            return torch.ones_like(alpha)

        def losses(self, alphas: torch.Tensor) -> torch.Tensor:
            asked.append(len(alphas))
            return alphas.sum(dim=1)

    oracle = ess.Remembering(Counting())
    points = torch.rand(3, 56)
    assert torch.equal(oracle.losses(points), oracle.losses(points.clone()))
    assert asked == [3]
    found = ess.analyse(run, ess.ESS(samples="1 3", updates=2, finetune_steps=1))["rows"]
    assert len(found) == 8
    assert all(row["ess"] == pytest.approx(1) for row in found if row["samples"] == 1)
    assert all(1 <= row["ess"] <= 3.0001 and row["esr"] == pytest.approx(row["ess"] / 3) for row in found[4:])


def test_the_report_draws_analyses(folder: Path) -> None:
    for kind, settings in (
        ("landscape", FEW),
        ("path", ("methods=darts-1st", "updates=1")),
        ("eigenvalue", ()),
        ("ess", ("samples=2", "updates=1", "finetune_steps=0")),
    ):
        analyse(Asked(kind, folder, settings, "cpu"))
    records = read(folder.parents[1]).select()
    drawn = {plot.name: plot for plot in figures.draw(records)}
    shown = drawn[f"landscape-{folder.name}"].figure.axes
    assert [ax.get_title() for ax in shown if ax.get_title()] == [
        "weights fixed",
        "one unrolled step",
        "fine-tuned, 2 steps",
        "paths, fine-tuned",
    ]
    assert "ess-by-weights" in drawn
    sheets = {sheet.name: sheet for sheet in analyses.sheets(records)}
    assert [row[1] for row in sheets["landscape"].rows] == ["weights fixed", "one unrolled step", "fine-tuned"]
    assert len(sheets["eigenvalue"].rows) == 1
    (folder / "analysis-landscape.json").write_text('{"done": ')
    warnings: list[str] = []
    assert analyses.read(records, "landscape", warnings.append) == {}
    assert "analysis-landscape.json is damaged" in warnings[0]


def test_sharpness_of_a_paraboloid() -> None:
    """z = (x - 0.5)^2 + 2 y^2: least at (0.5, 0), Laplacian 2 + 4."""
    x = np.linspace(-1, 1, 41)
    grid = (x[None, :] - 0.5) ** 2 + 2 * x[:, None] ** 2
    found = dict(analyses.sharpness({"x": x.tolist(), "panels": {"fixed": grid.tolist()}, "condition": None}))["fixed"]
    assert (found["x"], found["y"]) == pytest.approx((0.5, 0))
    assert found["centre"] == pytest.approx(0.25)
    assert found["curvature"] == pytest.approx(6)
    exact = np.hypot(2 * (x[None, 1:-1] - 0.5), 4 * x[1:-1, None]).mean()
    assert found["slope"] == pytest.approx(exact, rel=0.06)


def test_a_wrong_command_costs_one_sentence(folder: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copytree(folder, tmp_path / "bare"))
    for checkpoint in bare.glob("checkpoint*"):
        checkpoint.unlink()
    unfinished = Path(shutil.copytree(bare, tmp_path / "unfinished"))
    (unfinished / "result.json").unlink()
    saved = json.loads((folder / "spec.json").read_text())
    by_path = Path(shutil.copytree(folder, tmp_path / "by-path"))
    (by_path / "spec.json").write_text(json.dumps(saved | {"spec": saved["spec"] | {"dataset": "mine"}}))
    for arguments, words in (
        (["curvature", folder], "unknown analysis 'curvature'"),
        (["ess", tmp_path], "is no run folder"),
        (["ess", bare], "run its search again with another --results folder"),
        (["ess", unfinished], "let its search finish an epoch first"),
        (["ess", by_path], "name them with --dataset"),
        (["ess", folder, "--set", "sample=1"], "did you mean 'samples'"),
        (["ess", folder, "--set", "samples=2,4"], "samples='2,4' is not an integer. Give numbers with blanks"),
        (["ess", folder, "--set", "samples=2 0"], "samples=0 is out of range"),
        (["landscape", folder, "--set", "points=1"], "out of range"),
    ):
        done = CliRunner().invoke(main, ["analyse", *map(str, arguments), "--device", "cpu"])
        assert done.exit_code == 2, done.output
        assert words in done.stderr
    assert not list(folder.glob("analysis-*"))


def test_the_command_line_writes_the_file(folder: Path) -> None:
    done = CliRunner().invoke(main, ["analyse", "eigenvalue", str(folder), "--device", "cpu"])
    assert (done.exit_code, done.output) == (0, f"{folder / 'analysis-eigenvalue.json'}\n")
    assert json.loads((folder / "analysis-eigenvalue.json").read_text())["done"]
