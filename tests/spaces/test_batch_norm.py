"""Batch norm of few channels, held to torch's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spaces import batch_norm
from spaces.batch_norm import BatchNorm2d, few_channels, normalised


def images(channels, dtype=torch.float64, side=8, batch=4):
    x = 3 * torch.randn(batch, channels, side, side, generator=torch.Generator().manual_seed(0), dtype=dtype) + 5
    return x.contiguous(memory_format=torch.channels_last)


@pytest.fixture(autouse=True)
def small_images_too(monkeypatch):
    monkeypatch.setattr(batch_norm, "PIXELS", 256)


def assert_equal(ours, theirs, tolerance=1e-10):
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("channels", [1, 4, 12])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_equals_batch_norm_of_torch(channels, affine, dtype, tolerance):
    norms = [kind(channels, affine=affine, momentum=0.3).to(dtype) for kind in (BatchNorm2d, nn.BatchNorm2d)]
    draw = torch.Generator().manual_seed(1)
    vectors = [torch.randn(channels, generator=draw, dtype=dtype) for _ in range(2)]
    direction = torch.randn(4, channels, 8, 8, generator=draw, dtype=dtype)
    results = []
    for norm in norms:
        if affine:
            norm.weight.data, norm.bias.data = vectors[0].clone(), vectors[1].clone()
        x = images(channels, dtype).requires_grad_()
        y = norm(x)
        assert type(y.grad_fn).__name__ == ("_FewChannelsBackward" if norm is norms[0] else "NativeBatchNormBackward0")
        assert y.is_contiguous(memory_format=torch.channels_last)
        (y * direction).sum().backward()
        gradients = [x.grad, *(p.grad for p in norm.parameters())]
        results.append([y.detach(), *gradients, norm.running_mean, norm.running_var, norm.num_batches_tracked])
    for ours, theirs in zip(*results, strict=True):
        assert_equal(ours, theirs, tolerance)


def test_a_gradient_can_be_differentiated_again():
    x, weight = images(2), torch.tensor([0.5, -2.0], dtype=torch.float64)
    statistics = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)

    def ours(x, weight):
        return (normalised(x, weight, None, *statistics, 0.1, 1e-5) ** 3).sum()

    def theirs(x, weight):
        return (torch.native_batch_norm(x, weight, None, *statistics, True, 0.1, 1e-5)[0] ** 3).sum()

    direction = torch.randn(x.shape, dtype=x.dtype), torch.randn(2, dtype=x.dtype)
    products = [torch.autograd.functional.vhp(f, (x, weight), direction)[1] for f in (ours, theirs)]
    for pair in zip(*products, strict=True):
        assert_equal(*pair)


def test_it_may_be_added_to_in_place():
    norm = BatchNorm2d(4).double()
    x = images(4).requires_grad_()
    y = norm(x).add_(x)
    (gradient,) = torch.autograd.grad((y**2).sum(), x)
    expected = nn.functional.batch_norm(x, None, None, training=True) + x
    assert_equal(gradient, torch.autograd.grad((expected**2).sum(), x)[0])


def test_where_it_does_not_pay_torch_does_it():
    assert few_channels(images(4))
    assert not few_channels(images(8))
    assert not few_channels(images(4, side=7))
    assert not few_channels(images(4).contiguous())
    assert not few_channels(images(4, dtype=torch.bfloat16))
    assert not few_channels(images(4).to("meta"))
    norm = BatchNorm2d(4).double()
    assert "FewChannels" not in norm.eval()(images(4).requires_grad_()).grad_fn.name()
