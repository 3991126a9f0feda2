"""The numbers that a recipe sets: learning rates, drop-path, sizes by table, and which cells it is for."""

from __future__ import annotations

import math

import pytest

from harness.core.errors import HarnessError
from harness.core.genotype import from_nb201
from harness.evaluation.recipes import RECIPES, Schooling, all_settings, recipe_for
from harness.runs import protocol
from spaces.published import PUBLISHED

DARTS_V2 = PUBLISHED["DARTS_V2"].genotype
NB201 = from_nb201("|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|avg_pool_3x3~2|")


@pytest.mark.parametrize(
    ("epoch", "lr"),
    [
        (0, 0.025),
        (150, 0.025 * (1 + math.sqrt(0.5)) / 2),
        (300, 0.0125),
        (599, 0.025 * (1 + math.cos(math.pi * 599 / 600)) / 2),  # stepped after the epoch: the last one is not 0
    ],
)
def test_the_cosine_of_600_epochs(epoch, lr):
    assert RECIPES["cifar"].parts().training.lr_at(epoch) == pytest.approx(lr, rel=1e-12)


@pytest.mark.parametrize(
    ("epoch", "lr"),
    [
        (0, 0.1),
        (1, 0.5 * 244 / 245 * 2 / 5),
        (4, 0.5 * 241 / 245),
        (5, 0.5 * 240 / 245),
        (244, 0.5 / 245),
        (245, 0.5 * 5 / (245 * 5)),
        (249, 0.5 * 1 / (245 * 5)),
    ],
)
def test_the_linear_schedule_of_imagenet(epoch, lr):
    assert RECIPES["imagenet"].parts().training.lr_at(epoch) == pytest.approx(lr, rel=1e-12)


def test_the_linear_schedule_needs_more_epochs_than_its_tail():
    assert all(Schooling(epochs=6, lr_schedule="linear").lr_at(epoch) > 0 for epoch in range(6))
    with pytest.raises(HarnessError, match="takes more than 5 epochs and epochs=5"):
        RECIPES["imagenet"].parts(user={"epochs": 5})


def test_a_crop_must_fit_the_test_images():
    with pytest.raises(HarnessError, match="resize=256 is smaller than crop=300"):
        RECIPES["imagenet"].parts(user={"crop": 300})


def test_drop_path_grows_from_nothing_by_the_same_step():
    parts = RECIPES["cifar"].parts()
    assert [parts.drop_path_at(epoch) for epoch in (0, 300, 599)] == pytest.approx([0, 0.1, 0.2 * 599 / 600])
    assert RECIPES["imagenet"].parts().drop_path_at(249) == 0


def test_what_the_papers_state():
    cifar, imagenet, nb201 = (RECIPES[name].parts() for name in ("cifar", "imagenet", "nasbench201"))
    assert (cifar.network.cells, cifar.network.channels, cifar.network.auxiliary) == (20, 36, 0.4)
    assert (cifar.training.epochs, cifar.training.batch, cifar.training.weight_decay) == (600, 96, 3e-4)
    assert (cifar.training.clip, cifar.data.cutout, cifar.training.label_smoothing) == (5, 16, 0)
    assert (imagenet.network.cells, imagenet.network.channels, imagenet.network.auxiliary) == (14, 48, 0.4)
    assert (imagenet.training.epochs, imagenet.training.batch, imagenet.training.weight_decay) == (250, 1024, 3e-5)
    assert (imagenet.training.label_smoothing, imagenet.data.crop, imagenet.data.resize) == (0.1, 224, 256)
    assert (nb201.training.epochs, nb201.training.batch, nb201.training.lr) == (200, 256, 0.1)
    assert (nb201.training.nesterov, nb201.training.weight_decay, nb201.network.auxiliary) == (True, 5e-4, 0)
    assert (nb201.data.cutout, nb201.data.normalisation, nb201.network.drop_path) == (0, "nasbench201", 0)
    assert {parts.arithmetic.autocast for parts in (cifar, imagenet, nb201)} == {"float32"}


@pytest.mark.parametrize(
    ("space", "dataset", "size"),
    [
        ("darts", "cifar10", "20x36"),
        ("darts", "cifar100", "20x36"),
        ("s1", "cifar10", "20x36"),
        ("s2", "cifar10", "20x16"),
        ("s3", "cifar10", "20x36"),
        ("s4", "cifar10", "20x16"),
        ("s1", "cifar100", "8x16"),
        ("s4", "svhn", "8x16"),
    ],
)
def test_the_paper_s_sizes_by_table(space, dataset, size):
    layers = protocol.load("paper").evaluation.layers("cifar", space, dataset)
    assert RECIPES["cifar"].parts(layers).network.size == size


@pytest.mark.parametrize("name", protocol.available())
def test_shipped_protocols_evaluate_with_every_recipe(name):
    shipped = protocol.load(name)
    assert shipped.evaluation.mentioned() <= all_settings()
    for recipe in RECIPES:
        RECIPES[recipe].parts(shipped.evaluation.layers(recipe, "s1", "digits"))


def test_paper_computes_in_float32_and_torch_s_own_order():
    for recipe in RECIPES:
        parts = RECIPES[recipe].parts(protocol.load("paper").evaluation.layers(recipe, "darts", "cifar10"))
        assert (parts.arithmetic.autocast, parts.layout.channels_last) == ("float32", False)


@pytest.mark.parametrize("size", ["", "20", "20x", "x36", "0x36", "20x36x1", "twenty", "20X36", "-1x3"])
def test_a_size_that_is_none(size):
    with pytest.raises(HarnessError, match="is not CELLSxCHANNELS, such as 20x36"):
        RECIPES["cifar"].parts(user={"size": size})


def test_recipes_are_for_families():
    assert recipe_for(DARTS_V2, None, "") == "cifar"
    assert recipe_for(NB201, None, "nasbench201") == "lookup"
    assert recipe_for(NB201, "nasbench201", "nasbench201") == "nasbench201"
    with pytest.raises(HarnessError, match="'cifar' is not for a NAS-Bench-201 cell; use --recipe lookup or nas"):
        recipe_for(NB201, "cifar", "nasbench201")
    with pytest.raises(HarnessError, match="recipe 'lookup' is not for a cell of the DARTS family; use --recipe cifar"):
        recipe_for(DARTS_V2, "lookup", "")
    with pytest.raises(HarnessError, match="unknown recipe 'cifer'; did you mean 'cifar'"):
        recipe_for(DARTS_V2, "cifer", "")
