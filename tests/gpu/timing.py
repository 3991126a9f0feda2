"""Seconds of steps, and the searches at the paper's size that they are taken from."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch
from gpu.scale import Scale

from harness.core.types import Budget
from harness.data import ImageDataset, Images
from methods import METHODS
from methods.search.search import Search
from spaces import SPACES

WARM = 3
"""Calls before the first that counts: the second records."""
SECONDS = 8.0
"""Of interleaved calls, at most."""
LONG = 10.0
"""Of the steps that hours are taken from, at most."""
IMAGES, CLASSES = 50_000, tuple(map(str, range(10)))


def waited_for(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def timed(works: Mapping[str, Callable[[], object]], scale: Scale) -> dict[str, dict[str, float]]:
    """Median, least seconds, and number of calls of each, interleaved, after WARM calls."""
    for work in works.values():
        for _ in range(WARM):
            work()
    waited_for(scale.device)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    end = time.perf_counter() + SECONDS
    for _ in range(scale.rounds):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            waited_for(scale.device)
            seconds[name].append(time.perf_counter() - began)
        if time.perf_counter() > end:
            break
    return {name: {"median": statistics.median(own), "least": min(own), "n": len(own)} for name, own in seconds.items()}


def lines(found: Mapping[str, Mapping[str, float]]) -> str:
    """A line for each, beside the first."""
    first = next(iter(found.values()))["median"]
    return "\n".join(
        f"{name:24} {1e3 * each['median']:9.2f} ms  {first / each['median']:6.2f} x  n={each['n']}"
        for name, each in found.items()
    )


def step_seconds(advance: Callable[[], object], calls: int, device: str) -> tuple[float, int]:
    """Seconds of a call, after WARM, and how many of them were timed: at most `calls`."""
    for _ in range(WARM):
        advance()
    waited_for(device)
    began, done = time.perf_counter(), 0
    while done < calls and time.perf_counter() - began < LONG:
        advance()
        done += 1
        if done % 5 == 0:  # the host must not run ahead of the time that there is
            waited_for(device)
    waited_for(device)
    return (time.perf_counter() - began) / done, done


def made_images(scale: Scale) -> Images:
    """As many as CIFAR-10 has, of noise, on the device."""
    draw, count = torch.Generator().manual_seed(0), scale.settings.get("images", IMAGES)
    pixels = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=draw)
    return Images(pixels, torch.randint(len(CLASSES), (count,), generator=draw)).to(scale.device)


def search_of(method: str, space: str, scale: Scale) -> Search:
    """At the paper's settings, but for the scale's."""
    dataset = ImageDataset("noise", CLASSES, made_images(scale), "none", padding=4, flip=True, shuffled=False)
    known = {name for part in METHODS[method].parts(SPACES[space], Budget()).settings().values() for name in part}
    own = {name: value for name, value in scale.settings.items() if name in known}
    parts = METHODS[method].parts(SPACES[space], Budget(), user=own)
    return Search(parts, SPACES[space], dataset, 0, scale.device)
