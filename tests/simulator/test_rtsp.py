"""The server's reading of RTSP."""

from __future__ import annotations

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.simulator import rtsp


def test_a_request_is_read() -> None:
    request = rtsp.parse_request(b"SETUP rtsp://h:1/a/main/track1 RTSP/1.0\r\nCSeq : 3\r\n\r\n")
    assert (request.method, request.path) == ("SETUP", ["a", "main", "track1"])
    assert request.headers == {"cseq": "3"}


@given(st.binary(max_size=200))
def test_anything_else_is_refused_by_name(head: bytes) -> None:
    with contextlib.suppress(rtsp.BadMessage):
        rtsp.parse_request(head)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=4-5", rtsp.Transport(channels=(4, 5))),
        ("RTP/AVP/TCP;unicast", rtsp.Transport(channels=(2, 3))),
        ("RTP/AVP;unicast;client_port=5000-5001", rtsp.Transport(ports=(5000, 5001))),
        ("RTP/AVP/UDP;unicast;client_port=5000", rtsp.Transport(ports=(5000, 5001))),
        ("RTP/AVP;multicast,RTP/AVP/TCP;interleaved=0-1", rtsp.Transport(channels=(0, 1))),
        ("RTP/AVP;unicast;client_port=90000-90001", None),
        ("RTP/SAVP;unicast", None),
        ("", None),
    ],
)
def test_transports(header: str, expected: rtsp.Transport | None) -> None:
    assert rtsp.parse_transport(header, 2) == expected


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", [True, False])
def test_digest(algorithm: str, qop: bool) -> None:
    gate = rtsp.Gate("digest", algorithm, "vms", 'p"w:ş')
    make = hashlib.md5 if algorithm == "MD5" else hashlib.sha256

    def h(text: str) -> str:
        return make(text.encode()).hexdigest()

    def answer(password: str) -> rtsp.Request:
        first, second = h(f"vms:{gate.realm}:{password}"), h("DESCRIBE:rtsp://h/a")
        middle = "n:00000001:c:auth" if qop else "n"
        more = ', qop=auth, nc=00000001, cnonce="c"' if qop else ""
        value = (
            f'Digest username="vms", realm="{gate.realm}", nonce="n", uri="rtsp://h/a", '
            f'response="{h(f"{first}:{middle}:{second}")}"{more}'
        )
        return rtsp.Request("DESCRIBE", "rtsp://h/a", {"authorization": value})

    assert gate.accepts(answer('p"w:ş'))
    assert not gate.accepts(answer("wrong"))
    assert not gate.accepts(rtsp.Request("DESCRIBE", "rtsp://h/a", {}))


def test_basic_and_none() -> None:
    basic = rtsp.Gate("basic", "MD5", "vms", "pw")
    right = rtsp.Request("PLAY", "rtsp://h/a", {"authorization": "Basic dm1zOnB3"})
    assert basic.accepts(right)
    assert not basic.accepts(rtsp.Request("PLAY", "rtsp://h/a", {"authorization": "Basic x"}))
    assert rtsp.Gate("none", "MD5", "", "").accepts(rtsp.Request("PLAY", "rtsp://h/a", {}))
    assert "pw" not in repr(basic)


def test_an_sdp_tells_parameter_sets_and_sound() -> None:
    video = rtsp.video_medium("h264", [b"\x67\x4d\x40\x1f", b"\x68\xee"], (640, 360))
    sound = rtsp.audio_medium("aac", 16_000, 1, b"\x14\x08")
    text = rtsp.sdp(1, "Kapı", "127.0.0.1", [video, sound]).decode()
    assert "profile-level-id=4D401F;sprop-parameter-sets=Z01AHw==,aO4=" in text
    assert "a=rtpmap:97 MPEG4-GENERIC/16000/1\r\n" in text
    assert "config=1408" in text
    assert text.count("a=control:track") == 2
    assert rtsp.audio_medium("pcma", 8000, 1, b"").payload_type == 8
