"""The audit as CSV (RFC 4180), safe to open in a spreadsheet. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vms.core.spreadsheet import cell, line
from vms.people.audit.entry import NAMES, Entry

COLUMNS = ("id", *NAMES)


def rows(entries: Iterable[tuple[int, Entry]]) -> Iterator[str]:
    """The head, then a line for each entry with its number; each ends with CRLF."""
    yield line(COLUMNS)
    for number, entry in entries:
        values = entry.as_json()
        yield line([str(number), *(cell(values[name]) for name in NAMES)])
