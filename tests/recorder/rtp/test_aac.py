"""AAC payloads: several frames, fragments, ADTS, lengths that lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.aac import (
    AacDepacketiser,
    AacFraming,
    config_facts,
    config_from_fmtp,
    is_adts,
    lc_config,
    split_adts,
)

HBR = AacFraming()


def hbr(*frames: bytes) -> bytes:
    headers = b"".join((len(frame) << 3).to_bytes(2, "big") for frame in frames)
    return (8 * len(headers)).to_bytes(2, "big") + headers + b"".join(frames)


def adts(frame: bytes) -> bytes:
    length = len(frame) + 7
    return (
        bytes((0xFF, 0xF1, 0x60, 0x40 | length >> 11, length >> 3 & 0xFF, (length & 7) << 5 | 0x1F))
        + b"\xfc"
        + frame
    )


@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=8))
def test_frames_come_out_as_they_went_in(frames: list[bytes]) -> None:
    payload = hbr(*frames)
    if is_adts(payload):
        return
    out = AacDepacketiser(HBR).packet(payload)
    assert out == [(1024 * index, frame) for index, frame in enumerate(frames)]


def test_a_frame_in_fragments_is_joined() -> None:
    frame = bytes(range(256)) * 5
    head = (16).to_bytes(2, "big") + (len(frame) << 3).to_bytes(2, "big")
    it = AacDepacketiser(HBR)
    assert it.packet(head + frame[:500]) == []
    assert it.packet(head + frame[500:1000]) == []
    assert it.packet(head + frame[1000:]) == [(0, frame)]


def test_a_gap_forgets_the_fragments() -> None:
    frame = bytes(range(256)) * 5
    head = (16).to_bytes(2, "big") + (len(frame) << 3).to_bytes(2, "big")
    it = AacDepacketiser(HBR)
    it.packet(head + frame[:1000])
    it.gap()
    assert it.packet(head + frame[1000:]) == []


def test_adts_is_stripped() -> None:
    frames = [b"a" * 30, b"b" * 40]
    payload = b"".join(adts(frame) for frame in frames)
    assert list(split_adts(payload)) == frames
    assert AacDepacketiser(HBR).packet(payload) == [(0, frames[0]), (1024, frames[1])]


def test_lengths_without_index() -> None:
    framing = AacFraming.of({"sizelength": "16"})
    assert framing == AacFraming(16, 0, 0)
    payload = b"\x00\x20" + b"\x00\x03\x00\x02" + b"abcde"
    assert AacDepacketiser(framing).packet(payload) == [(0, b"abc"), (1024, b"de")]


@given(st.binary(max_size=300), st.integers(0, 32), st.integers(0, 32))
def test_any_payload_gives_frames_or_a_value_error(data: bytes, size: int, index: int) -> None:
    it = AacDepacketiser(AacFraming(size, index, index))
    try:
        frames = it.packet(data)
    except ValueError:
        return
    assert sum(len(frame) for _, frame in frames) <= len(data)


def test_configs() -> None:
    assert config_facts(bytes.fromhex("1408")) == (16_000, 1)
    assert config_facts(bytes.fromhex("1210")) == (44_100, 2)
    assert config_facts(b"") == (0, 0)
    assert lc_config(16_000, 1) == bytes.fromhex("1408")
    assert lc_config(12_345, 1) == b""
    assert config_from_fmtp({"config": "1408"}) == bytes.fromhex("1408")
    assert config_from_fmtp({"config": "xyz"}) == b""


def test_an_empty_payload_is_refused() -> None:
    with pytest.raises(ValueError):
        AacDepacketiser(HBR).packet(b"")
