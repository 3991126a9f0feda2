"""Zero-cost proxies: how good an untrained network promises to be, from one batch of images.

A score is a function of the network, a batch of normalised images (B, 3, H, W) with their labels (B,), and a generator
on their device for operations that draw noise; higher is better. The network is changed: make one for each score. A
score that is not finite, as of a network that passes nothing on, is `WORST`.

Source: Abdelfattah et al., Zero-cost proxies for lightweight NAS (ICLR 2021), section 3; Mellor et al., Neural
architecture search without training (ICML 2021), and its first version of 2020 for `jacov`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from spaces.counting import count

Proxy = Callable[[nn.Module, Tensor, Tensor, Generator], float]
WORST = -1e30
EPSILON = 1e-5
"""Of `jacov` (zero-cost-nas foresight/pruners/measures/jacob_cov.py, k)."""


def score(name: str, network: nn.Module, images: Tensor, labels: Tensor, draw: Generator) -> float:
    """A proxy's score, finite."""
    found = PROXIES[name](network, images, labels, draw)
    return found if math.isfinite(found) else WORST


def synflow(network: nn.Module, images: Tensor, labels: Tensor, draw: Generator) -> float:
    """log of sum |w dR/dw| over the weights of convolutions and linear layers, where R is the sum of the outputs for
    one image of ones when all parameters are their absolute values, without batch norm, in float64 (zero-cost-nas
    foresight/pruners/measures/synflow.py; the logarithm, which keeps the order, is a choice)."""
    network = _without_batch_norm(network).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    weights = _weights(network)
    ones = torch.ones(1, *images.shape[1:], dtype=torch.float64, device=images.device)
    gradients = _gradients(network(ones, draw=draw).sum(), weights)
    total = _saliency(weights, gradients)
    return math.log(total) if total else -math.inf


def snip(network: nn.Module, images: Tensor, labels: Tensor, draw: Generator) -> float:
    """sum |w dL/dw| over the same weights, L the cross-entropy in train mode (SNIP, Lee et al., ICLR 2019, by
    Abdelfattah et al.; from memory, unchecked)."""
    weights = _weights(network)
    gradients = _gradients(F.cross_entropy(network.train()(images, draw=draw), labels), weights)
    return _saliency(weights, gradients)


def grad_norm(network: nn.Module, images: Tensor, labels: Tensor, draw: Generator) -> float:
    """The sum over these layers of the Euclidean norm of dL/dw (Abdelfattah et al., section 3.2; from memory,
    unchecked)."""
    loss = F.cross_entropy(network.train()(images, draw=draw), labels)
    return sum(float(gradient.norm()) for gradient in _gradients(loss, _weights(network)))


def jacov(network: nn.Module, images: Tensor, labels: Tensor, draw: Generator) -> float:
    """-sum(log(v + k) + 1 / (v + k)) over the eigenvalues v of the correlations between the images' gradients of the
    sum of the outputs (Mellor et al. 2020; zero-cost-nas foresight/pruners/measures/jacob_cov.py)."""
    inputs = images.detach().clone().requires_grad_()
    (jacobian,) = _gradients(network.train()(inputs, draw=draw).sum(), [inputs])
    correlations = torch.corrcoef(jacobian.flatten(1).double())
    if not bool(correlations.isfinite().all()):
        return -math.inf
    shifted = torch.linalg.eigvalsh(correlations) + EPSILON
    return float(-(shifted.log() + 1 / shifted).sum())


def nwot(network: nn.Module, images: Tensor, labels: Tensor, draw: Generator) -> float:
    """log |det K|, K_ij the number of rectified values on whose sign the images i and j agree, over all ReLUs (Mellor
    et al. 2021, Eq. 2; as its code sums the kernels of layers, from memory, unchecked). A state that a cell rectifies
    once for several operations counts once."""
    with torch.no_grad(), _Agreements(len(images)) as agreements:
        network.train()(images, draw=draw)
    return float(torch.linalg.slogdet(agreements.kernel)[1])


def params(network: nn.Module, images: Tensor, labels: Tensor, draw: Generator) -> float:
    """Parameters, see `spaces.counting`."""
    return float(count(network, images.shape[-1]).parameters)


def flops(network: nn.Module, images: Tensor, labels: Tensor, draw: Generator) -> float:
    """Multiply-accumulates on one image, see `spaces.counting`."""
    return float(count(network, images.shape[-1]).macs)


PROXIES: Mapping[str, Proxy] = {
    "synflow": synflow,
    "snip": snip,
    "grad-norm": grad_norm,
    "jacov": jacov,
    "nwot": nwot,
    "params": params,
    "flops": flops,
}


class _Agreements(TorchDispatchMode):
    """Compares the signs at every ReLU that runs, a module's or not."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.kernel = torch.zeros(images, images, dtype=torch.float64)

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.relu.default:
            signs = 2 * (args[0] > 0).flatten(1).float() - 1
            agreeing = (signs @ signs.T + signs.shape[1]) / 2  # whole numbers, exact below 2^24
            self.kernel = self.kernel.to(signs.device) + agreeing
        return func(*args, **(kwargs or {}))


def _weights(network: nn.Module) -> list[Tensor]:
    """Of convolutions and linear layers, biases not."""
    return [module.weight for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def _gradients(value: Tensor, of: list[Tensor]) -> list[Tensor]:
    """Zeros for what the value does not depend on."""
    return list(torch.autograd.grad(value, of, materialize_grads=True))


def _saliency(weights: list[Tensor], gradients: list[Tensor]) -> float:
    """sum |w g|"""
    return sum(float((weight.detach() * found).abs().sum()) for weight, found in zip(weights, gradients, strict=True))


def _without_batch_norm(network: nn.Module) -> nn.Module:
    """The network with batch norm replaced by nothing, in place."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    return network
