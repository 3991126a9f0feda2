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
    [evaluation]                # for training cells from scratch; a protocol without it evaluates none
    [evaluation.settings]
    epochs = 1
    [[evaluation.when]]         # patterns of recipe, space, dataset
    dataset = ["svhn"]
    set = { size = "8x16" }

A protocol may build on another, which it names as a command would, a file by its path from its own folder:

    name = "proxy-long"
    version = 1
    summary = "proxy, with more epochs"
    extends = "proxy"
    [[when]]                    # after those of proxy, and so above them
    method = ["*"]
    set = { epochs = 20 }

Its [settings] are merged into the other's, its [[when]] come after the other's, in [evaluation] as well; `name`,
`version` and `summary` are its own. A [[when]] stands above all [settings], those of the extending file too. What is
kept beside runs is the whole, so that a change of either file is noticed.

A protocol may set a name that only some methods or recipes declare; the others pass it by. A name that none declares is
an error. The protocol's name is that of a folder of results. Numbers of different protocols, or versions of one, are
never compared: raise the version with every change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from typing import Any

from harness.core import toml
from harness.core.errors import HarnessError

BUNDLE = ("settings", "when")
OWN = ("name", "version", "summary")
"""What a protocol does not take from the one that it extends."""
KEYS = (*OWN, *BUNDLE, "evaluation", "extends")
SEARCH, EVALUATION = ("method", "space", "dataset"), ("recipe", "space", "dataset")
NAME = "letters, digits, '.', '_' and '-'"


@dataclass(frozen=True)
class When:
    """Settings for those whose names match."""

    patterns: Mapping[str, Sequence[str]]
    settings: Mapping[str, Any]

    def matches(self, names: Mapping[str, str]) -> bool:
        return all(any(fnmatch(names[key], p) for p in patterns) for key, patterns in self.patterns.items())


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Settings for all, and for some."""

    settings: Mapping[str, Any]
    when: tuple[When, ...]
    matched: Sequence[str]
    """What the patterns are held against."""

    def layers(self, *names: str) -> list[Mapping[str, Any]]:
        """What it sets for these names, in the order of `matched`; the later layer wins."""
        named = dict(zip(self.matched, names, strict=True))
        return [self.settings, *(when.settings for when in self.when if when.matches(named))]

    def mentioned(self) -> set[str]:
        """Every setting's name in it."""
        return set(self.settings).union(*(when.settings for when in self.when))


@dataclass(frozen=True, kw_only=True)
class Protocol(Bundle):
    """A bundle for searches, by method, space and data set, and one for evaluations, by recipe, space and data set."""

    name: str
    version: int
    summary: str
    evaluation: Bundle | None
    """None where it says nothing of evaluation."""
    text: str
    """The TOML file as it is; of one that extends another, both in one."""


def available() -> list[str]:
    """The names of the protocols that ship with the harness."""
    return toml.shipped("protocol")


@cache
def shipped_names() -> frozenset[str]:
    """Every setting's name in those."""
    return frozenset(name for protocol in available() for name in load(protocol).mentioned())


def load(name: str) -> Protocol:
    """A shipped protocol by name, or any by the path of its TOML file. Raises HarnessError."""
    return parse(toml.read("protocol", name), name)


def parse(text: str, origin: str) -> Protocol:
    """The protocol in this text; `origin` names it in errors. Raises HarnessError for all that a protocol is not."""
    data = toml.tables("protocol", text, origin)
    if "extends" in data:
        data = _whole(data, origin, (toml.beside("", origin),))
        text = toml.write(data)
    try:
        toml.check_keys(data, KEYS, required=OWN)
        name, version = data["name"], data["version"]
        toml.expect(isinstance(name, str) and bool(re.fullmatch(r"\w[\w.-]*", name)), "name", name, NAME)
        toml.expect(type(version) is int and version > 0, "version", version, "a whole number from 1 on")
        toml.expect(isinstance(data["summary"], str), "summary", data["summary"], "a string")
        evaluation = _evaluation(toml.settings(data, "evaluation")) if "evaluation" in data else None
        return Protocol(
            name=name,
            version=version,
            summary=data["summary"],
            evaluation=evaluation,
            text=text,
            **_bundle(data, SEARCH),
        )
    except ValueError as error:
        raise HarnessError(f"protocol {origin}: {error}.") from None


def _whole(data: Mapping[str, Any], origin: str, above: tuple[str, ...]) -> dict[str, Any]:
    """What a file says, with what it takes from the one that it extends. Raises HarnessError, naming the files, where
    one extends itself; `above` are those on the way here."""
    if "extends" not in data:
        return dict(data)
    try:
        toml.expect(isinstance(data["extends"], str), "extends", data["extends"], "the name of one protocol, or a file")
    except ValueError as error:
        raise HarnessError(f"protocol {origin}: {error}.") from None
    name = toml.beside(origin, data["extends"])
    if name in above:
        raise HarnessError(f"protocol {above[0]} extends itself: {' -> '.join((*above, name))}; break the cycle.")
    text = toml.read("protocol", name)
    base = _whole(toml.tables("protocol", text, name), name, (*above, name))
    parse(toml.write(base), name)  # what is wrong with it is said of it
    own = {key: value for key, value in data.items() if key != "extends"}
    return _merged({key: value for key, value in base.items() if key not in OWN}, own)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Tables into tables, lists after lists; else what is its own stands."""
    merged = {**base, **own}
    for key in set(base) & set(own):
        if isinstance(base[key], Mapping) and isinstance(own[key], Mapping):
            merged[key] = _merged(base[key], own[key])
        elif key == "when" and isinstance(own[key], list):
            merged[key] = [*base[key], *own[key]]
    return merged


def _evaluation(table: Mapping[str, Any]) -> Bundle:
    toml.check_keys(table, BUNDLE, required=())
    return Bundle(**_bundle(table, EVALUATION))


def _bundle(table: Mapping[str, Any], matched: Sequence[str]) -> dict[str, Any]:
    when = tuple(_when(entry, matched) for entry in toml.array(table, "when"))
    return {"settings": toml.settings(table, "settings"), "when": when, "matched": matched}


def _when(table: Mapping[str, Any], matched: Sequence[str]) -> When:
    toml.check_keys(table, (*matched, "set"), required=("set",))
    return When(toml.patterns(table, matched), toml.settings(table, "set"))
