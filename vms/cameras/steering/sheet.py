"""Steering's log as CSV (RFC 4180), safe to open in a spreadsheet, with each single move. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vms.cameras.steering.logbook import Logged
from vms.core.spreadsheet import cell, line

COLUMNS = (
    *("number", "camera", "at", "until", "operator", "command", "detail", "commands"),
    *("result", "purpose", "moves"),
)


def rows(log: Iterable[Logged]) -> Iterator[str]:
    """The head, then a line of text for each line of the log; each ends with CRLF."""
    yield line(COLUMNS)
    for one in log:
        values = {**one.as_json(), "moves": one.moves}
        yield line([cell(values[name]) for name in COLUMNS])
