"""What of a training set a search sees."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.settings import setting


@dataclass(frozen=True)
class Data:
    """What of the training set a search sees."""

    portion: float = setting(
        0.5,
        "ZARTS train_search.py:143-166: the first half in file order trains the weights, the second alpha",
        minimum=0.01,
        maximum=0.99,
    )
    split_file: str = setting(
        "",
        "JSON lists train and valid in place of the portion, as NAS-Bench-201's configs/nas-benchmark/cifar-split.txt",
    )
    images: int = setting(0, "0: the whole training set; else its first so many images", minimum=0)
    valid_batch: int = setting(64, "ZARTS train_search.py:36; the batch that alpha's losses are taken on", minimum=2)
    normalisation: str = setting(
        "darts",
        "the constants of the DARTS or the NAS-Bench-201 code, which differ in the third digit; "
        "for data given by path there are none, and the images used are measured",
        choices=("darts", "nasbench201"),
    )
    resize: int = setting(
        0,
        "0: images as they are; else the largest square in the centre of each, scaled to so many pixels a side",
        minimum=0,
        omit_default=True,
    )
    crop: int = setting(
        0,
        "0: images in memory; else those of a folder are read from their files as the search goes, random crops of "
        "random size, mirrored, of so many pixels a side, normalised as ImageNet; ZARTS supplement 2.7: 224",
        minimum=0,
        omit_default=True,
    )
    share: float = setting(
        1.0,
        "of the training images, drawn once, where they are read from files; ZARTS supplement 2.7: 0.25",
        minimum=1e-6,
        maximum=1,
        omit_default=True,
    )
    colour_jitter: bool = setting(
        False, "where images are read from files; true: ZARTS train_imagenet_distributed.py", omit_default=True
    )
