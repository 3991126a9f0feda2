"""The steps of a search on the production supernet and on the plain one, arranged as the published code: ratios.

A cycle of ZARTS-MGS is one alpha update (4 candidates, M fine-tuning steps each, losses) and the 10 weight steps up to
the next; M = 10, but 2 and 2 weight steps on the paper's supernet on a CPU, where a plain step takes seconds.
`make bench` leaves the paper's size to `make bench-paper`. Without timing every step runs once on tiny images.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from counting import dispatched
from plain_supernets import plain_supernet
from published import Published

from harness.core.types import Cost
from harness.runs.machine import retain_heap
from methods.lookaheads.fine_tuned import FineTuned
from methods.lookaheads.first_order import FirstOrder
from methods.lookaheads.lookahead import UpdateContext
from methods.lookaheads.unrolled import Unrolled
from methods.training import graphs
from methods.training.arithmetic import Arithmetic
from methods.training.graphs import Recordings
from methods.training.parallel import kept_for_backward
from methods.training.weights import EXACT, FlatModel, Training
from spaces import SPACES
from spaces.edges.sum import SumOfOperations

CLASSES, CANDIDATES = 10, 4
SIZES = {"small": ({"channels": 4, "cells": 3}, 32), "paper": ({"channels": 16, "cells": 8}, 64)}
NASBENCH = {"small": ({"channels": 16, "cells": 1}, 32), "paper": ({"channels": 16, "cells": 5}, 64)}


class Fixed:
    """A stream that gives one batch again and again."""

    def __init__(self, batch):
        self.batch = batch

    def at(self, step):
        return self.batch


class Production:
    def __init__(self, net, copied, gates, finetune_steps, train, valid, arithmetic, recordings):
        self.model, scratch = (FlatModel(own, gates.device, arithmetic, recordings=recordings) for own in (net, copied))
        self.alpha, self.training, self.train, self.valid = gates.log(), Training(), train, valid
        self.momentum = torch.zeros_like(self.model.weights)
        self.gates = lambda alpha, name: alpha.view(gates.shape).softmax(1)
        self.bench = UpdateContext(
            model=self.model,
            scratch=scratch,
            momentum=self.momentum,
            gates=self.gates,
            training=self.training,
            lr=0.025,
            train=train,
            valid=valid,
            batches=lambda name, size: Fixed(train),
            update=0,
            draw=lambda name: torch.Generator(gates.device),
            cost=Cost(),
        )
        self.fine_tuned = FineTuned(finetune_steps=finetune_steps, finetune_batch=len(train[1]))

    def weight_gradient(self):
        return self.bench.weight_gradient(self.model, self.alpha, self.train, "train")

    def weight_step(self):
        self.weight_gradient()
        self.training.step(self.model.weights, self.momentum, self.model.gradient, 0.025)

    def alpha_gradient(self):
        FirstOrder().oracle(self.bench).gradient(self.alpha)

    def second_order(self):
        Unrolled().oracle(self.bench).gradient(self.alpha)

    def candidates(self, count):
        self.fine_tuned.oracle(self.bench).losses(torch.stack([self.alpha] * count))

    @torch.no_grad()
    def validate(self):
        self.model.module.eval()
        self.bench.validation_loss(self.model, self.alpha)
        self.model.module.train()


def pair(name, size, disabled, finetune_steps=1, device="cpu"):
    retain_heap()
    torch.manual_seed(0)
    space = SPACES[name]
    macro, train, valid = problem(name, size, disabled, device)
    gates = torch.full((len(space.widths), max(space.widths)), 1 / max(space.widths), device=device)
    plain = plain_supernet(space, classes=CLASSES, **macro).to(device)
    return production(name, size, disabled, finetune_steps, device), Published(plain, gates), train, valid


def problem(name, size, disabled, device):
    """The supernet's size and two batches."""
    macro, batch = (NASBENCH if name == "nasbench201" else SIZES)[size]
    if disabled:
        macro = {**macro, "cells": 1}
    batch, side = (2, 8) if disabled else (batch, 32)
    draw = torch.Generator().manual_seed(0)
    batches = (
        (torch.randn(batch, 3, side, side, generator=draw), torch.randint(CLASSES, (batch,), generator=draw))
        for _ in range(2)
    )
    return macro, *(tuple(tensor.to(device) for tensor in batch) for batch in batches)


def production(name, size, disabled, finetune_steps=1, device="cpu", arithmetic=EXACT, recorded=True):
    space = SPACES[name]
    macro, *batches = problem(name, size, disabled, device)
    net, copied = (
        space.supernet(dataclasses.replace(space.macro(), **macro), CLASSES, SumOfOperations).to(
            memory_format=torch.channels_last
        )
        for _ in range(2)
    )
    gates = torch.full((len(space.widths), max(space.widths)), 1 / max(space.widths), device=device)
    laid_out = [(images.contiguous(memory_format=torch.channels_last), labels) for images, labels in batches]
    recordings = Recordings() if recorded and net.repeats and graphs.wanted(device) else None
    return Production(net, copied, gates, finetune_steps, *laid_out, arithmetic, recordings)


@pytest.fixture(autouse=True)
def all_threads(benchmark):
    before = torch.get_num_threads()
    if not benchmark.disabled:
        torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["small", "paper"])
def size(request, benchmark):
    if request.param == "paper" and benchmark.disabled:
        pytest.skip("the paper's size is only timed")
    return request.param


def rounds(size, small=7):
    return small if size == "small" else 3


@pytest.mark.parametrize(
    ("name", "least"), [("darts", 2), ("s1", 1.1), ("s2", 1.1), ("s3", 1.1), ("s4", 1), ("nasbench201", 1.3)]
)
def test_weight_step(versus, benchmark, name, least, size, device):
    ours, theirs, train, _ = pair(name, size, benchmark.disabled, device=device)
    facts = {}
    if not benchmark.disabled:
        counts = dispatched(ours.weight_step), dispatched(lambda: theirs.weight_step(train))
        kept = kept_for_backward(ours.weight_gradient), kept_for_backward(lambda: theirs.loss(theirs.net, train)[0])
        facts = {
            "operations": f"{counts[0]} of {counts[1]}",
            "kept": f"{kept[0] / 2**30:.2f} of {kept[1] / 2**30:.2f} GiB",
        }
    versus(
        f"weight step, {name}, {size}",
        ours.weight_step,
        lambda: theirs.weight_step(train),
        rounds(size),
        least,
        **facts,
    )
    assert ours.model.weights.isfinite().all()


@pytest.mark.parametrize("step", ["alpha gradient", "second-order gradient", "candidate step", "validation"])
def test_steps_of_darts(versus, benchmark, step, size, device):
    ours, theirs, train, valid = pair("darts", size, benchmark.disabled, device=device)
    ours_does, theirs_does = {
        "alpha gradient": (ours.alpha_gradient, lambda: theirs.alpha_gradient(valid)),
        "second-order gradient": (ours.second_order, lambda: theirs.second_order(train, valid)),
        "candidate step": (lambda: ours.candidates(2), lambda: theirs.candidates(2, [train], valid)),
        "validation": (ours.validate, lambda: theirs.validate(valid)),
    }[step]
    versus(f"{step}, darts, {size}", ours_does, theirs_does, rounds(size), least=1.7)


def test_cycle_of_zarts_mgs(versus, benchmark, size, device):
    steps, between = (10, 10) if size == "small" or device != "cpu" else (2, 2)
    if benchmark.disabled:
        steps = between = 1
    ours, theirs, train, valid = pair("darts", size, benchmark.disabled, steps, device)

    def ours_does():
        ours.candidates(CANDIDATES)
        for _ in range(between):
            ours.weight_step()

    def theirs_does():
        theirs.candidates(CANDIDATES, [train] * steps, valid)
        for _ in range(between):
            theirs.weight_step(train)

    name = f"cycle (N=4, M={steps}, {between} steps), darts, {size}"
    versus(name, ours_does, theirs_does, 3 if size == "small" or device != "cpu" else 1, least=2)


WAYS = {
    "bfloat16": {"recorded": False, "arithmetic": Arithmetic(autocast="bfloat16")},
    "TF32": {"recorded": False, "arithmetic": Arithmetic(tf32=True)},
    "recordings": {},
    "any kernels": {"recorded": False},
}


@pytest.mark.parametrize("way", WAYS)
def test_other_ways(versus, benchmark, way, size, device):
    """A weight step so, in place of one in float32, not recorded, by deterministic kernels."""
    if device == "cpu" and not benchmark.disabled:
        pytest.skip("worth something on a GPU only")
    usual, other = (
        production("darts", size, benchmark.disabled, device=device, **more)
        for more in ({"recorded": False}, WAYS[way])
    )

    def step(ours, deterministic):
        before = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(deterministic)
        with ours.model.arithmetic.factors():
            ours.weight_step()
        torch.use_deterministic_algorithms(before)

    versus(
        f"weight step, darts, {size}: {way}",
        lambda: step(other, way != "any kernels"),
        lambda: step(usual, True),
        rounds(size),
    )
    assert other.model.weights.isfinite().all()


def test_whole_search(note, benchmark, size, device):
    """Seconds of a cycle of ZARTS-MGS, and the hours that 50 epochs of CIFAR-10 come to: 1,600 cycles, and 3,550 weight
    steps before alpha moves and where the last cycles end."""
    if device == "cpu" and not benchmark.disabled:
        pytest.skip("hours on a CPU")
    ours = production("darts", size, benchmark.disabled, 1 if benchmark.disabled else 10, device)

    def cycle():
        ours.alpha_gradient()
        ours.candidates(CANDIDATES)
        for _ in range(10):
            ours.weight_step()
        assert ours.model.weights[0].isfinite()  # waits for it

    benchmark.pedantic(cycle, rounds=200, warmup_rounds=3)
    if not benchmark.disabled:
        seconds = benchmark.stats.stats.median
        hours = seconds * (1600 + 3550 / 52) / 3600  # a cycle takes as long as 52 weight steps
        note(f"cycle of ZARTS-MGS, darts, {size}: {seconds:.4f} s (n=200), 50 epochs of CIFAR-10 {hours:.2f} h")
