"""A batch of augmented images: ours, beside torchvision's transforms on PIL images in a DataLoader."""

from __future__ import annotations

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from harness.data import augment

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
