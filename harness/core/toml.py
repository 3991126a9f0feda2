"""TOML files that ship with the harness or that users bring: found by name or path, and read strictly."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError, quoted, unknown
from harness.core.untrusted import check_bounds, reason


def shipped(kind: str) -> list[str]:
    """The names of the files of a kind, "protocol" or "suite", that ship with the harness."""
    return sorted(Path(item.name).stem for item in _folder(kind).iterdir() if item.name.endswith(".toml"))


def read(kind: str, name: str) -> str:
    """The text of a shipped file by name, or of any by the path to its .toml file. Raises HarnessError."""
    if name in shipped(kind):
        return (_folder(kind) / f"{name}.toml").read_text(encoding="utf-8")
    if not name.endswith(".toml"):
        raise unknown(kind, name, shipped(kind))
    try:
        return Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise HarnessError(f"{kind} file {name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise HarnessError(f"{kind} file {name} cannot be read: it is not UTF-8 text.") from None


def beside(origin: str, name: str) -> str:
    """What a file calls another of its kind: a shipped one by name, any other by its path from the folder of the file
    itself."""
    return os.path.normpath(Path(origin).parent / name) if name.endswith(".toml") else name


def write(content: Mapping[str, Any], above: str = "") -> str:
    """The text of what was read from a TOML file: it reads as the same again."""
    later = {key: value for key, value in content.items() if isinstance(value, Mapping) or _is_array(value)}
    lines = [f"{_key(key)} = {_value(value)}\n" for key, value in content.items() if key not in later]
    for key, value in later.items():
        place = above + _key(key)
        if isinstance(value, Mapping):
            lines.append(f"\n[{place}]\n{write(value, f'{place}.')}")
        else:
            lines += [f"\n[[{place}]]\n{write(item, f'{place}.')}" for item in value]
    return "".join(lines)


def _is_array(value: Any) -> bool:
    """Whether it is written as [[tables]]."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_value(item)}' for key, item in value.items())} }}"
    return repr(value) if isinstance(value, int | float) else str(value.isoformat())


def tables(kind: str, text: str, origin: str) -> dict[str, Any]:
    """The parsed text. Raises HarnessError, naming the origin."""
    try:
        found = tomllib.loads(text)
        check_bounds(found)
        return found
    except (ValueError, RecursionError) as error:  # a number of too many digits is no TOMLDecodeError
        raise HarnessError(f"{kind} {origin} is not valid TOML: {reason(error)}.") from None


def check_keys(table: Mapping[str, Any], known: Sequence[str], required: Sequence[str]) -> None:
    """Raises ValueError for a key that is not known, or that is missing."""
    for key in table:
        if key not in known:
            raise ValueError(f"unknown key {quoted(key)}; known: {', '.join(known)}")
    for key in required:
        if key not in table:
            raise ValueError(f"{quoted(key)} is missing")


def expect(met: bool, key: str, value: Any, expected: str) -> None:
    """Raises ValueError for a value that is not what was expected."""
    if not met:
        raise ValueError(f"{key} = {quoted(value)} must be {expected}")


def array(table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The tables under [[key]], which may be none. Raises ValueError."""
    found = table.get(key, [])
    for item in found if isinstance(found, list) else [found]:
        expect(isinstance(item, Mapping) and isinstance(found, list), key, item, f"an array of tables: [[{key}]]")
    return found


def settings(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The table of settings under this key, which may be absent. Raises ValueError."""
    values = table.get(key, {})
    expect(isinstance(values, Mapping), key, values, "a table of settings")
    return values


def strings(table: Mapping[str, Any], key: str, example: str) -> list[str]:
    """The list of strings under this key, which has some. Raises ValueError."""
    values = table[key]
    met = isinstance(values, list) and all(isinstance(value, str) for value in values)
    expect(met and bool(values), key, values, f"a list of {example}")
    return values


def patterns(table: Mapping[str, Any], keys: Sequence[str]) -> dict[str, list[str]]:
    """Those of the keys that are there, each a list of patterns as in a shell. Raises ValueError."""
    return {key: strings(table, key, 'patterns, such as ["zarts-*"]') for key in keys if key in table}


def _folder(kind: str) -> Any:
    return files("harness") / f"{kind}s"
