"""The audit as CSV (RFC 4180), safe to open in a spreadsheet. Pure.

Names and reasons are written by people: a cell that begins like a formula gets an apostrophe
before it (OWASP, CSV injection), so that no spreadsheet computes it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from vms.people.audit.entry import NAMES, Entry

COLUMNS = ("id", *NAMES)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def rows(entries: Iterable[tuple[int, Entry]]) -> Iterator[str]:
    """The head, then a line for each entry with its number; each ends with CRLF."""
    yield _line(COLUMNS)
    for number, entry in entries:
        values = entry.as_json()
        yield _line([str(number), *(_cell(values[name]) for name in NAMES)])


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
