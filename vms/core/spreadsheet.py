"""Lines of CSV (RFC 4180) that are safe to open in a spreadsheet. Pure.

Names and reasons are written by people: a cell that begins like a formula gets an apostrophe
before it (OWASP, CSV injection), so that no spreadsheet computes it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def cell(value: object) -> str:
    """A value as a cell shows it; None is empty."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def line(cells: Iterable[str]) -> str:
    """One line, with its CRLF."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
