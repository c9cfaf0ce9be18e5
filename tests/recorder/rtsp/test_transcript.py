"""A conversation is written down whole, and without what is secret."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp.messages import Request, Response, headers
from recorder.rtsp.transcript import MESSAGES_MAX, Transcript

CANARY = "kanarya@51/b"


def test_nothing_secret_is_written_down() -> None:
    told = Transcript("vms", CANARY)
    forms = (CANARY, "kanarya%4051%2Fb", "kanarya%4051/b", "dm1zOmthbmFyeWFANTEvYg==")
    for form in forms:
        told.sent(Request("DESCRIBE", f"rtsp://10.0.0.5/x?password={form}&channel=1"))
        told.heard(Response(200, "OK", headers([("Content-Base", f"rtsp://vms:{form}@10.0.0.5/")])))
        told.heard(Response(200, "OK", body=f"v=0\r\na=control:{form}\r\n".encode()))
    signed = headers([("Authorization", 'Digest username="vms", response="0123abcd"')])
    told.sent(Request("SETUP", "rtsp://10.0.0.5/x", signed))
    text = "\n".join((*told.messages, told.sdp or ""))
    for form in (*forms, "0123abcd"):
        assert form not in text
    assert "> DESCRIBE rtsp://10.0.0.5/x?password={password}&channel=1 RTSP/1.0" in text
    assert "> Authorization: Digest ***" in text
    assert "< a=control:***" in text


def test_a_password_nobody_told_us_of_is_masked_in_addresses() -> None:
    told = Transcript()
    told.heard(Response(302, "", headers([("Location", "rtsp://u:geheim@10.0.0.5/a?pwd=geheim")])))
    assert "geheim" not in told.messages[0]


def test_a_short_password_does_not_blacken_the_text() -> None:
    told = Transcript("a", "1")
    told.sent(Request("PLAY", "rtsp://10.1.1.1/11"))
    assert told.messages == ("> PLAY rtsp://10.1.1.1/11 RTSP/1.0",)


def test_it_is_bounded() -> None:
    told = Transcript()
    for _ in range(MESSAGES_MAX + 5):
        told.heard(Response(200, "x" * 5_000, headers([("A", "y" * 50_000)]), b"z" * 60_000))
    assert (len(told.messages), told.omitted) == (MESSAGES_MAX, 5)
    assert max(map(len, told.messages)) < 10_000
    assert told.answered == MESSAGES_MAX + 5


@given(st.text(), st.binary(max_size=200), st.text(min_size=4, max_size=20))
def test_whatever_a_camera_says_can_be_written_down(text: str, body: bytes, secret: str) -> None:
    told = Transcript("vms", secret)
    told.heard(Response(200, text, headers([(text, text)]), body))
    assert all(sign.isprintable() for line in told.messages[0].split("\n") for sign in line)
