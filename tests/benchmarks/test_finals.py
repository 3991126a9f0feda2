"""The training of a found cell from scratch, and its tests, beside the plain network arranged as the published code:
ratios. A step of ours is all that `harness evaluate` does in one, with its augmentation and cutout; the plain one is
given its batch. The cells are DARTS_V2, of 3x3 convolutions, and one of 5x5 and dilated ones."""

from __future__ import annotations

import pytest
import torch
from plain_networks import copied, plain_network
from published import PublishedTraining

from harness import data
from harness.core.genotype import parse
from harness.evaluation.distributed import ProcessGroup
from harness.evaluation.images import TEST_BATCH, MemorySource
from harness.evaluation.recipes import RECIPES
from harness.evaluation.training import Trainer
from harness.runs.machine import retain_heap
from spaces.published import PUBLISHED

SIZES = {"small": (8, 16, 32), "paper": (20, 36, 96)}
"""Cells, channels, images of a batch."""
ROUNDS = {"small": 7, "paper": 3}
RATE = 0.2
WIDE = [("sep_conv_5x5", 0), ("sep_conv_5x5", 1), ("dil_conv_5x5", 0), ("dil_conv_3x3", 1)] * 2
CELLS = {
    "DARTS_V2": PUBLISHED["DARTS_V2"].genotype,
    "5x5": parse(f"Genotype(normal={WIDE}, normal_concat=range(2, 6), reduce={WIDE}, reduce_concat=range(2, 6))"),
}


@pytest.fixture(params=SIZES)
def size(request, benchmark):
    if request.param == "paper" and benchmark.disabled:
        pytest.skip("the paper's size is only timed")
    return request.param


@pytest.fixture(autouse=True)
def all_threads(benchmark):
    before = torch.get_num_threads()
    if not benchmark.disabled:
        torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def pair(cell, size, disabled, device):
    retain_heap()
    cells, channels, count = (3, 4, 4) if disabled else SIZES[size]
    draw = torch.Generator().manual_seed(0)

    def part(count, cutout):
        pixels = torch.randint(256, (count, 3, 32, 32), generator=draw, dtype=torch.uint8)
        images = data.Images(pixels, torch.randint(10, (count,), generator=draw)).to(device)
        half = torch.full((3,), 0.5, device=device)
        return data.ImagePart(images, half, half, padding=4, flip=cutout > 0, cutout=cutout)

    source = MemorySource(
        tuple("abcdefghij"), 32, "random", part(count, 16), part(count if disabled else TEST_BATCH, 0)
    )
    recipe = RECIPES["cifar"]
    parts = recipe.parts(user={"size": f"{cells}x{channels}", "batch": count, "drop_path": RATE, "epochs": 10})
    trainer = Trainer(CELLS[cell], recipe, parts, source, 0, device, ProcessGroup())
    state = trainer.start()
    state.epoch = 5
    plain = copied(trainer.model.module, plain_network(CELLS[cell], channels, cells, 10, auxiliary=True).to(device))
    return trainer, state, PublishedTraining(plain, RATE / 2)


def published_batch(batches):
    """The first of them, in torch's default layout."""
    images, labels = next(iter(batches))
    return images.contiguous(), labels


@pytest.mark.parametrize(("cell", "least"), [("DARTS_V2", 1.3), ("5x5", 1.5)])
def test_training_step(versus, benchmark, cell, least, size, device):
    trainer, state, plain = pair(cell, size, benchmark.disabled, device)
    batch = published_batch([trainer.source.train(trainer.order, ProcessGroup(), 0)])

    def step():
        trainer._train(state)
        assert state.meters.isfinite().all()  # waits for it

    name = f"training step of {cell}, {size}"
    versus(name, step, lambda: plain.step(batch), ROUNDS[size], least)


@pytest.mark.parametrize(("cell", "least"), [("DARTS_V2", 1.3), ("5x5", 1.3)])
def test_test_pass(versus, benchmark, cell, least, size, device):
    trainer, state, plain = pair(cell, size, benchmark.disabled, device)
    batch = published_batch(trainer.source.test(ProcessGroup()))
    versus(f"test pass of {cell}, {size}", lambda: trainer._test(state), lambda: plain.test(batch), ROUNDS[size], least)
