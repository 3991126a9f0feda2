"""Reading pickles of strangers: numbers, strings and containers come out of them, and no code of theirs runs.

A pickle is a program that may call whatever it names. Here it can name only the stand-ins below, so that one reader
serves torch's files and plain pickles alike, without torch and at the speed of the standard library.
"""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import numpy as np


class _Dtype:
    """Stands in for numpy.dtype: what kind of number follows, in what order of bytes."""

    def __init__(self, code: str, *_: object) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]


def _scalar(dtype: _Dtype, data: bytes) -> float | int | bool:
    """Stands in for numpy's own, which would trust the data. Python objects cannot be made from bytes."""
    (number,) = np.frombuffer(data, dtype.order + dtype.code).tolist()
    return number


def _encode(text: str, encoding: str) -> bytes:
    """Stands in for _codecs.encode, with which old protocols write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in the encoding {encoding!r}")
    return text.encode(encoding)


def _no_default(_: object = None) -> dict[Any, Any]:
    """Stands in for defaultdict."""
    return {}


STAND_INS: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): dict,
    ("collections", "defaultdict"): _no_default,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _allowed(STAND_INS, module, name)


def _allowed(stand_ins: Mapping[tuple[str, str], Callable[..., Any]], module: str, name: str) -> Any:
    if (module, name) not in stand_ins:
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is neither data nor was it run")
    return stand_ins[module, name]


class Array:
    """Stands in for numpy.ndarray: `values` are its numbers, read only, once the pickle has filled it in."""

    values: np.ndarray[Any, Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_columns, data = state
        self.values = _filled(data, dtype, shape, "F" if by_columns else "C")


def _reconstruct(*_: object) -> Array:
    """Stands in for numpy's own, with which protocols up to 4 begin an array."""
    return Array()


def _frombuffer(data: Any, dtype: _Dtype, shape: tuple[int, ...], order: str) -> Array:
    """Stands in for numpy's own, with which protocol 5 makes an array."""
    array = Array()
    array.values = _filled(data, dtype, shape, order)
    return array


def _filled(data: Any, dtype: _Dtype, shape: tuple[int, ...], order: str) -> np.ndarray[Any, Any]:
    if isinstance(data, str):  # of Python 2, in the encoding that keeps every byte
        data = data.encode("latin1")
    values = np.frombuffer(data, dtype.order.replace("|", "=") + dtype.code)
    return values.reshape(shape, order="F" if order == "F" else "C")


ARRAYS: Mapping[tuple[str, str], Callable[..., Any]] = STAND_INS | {
    ("numpy", "ndarray"): Array,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _allowed(ARRAYS, module, name)


def unpickle_arrays(file: IO[bytes]) -> Any:
    """As `unpickle`, with numpy's arrays as `Array`, and text of Python 2 as it is in latin1."""
    with _no_collection():
        return _ArrayUnpickler(file, encoding="latin1").load()


def unpickle(file: IO[bytes]) -> Any:
    """The next pickle of the file. Raises UnpicklingError where it names anything but a container or a number, and
    whatever else a damaged pickle makes the standard library raise."""
    with _no_collection():
        return _Unpickler(file).load()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Collecting garbage among millions of new objects that are all kept takes longer than reading them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
