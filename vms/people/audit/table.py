"""Entries of the audit as a table for other programs: CSV by RFC 4180. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from vms.people.audit.entry import NAMES
from vms.people.audit.records import Kept

COLUMNS = ("id", *NAMES, "batch", "position")
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


def csv_lines(found: Iterable[Kept]) -> Iterator[str]:
    """The table, a line at a time, each with its CRLF; the first says the columns."""
    yield _line(COLUMNS)
    for one in found:
        values = {**one.as_json(), "batch": one.batch, "position": one.position}
        yield _line(_cell(values[name]) for name in COLUMNS)


def _line(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n").writerow(cells)
    return written.getvalue()


def _cell(value: object) -> str:
    """A text that would be a formula gets an apostrophe before it."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.lstrip(" ").startswith(_FORMULA) else text
