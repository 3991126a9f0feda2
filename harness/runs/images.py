"""The images of a search: in memory, or left in their files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness import data
from harness.core.errors import HarnessError
from methods.training.data import Data

if TYPE_CHECKING:
    from harness.data import ImageDataset, StreamedDataset  # the latter brings torchvision, which takes seconds


def open_images(part: Data, name: str, root: Path | None, download: bool = True) -> ImageDataset | StreamedDataset:
    """The dataset `name` as a search with these settings sees it (see `harness.data.load` and `open_streamed`). Raises
    HarnessError as they do, and for settings that do not go together."""
    if not part.crop:
        if part.share != 1 or part.colour_jitter:
            raise HarnessError(
                "share and colour_jitter are for images read from their files; set crop with them, as crop=224."
            )
        return data.load(name, root, download, part.images, resize=part.resize)
    if part.resize:
        raise HarnessError(f"crop={part.crop} and resize={part.resize} both give images a size; set one of them.")
    return data.open_streamed(name, part.crop, part.share, part.colour_jitter)
