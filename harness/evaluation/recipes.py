"""How a cell is trained from scratch: recipes, made of hyper-parameters that protocols and users set.

Sources: "ZARTS" with a file is its released code; where the paper and the code disagree, the paper counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from harness.core.errors import HarnessError, quoted, unknown
from harness.core.genotype import Genotype
from harness.core.settings import applicable, declared, override, setting, specified
from methods.training.arithmetic import Arithmetic
from methods.training.weights import Training

TAIL, WARMUP = 5, 5
"""Epochs of the linear schedule's end and beginning (ZARTS train_imagenet_distributed.py:262-266, 313-321)."""


@dataclass(frozen=True)
class Network:
    """The final network, and what regularises it in training. Raises HarnessError for a size that is none."""

    size: str = setting(
        "20x36",
        "cells x channels of the first cells (NAS-Bench-201: cells of each stage; mobile spaces: 1 x channels of the "
        "last convolution); 20x36: ZARTS supplement 2.2, 2.4; 8x16: R-DARTS evaluation/args.py; 14x48: ImageNet, "
        "ZARTS section 5.2; 5x16: NAS-Bench-201, section 2.1; 1x1728: ProxylessNAS-GPU; 1x1984: FBNet",
    )
    drop_path: float = setting(
        0.2,
        "DARTS train.py; the probability grows from 0 by the same step each epoch (none on ImageNet and NAS-Bench-201)",
        minimum=0,
        maximum=0.99,
    )
    auxiliary: float = setting(
        0.4,
        "DARTS train.py; weight of the auxiliary head's loss, 0 leaves the head out (none on NAS-Bench-201)",
        minimum=0,
    )

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[1-9]\d{0,3}x[1-9]\d{0,3}", self.size):
            raise HarnessError(f"size={quoted(self.size)} is not CELLSxCHANNELS, such as 20x36, 20x16, 8x16 or 14x48.")

    @property
    def cells(self) -> int:
        return int(self.size.partition("x")[0])

    @property
    def channels(self) -> int:
        return int(self.size.partition("x")[2])


@dataclass(frozen=True)
class Schooling(Training):
    """How the final network's weights are trained."""

    epochs: int = setting(
        600, "ZARTS supplement 2.2; ImageNet 250, section 5.2; NAS-Bench-201, Table 1: 200", minimum=1
    )
    batch: int = setting(
        96, "ZARTS supplement 2.2 (its scripts: 64); ImageNet 1024; NAS-Bench-201 256; over all processes", minimum=2
    )
    lr: float = setting(0.025, "ZARTS supplement 2.2; ImageNet 0.5; NAS-Bench-201 0.1", minimum=0)
    lr_min: float = setting(0.0, "ZARTS train.py; what the cosine ends at", minimum=0)
    lr_schedule: str = setting(
        "cosine",
        "per epoch, stepped after it (ZARTS train.py:154 steps before, which torch >= 1.1 takes for one epoch more); "
        "linear: ImageNet, ZARTS train_imagenet_distributed.py:262-266, 313-321, with its warm-up",
        choices=("cosine", "linear"),
    )
    weight_decay: float = setting(3e-4, "DARTS train.py; ImageNet 3e-5; NAS-Bench-201 5e-4", minimum=0)
    clip: float = setting(5.0, "DARTS train.py; the largest norm of the gradient; NAS-Bench-201: none", minimum=1e-12)
    label_smoothing: float = setting(0.0, "ImageNet 0.1, in training only (ZARTS section 5.2)", minimum=0, maximum=1)

    def lr_at(self, epoch: int) -> float:
        """The learning rate of an epoch, the first being 0."""
        if self.lr_schedule == "cosine":
            return super().lr_at(epoch)
        left, body = self.epochs - epoch, self.epochs - TAIL
        lr = self.lr * ((left - TAIL) / body if left > TAIL else left / (body * TAIL))
        return lr * (epoch + 1) / WARMUP if epoch < WARMUP else lr


@dataclass(frozen=True)
class InMemory:
    """All training and all test images, on the device; random crops and mirroring as in search."""

    images: int = setting(0, "0: the whole training set; else its first so many images", minimum=0)
    test_images: int = setting(0, "0: the whole test set; else its first so many images", minimum=0)
    cutout: int = setting(
        16, "DARTS train.py; the square's side in pixels, 0 for none (none on NAS-Bench-201)", minimum=0
    )
    normalisation: str = setting(
        "darts", "as in search; NAS-Bench-201 has its own constants", choices=("darts", "nasbench201")
    )
    resize: int = setting(
        0,
        "0: images as they are; else the largest square in the centre of each, scaled to so many pixels a side",
        minimum=0,
        omit_default=True,
    )
    validation: float = setting(
        0.0,
        "0: tested on the test images; else on this share of the training images, the last in file order, which then "
        "train nothing; 0.5: what alpha is trained on in search",
        minimum=0,
        maximum=0.99,
        omit_default=True,
    )
    unseen: float = setting(
        0.0,
        "trains on none of this share of the training images, the first in file order; DARTS-Bench-Suite: 0.5, for its "
        "searches see the first half (confopt dataset/data.py; its other half is one image shorter)",
        minimum=0,
        maximum=0.99,
        omit_default=True,
    )


@dataclass(frozen=True)
class Streamed:
    """An image folder that is read image by image: random crops of random size, mirroring, colour jitter."""

    images: int = setting(0, "0: the whole training set; else so many of its images, drawn once", minimum=0)
    test_images: int = setting(0, "0: the whole test set; else so many of its images, drawn once", minimum=0)
    crop: int = setting(224, "ZARTS train_imagenet_distributed.py; the side of the network's images", minimum=8)
    resize: int = setting(256, "ZARTS train_imagenet_distributed.py; the shorter side of a test image", minimum=8)


@dataclass(frozen=True)
class Layout:
    """In which order the numbers lie in memory; the last bits depend on it."""

    channels_last: bool = setting(False, "choice: torch's default; the other order of memory is faster on most devices")


@dataclass(frozen=True)
class Parts:
    """A recipe with every hyper-parameter resolved. Raises HarnessError where two of them contradict each other."""

    network: Network
    training: Schooling
    data: InMemory | Streamed
    arithmetic: Arithmetic
    layout: Layout

    def __post_init__(self) -> None:
        training, images = self.training, self.data
        if training.lr_schedule == "linear" and training.epochs <= TAIL:
            raise HarnessError(f"lr_schedule=linear takes more than {TAIL} epochs and epochs={training.epochs}.")
        if isinstance(images, Streamed) and images.resize < images.crop:
            raise HarnessError(
                f"resize={images.resize} is smaller than crop={images.crop}, which test images are cut to."
            )

    @property
    def kind(self) -> str:
        """ "training", or "validation" where the test images are left alone."""
        return "validation" if isinstance(self.data, InMemory) and self.data.validation else "training"

    def by_name(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def settings(self) -> dict[str, dict[str, Any]]:
        """Every hyper-parameter by part, as it stands in spec.json."""
        return {key: specified(part) for key, part in self.by_name().items()}

    def drop_path_at(self, epoch: int) -> float:
        """The probability with which a sample loses an edge's output in this epoch (DARTS train.py)."""
        return self.network.drop_path * epoch / self.training.epochs


@dataclass(frozen=True)
class Recipe:
    """A published way of training a family of cells, as the settings in which it differs from `cifar`. `also` holds
    other families that are trained in this way, each with further settings."""

    family: str
    summary: str
    source: str
    stem: str = "cifar"
    data: InMemory | Streamed = field(default_factory=InMemory)
    settings: Mapping[str, Any] = field(default_factory=dict)
    also: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def families(self) -> tuple[str, ...]:
        return (self.family, *self.also)

    def of(self, family: str) -> Recipe:
        """The recipe for cells of one of its families."""
        return replace(self, settings={**self.settings, **self.also.get(family, {})})

    def parts(self, layers: Sequence[Mapping[str, Any]] = (), user: Mapping[str, Any] | None = None) -> Parts:
        """Later values win: the recipe's, each of `layers` (a protocol's; names that are not declared here are meant
        for other recipes), `user` (names must exist). Raises HarnessError for a bad name or value."""
        parts: dict[str, Any] = {
            "network": Network(),
            "training": Schooling(),
            "data": self.data,
            "arithmetic": Arithmetic(),
            "layout": Layout(),
        }
        for values in (self.settings, *layers):
            parts = override(parts, applicable(parts, values))
        return Parts(**override(parts, user or {}))


MOBILE = {
    "mobile": {"size": "1x1728", "drop_path": 0.0, "auxiliary": 0.0},
    "fbnet": {"size": "1x1984", "drop_path": 0.0, "auxiliary": 0.0},
}
"""Chains of the mobile spaces, at the widths that are published; choice: in all else they are trained as cells are."""

RECIPES: dict[str, Recipe] = {
    "cifar": Recipe(
        "darts",
        "CIFAR-10, CIFAR-100, SVHN and images like theirs, in memory",
        "ZARTS supplement 2.2; DARTS train.py",
        also=MOBILE,
    ),
    "imagenet": Recipe(
        "darts",
        "ImageNet and image folders like it, read image by image",
        "ZARTS section 5.2; train_imagenet_distributed.py",
        stem="imagenet",
        data=Streamed(),
        settings={
            "size": "14x48",
            "drop_path": 0.0,
            "epochs": 250,
            "batch": 1024,
            "lr": 0.5,
            "lr_schedule": "linear",
            "weight_decay": 3e-5,
            "label_smoothing": 0.1,
        },
        also=MOBILE,
    ),
    "nasbench201": Recipe(
        "nasbench201",
        "a NAS-Bench-201 cell as the benchmark trained it, in place of the look-up",
        "NAS-Bench-201, Table 1; AutoDL-Projects configs/nas-benchmark/CIFAR.config",
        settings={
            "size": "5x16",
            "drop_path": 0.0,
            "auxiliary": 0.0,
            "epochs": 200,
            "batch": 256,
            "lr": 0.1,
            "nesterov": True,
            "weight_decay": 5e-4,
            "clip": 1e9,  # more than any gradient's
            "cutout": 0,
            "normalisation": "nasbench201",
        },
    ),
    "bench-suite": Recipe(
        "darts",
        "DARTS-Bench-Suite: one of its nine, which differ in lr and weight_decay; the size is the protocol's",
        "confopt benchsuite_experiments/train_genotype.py, benchsuite.py; train/discrete_trainer.py",
        settings={
            "drop_path": 0.3,
            "auxiliary": 0.0,
            "epochs": 300,
            "batch": 512,
            "lr": 0.025,
            "weight_decay": 3e-4,
            "cutout": 16,
            "unseen": 0.5,
        },
    ),
}

LOOKUP = "lookup"


KINDS = {
    "nasbench201": "a NAS-Bench-201 cell",
    "darts": "a cell of the DARTS family",
    "mobile": "a chain of the space mobile",
    "fbnet": "a chain of the space mobile-fbnet",
}
"""What the cells of a family are called."""


def recipe_for(genotype: Genotype, name: str | None, table: str) -> str:
    """The recipe of this name, or the usual one for such a cell: the look-up, which is no training, where a table holds
    it, else `cifar`. `table` names that table, or is empty. Raises HarnessError for a recipe that is not for it."""
    name = name or (LOOKUP if table else "cifar")
    if name != LOOKUP and name not in RECIPES:
        raise unknown("recipe", name, [*RECIPES, LOOKUP])
    fitting = [*([LOOKUP] if table else []), *trainings_of(genotype)]
    if name not in fitting:
        kind = KINDS.get(genotype.family, f"a cell of the kind {genotype.family}")
        use = f"use --recipe {' or '.join(fitting)}" if fitting else "no recipe is"
        raise HarnessError(f"recipe {quoted(name)} is not for {kind}; {use}.")
    return name


def trainings_of(genotype: Genotype) -> list[str]:
    """The recipes by which such a cell is trained."""
    return [name for name, recipe in RECIPES.items() if genotype.family in recipe.families]


def all_settings() -> set[str]:
    """The names of every hyper-parameter of every recipe."""
    return {
        name for recipe in RECIPES.values() for part in recipe.parts().by_name().values() for name in declared(part)
    }
