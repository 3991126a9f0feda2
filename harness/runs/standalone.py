"""A search in a folder that the caller names, without a protocol: for settings and objects that are given in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.types import SearchResult
from harness.data import ImageDataset
from harness.runs.checkpoint import FORMAT
from harness.runs.code import Code, code_of
from harness.runs.folder import RunFolder, locked
from harness.runs.loop import Observer, run_to_end
from harness.runs.machine import deterministic, environment, memory_reported, retain_heap
from harness.runs.result import describe_result
from methods.families import AnySearch, AnyState
from methods.tabular.data import TableData
from spaces import Space


@dataclass(frozen=True)
class Standalone:
    """A search with everything resolved, and the folder it works in."""

    folder: Path
    search: AnySearch
    space: Space
    dataset: ImageDataset | TableData
    spec: Mapping[str, Any]
    """All that decides the outcome, but the format."""
    device: str
    checkpoint_seconds: float

    @property
    def _code(self) -> Code:
        return code_of([type(self.search), *self.search.parts.by_name().values(), self.space])

    def run(self, warn: Callable[[str], None], observer: Observer[AnyState]) -> SearchResult:
        """Carries it to its end, resuming what is there. Raises HarnessError where the folder holds another search,
        Busy where another process works in it, and Interrupted after SIGINT or SIGTERM, with the state saved."""
        deterministic()
        retain_heap()
        spec = {"format": FORMAT, **self.spec}
        with memory_reported(self.device), locked(self.folder, wait=False) as lease:
            folder = RunFolder(self.folder, warn, lease)
            folder.open_spec(spec, environment(self.device, self.dataset.fingerprint), self._code)
            saved = folder.load()
            state = self.search.start() if saved is None else self.search.restore(saved)
            state = run_to_end(self.search, state, folder, self.checkpoint_seconds, observer)
            found = self.search.result(state)
            if not (self.folder / "result.json").exists():
                folder.finish(describe_result(self.search, found, self.space, spec, self.dataset.classes))
            return found
