"""How long the operations of a space take on a device: every candidate where it stands, as it is in a final network.

Every operation is timed in eval mode, without gradients, on one batch: first unmeasured, then in rounds. In a round
each is timed once, in an order drawn anew, so that what slows the machine for a while slows all of them; a time is the
median over the rounds. What lies around the cells is timed as the networks' frame, whose edges do nothing. So a
network's latency is a sum, which leaves out what joins operations and any overlap: `measure` also times whole networks,
and the table says how far the sums are from them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Generator, Tensor, nn

from harness.core.errors import HarnessError
from harness.core.rng import generator
from harness.runs.machine import environment
from harness.tables.costs import CostTable, EdgeCosts
from spaces.operations import apply
from spaces.places import Frame, Place, places
from spaces.prices import Prices
from spaces.space import Space

MS = 1e3
Tick = Callable[[int, int], object]
"""Is told how many of how many timings are done."""


@dataclass(frozen=True)
class Settings:
    """How it is measured."""

    batch: int = 1
    """Images at a time."""
    warmup: int = 3
    """Calls of each operation before it is timed."""
    repeats: int = 30
    """Rounds."""
    networks: int = 3
    """Whole networks that the sums are held against."""


def measure(
    space: Space,
    macro: Any,
    classes: int,
    image_size: int,
    device: str,
    settings: Settings,
    tick: Tick = lambda done, all: None,
) -> CostTable:
    """The latencies of the operations of networks of this size. Raises HarnessError where images of this size do not
    fit."""
    divisor = space.divisor(macro)
    if image_size % divisor:
        raise HarnessError(f"image_size={image_size} does not divide by {divisor}, as {space.name} needs it.")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        bench = Bench(space, macro, classes, image_size, device, settings.batch)
        times = timed(bench.tasks, settings, device, tick)
    return bench.table(times, settings)


class Bench:
    """Everything that is timed: the frame, each operation once for each kind of place, and a few whole networks."""

    def __init__(self, space: Space, macro: Any, classes: int, image_size: int, device: str, batch: int) -> None:
        self.space, self.macro, self.image_size, self.device = space, macro, image_size, device
        self.places = places(space, macro, classes, image_size)
        frame, images = Frame(space, macro, classes), torch.randn(batch, 3, image_size, image_size, device=device)
        module, rows = frame.module.eval().to(device), frame.rows
        self.tasks: dict[Any, Callable[[], object]] = {"around": lambda: module(images, rows, None)}
        for place in self.places:
            for name in space.edges[place.row].operations:
                self._add((name, replace(place, row=0)), batch)
        self.cells = [_random_cell(space, number) for number in range(Settings.networks)]
        for number, cell in enumerate(self.cells):
            network = space.derived(cell, macro, classes).eval().to(device)
            self.tasks[number] = partial(_whole, network, images, device)

    def _add(self, key: tuple[str, Place], batch: int) -> None:
        """An operation where places of this kind are."""
        name, place = key
        if key in self.tasks:
            return
        operation = self.space.operation(name, place.c_in, place.channels, place.stride).eval().to(self.device)
        state = torch.randn(batch, place.c_in, place.size, place.size, device=self.device)
        self.tasks[key] = lambda: apply(operation, state, _drawing(self.device))

    def table(self, times: Mapping[Any, float], settings: Settings) -> CostTable:
        edges = [dict.fromkeys(edge.operations, 0.0) for edge in self.space.edges]
        for place in self.places:
            for name in edges[place.row]:
                edges[place.row][name] += times[name, replace(place, row=0)]
        named = [(kind, edge.source, edge.target) for kind, own in self.space.cells.items() for edge in own]
        prices = Prices(times["around"], tuple(edges))
        whole = [
            {"cell": str(cell), "sum": prices.of(self.space, cell), "measured": times[number]}
            for number, cell in enumerate(self.cells)
        ]
        made = environment(self.device, "")
        return CostTable(
            self.space.name,
            {**vars(self.macro), "image_size": self.image_size},
            {"latency": EdgeCosts(times["around"], dict(zip(named, edges, strict=True)))},
            {
                **{name: made[name] for name in ("harness", "torch", "device", "threads", "platform")},
                **vars(settings),
                "networks": whole,
            },
        )


def timed(tasks: Mapping[Any, Callable[[], object]], settings: Settings, device: str, tick: Tick) -> dict[Any, float]:
    """The median time of each, in ms."""
    keys, total = list(tasks), settings.repeats * len(tasks)
    for task in tasks.values():
        for _ in range(settings.warmup):
            task()
    found: dict[Any, list[float]] = {key: [] for key in keys}
    for number in range(settings.repeats):
        for place in torch.randperm(len(keys), generator=generator(0, "latency", number)).tolist():
            found[keys[place]].append(MS * _once(tasks[keys[place]], device))
        tick((number + 1) * len(tasks), total)
    return {key: median(values) for key, values in found.items()}


def _once(task: Callable[[], object], device: str) -> float:
    """Seconds of one call, with what it left the device to do."""
    _wait(device)
    began = time.perf_counter()
    task()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _whole(network: nn.Module, images: Tensor, device: str) -> object:
    return network(images, draw=_drawing(device))


def _drawing(device: str) -> Generator:
    """The randomness of noise operations."""
    return Generator(device)


def _random_cell(space: Space, number: int) -> Any:
    draw = generator(0, "latency/cells", number)
    return space.decode([int(torch.randint(options, (), generator=draw)) for node in space.choices for options in node])


def summary(table: CostTable, path: Any) -> str:
    """What was measured, in lines."""
    measured, latency = table.measured or {}, table.costs["latency"]
    sums: dict[str, float] = {}
    for operations in latency.edges.values():
        for name, value in operations.items():
            sums[name] = sums.get(name, 0.0) + value
    slowest = sorted(sums.items(), key=lambda item: -item[1])
    networks = [f"{one['measured']:.3g} ms, their sum {one['sum']:.3g} ms" for one in measured["networks"]]
    size = ", ".join(f"{name}={value}" for name, value in (table.network or {}).items())
    return "\n".join(
        (
            f"latencies of {table.space} ({size}): {path}",
            f"on {measured['device']}, batch {measured['batch']}, {measured['threads']} threads",
            *(f"{name}: {value:.4g} ms on all edges of a network together" for name, value in slowest),
            f"around the cells: {latency.around:.4g} ms",
            f"whole networks, measured: {'; '.join(networks)}",
        )
    )
