"""The packets of a stream: layout, history, bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.live.ring import CHUNK_PACKETS, HEADER, TAG, PacketRing

payload_lists = st.lists(
    st.integers(1, 1_200).map(lambda size: bytes([size & 0xFF]) * size), min_size=1, max_size=60
)


@given(st.lists(payload_lists, min_size=1, max_size=5))
def test_every_packet_is_found_again_by_its_number(pictures: list[list[bytes]]) -> None:
    ring = PacketRing()
    sent: list[bytes] = []
    for number, payloads in enumerate(pictures):
        ring.append(payloads, number * 3_600, key=number == 0, wall=number)
        sent += payloads
    for number, payload in enumerate(sent):
        chunk = ring.find(number)
        assert chunk is not None
        assert chunk.packet(number) == payload
    assert ring.find(len(sent)) is None


@given(payload_lists)
def test_a_chunk_holds_equal_packets_but_for_the_last(payloads: list[bytes]) -> None:
    ring = PacketRing()
    ring.append(payloads, 0, key=True, wall=0)
    chunks = [ring[index] for index in range(ring.start, ring.end)]
    assert sum(chunk.count for chunk in chunks) == len(payloads)
    assert [chunk.opens for chunk in chunks] == [True] + [False] * (len(chunks) - 1)
    assert [chunk.ends for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    for chunk in chunks:
        assert chunk.count <= CHUNK_PACKETS
        assert chunk.last <= chunk.full
        assert len(chunk.template) == (chunk.count - 1) * (chunk.full + TAG) + chunk.last
    assert sum(chunk.payload_bytes for chunk in chunks) == sum(map(len, payloads))


def test_a_template_keeps_room_for_headers_and_tags() -> None:
    ring = PacketRing()
    ring.append([b"a" * 5, b"b" * 5, b"c"], 0, key=True, wall=0)
    (chunk,) = (ring[i] for i in range(ring.start, ring.end))
    head, gap = bytes(HEADER), bytes(TAG + HEADER)
    assert chunk.template == head + b"aaaaa" + gap + b"bbbbb" + gap + b"c"


def test_the_history_reaches_back_and_no_further_than_needed() -> None:
    ring = PacketRing(history=100)
    for number in range(200):
        ring.append([b"x" * 10] * 10, number, key=number % 5 == 0, wall=0)
    kept = sum(ring[index].count for index in range(ring.start, ring.end))
    assert 100 <= kept <= 110


def test_the_group_of_pictures_is_kept_beyond_the_history() -> None:
    ring = PacketRing(history=10)
    ring.append([b"k"] * 5, 0, key=True, wall=0)
    for number in range(50):
        ring.append([b"x"] * 5, number, key=False, wall=0)
    assert ring.keyframe == ring.start


def test_a_group_over_the_limit_is_given_up() -> None:
    ring = PacketRing(history=10, limit=100_000)
    ring.append([b"k"] * 5, 0, key=True, wall=0)
    for number in range(200):
        ring.append([b"x" * 1_000], number, key=False, wall=0)
    assert ring.keyframe is None
    assert sum(len(ring[i].template) for i in range(ring.start, ring.end)) <= 100_000


def test_what_is_gone_says_so() -> None:
    ring = PacketRing(history=1, limit=10_000)
    for number in range(1_000):
        ring.append([b"x" * 1_000], number, key=False, wall=0)
    with pytest.raises(IndexError):
        ring[0]
    assert ring.find(0) is None
    assert ring.newest is not None
    assert ring.newest.number == 999
