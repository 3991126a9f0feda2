"""Genotypes in files: `FILE` holds one in any notation, `FILE:NAME` is one assignment of a Python file.

A Python file is parsed and never run; what is assigned under another name, `DARTS = DARTS_V2`, is followed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.core.errors import HarnessError, quoted, unknown

LARGEST = 10 * 2**20
"""Bytes; a file of genotypes has thousands."""
SUFFIXED = re.compile(r"[^\n]+\.(?:py|json|txt)(?::\w+)?")
SHOWN = 5


def names_file(text: str) -> bool:
    """Whether a text is `FILE` or `FILE:NAME`, by the file that is there or by its suffix."""
    return _exists(text) or _exists(_split(text)[0]) or SUFFIXED.fullmatch(text) is not None


def genotype_text(text: str, looks: Callable[[str], bool]) -> str:
    """The genotype's own text in the file that `FILE` or `FILE:NAME` names. Raises HarnessError."""
    file, name = (text, "") if _exists(text) else _split(text)
    content = _content(Path(file))
    if not name and looks(content):
        return content
    found = _assigned(file, content)
    if name:
        if name not in found:
            raise unknown(f"name in {quoted(file)}", name, [key for key, value in found.items() if looks(value)])
        return found[name]
    cells = [key for key, value in found.items() if looks(value)]
    if len(cells) == 1:
        return found[cells[0]]
    if not cells:
        raise HarnessError(f"the file {quoted(file)} holds no genotype in a notation that is known.")
    more = f" and {len(cells) - SHOWN} more" if len(cells) > SHOWN else ""
    raise HarnessError(
        f"the file {quoted(file)} holds several genotypes, {', '.join(cells[:SHOWN])}{more}; name one as FILE:NAME."
    )


def _split(text: str) -> tuple[str, str]:
    file, colon, name = text.rpartition(":")
    return (file, name) if colon and name.isidentifier() else (text, "")


def _exists(file: str) -> bool:
    try:
        return bool(file) and "\n" not in file and Path(file).is_file()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def _content(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise HarnessError(f"the file {quoted(str(path))} is too large to hold genotypes.")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise HarnessError(f"the file {quoted(str(path))} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise HarnessError(f"the file {quoted(str(path))} is not UTF-8 text.") from None


def _assigned(file: str, content: str) -> Mapping[str, str]:
    """The text of what is assigned to each name at the top level of a Python file, the last one of each."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise HarnessError(
            f"the file {quoted(file)} holds neither a genotype in a notation that is known nor Python."
        ) from None
    found: dict[str, str] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            text = ast.get_source_segment(content, statement.value) or ""
            found |= {target.id: found.get(text, text) for target in targets if isinstance(target, ast.Name)}
    return found
