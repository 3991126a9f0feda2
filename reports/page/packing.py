"""How what the page holds is made small, and safe to stand in HTML."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

import pandas as pd
from markupsafe import Markup

from reports.costs import UNITS

SECONDS = {name: length for length, _, name in UNITS}


def number(value: Any) -> float | None:
    """Five digits are enough for a chart."""
    return None if pd.isna(value) else float(f"{value:.5g}")


def small(svg: bytes) -> bytes:
    """Without comments and metadata, and with the coordinates of paths to a tenth of a point: half the bytes."""
    text = svg.decode("utf-8", errors="replace")
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path[0]), text).encode()


def image(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def pack(value: Any) -> str:
    """JSON, compressed, as text without a character that HTML cares for."""
    return base64.b64encode(gzip.compress(json.dumps(value, default=str).encode(), 6, mtime=0)).decode()


def script(value: Any) -> Markup:
    """JSON that can stand in a script element."""
    return Markup(json.dumps(value).replace("<", "\\u003c"))


def numeric(text: str) -> str:
    """What a column is sorted by: the number that the text begins with, of times the seconds, or the text."""
    number = re.match(r"(-?[\d,]+(?:\.\d+)?)(?: (days|h|min|s|ms)\b)?", text)
    if number is None:
        return text
    plain = number[1].replace(",", "")
    return f"{float(plain) * SECONDS[number[2]]:g}" if number[2] else plain
