"""The machine that a run is on: its devices, its determinism, and what is recorded of it."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch

from harness.core.errors import HarnessError, quoted
from harness.core.version import __version__


def resolve_device(name: str) -> str:
    """`auto` is a GPU where there is one. Raises HarnessError for a device that is not here."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind == "cpu" and not index:
        return name
    if kind != "cuda" or (index and not index.isdecimal()):
        raise HarnessError(f"device {quoted(name)} is not known; use auto, cpu, cuda or cuda:N.")
    devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= devices:
        raise HarnessError(f"device {quoted(name)} is not here: PyTorch sees {devices} CUDA devices. Use --device cpu.")
    return name


@contextmanager
def memory_reported(device: str) -> Iterator[None]:
    """Says in a sentence that memory has run out; torch says so in many ways."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if isinstance(error, RuntimeError) and not re.search("out of memory|can't allocate memory", str(error)):
            raise
        raise HarnessError(
            f"{device} is out of memory; the last checkpoint is kept. Set batch, channels or cells lower."
        ) from None


def deterministic() -> None:
    """The same numbers on every run of one machine: deterministic kernels, float32 as it is."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms(True) without its import of the compiler
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def retain_heap() -> None:
    """Lets the C library keep freed memory, in one heap, instead of asking the system for it at every step: on a CPU
    page faults are a large part of a step. Without effect where the library is not glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    m_trim_threshold, m_top_pad, m_mmap_threshold, m_arena_max = -1, -2, -3, -8  # malloc.h
    mallopt(m_mmap_threshold, 32 << 20)  # the largest that it takes
    mallopt(m_trim_threshold, (1 << 31) - 1)
    mallopt(m_top_pad, 64 << 20)
    mallopt(m_arena_max, 1)


def environment(device: str, fingerprint: str) -> dict[str, Any]:
    """What is recorded beside the spec and decides nothing but the last bits."""
    on_gpu = device.startswith("cuda")
    name = torch.cuda.get_device_name(device) if on_gpu else _processor()
    return {
        "harness": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": f"{device} ({name})",
        "threads": torch.get_num_threads(),
        "platform": platform.platform(),
        "data": fingerprint,
    }


@cache
def _processor() -> str:
    """By its model, since another one rounds otherwise; Python knows no more than its kind on Linux."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


@cache
def _commit() -> str | None:
    """The commit of the source tree this runs from, if it is one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None
