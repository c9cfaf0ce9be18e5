"""The live wire: what goes in comes out, however the bytes are cut; garbage is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.core.clock import Instant, Mono
from vms.core.live import FormatChanged, LiveMessage, LiveUnit, StreamDown
from vms.core.live.wire import (
    Decoder,
    Delivery,
    Subscribe,
    Unsubscribe,
    WireError,
    encode_message,
    encode_subscribe,
    encode_unsubscribe,
)
from vms.core.media import AccessUnit, AudioFormat, StreamFormat, Track, VideoFormat
from vms.core.model import CameraId, Cause, StreamKey

STREAM = StreamKey(CameraId("gate-north"))
int64 = st.integers(-(2**63), 2**63 - 1)
nals = st.lists(st.binary(min_size=1, max_size=9), max_size=2).map(tuple)
units = st.builds(
    LiveUnit,
    st.builds(
        AccessUnit,
        st.sampled_from(Track),
        st.binary(max_size=300),
        int64,
        int64.map(Mono),
        st.booleans(),
    ),
    int64.map(Instant),
    st.booleans(),
)
formats = st.builds(
    FormatChanged,
    st.just(STREAM),
    st.builds(
        StreamFormat,
        st.builds(
            VideoFormat,
            st.sampled_from(["h264", "h265"]),
            st.integers(1, 8192),
            st.integers(1, 8192),
            nals,
            nals,
            nals,
            st.just(90_000),
            st.integers(0, 120_000),
        ),
        st.none()
        | st.builds(
            AudioFormat, st.sampled_from(["aac", "pcma"]), st.just(8000), st.just(1), st.binary()
        ),
    ),
    st.integers(0, 2**53),
)
downs = st.builds(StreamDown, st.none() | st.sampled_from(Cause), st.none() | st.text())
messages: st.SearchStrategy[LiveMessage] = units | formats | downs


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), messages), max_size=8),
    st.lists(st.integers(1, 200), min_size=1, max_size=20),
)
def test_messages_survive_the_wire_in_any_cut(
    sent: list[tuple[int, LiveMessage]], cuts: list[int]
) -> None:
    stream = b"".join(b"".join(encode_message(*item)) for item in sent)
    decoder, got, at, turn = Decoder(), [], 0, 0
    while at < len(stream):
        size = cuts[turn % len(cuts)]
        got += decoder.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert got == [Delivery(number, message) for number, message in sent]


def test_requests_survive_the_wire() -> None:
    decoder = Decoder()
    data = encode_subscribe(7, STREAM) + encode_unsubscribe(7)
    data += encode_subscribe(8, STREAM, views=False)
    requests = [Subscribe(7, STREAM), Unsubscribe(7), Subscribe(8, STREAM, views=False)]
    assert decoder.feed(data) == requests


@given(st.binary(max_size=400))
def test_garbage_is_refused_or_awaited_but_never_crashes(data: bytes) -> None:
    decoder = Decoder()
    try:
        decoder.feed(data)
    except WireError:
        return
    assert len(decoder._rest) <= len(data)


def test_a_frame_too_long_is_refused_at_its_head() -> None:
    with pytest.raises(WireError, match="bytes on a live socket"):
        Decoder().feed(b"\xff\xff\xff\xff" + bytes(5))
