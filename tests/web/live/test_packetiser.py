"""Cutting access units into RTP payloads, checked by an independent reassembly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from web.live.packetiser import (
    AUDIO_PAYLOAD,
    MAX_PAYLOAD,
    audio_payloads,
    h264_payloads,
    nal_units,
)

SPS, PPS = b"\x67\x42\xc0\x1e", b"\x68\xce\x3c\x80"


def unit(*nals: bytes) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)


def reassemble(payloads: list[bytes]) -> list[bytes]:
    """RFC 6184 §5.7 and §5.8, written for the test alone."""
    nals: list[bytes] = []
    fragment = b""
    for payload in payloads:
        kind = payload[0] & 0x1F
        if kind == 24:
            at = 1
            while at < len(payload):
                size = int.from_bytes(payload[at : at + 2], "big")
                nals.append(payload[at + 2 : at + 2 + size])
                at += 2 + size
        elif kind == 28:
            if payload[1] & 0x80:
                fragment = bytes([payload[0] & 0xE0 | payload[1] & 0x1F])
            fragment += payload[2:]
            if payload[1] & 0x40:
                nals.append(fragment)
        else:
            nals.append(payload)
    return nals


slices = st.builds(
    lambda head, size: bytes([head]) + bytes(i & 0xFF for i in range(size)),
    st.sampled_from([0x65, 0x41, 0x01, 0x61]),
    st.integers(1, 9_000),
)


@given(st.lists(slices, min_size=1, max_size=6))
def test_slices_come_back_as_they_were(nals: list[bytes]) -> None:
    payloads = h264_payloads(unit(*nals), key=False)
    assert reassemble(payloads) == nals
    assert all(0 < len(payload) <= MAX_PAYLOAD for payload in payloads)


@given(slices.filter(lambda nal: len(nal) > MAX_PAYLOAD))
def test_all_pieces_of_a_unit_but_the_last_have_one_size(nal: bytes) -> None:
    sizes = [len(payload) for payload in h264_payloads(unit(nal), key=False)]
    assert set(sizes[:-1]) == {MAX_PAYLOAD}
    assert sizes[-1] <= MAX_PAYLOAD


def test_a_keyframe_without_parameter_sets_gets_the_formats() -> None:
    payloads = h264_payloads(unit(b"\x65abc"), True, (SPS,), (PPS,))
    assert payloads[0][0] & 0x1F == 24
    assert reassemble(payloads) == [SPS, PPS, b"\x65abc"]


def test_parameter_sets_of_the_camera_win_over_the_formats() -> None:
    own = b"\x67own"
    payloads = h264_payloads(unit(own, PPS, b"\x65abc"), True, (SPS,), (PPS,))
    assert reassemble(payloads) == [own, PPS, b"\x65abc"]


def test_delimiters_filler_and_sei_stay_behind() -> None:
    data = unit(b"\x09\x10", b"\x06\x05sei", b"\x41abc", b"\x0c\xff")
    assert h264_payloads(data, key=False) == [b"\x41abc"]


def test_a_unit_without_a_slice_is_nothing() -> None:
    assert h264_payloads(unit(b"\x09\x10", SPS), key=False) == []


def test_parameter_sets_too_large_for_one_packet_go_one_by_one() -> None:
    large = b"\x67" + bytes(1_000)
    payloads = h264_payloads(unit(large, b"\x68" + bytes(900), b"\x65a"), key=True)
    assert [payload[0] for payload in payloads] == [0x67, 0x68, 0x65]


@given(st.binary(max_size=300))
def test_garbage_is_walked_to_its_end(data: bytes) -> None:
    for at, length in nal_units(data):
        assert length > 0
        assert at + length <= len(data)
    h264_payloads(data, key=True, sps=(SPS,), pps=(PPS,))


@given(st.binary(min_size=1, max_size=3_000))
def test_sound_is_cut_and_nothing_lost(data: bytes) -> None:
    pieces = audio_payloads(data)
    assert b"".join(pieces) == data
    assert all(len(piece) <= AUDIO_PAYLOAD for piece in pieces)
