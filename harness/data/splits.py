"""Which training images train the weights and which alpha, as a benchmark's own file lists them.

NAS-Bench-201 fixed a random half of CIFAR-10 (AutoDL-Projects configs/nas-benchmark/cifar-split.txt): JSON with the row
numbers `{"train": ["int", ["0", "5", ...]], "valid": ["int", [...]]}`; plain lists are read too.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from harness.core.errors import HarnessError, quoted
from harness.core.untrusted import DAMAGES, loads, reason


def read_split(path: str, count: int) -> tuple[Tensor, Tensor]:
    """The row numbers (k,) for the weights and for alpha, those below `count`, in the file's order.

    Raises HarnessError when the file cannot be read, or its lists overlap or hold what is no row number.
    """
    try:
        content = loads(Path(path).read_bytes())
        train, valid = (_rows(content[key]) for key in ("train", "valid"))
    except OSError as error:
        raise HarnessError(f"split file {path} cannot be read: {error.strerror}.") from None
    except DAMAGES as error:
        raise HarnessError(f"split file {path} is not JSON with the lists train and valid ({reason(error)}).") from None
    rows = [*train, *valid]
    if len(set(rows)) < len(rows) or min(rows, default=0) < 0:
        raise HarnessError(f"split file {path}: train and valid must list row numbers from 0 on, each at most once.")
    return _below(train, count), _below(valid, count)


def _below(rows: list[int], count: int) -> Tensor:
    return torch.tensor([row for row in rows if row < count], dtype=torch.int64)


def _rows(values: list[object]) -> list[int]:
    listed = values[1] if values[0] == "int" else values
    if not isinstance(listed, list):
        raise TypeError(f"{quoted(listed)} is no list")
    return [int(value) for value in listed]
