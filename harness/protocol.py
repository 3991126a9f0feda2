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
error. The protocol's name is that of a folder of results. Numbers of different protocols, or versions of one, are never
compared: raise the version with every change.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, unknown

FOLDER = files("harness") / "protocols"
KEYS = ("name", "version", "summary", "settings", "when")
MATCHED = ("method", "space", "dataset")
NAME = "letters, digits, '.', '_' and '-'"


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
    except UnicodeDecodeError:
        raise HarnessError(f"protocol file {name} cannot be read: it is not UTF-8 text.") from None


def parse(text: str, origin: str) -> Protocol:
    """The protocol in this text; `origin` names it in errors. Raises HarnessError for all that a protocol is not."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise HarnessError(f"protocol {origin} is not valid TOML: {error}.") from None
    try:
        _check_keys(data, KEYS, required=("name", "version", "summary"))
        name, version = data["name"], data["version"]
        _expect(isinstance(name, str) and bool(re.fullmatch(r"\w[\w.-]*", name)), "name", name, NAME)
        _expect(type(version) is int and version > 0, "version", version, "a whole number from 1 on")
        _expect(isinstance(data["summary"], str), "summary", data["summary"], "a string")
        tables = data.get("when", [])
        _expect(isinstance(tables, list), "when", tables, "an array of tables: [[when]]")
        settings, when = _settings(data, "settings"), tuple(_when(table) for table in tables)
    except ValueError as error:
        raise HarnessError(f"protocol {origin}: {error}.") from None
    return Protocol(name, version, data["summary"], settings, when, text)


def _when(table: Any) -> When:
    _expect(isinstance(table, Mapping), "when", table, "an array of tables: [[when]]")
    _check_keys(table, (*MATCHED, "set"), required=("set",))
    patterns = {key: table[key] for key in MATCHED if key in table}
    for key, value in patterns.items():
        strings = isinstance(value, list) and all(isinstance(pattern, str) for pattern in value)
        _expect(strings, key, value, 'a list of patterns, such as ["zarts-*"]')
    return When(patterns, _settings(table, "set"))


def _settings(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    values = table.get(key, {})
    _expect(isinstance(values, Mapping), key, values, "a table of settings")
    return values


def _check_keys(table: Mapping[str, Any], known: Sequence[str], required: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; known: {', '.join(known)}")
    for key in required:
        if key not in table:
            raise ValueError(f"{key!r} is missing")


def _expect(met: bool, key: str, value: Any, expected: str) -> None:
    if not met:
        raise ValueError(f"{key} = {value!r} must be {expected}")
