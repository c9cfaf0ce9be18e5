"""Transport, Session and Public as cameras write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp.headers import parse_public, parse_session, parse_transport
from vms.core.clock import SECOND


@pytest.mark.parametrize(
    ("value", "channels", "ssrc"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1A2B", (0, 1), 0x1A2B),
        ("RTP/AVP/TCP;interleaved=4-5", (4, 5), None),
        ("RTP/AVP/TCP;interleaved=0", (0, 1), None),
        ("RTP/AVP/TCP;interleaved=7 - 9 ", (7, 9), None),
        ("RTP/AVP;unicast;interleaved=0-1", (0, 1), None),  # Escam Q6
        ("ssrc=22345684;RTP/AVP/TCP;interleaved=2-3", (2, 3), 0x22345684),
        ("RTP/AVP/TCP;interleaved=0-1; ssrc= 5F", (0, 1), 0x5F),
        ("RTP/AVP/TCP;interleaved=0-1;ssrc=nonsense", (0, 1), None),
        ("RTP/AVP/TCP;unicast", (2, 3), None),
        (None, (2, 3), None),
        ("RTP/AVP/UDP;unicast;client_port=1-2;server_port=3-4", None, None),
    ],
)
def test_transport(value: str | None, channels: tuple[int, int] | None, ssrc: int | None) -> None:
    answer = parse_transport(value, (2, 3))
    assert (answer.interleaved, answer.ssrc) == (channels, ssrc)


@pytest.mark.parametrize(
    ("value", "name", "seconds"),
    [
        ("12345678", "12345678", 60),
        ("12345678;timeout=30", "12345678", 30),
        (" 12345678 ; Timeout = 10 ", "12345678", 10),
        ("12345678;timeout=", "12345678", 60),
        ("12345678;timeout=0", "12345678", 60),
    ],
)
def test_session(value: str, name: str, seconds: int) -> None:
    answer = parse_session(value)
    assert answer is not None
    assert (answer.id, answer.timeout) == (name, seconds * SECOND)


def test_a_session_without_a_name_is_none() -> None:
    assert parse_session(";timeout=60") is None
    assert parse_session(None) is None


def test_public() -> None:
    assert parse_public("OPTIONS, describe ,PLAY") == {"OPTIONS", "DESCRIBE", "PLAY"}
    assert parse_public(None) == frozenset()


@given(st.text(max_size=100))
def test_any_text_is_survived(text: str) -> None:
    parse_transport(text, (0, 1))
    parse_session(text)
    parse_public(text)
