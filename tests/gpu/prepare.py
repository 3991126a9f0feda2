"""What a GPU machine without network may lack, gathered where there is one: images, a table, pure-Python packages.

    tests/gpu/prepare.sh [CIFAR10 [NASBENCH201]]

CIFAR10 is a name or a path of the data, as for `harness run --dataset`; NASBENCH201 is the benchmark's file, as for
`harness data import nasbench201`. All of it is in tests/gpu/prepared, which git ignores: at most 60 MB.

All of CIFAR-10 does not fit in those: its 60,000 images are 184 MB raw and 106 MB as lossless WebP. Bytes of an image,
on average over the first 200 to 500: raw 3,072, PNG 2,270, filtered and packed together with LZMA 1,857, WebP 1,770,
WebP in mosaics of 400 1,675. So the first images travel, as WebP in Parquet files, which the harness reads as they are.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from torch import Tensor

from harness import data
from harness.data import Images

ROOT = Path(__file__).resolve().parents[2]
PREPARED = Path(__file__).resolve().parent / "prepared"
MOST = 60_000_000
"""Bytes."""
TRAIN, TEST = 28_000, 3_000
"""Images; the first halves of the training images train a supernet's weights, the second its alpha."""
PACKAGES = (
    *("click", "filelock", "rich", "markdown-it-py", "mdurl", "pygments"),
    *("pytest", "pluggy", "iniconfig", "pytest-timeout", "pytest-benchmark", "py-cpuinfo"),
)
"""Of pure Python, and so for every version of it: what a run imports, and what the tests do. What is compiled (torch,
numpy, scipy, pyarrow, Pillow, Matplotlib) must be there."""


def main(cifar10: str = "cifar10", table: str | None = None) -> None:
    shutil.rmtree(PREPARED, ignore_errors=True)
    dataset = data.load(cifar10, images=TRAIN, test_images=TEST)
    write(PREPARED / "cifar10", dataset.train, dataset.test, dataset.class_names)
    if table is not None:
        imported = [sys.executable, "-m", "harness", "data", "import", "nasbench201", table]
        subprocess.run(imported, check=True, env={**os.environ, "HARNESS_CACHE": str(PREPARED / "cache")})
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--platform=any"]
    constraints = f"--constraint={ROOT / 'constraints.txt'}"
    subprocess.run([*fetch, constraints, f"--dest={PREPARED / 'wheels'}", *PACKAGES], check=True)
    sizes = {part.name: size_of(part) for part in sorted(PREPARED.iterdir())}
    for name, size in sizes.items():
        print(f"{name:10} {size / 1e6:6.1f} MB")
    if sum(sizes.values()) > MOST:
        sys.exit(f"{PREPARED} has {sum(sizes.values()) / 1e6:.1f} MB, and {MOST / 1e6:.0f} may travel")


def write(folder: Path, train: Images, test: Images, names: tuple[str, ...]) -> None:
    """In the layout of the Hugging Face hub."""
    folder.mkdir(parents=True)
    labels = {"names": list(names), "_type": "ClassLabel"}
    about = pa.schema([]).with_metadata({"huggingface": json.dumps({"info": {"features": {"label": labels}}})}).metadata
    for split, images in (("train", train), ("test", test)):
        encoded = pa.array([{"bytes": one} for one in webp(images.pixels)])
        table = pa.table({"img": encoded, "label": pa.array(images.labels.tolist())}).replace_schema_metadata(about)
        pq.write_table(table, folder / f"{split}-00000-of-00001.parquet", compression="none")


def webp(pixels: Tensor) -> Iterator[bytes]:
    """Each of the images (n, 3, h, w), to the bit."""
    for image in pixels.permute(0, 2, 3, 1).contiguous().numpy():
        file = io.BytesIO()
        Image.fromarray(image).save(file, "WEBP", lossless=True, exact=True, method=4, quality=75)
        yield file.getvalue()


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main(*sys.argv[1:])
