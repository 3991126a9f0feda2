"""The notations in which people write cells: one a file, and `parse`, which reads whatever was pasted.

Nothing of a text is ever executed. What this program writes itself into its files is read by
`harness.core.genotype.parse`, which knows the three notations that it writes and no others.
"""

from __future__ import annotations

import re

from harness.core.errors import HarnessError, quoted, unknown, visible
from harness.core.genotype import FORMS, Genotype
from harness.notations import files
from harness.notations.autodl import AUTODL
from harness.notations.darts import DARTS
from harness.notations.index import INDEX
from harness.notations.nb201 import NB201
from harness.notations.nni import NNI
from harness.notations.notation import Notation
from harness.notations.opindices import NASLIB, NATS, NUMBERS
from harness.notations.plain import JSON

NOTATIONS = (INDEX, NASLIB, NATS, NB201, AUTODL, NUMBERS, NNI, DARTS, JSON)
"""In the order in which a text is held against them: JSON takes whatever else begins with a brace."""
WRITERS = {notation.name: notation for notation in (DARTS, NB201, JSON, NASLIB, NATS)}
ASSIGNMENT = re.compile(r"(?!(?:normal|reduce)\b)[A-Za-z_]\w*\s*=(?!=)\s*")

MARKS = re.compile(r"[(\[{|~=]")
"""No name of a cell and hardly a path holds any of these."""
LONGEST_REASON = 100
"""Characters of why a text cannot be read."""


def looks_like(text: str) -> bool:
    """Whether a command-line argument means a genotype, or a file with one, rather than a name."""
    return _meant(_bare(text)) is not None or files.names_file(text.strip()) or _hinted(text) is not None


def parse(text: str) -> Genotype:
    """The genotype in a text of any notation, after `NAME =` too, or in a file, `FILE` or `FILE:NAME`. Raises
    HarnessError, with the notation that came nearest, for anything else."""
    text = text.strip()
    if _meant(_bare(text)) is None and files.names_file(text):
        text = files.genotype_text(text, lambda content: _meant(_bare(content)) is not None)
    text = _bare(text)
    notation = _meant(text)
    if notation is None:
        raise HarnessError(f"{quoted(text)} is not a genotype; {_nearest(text)}.")
    try:
        return notation.read(text)
    except (RecursionError, MemoryError):
        raise HarnessError(f"genotype {quoted(text)} is nested too deeply for {notation.title}.") from None
    except SyntaxError as error:
        raise _unread(text, notation, error.msg) from None
    except ValueError as error:
        raise _unread(text, notation, str(error)) from None


def write(genotype: Genotype, notation: str) -> str:
    """The genotype in the notation of this name. Raises HarnessError where there is none such, or it cannot say it."""
    if notation not in WRITERS:
        raise unknown("notation", notation, WRITERS)
    writer = WRITERS[notation].write
    assert writer is not None
    return writer(genotype)


def _bare(text: str) -> str:
    """Without quotes around it and without the name that it is assigned to."""
    text = ASSIGNMENT.sub("", text.strip(), count=1) if ASSIGNMENT.match(text.strip()) else text.strip()
    quotes = len(text) > 1 and text[0] == text[-1] and text[0] in "'\"`"
    return text[1:-1].strip() if quotes else text


def _meant(text: str) -> Notation | None:
    return next((notation for notation in NOTATIONS if notation.looks.match(text)), None)


def _hinted(text: str) -> Notation | None:
    """The notation that a text may have been meant in; none for what could be a name or a path."""
    if not MARKS.search(text):
        return None
    return next((notation for notation in NOTATIONS if any(hint in text for hint in notation.hints)), None)


def _nearest(text: str) -> str:
    near = _hinted(text)
    if near is not None:
        return f"it comes nearest to {near.title}: {near.example}"
    return f"give {FORMS}, or a file with one"


def _unread(text: str, notation: Notation, reason: str) -> HarnessError:
    why = visible(reason.rstrip("."), LONGEST_REASON)
    return HarnessError(f"genotype {quoted(text)} cannot be read as {notation.title}: {why}. Give {FORMS}.")
