"""Times are integers, and their texts are RFC 3339."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.core.clock import (
    DAY,
    HOUR,
    INSTANT_MAX,
    SECOND,
    FakeClock,
    parse_rfc3339,
    parse_span,
    rfc3339,
)


@given(st.integers(min_value=0, max_value=INSTANT_MAX))
def test_nine_digits_round_trip(instant: int) -> None:
    assert parse_rfc3339(rfc3339(instant, digits=9)) == instant


def test_offsets_are_applied() -> None:
    assert parse_rfc3339("2026-11-22T14:32:07+03:00") == parse_rfc3339("2026-11-22T11:32:07Z")


def test_milliseconds_are_cut_not_rounded() -> None:
    assert rfc3339(1_999_999_999) == "1970-01-01T00:00:01.999Z"
    assert rfc3339(1_999_999_999, digits=0) == "1970-01-01T00:00:01Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T14:32:07",
        "2026-13-01T00:00:00Z",
        "2026-11-22T14:32:07+99:99",
        "2026-11-22T14:32:07+24:00",
        "\u0662026-11-22T14:32:07Z",
    ],
)
def test_times_without_zone_or_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rfc3339(text)


def test_spans() -> None:
    assert (parse_span("30 d"), parse_span("12h")) == (30 * DAY, 12 * HOUR)
    with pytest.raises(ValueError, match="30 d"):
        parse_span("soon")


def test_a_fake_clock_can_be_stepped_apart() -> None:
    clock = FakeClock()
    wall, mono = clock.now(), clock.monotonic()
    clock.advance(SECOND)
    clock.step(-HOUR)
    assert clock.now() - wall == SECOND - HOUR
    assert clock.monotonic() - mono == SECOND


@pytest.mark.parametrize("text", ["9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_that_no_database_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="outside the years"):
        parse_rfc3339(text)
