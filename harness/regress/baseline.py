"""The baseline file: figures of a tree that was accepted, and what they were made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.core.errors import HarnessError
from harness.core.version import __version__
from harness.regress.measuring import Measured
from harness.regress.parts import Part


def to_baseline(
    parts: Sequence[Part], measured: Measured, fingerprints: Mapping[str, str], command: str
) -> dict[str, Any]:
    """The content of a baseline file."""
    import torch

    return {
        "made": {"command": command, "harness": __version__, "torch": torch.__version__},
        "parts": {
            part.name: {
                **part.to_json(),
                "data": fingerprints[part.name],
                "seeds": [0, part.baseline_seeds - 1],
                "figures": {
                    method: {
                        figure: values for (p, m, figure), values in measured.items() if (p, m) == (part.name, method)
                    }
                    for method in part.methods
                },
            }
            for part in parts
        },
    }


def from_baseline(content: Mapping[str, Any], parts: Sequence[Part]) -> Measured:
    """The figures in a baseline file. Raises HarnessError where it was made otherwise."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for part in parts:
        stored = content["parts"].get(part.name, {})
        differing = [key for key, value in part.to_json().items() if stored.get(key) != value]
        if differing:
            raise HarnessError(
                f"the baseline's part {part.name!r} was made with other {', '.join(differing)}; accept a new one with "
                "`harness regress --update`."
            )
        for method, figures_ in stored["figures"].items():
            found |= {(part.name, method, figure): values for figure, values in figures_.items()}
    return found
