"""Memory: its peak, as a number and as what the number is, and how much is left."""

from __future__ import annotations

import resource
import sys


def peak_memory(device: str) -> tuple[int, str]:
    """Bytes: the CUDA allocator's peak on a GPU, the peak resident set size of the process on a CPU."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device), "peak of the CUDA allocator"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024), "peak RSS of the process"


def available_memory() -> float:
    """Bytes that the system could still give out; without end where it does not say."""
    try:
        with open("/proc/meminfo") as lines:
            fields = dict(line.split(":") for line in lines)
        return 1024.0 * int(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return float("inf")
