"""Times and spans in queries: RFC 3339 with an offset, checked, as nanoseconds of UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema

from vms.core.clock import DAY, Instant, parse_rfc3339, rfc3339
from web.problems import Problem

LONGEST = 400 * DAY

LAST = (1 << 63) - 1  # what a column of 64 bits holds: the year 2262
_OFFSET_AFTER_SPACE = re.compile(r" (\d{2}:\d{2})$")


def moment(value: str) -> Instant:
    """The instant of an RFC 3339 text in a query. Raises ValueError."""
    # An unescaped + in a URL arrives as a space.
    instant = parse_rfc3339(_OFFSET_AFTER_SPACE.sub(r"+\1", value))
    if not 0 <= instant <= LAST:
        raise ValueError(f"{value!r} lies outside 1970 to 2262")
    return instant


def _instant(value: object) -> object:
    return moment(value) if isinstance(value, str) else value


Moment = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-22T14:32:07Z"]}),
]


@dataclass(frozen=True, slots=True)
class AskedSpan:
    """[start, end), not empty."""

    start: Instant
    end: Instant


def asked_span(
    start: Annotated[Moment, Query(description="RFC 3339 with Z or an offset")],
    end: Annotated[Moment, Query(description="RFC 3339 with Z or an offset; after start")],
) -> AskedSpan:
    """The dependency of every route that takes start and end."""
    if start >= end:
        raise Problem(
            422,
            "bad_span",
            f"start ({rfc3339(start)}) must lie before end ({rfc3339(end)}).",
            errors=[{"in": "query", "field": "start", "message": "must lie before end"}],
        )
    if end - start > LONGEST:
        raise Problem(
            422,
            "bad_span",
            f"The span is {(end - start) // DAY} days long; ask for {LONGEST // DAY} at most.",
            errors=[{"in": "query", "field": "end", "message": "too far from start"}],
        )
    return AskedSpan(Instant(start), Instant(end))
