"""The file of an analysis: begun, resumed, and never mixed with one of other settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError
from harness.core.files import read_shaped, write_json
from harness.core.shapes import ANALYSES, BEGUN


def begin(folder: Path, kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What analysis-<kind>.json holds, or a new one. Raises HarnessError where it was begun with other settings."""
    path = folder / f"analysis-{kind}.json"
    if not path.exists():
        return {"kind": kind, "settings": dict(settings), "done": False}
    known = read_shaped(path, {**BEGUN, **ANALYSES[kind]})
    if known["settings"] != settings:
        differing = [name for name in settings if known["settings"].get(name) != settings[name]]
        raise HarnessError(
            f"{path} was made with another {', '.join(differing) or 'set of settings'}; delete it to start again."
        )
    return known


def save(folder: Path, found: Mapping[str, Any]) -> None:
    write_json(folder / f"analysis-{found['kind']}.json", found)
