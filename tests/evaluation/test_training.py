"""Training beside a plain loop of torch's own parts, alone and as two shares; what the figures are taken from."""

from __future__ import annotations

import copy
import io
import warnings

import pytest
import torch
import torch.nn.functional as F
from recorder import Recorder, recorded_by
from rich.console import Console
from rich.live import Live
from torch import nn
from toy import same

from harness import data
from harness.core.errors import HarnessError
from harness.core.genotype import from_nb201, parse
from harness.core.rng import generator, seed_of
from harness.evaluation.distributed import ProcessGroup
from harness.evaluation.images import MemorySource, open_source
from harness.evaluation.progress import TrainingDisplay
from harness.evaluation.recipes import RECIPES
from harness.evaluation.training import State, Trainer, final_network
from harness.runs.machine import deterministic
from spaces import SPACES
from spaces.published import PUBLISHED

DARTS_V2 = PUBLISHED["DARTS_V2"].genotype
NB201 = from_nb201("|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|")
SMALL = {"size": "3x4", "epochs": 2, "batch": 16, "images": 40, "test_images": 30, "cutout": 4}


class Coloured:
    """Sixteen random images of 32x32, large enough for the auxiliary head."""

    @staticmethod
    def source(device: str = "cpu") -> MemorySource:
        draw = torch.Generator().manual_seed(0)

        def part(count, cutout):
            pixels = torch.randint(256, (count, 3, 32, 32), generator=draw, dtype=torch.uint8)
            images = data.Images(pixels, torch.randint(4, (count,), generator=draw)).to(device)
            half = torch.full((3,), 0.5, device=device)
            return data.ImagePart(images, half, half, padding=4, flip=True, cutout=cutout)

        return MemorySource(tuple("abcd"), 32, "random", part(20, 16), part(10, 0))


def trainer_of(recipe="cifar", genotype=DARTS_V2, source=None, group=None, device="cpu", **settings):
    parts = RECIPES[recipe].parts(user=SMALL | {"auxiliary": 0} | settings)
    source = source or open_source(parts.data, "digits", None, "cpu", 0)
    return Trainer(genotype, RECIPES[recipe], parts, source, 0, device, group or ProcessGroup())


def drained(trainer, state=None):
    state = state or trainer.start()
    while not state.stopped_by:
        state = trainer.advance(state)
    return state


def plain(trainer, genotype, recipe):
    """The same training with torch's optimiser, schedule and clipping: its network and its learning rates."""
    parts, school = trainer.parts, trainer.parts.training
    torch.manual_seed(seed_of(0, "weights"))
    network = final_network(genotype, RECIPES[recipe], parts, trainer.source.classes).train()
    layout = torch.channels_last if parts.layout.channels_last else torch.contiguous_format
    network.to(memory_format=layout)
    optimiser = torch.optim.SGD(
        network.parameters(), school.lr, school.momentum, weight_decay=school.weight_decay, nesterov=school.nesterov
    )
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, school.epochs)
    rates, number = [], 0
    for epoch in range(school.epochs):
        rates.append(optimiser.param_groups[0]["lr"])
        for _ in range(trainer.steps_per_epoch):
            images, labels = trainer.source.train(trainer.order, ProcessGroup(), number)
            draw = generator(0, "train/draw/0", number)
            out = network(
                images.contiguous(memory_format=layout), parts.network.drop_path * epoch / school.epochs, draw
            )
            logits, auxiliary = out if isinstance(out, tuple) else (out, None)
            loss = F.cross_entropy(logits, labels, label_smoothing=school.label_smoothing)
            if auxiliary is not None:
                loss = loss + 0.4 * F.cross_entropy(auxiliary, labels, label_smoothing=school.label_smoothing)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), school.clip)
            optimiser.step()
            number += 1
        cosine.step()
    return network, rates


def assert_same_weights(trainer, state, network):
    trainer.model.bind(state.weights, state.statistics)
    for (name, ours), theirs in zip(trainer.model.module.named_parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=2e-4, msg=name)
    buffers = [b for name, b in network.named_buffers() if "num_batches" not in name]
    for ours, theirs in zip(trainer.model.module.buffers(), buffers, strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=2e-4)


@pytest.mark.parametrize("channels_last", [False, True])
def test_named_weights_are_those_of_the_network_without_its_auxiliary_head(channels_last):
    trainer = trainer_of(source=Coloured.source(), auxiliary=0.4, channels_last=channels_last)
    state = trainer.start()
    state.weights.copy_(torch.arange(len(state.weights)))
    named = trainer.named_weights(state)
    assert trainer.model.weights is state.weights
    network = final_network(DARTS_V2, RECIPES["cifar"], RECIPES["cifar"].parts(user=SMALL | {"auxiliary": 0}), 4)
    network.load_state_dict(named)
    theirs = dict(trainer.model.module.named_parameters())
    assert all(torch.equal(ours, theirs[name]) for name, ours in network.named_parameters())
    assert all(
        tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in named.values()
    )


@pytest.mark.parametrize(
    ("recipe", "genotype", "settings"),
    [
        ("cifar", DARTS_V2, {"auxiliary": 0.4, "clip": 0.5}),
        ("cifar", DARTS_V2, {"auxiliary": 0.4, "label_smoothing": 0.1, "channels_last": True}),
        ("nasbench201", NB201, {"size": "1x4", "cutout": 0}),
    ],
)
def test_training_equals_a_plain_loop(recipe, genotype, settings):
    trainer = trainer_of(recipe, genotype, Coloured.source(), batch=8, **settings)
    network, rates = plain(trainer, genotype, recipe)
    state = drained(trainer)
    assert [record["lr"] for record in state.records] == pytest.approx(rates)
    assert [record["drop_path"] for record in state.records] == [0, trainer.parts.network.drop_path / 2]
    assert_same_weights(trainer, state, network)


def test_the_test_is_in_eval_mode_over_every_test_image():
    trainer = trainer_of(test_images=0)
    state = drained(trainer)
    trainer.model.bind(state.weights, state.statistics)
    network = copy.deepcopy(trainer.model.module).eval()
    images, labels = trainer.source.testing.batch(torch.arange(360), None)
    with torch.no_grad():
        logits = network(images.contiguous())
    last = state.records[-1]
    assert last["test_error"] == 100 * (logits.argmax(1) != labels).sum().item() / 360
    assert last["test_loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)


def test_a_state_that_was_saved_goes_on_with_the_same_bits():
    straight = drained(trainer_of(images=100))
    trainer = trainer_of(images=100)
    state = trainer.start()
    for _ in range(9):  # into the second epoch
        state = trainer.advance(state)
    resumed = drained(trainer_of(images=100), State.from_dict(copy.deepcopy(state.to_dict())))
    for name in ("weights", "momentum", "statistics", "meters"):
        assert torch.equal(getattr(resumed, name), getattr(straight, name))
    assert [r["test_loss"] for r in resumed.records] == [r["test_loss"] for r in straight.records]


CHAIN = SPACES["mobile"].decode([0] * len(SPACES["mobile"].choices))
RECORDED = [
    ("cifar", DARTS_V2, {"auxiliary": 0.4, "channels_last": True}),
    ("cifar", DARTS_V2, {"auxiliary": 0.4, "label_smoothing": 0.1, "autocast": "bfloat16"}),
    ("nasbench201", NB201, {"size": "1x4", "cutout": 0, "drop_path": 0.3}),
    ("cifar", CHAIN, {"size": "1x80", "drop_path": 0.3}),
]
"""Recipes, cells and settings; batches of 8 and of 4 images, an epoch without drop-path, and two with it."""


def end_of(device, recipe, genotype, settings):
    source = Coloured.source(device)
    return drained(trainer_of(recipe, genotype, source, device=device, batch=8, epochs=3, **settings))


@pytest.mark.parametrize(("recipe", "genotype", "settings"), RECORDED)
def test_a_training_has_the_same_bits_with_recordings(recipe, genotype, settings, monkeypatch):
    straight = end_of("cpu", recipe, genotype, settings)
    recorder = recorded_by(Recorder(), monkeypatch.setattr)
    assert same(end_of("cpu", recipe, genotype, settings), straight)
    assert recorder.made == 3  # a batch of 8 in the first epoch and in the second, one of 4 in the third
    assert recorder.replays == recorder.made + 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("recipe", "genotype", "settings"), RECORDED)
def test_a_training_on_a_gpu_has_the_same_bits_with_recordings(recipe, genotype, settings, monkeypatch):
    deterministic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorded = end_of("cuda", recipe, genotype, settings)
    monkeypatch.setenv("HARNESS_CUDA_GRAPHS", "0")
    assert same(recorded, end_of("cuda", recipe, genotype, settings))


def test_noise_is_not_recorded(monkeypatch):
    recorder = recorded_by(Recorder(), monkeypatch.setattr)
    noisy = parse(str(DARTS_V2).replace("skip_connect", "noise"))
    drained(trainer_of(genotype=noisy, epochs=3))
    assert recorder.made == 0


def test_another_seed_is_another_training():
    first, second = (trainer_of(), trainer_of())
    second.seed = 1
    assert not torch.equal(drained(first).weights, drained(second).weights)


def test_the_training_learns():
    state = drained(trainer_of(size="3x8", images=800, test_images=0, epochs=4, channels_last=True))
    assert state.records[-1]["test_error"] < 40  # 90 by chance


def test_bfloat16_is_near_and_not_the_same():
    exact, half = drained(trainer_of(epochs=1)), drained(trainer_of(epochs=1, autocast="bfloat16"))
    assert half.weights.dtype == torch.float32
    assert not torch.equal(exact.weights, half.weights)
    torch.testing.assert_close(exact.weights, half.weights, atol=0.05, rtol=0)


def test_a_batch_leaves_every_process_two_images():
    trainer = trainer_of(images=35, batch=16, group=ProcessGroup(0, 2))
    assert trainer.steps_per_epoch == 2  # the 3 left over join the batch before them
    shares = [ProcessGroup(rank, 2).part_of(trainer.order.at(1)) for rank in range(2)]
    assert [len(share) for share in shares] == [10, 9]
    assert sorted(torch.cat([*shares, trainer.order.at(0)]).tolist()) == list(range(35))
    with pytest.raises(HarnessError, match="40 training images in batches of 2 leave 2 processes fewer than 2 images"):
        trainer_of(batch=2, group=ProcessGroup(0, 2))


def test_images_that_the_auxiliary_head_cannot_read_are_refused_before_training():
    with pytest.raises(HarnessError, match=r"8x8 and got 2x2; images of this size are .* \(--set auxiliary=0\)"):
        trainer_of(auxiliary=0.4)


def test_a_terminal_shows_where_the_training_is(monkeypatch):
    monkeypatch.setattr("harness.evaluation.progress.REFRESH", 0.0)
    terminal = io.StringIO()
    trainer = trainer_of()
    with Live(console=Console(file=terminal, width=200, force_terminal=True), auto_refresh=False) as live:
        display, state = TrainingDisplay(trainer, live), trainer.start()
        for _ in range(4):
            state = trainer.advance(state)
            display.update(state, 60.0)
    shown = terminal.getvalue()
    assert "1 of 2, step 2 of 3" in shown
    assert "2 of 2, step 1 of 3" in shown
    error = state.records[0]["test_error"]
    assert f"error {error:.2f} % in the last epoch, {error:.2f} % in the best" in shown
    assert "2 min 00 s" in shown  # two steps are left


def test_an_explosion_is_reported():
    trainer = trainer_of(lr=1e30, clip=1e30)
    with pytest.raises(HarnessError, match=r"no longer finite in epoch 1, step 3; .*smaller learning rate"):
        drained(trainer)
