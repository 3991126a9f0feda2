"""Augmented images, from memory and from files: ours, beside torchvision's transforms and datasets in a DataLoader."""

from __future__ import annotations

import os

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets, transforms

from harness.data import augment
from harness.data.streamed import open_streamed
from harness.data.streaming import JITTER

COUNT, BATCH = 1024, 64
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


class Pictures(Dataset):
    def __init__(self, images):
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index])


def test_a_batch_of_images(versus):
    images = torch.randint(0, 256, (COUNT, 3, 32, 32), dtype=torch.uint8)
    loader = iter(DataLoader(Pictures(images), BATCH))
    generator = torch.Generator().manual_seed(0)
    mean, std = torch.tensor(MEAN), torch.tensor(STD)

    def ours():
        chosen = images[torch.randint(COUNT, (BATCH,), generator=generator)]
        top, left, mirrored, *_ = augment.draw(BATCH, 32, 4, generator)
        return augment.normalise(augment.crop_and_flip(chosen, 4, top, left, mirrored), mean, std)

    versus("a batch of 64 images, PIL + DataLoader", ours, lambda: next(loader), 6)


def made_folder(root, count, size):
    """JPEGs of two classes, smooth as photographs are."""
    draw = np.random.default_rng(0)
    for number in range(count):
        path = root / "train" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        rough = Image.fromarray(draw.integers(0, 256, (size[1] // 16, size[0] // 16, 3), dtype=np.uint8))
        rough.resize(size, Image.Resampling.BICUBIC).save(path, quality=90)
    return root


def test_images_from_files(versus, benchmark, tmp_path):
    """ImageNet's: random crops of 224, mirrored and jittered, of JPEGs of its usual size, all in one pass. The
    DataLoader has as many processes as ours has threads, and keeps them from pass to pass."""
    count, batch, size = (4, 2, (96, 80)) if benchmark.disabled else (128, 32, (500, 375))
    root = made_folder(tmp_path, count, size)
    part, _ = open_streamed(str(root), 224, 1.0, jitter=True).halves(1 - 1 / count, 0, "")
    rows = torch.arange(count - 1).split(batch)
    draw = torch.Generator().manual_seed(0)
    usual = [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), transforms.ColorJitter(*JITTER)]
    folder = datasets.ImageFolder(
        str(root / "train"), transforms.Compose([*usual, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    )
    workers = 0 if benchmark.disabled else os.cpu_count()
    loader = DataLoader(folder, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)

    def ours():
        for chosen in rows:
            images, _ = part.batch(chosen, draw)
            assert images.shape == (len(chosen), 3, 224, 224)

    def theirs():
        for images, _ in loader:
            assert images.shape[1:] == (3, 224, 224)

    versus(f"{count} images from files, ImageFolder + DataLoader", ours, theirs, 5)
