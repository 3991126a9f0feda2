"""Where Python looks for packages."""

from __future__ import annotations

import os
import sys


def current_folder_last() -> None:
    """`python -m` looks into the current folder first, and a `methods` or `spaces` of the user's own there would be
    taken for this project's; from now on it looks there last, where modules of the user's are found all the same."""
    here = os.path.realpath(os.getcwd())
    first = [entry for entry in sys.path if os.path.realpath(entry or here) != here]
    if len(first) < len(sys.path):
        sys.path[:] = [*first, here]
