"""RTSP messages as cameras write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp.messages import (
    BODY_MAX,
    HEAD_MAX,
    MalformedMessage,
    Request,
    Response,
    cseq_of,
    encode,
    headers,
    may_open,
    parse,
)

WORD = st.text("abcdefghijklmnopqrstuvwxyzABC-0123456789", min_size=1, max_size=12)
VALUE = st.text("abcdef 0123456789=;,:/\"'", max_size=30).map(str.strip)


@given(
    st.sampled_from(["OPTIONS", "DESCRIBE", "GET_PARAMETER"]),
    st.lists(st.tuples(WORD.filter(lambda w: w.lower() != "content-length"), VALUE), max_size=6),
    st.binary(max_size=200),
    st.binary(max_size=20),
)
def test_a_request_survives_the_wire(
    method: str, fields: list[tuple[str, str]], body: bytes, behind: bytes
) -> None:
    request = Request(method, "rtsp://h/x", headers(fields), body)
    data = encode(request)
    found = parse(data + behind)
    assert found is not None
    message, length = found
    assert length == len(data)
    assert isinstance(message, Request)
    assert (message.method, message.uri, message.body) == (method, "rtsp://h/x", body)
    assert message.headers.fields[: len(fields)] == tuple(fields)


@given(st.integers(0, 60))
def test_a_message_is_awaited_until_it_is_whole(cut: int) -> None:
    data = encode(Response(200, "OK", headers([("CSeq", "3")]), b"x" * 20))
    assert parse(data[: min(cut, len(data) - 1)]) is None


def test_a_value_cannot_smuggle_a_header() -> None:
    data = encode(Request("PLAY", "u", headers([("A", "x\r\nEvil: 1")])))
    assert b"\r\nEvil" not in data


@pytest.mark.parametrize(
    ("text", "status", "cseq"),
    [
        ("RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n", 200, 4),
        ("RTSP/1.0 200\r\nCSeq:4  \r\n\r\n", 200, 4),  # no reason
        ("RTSP/1.0 200 \r\nCSeq :  4\r\n\r\n", 200, 4),
        ("RTSP/1.0 404 Stream Not Found  \r\nCSeq: 4 \r\n \r\n\r\n", 404, 4),  # Longse
        ("RTSP/1.0 401 Unauthorized\ncseq: 4\n\n", 401, 4),
        ("RTSP/1.0 200 OK\r\nCSeq: four\r\n\r\n", 200, None),
        ("RTSP/1.0 200 OK\r\nno colon here\r\nCSeq: 4\r\n\r\n", 200, 4),
        ("RTSP/1.0 200 OK\r\nContent-Length: -1\r\nCSeq: 4\r\n\r\n", 200, 4),
    ],
)
def test_odd_answers(text: str, status: int, cseq: int | None) -> None:
    found = parse(text.encode())
    assert found is not None
    assert isinstance(found[0], Response)
    assert (found[0].status, cseq_of(found[0])) == (status, cseq)


def test_a_folded_header_is_one() -> None:
    found = parse(b"RTSP/1.0 200 OK\r\nPublic: OPTIONS,\r\n PLAY\r\n\r\n")
    assert found is not None
    assert found[0].headers.get("public") == "OPTIONS, PLAY"


def test_what_is_no_rtsp_is_told() -> None:
    for data in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01", b"RTSP/1.0 abc\r\n\r\n"):
        with pytest.raises(MalformedMessage):
            parse(data)


def test_nothing_grows_without_bound() -> None:
    with pytest.raises(MalformedMessage):
        parse(b"RTSP/1.0 200 OK\r\nX: " + b"a" * HEAD_MAX)
    with pytest.raises(MalformedMessage):
        parse(f"RTSP/1.0 200 OK\r\nContent-Length: {BODY_MAX + 1}\r\n\r\n".encode())


@given(st.binary(max_size=400))
def test_any_bytes_are_survived(data: bytes) -> None:
    for prefix in (b"", b"RTSP/1.0 200 OK\r\n", b"OPTIONS "):
        may_open(prefix + data)
        try:
            found = parse(prefix + data)
        except MalformedMessage:
            continue
        assert found is None or found[1] <= len(prefix + data)


def test_a_reason_of_many_odd_signs_becomes_a_short_line() -> None:
    found = parse(b"RTSP/1.0 404 " + b"A\0\x1b[31m" * 2_000 + b"\r\nCSeq: 1\r\n\r\n")
    assert found is not None
    assert isinstance(found[0], Response)
    assert len(found[0].reason) <= 100
    assert found[0].reason.isprintable()
