"""What `import harness` offers: the work of the commands, called from Python, with objects in the place of names.

    found = harness.search("zarts-mgs", space, dataset, settings={"samples": 4}, callback=print)

Everything raises HarnessError, in a sentence, for what is unknown, out of range, damaged or impossible here.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from harness.core import notebook
from harness.core.errors import HarnessError
from harness.core.files import read_object
from harness.core.genotype import Genotype, parse
from harness.core.text import columns
from harness.core.types import Budget, SearchResult, ending
from harness.data.catalogue import DATASETS
from harness.describing.listing import registry
from spaces import SPACES, Space

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from harness.data import ImageDataset
    from harness.evaluation.evaluate import Outcome
    from methods.composition import BlackBox, Composition
    from methods.families import AnySearch
    from methods.method import Method
    from methods.tabular.data import TableData

Callback = Callable[[Mapping[str, Any]], None]
"""Is given the record of every epoch as it ends, as it stands in records.jsonl."""
PYTHON = {"name": "python", "version": 1}
"""The protocol of a search whose settings are given in Python: a method's own, and those of the call."""

T = TypeVar("T")


class Listing(Mapping[str, T], Generic[T]):
    """What there is of one kind, by name. Shown, it is a line for each; an item is made when it is asked for."""

    def __init__(self, title: str, summaries: Callable[[], Mapping[str, str]], make: Callable[[str], T]) -> None:
        self._title, self._summaries, self._make = title, summaries, make

    def __getitem__(self, name: str) -> T:
        """Raises HarnessError for an unknown name."""
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._summaries())

    def __len__(self) -> int:
        return len(self._summaries())

    def __contains__(self, name: object) -> bool:
        return name in self._summaries()

    def __repr__(self) -> str:
        return "\n".join(columns(list(self._summaries().items())))

    def _repr_html_(self) -> str:
        return notebook.table(self._title, list(self._summaries().items()))

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)


def _method(name: str) -> Method:
    from methods import METHODS

    return METHODS[name]


def _dataset(name: str) -> ImageDataset:
    from harness import data

    return data.load(name)


methods: Listing[Method] = Listing("Methods", partial(registry, "methods"), _method)
spaces: Listing[Space] = Listing("Search spaces", partial(registry, "spaces"), lambda name: SPACES[name])
datasets: Listing[ImageDataset] = Listing(
    "Data sets; an item is read, and fetched if it is absent", partial(registry, "datasets"), _dataset
)


def search(
    method: str | Method | Composition | BlackBox,
    space: str | Space,
    dataset: str | Path | ImageDataset | TableData,
    budget: Budget | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    *,
    device: str = "auto",
    data: str | Path | None = None,
    folder: str | Path | None = None,
    checkpoint_seconds: float = 60.0,
    callback: Callback | None = None,
    progress: bool = False,
) -> SearchResult:
    """Searches for a cell, to the end of the budget, and returns what was found.

    `method`, `space` and `dataset` are names, paths (of data), or objects. `settings` are hyper-parameters in place of
    the method's own. `data` is where published data sets are kept. With a `folder` the search saves itself there, and
    the same call resumes what is unfinished and returns what is done; `load(folder)` opens it later. `callback` is
    given the record of each epoch, of a resumed search those behind it first. `progress` shows a live table on a
    terminal.

    Raises Interrupted after Ctrl-C where there is a folder, with the state saved in it.
    """
    from harness.runs.machine import resolve_device
    from harness.runs.runner import priced_by
    from harness.runs.standalone import Standalone
    from methods.families import make_search

    chosen, where = _as_method(method), SPACES.find(space)
    budget, device = budget or Budget(), resolve_device(device)
    parts = chosen.parts(where, budget, user=settings)
    opened = _open(dataset, where, parts, None if data is None else Path(data))
    process = make_search(parts, where, opened, seed, device, budget)
    with _telling(progress, callback) as told_of:
        if folder is None:
            return _in_memory(process, told_of(process))
        by_name = isinstance(dataset, str) and dataset in DATASETS
        spec = {
            "protocol": PYTHON,
            "method": chosen.name,
            "parts": chosen.composition.parts,
            "space": where.name,
            "dataset": opened.name,
            "dataset_files": None if by_name else opened.fingerprint,
            "seed": seed,
            "budget": budget.to_json(process.epochs),
            "settings": parts.settings(),
            **priced_by(parts, where),
        }
        work = Standalone(Path(folder), process, where, opened, spec, device, checkpoint_seconds)
        return work.run(_warn, told_of(process))


def _in_memory(process: AnySearch, told: _Told) -> SearchResult:
    state = process.start()
    while not state.stopped_by:
        began = time.monotonic()
        state = process.advance(state)
        told.update(state, time.monotonic() - began)
    return process.result(state)


def run(
    method: str,
    space: str,
    dataset: str | Path,
    *,
    seed: int = 0,
    protocol: str | Path = "proxy",
    budget: Budget | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    data: str | Path | None = None,
    results: str | Path = "results",
    checkpoint_seconds: float = 60.0,
    callback: Callback | None = None,
    progress: bool = False,
) -> Run:
    """Does what `harness run` does, in the same folder of `results`: what is unfinished is resumed, what is done is
    returned. `protocol` is a name or a TOML file; `callback` is given the record of each epoch.

    Raises Interrupted after Ctrl-C, with the state saved.
    """
    from harness.runs import protocol as protocols
    from harness.runs import runner

    plan = runner.plan(
        runner.Request(
            method,
            space,
            str(dataset),
            protocols.load(str(protocol)),
            budget or Budget(),
            seed=seed,
            assignments=_assignments(settings),
            device=device,
            data_root=None if data is None else Path(data),
            results=Path(results),
            checkpoint_seconds=checkpoint_seconds,
        )
    )
    with _telling(progress, callback) as told_of:
        return Run(runner.run(plan, _warn, told_of).folder)


def evaluate(
    target: str | Path | Genotype | SearchResult | Run,
    *,
    dataset: str | Path | None = None,
    recipe: str | None = None,
    protocol: str | Path | None = None,
    seed: int = 0,
    epochs: int | None = None,
    at_epoch: int | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    data: str | Path | None = None,
    results: str | Path = "results",
    checkpoint_seconds: float = 60.0,
    workers: int = 4,
) -> Outcome:
    """Does what `harness evaluate` does: says what a cell is worth, by training it from scratch or by the table.

    `target` is a run, its folder, a genotype in any notation, a published cell's name, or what a search returned.
    None stands for the usual: the run's data and protocol, the recipe of the family of cells.
    """
    from harness.evaluation import evaluate as evaluating

    plan = evaluating.plan(
        evaluating.Request(
            _target(target),
            None if dataset is None else str(dataset),
            recipe,
            None if protocol is None else str(protocol),
            epochs,
            workers,
            at_epoch,
            seed=seed,
            assignments=_assignments(settings),
            device=device,
            data_root=None if data is None else Path(data),
            results=Path(results),
            checkpoint_seconds=checkpoint_seconds,
        )
    )
    return evaluating.run(plan, _warn)


def load(folder: str | Path) -> Run:
    """Opens the folder of a run, done or not. Reads JSON alone: nothing in it is executed."""
    folder = Path(folder)
    if not (folder / "spec.json").exists():
        raise HarnessError(f"{folder} has no spec.json: it is no run folder.")
    opened = Run(folder)
    if "method" not in opened.spec:
        raise HarnessError(f"{folder} holds an evaluation, not a run; open the run that it belongs to.")
    return opened


@dataclass(frozen=True, repr=False)
class Run:
    """A run on disk."""

    folder: Path

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """All that decides the outcome, resolved."""
        spec: Mapping[str, Any] = read_object(self.folder / "spec.json", "spec")["spec"]
        return spec

    @property
    def is_done(self) -> bool:
        return (self.folder / "result.json").exists()

    @property
    def result(self) -> Mapping[str, Any]:
        """What result.json holds. Raises HarnessError where the run is not done."""
        if not self.is_done:
            raise HarnessError(f"{self.folder} has no result.json: its run is not done.")
        return read_object(self.folder / "result.json", "genotype", "cost", "how")

    @property
    def genotype(self) -> Genotype:
        """The cell that it found. Raises HarnessError where the run is not done."""
        return parse(json.dumps(self.result["genotype"]))

    @property
    def records(self) -> pd.DataFrame:
        """A row per epoch; what is nested is joined by dots: "cost.seconds"."""
        import pandas as pd

        path = self.folder / "records.jsonl"
        try:
            lines = path.read_text("utf-8").splitlines() if path.exists() else []
            return pd.json_normalize([json.loads(line) for line in lines])
        except (OSError, ValueError, NotImplementedError) as error:
            raise HarnessError(f"{path} cannot be read: {error}; it is damaged.") from None

    def evaluate(self, **options: Any) -> Outcome:
        """What the cell is worth; the options are those of `harness.evaluate`."""
        return evaluate(self, **options)

    def network(self) -> nn.Module:
        """The trained final network, in eval mode on the CPU: normalised images (B, 3, H, W) to logits (B, classes).

        Raises HarnessError where the run has not been evaluated by a training, or in several ways: load one of those
        with `harness.evaluation.model.load`."""
        from harness.evaluation.model import load as load_model

        return load_model(self.folder).network()

    def __repr__(self) -> str:
        state = "not done"
        if self.is_done:
            count = self.result.get("parameters")
            state = "done" if count is None else f"{count:,} parameters"
        return f"Run({self._title}, {state}, folder={str(self.folder)!r})"

    def _repr_html_(self) -> str:
        if not self.is_done:
            return notebook.table(self._title, [("state", "not done"), ("folder", self.folder)])
        result = self.result
        rows = [
            *(
                (name.replace("_", " "), f"{result[name]:.4g}")
                for name in ("valid_accuracy", "trial_accuracy")
                if name in result
            ),
            *([("parameters", f"{result['parameters']:,}")] if "parameters" in result else []),
            ("cost", f"{result['cost']['seconds']:,.1f} s, {ending(result['stopped_by'])}"),
            ("folder", self.folder),
        ]
        return notebook.table(self._title, rows, self.genotype)

    @property
    def _title(self) -> str:
        spec = self.spec
        return f"{spec['method']} on {spec['space']} with {spec['dataset']}, seed {spec['seed']}"


# How the calls become what the harness works with.


def _as_method(method: str | Method | Composition | BlackBox) -> Method:
    from methods.composition import AnyMethod
    from methods.method import Method

    if isinstance(method, str):
        return _method(method)
    return Method("custom", method) if isinstance(method, AnyMethod) else method


def _open(dataset: Any, space: Space, parts: Any, root: Path | None) -> Any:
    """The data set; a name or path is read for the space and as the parts need it."""
    from harness.runs.images import open_images
    from methods.tabular.data import open_data
    from methods.training.data import Data

    if not isinstance(dataset, str | Path):
        return dataset
    if space.table:
        return open_data(str(dataset), space.table)
    part = next(part for part in parts.by_name().values() if isinstance(part, Data))
    return open_images(part, str(dataset), root)


def _target(target: str | Path | Genotype | SearchResult | Run) -> str:
    if isinstance(target, Run):
        return str(target.folder)
    genotype = target.genotype if isinstance(target, SearchResult) else target
    return json.dumps(genotype.to_json()) if isinstance(genotype, Genotype) else str(genotype)


def _assignments(settings: Mapping[str, Any] | None) -> tuple[str, ...]:
    """As the command line has them."""
    written = {
        name: str(value).lower() if isinstance(value, bool) else value for name, value in (settings or {}).items()
    }
    return tuple(f"{name}={value}" for name, value in written.items())


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=3)


class _Told:
    """Gives the callback every record, and a display every step."""

    def __init__(self, callback: Callback, display: Any) -> None:
        self.callback, self.display = callback, display
        self.count = 0
        """Of the records that have been given."""

    def update(self, state: Any, seconds: float) -> None:
        if self.display is not None:
            self.display.update(state, seconds)
        for record in state.records[self.count :]:
            self.callback(record)
        self.count = len(state.records)


@contextmanager
def _telling(progress: bool, callback: Callback | None) -> Iterator[Callable[[AnySearch], _Told]]:
    """What makes the observer of a search; where it is to, and there is a terminal, it shows a live table."""
    from rich.console import Console

    from harness.runs.progress import display, live_display

    with live_display(Console(stderr=True)) if progress else nullcontext() as live:
        yield lambda search: _Told(callback or (lambda record: None), live and display(search, live))
