"""What a source file says and imports, read without importing it.

To read one takes milliseconds, and a run is made of about a hundred. What was read is kept in the cache under the
digest of the file's bytes, so it is never out of date.
"""

from __future__ import annotations

import ast
import hashlib
import io
import sys
import tokenize
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.files import make_folder, read_json, write_json
from harness.core.imported import cache_folder
from harness.core.untrusted import TEXT, check

MOST = 500
"""Files that are kept; of more, those that were read last."""
SHAPE = {"*": {"digest": TEXT, "imports": [TEXT]}}


@dataclass(frozen=True)
class Source:
    """A Python file."""

    digest: str
    """Of what it says; see `said`."""
    imports: tuple[str, ...]
    """All that it imports anywhere, as it writes it: "harness.core.errors HarnessError", "..core errors", "json "."""


class Kept:
    """The sources that have been read, by the digest of their bytes, in a file of the cache."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = _loaded(path)
        self._grown = False

    def of(self, content: bytes) -> Source:
        key = hashlib.sha256(content).hexdigest()
        if key not in self._known:
            self._known[key] = _read(content.decode())
            self._grown = True
        return self._known[key]

    def save(self) -> None:
        """Writes what is new, if it can."""
        if not self._grown:
            return
        known = dict(list({**_loaded(self.path), **self._known}.items())[-MOST:])
        with suppress(HarnessError):  # else it is read again
            make_folder(self.path.parent)
            write_json(self.path, {key: asdict(source) for key, source in known.items()})
        self._grown = False


@lru_cache(maxsize=4096)
def read(path: Path, version: int) -> Source:
    """What the file says; another version is another content."""
    return kept(cache_folder()).of(path.read_bytes())


@cache
def kept(folder: Path) -> Kept:
    """One file for each way of reading: this one, by this Python's grammar."""
    way = hashlib.sha256(Path(__file__).read_bytes() + sys.version.encode()).hexdigest()[:16]
    return Kept(folder / f"sources-{way}.json")


def _loaded(path: Path) -> dict[str, Source]:
    try:
        found = read_json(path)
        check(found, SHAPE)
    except (HarnessError, ValueError):  # there is none, or a damaged one
        return {}
    return {key: Source(value["digest"], tuple(value["imports"])) for key, value in found.items()}


def _read(text: str) -> Source:
    imports: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imports += [f"{alias.name} " for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imports += [f"{'.' * node.level}{node.module or ''} {alias.name}" for alias in node.names]
    return Source(hashlib.sha256(said(text).encode()).hexdigest()[:12], tuple(imports))


def said(source: str) -> str:
    """A Python source without what changes nothing: comments, docstrings, strings that stand alone, blank lines."""
    lines = source.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    layout = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.COMMENT)
    last = tokenize.NEWLINE
    for token, following in pairwise(tokens):
        alone = token.type == tokenize.STRING and last == tokenize.NEWLINE and following.type == tokenize.NEWLINE
        if token.type == tokenize.COMMENT or alone:
            _blank(lines, token.start, token.end)
        if token.type not in layout[1:]:
            last = token.type
    return "".join(line.rstrip() + "\n" for line in lines if line.strip())


def _blank(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> None:
    for row in range(start[0] - 1, end[0]):
        first = start[1] if row == start[0] - 1 else 0
        last = end[1] if row == end[0] - 1 else len(lines[row])
        lines[row] = lines[row][:first] + lines[row][last:]
