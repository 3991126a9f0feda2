"""What can be done with the states of searches: carry one to its end, and compare two."""

from __future__ import annotations

import io
from typing import Any

import torch

from harness.core.types import TIMINGS
from methods.families import AnySearch, AnyState


def run_to_end(search: AnySearch, state: Any = None) -> Any:
    """The state at the end of the search, from this state or from the start."""
    state = state or search.start()
    while not state.stopped_by:
        state = search.advance(state)
    return state


def saved(state: AnyState) -> bytes:
    """A state as a checkpoint holds it."""
    file = io.BytesIO()
    torch.save(state.to_dict(), file)
    return file.getvalue()


def restored(search: AnySearch, file: bytes) -> Any:
    """The state that was saved, for a search that goes on with it."""
    return search.restore(torch.load(io.BytesIO(file), weights_only=True))


def timeless(value: Any) -> Any:
    """A record, or anything that holds costs, without what differs between two identical runs."""
    if isinstance(value, dict):
        return {key: timeless(entry) for key, entry in value.items() if key not in TIMINGS}
    return [timeless(entry) for entry in value] if isinstance(value, list) else value


def same(a: AnyState, b: AnyState) -> bool:
    """Whether two states are equal bit for bit."""
    return equal(timeless(a.to_dict()), timeless(b.to_dict()))


def equal(x: Any, y: Any) -> bool:
    """Whether two values of a state are: tensors in type, shape and every bit, and whatever holds them."""
    if isinstance(x, torch.Tensor):
        return isinstance(y, torch.Tensor) and x.dtype == y.dtype and torch.equal(x, y)
    if isinstance(x, dict):
        return x.keys() == y.keys() and all(equal(x[key], y[key]) for key in x)
    if isinstance(x, list):
        return len(x) == len(y) and all(map(equal, x, y))
    return bool(x == y)
