"""This project's own notation: JSON that says every edge of every node, for any cell."""

from __future__ import annotations

import json
import re

from harness.core.genotype import Genotype, from_json
from harness.notations.notation import Notation


def _read(text: str) -> Genotype:
    return from_json(json.loads(text))


def _write(genotype: Genotype) -> str:
    return json.dumps(genotype.to_json())


JSON = Notation(
    "json",
    "JSON",
    '{"normal": {"inputs": 2, "nodes": [[["sep_conv_3x3", 1], ["skip_connect", 0]]], "concat": [2]}, "reduce": ...}',
    re.compile(r"\{"),
    ('"nodes"', '"concat"'),
    _read,
    _write,
)
