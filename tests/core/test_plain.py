"""Strangers' words on our screens, in our logs and databases."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vms.core.errors import CameraError
from vms.core.model import Cause
from vms.core.plain import plain


@given(st.text())
def test_whatever_a_stranger_writes_becomes_one_printable_bounded_line(text: str) -> None:
    line = plain(text, 20)
    assert len(line) <= 20
    assert line.isprintable()
    assert plain(line, 20) == line


def test_plain_words_stay_as_they_are() -> None:
    assert plain("Kuzey Kapı 10.0.0.5:554 (404 Not Found).") == (
        "Kuzey Kapı 10.0.0.5:554 (404 Not Found)."
    )


def test_a_camera_cannot_fill_the_index_or_move_the_cursor_by_its_error() -> None:
    error = CameraError(Cause.NOT_FOUND, "404 \x1b[2J\0" * 10_000)
    assert len(error.detail) <= 400
    assert error.detail.isprintable()
    assert str(error) == error.detail
