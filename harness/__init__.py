"""Benchmarking harness for neural architecture search.

    import harness
    harness.methods                                            what there is; harness.spaces and harness.datasets, too
    found = harness.search("zarts-mgs", "s1", "digits", budget=harness.Budget(epochs=5))
    run = harness.run("zarts-mgs", "s1", "digits")             what `harness run` does: in a folder, and resumed from it
    run.evaluate(dataset="digits")
    harness.load(run.folder)

Importing this package loads neither torch nor anything else that is heavy; that comes with the first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.core.version import __version__

if TYPE_CHECKING:
    from harness.api import Budget, Run, datasets, evaluate, load, methods, run, search, spaces

__all__ = [
    "Budget",
    "Run",
    "__version__",
    "datasets",
    "evaluate",
    "load",
    "methods",
    "run",
    "search",
    "spaces",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("harness.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
