"""Protocols: named, versioned bundles of settings in TOML files.

    name = "proxy"
    version = 1
    summary = "..."
    [settings]                  # for every search
    epochs = 5
    [[when]]                    # for those that match; patterns as in a shell; later tables win
    method = ["zarts-*"]
    space = ["s1", "s2"]
    set = { warmup = 1 }

A protocol may set a name that only some methods declare; the others pass it by. A name that no method declares is an
error. Numbers of different protocols, or versions of one, are never compared: raise the version with every change.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, unknown

FOLDER = files("harness") / "protocols"
KEYS = {"name", "version", "summary", "settings", "when"}
MATCHED = ("method", "space", "dataset")


@dataclass(frozen=True)
class When:
    """Settings for the searches whose method, space and data set match."""

    patterns: Mapping[str, Sequence[str]]
    settings: Mapping[str, Any]

    def matches(self, names: Mapping[str, str]) -> bool:
        return all(any(fnmatch(names[key], p) for p in patterns) for key, patterns in self.patterns.items())


@dataclass(frozen=True)
class Protocol:
    name: str
    version: int
    summary: str
    settings: Mapping[str, Any]
    when: tuple[When, ...]
    text: str
    """The TOML file as it is."""

    def layers(self, method: str, space: str, dataset: str) -> list[Mapping[str, Any]]:
        """What this protocol sets for one search, in order of precedence."""
        names = {"method": method, "space": space, "dataset": dataset}
        return [self.settings, *(when.settings for when in self.when if when.matches(names))]

    def mentioned(self) -> set[str]:
        """Every setting's name in the file."""
        return set(self.settings).union(*(when.settings for when in self.when))


def available() -> list[str]:
    """The names of the protocols that ship with the harness."""
    return sorted(Path(item.name).stem for item in FOLDER.iterdir() if item.name.endswith(".toml"))


def load(name: str) -> Protocol:
    """A shipped protocol by name, or any by the path of its TOML file. Raises HarnessError."""
    if name in available():
        return parse((FOLDER / f"{name}.toml").read_text(encoding="utf-8"), name)
    if not name.endswith(".toml"):
        raise unknown("protocol", name, available())
    try:
        return parse(Path(name).read_text(encoding="utf-8"), name)
    except OSError as error:
        raise HarnessError(f"protocol file {name} cannot be read: {error.strerror}.") from None


def parse(text: str, origin: str) -> Protocol:
    try:
        data = tomllib.loads(text)
        extra = sorted(set(data) - KEYS)
        if extra:
            raise HarnessError(f"protocol {origin}: unknown key {extra[0]!r}; known: {', '.join(sorted(KEYS))}.")
        when = tuple(
            When({key: table[key] for key in MATCHED if key in table}, table["set"]) for table in data.get("when", [])
        )
        return Protocol(
            str(data["name"]), int(data["version"]), str(data["summary"]), data.get("settings", {}), when, text
        )
    except tomllib.TOMLDecodeError as error:
        raise HarnessError(f"protocol {origin} is not valid TOML: {error}.") from None
    except KeyError as error:
        raise HarnessError(f"protocol {origin} lacks {error}.") from None
