"""The content of checkpoint.pt: a state, a format number, and a checksum over both.

It holds tensors and plain values only and loads with weights_only=True: opening somebody's run folder executes nothing.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError

FORMAT = 1
"""Of spec and checkpoint; raised when a change makes the same spec give other numbers."""


def pack(state: Mapping[str, Any]) -> bytes:
    """The content of a checkpoint file."""
    import torch

    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "state": state, "checksum": _checksum([FORMAT, state])}, buffer)
    return buffer.getvalue()


class Damaged(Exception):
    """A checkpoint that cannot be read."""


def unpack(path: Path) -> dict[str, Any]:
    """The state in this file, on the CPU. Raises Damaged, or HarnessError for another format."""
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        format, state = content["format"], content["state"]
        intact = _checksum([format, state]) == content["checksum"]
    except pickle.UnpicklingError:  # torch's own words recommend to load it unsafely
        raise Damaged("it holds more than tensors and plain values") from None
    except Exception as error:  # whatever a damaged file makes the unpickler raise
        raise Damaged(f"{type(error).__name__}: {error}".splitlines()[0][:100]) from None
    if format != FORMAT:
        raise HarnessError(f"{path} has format {format}, this is {FORMAT}; use another --results folder.")
    if not intact:
        raise Damaged("its checksum does not match")
    return state


def _checksum(value: Any) -> str:
    """Of all tensors and plain values in a nested state, in order."""
    import torch

    digest = hashlib.blake2b(digest_size=16)

    def add(item: Any) -> None:
        if isinstance(item, torch.Tensor):
            digest.update(f"{item.dtype}{tuple(item.shape)}{item.requires_grad}".encode())
            digest.update(item.detach().cpu().contiguous().numpy().tobytes())
        elif isinstance(item, Mapping):
            for key, entry in item.items():
                digest.update(str(key).encode())
                add(entry)
        elif isinstance(item, list):
            for entry in item:
                add(entry)
        else:
            digest.update(repr(item).encode())

    add(value)
    return digest.hexdigest()
