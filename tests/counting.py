"""What a step costs in numbers that do not depend on the machine's mood: dispatched operations, and bytes kept."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode


class Dispatched(TorchDispatchMode):
    """Counts the aten operations that are dispatched inside it, views included."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += 1
        return function(*args, **(kwargs or {}))


def dispatched(step):
    with Dispatched() as mode:
        step()
    return mode.count
