"""A step of a search on a GPU that is not there: no operation mixes devices, and none makes the host wait.

Fake tensors have a device and no values, so an operation that reads one fails. The autograd engine wants a real device;
backward passes are on the meta device in test_graphs.py, and answered with zeros here.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from toy import ToyDataset, ToyPart, small_settings

from harness.core import rng
from harness.core.types import Budget
from methods import METHODS
from methods.search.alpha_step import move_alpha
from methods.search.search import Search
from methods.search.weight_step import train_weights
from methods.training import graphs
from spaces import SPACES

CASES = [
    ("amended-darts", "nasbench201"),
    ("oles", "s1"),
    ("darts-1st", "darts"),
    ("darts-2nd", "nasbench201"),
    ("zarts-rs", "nasbench201"),
    ("zarts-mgs", "s1"),
    ("zarts-gld", "s4"),
    ("mergezarts", "darts"),
    ("darts-minus", "s3"),
    ("sdarts-adv", "s1"),
    ("pc-darts", "s2"),
    ("p-darts", "s3"),
    ("drnas-darts-1st", "s1"),
    ("drnas-zarts-mgs", "nasbench201"),
    ("reinmax", "s1"),
    ("beta-darts", "s1"),
    ("fair-darts", "s1"),
]


class OnGpu(ToyDataset):
    def __init__(self):
        super().__init__()
        self.parts = [GpuPart(self.count, seed) for seed in (1, 2)]

    def to(self, device):
        return self

    def halves(self, *arguments):
        return self.parts


class GpuPart(ToyPart):
    def batch(self, indices, augment):
        return tuple(tensor.to("cuda") for tensor in super().batch(indices, augment))


class NoWaiting(TorchDispatchMode):
    """Refuses operations that bring to the CPU what is on a GPU."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        out = operation(*args, **(kwargs or {}))
        read = [x.device.type for x in args if isinstance(x, torch.Tensor)]
        if isinstance(out, torch.Tensor) and out.device.type == "cpu":
            assert "cuda" not in read, f"{operation} waits for the GPU"
        return out


def moved(module, *arguments, memory_format=torch.preserve_format, **keywords):
    """nn.Module.to, which does not know fake tensors."""
    for own in module.modules():
        for tensors, wrap in ((own._parameters, nn.Parameter), (own._buffers, lambda tensor: tensor)):
            for name, tensor in tensors.items():
                if tensor is not None:
                    tensors[name] = wrap(tensor.detach().to(*arguments, **keywords))
    return module


def uniform(alpha, draw):
    """In the place of Gumbel noise, which fake tensors are not drawn."""
    return alpha + torch.rand(alpha.shape, dtype=torch.float64, generator=draw).to(alpha)


def zeros(outputs, inputs, *more, **keywords):
    return tuple(torch.zeros_like(x) for x in (inputs if isinstance(inputs, (list, tuple)) else [inputs]))


@pytest.fixture(autouse=True, scope="module")
def fake_gpu():
    with FakeTensorMode():
        try:
            torch.zeros(1).to("cuda")
        except RuntimeError as error:
            pytest.skip(f"this torch makes no tensors of a GPU that is not there: {str(error).splitlines()[0]}")


@pytest.mark.parametrize(("method", "space"), CASES)
def test_a_step_mixes_no_devices_and_waits_for_nothing(method, space, monkeypatch):
    monkeypatch.setattr(nn.Module, "to", moved)
    monkeypatch.setattr(torch.autograd, "grad", zeros)
    monkeypatch.setattr(graphs, "wanted", lambda device: False)
    monkeypatch.setattr("methods.relaxations.reinmax.perturbed", uniform)
    for module in ("supernets", "weight_step", "alpha_step"):
        monkeypatch.setattr(
            f"methods.search.{module}.generator", lambda seed, name, step=0, device="cpu": rng.generator(seed, name)
        )
    more = {"warmup": 0} if method == "p-darts" else {"samples": 2} if method in ("zarts-rs", "zarts-mgs") else {}
    dataset = OnGpu()
    parts = METHODS[method].parts(SPACES[space], Budget(3), user=small_settings(method, space, **more))
    with FakeTensorMode(allow_non_fake_inputs=True):
        search = Search(parts, SPACES[space], dataset, 0, "cuda", Budget(3))
        state = search.start()
        search.supernets.bind(state)
        batch = search.images.train_batches(0).at(0)
        with NoWaiting():
            train_weights(
                search.parts, search.supernets, state, batch, search.parts.clock(0), state.alpha, lambda: batch
            )
            clock, priced = search.parts.clock(0), search.priced
            move_alpha(search.parts, search.supernets, search.images, state, batch, clock, priced)
    for tensor in (batch[0], state.weights, state.statistics, state.alpha, state.meters, *state.diagnostics.values()):
        assert tensor.device.type == "cuda"
