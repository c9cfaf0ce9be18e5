"""A leaf and its line say the same, and only one line says it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.facts import ClockFacts, GapFacts
from storage.ledger.leaves import (
    BadLeaf,
    DeleteLeaf,
    ExportLeaf,
    GapLeaf,
    HoldLeaf,
    KeyLeaf,
    Leaf,
    LiftLeaf,
    MoveLeaf,
    RuleLeaf,
    SegmentLeaf,
    parse,
)
from vms.core.clock import Instant
from vms.core.model import CameraId, Cause, StreamKey

whole = st.integers(-(2**63), 2**63 - 1).map(Instant)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
digest = st.binary(min_size=32, max_size=32)
streams = st.builds(
    StreamKey,
    st.from_regex(r"\A[a-z0-9](-?[a-z0-9]){0,8}\Z").map(CameraId),
    st.sampled_from(["main", "sub"]),
)
clocks = st.builds(ClockFacts, *[st.none() | whole] * 3)
leaves = st.one_of(
    st.builds(
        SegmentLeaf, streams, whole, whole, digest, whole, st.none() | whole, st.none() | clocks
    ),
    st.builds(GapLeaf, streams, whole, whole, st.sampled_from(Cause), text),
    st.builds(DeleteLeaf, streams, whole, whole, digest, whole, text, text, text, whole),
    st.builds(MoveLeaf, streams, whole, digest, text, text, whole),
    st.builds(HoldLeaf, text, text, whole, whole, text, text, whole, st.none() | whole),
    st.builds(LiftLeaf, text, text, whole, text),
    st.builds(RuleLeaf, text, st.none() | text.filter(bool), text, whole),
    st.builds(
        ExportLeaf,
        text,
        st.lists(text).map(tuple),
        whole,
        whole,
        text,
        text,
        whole,
        digest,
        whole,
    ),
    st.builds(KeyLeaf, text, text, whole),
)


@given(leaves)
def test_a_leaf_comes_back_from_its_line(leaf: Leaf) -> None:
    line = leaf.line()
    assert parse(line) == leaf
    assert b"\n" not in line
    assert json.loads(line)["kind"] == leaf.kind


@given(leaves)
def test_a_segments_line_by_hand_is_the_canonical_one(leaf: Leaf) -> None:
    if isinstance(leaf, SegmentLeaf):
        assert leaf.line() == super(SegmentLeaf, leaf).line()


@given(leaves, st.data())
def test_no_other_line_is_the_same_leaf(leaf: Leaf, data: st.DataObject) -> None:
    line = bytearray(leaf.line())
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        other = parse(bytes(line))
    except BadLeaf:
        return
    assert other != leaf


@given(st.binary(max_size=200))
def test_anything_else_is_a_bad_leaf(data: bytes) -> None:
    with pytest.raises(BadLeaf):
        parse(data)


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[]",
        b'{"kind":"nothing"}',
        b'{"kind":"lift"}',
        b'{"kind":"segment","start":1}',
        b'{"at":1,"by":"x","id":"y","kind":"lift","more":1}',
        b'{"at":1, "by":"x","id":"y","kind":"lift"}',
        b'{"by":"x","at":1,"id":"y","kind":"lift"}',
        b'{"at":1.0,"by":"x","id":"y","kind":"lift"}',
        b'{"at":true,"by":"x","id":"y","kind":"lift"}',
        b'{"at":1,"by":null,"id":"y","kind":"lift"}',
        b'{"at":1,"by":"\\u0078","id":"y","kind":"lift"}',
        b'{"at":1,"by":"","id":"y","kind":"lift"}',
        b'{"at":9223372036854775808,"by":"x","id":"y","kind":"lift"}',
        b"[" * 100_000,
    ],
)
def test_lines_that_are_not_canonical_are_refused(line: bytes) -> None:
    with pytest.raises(BadLeaf):
        parse(line)


def test_a_segments_leaf_is_small_and_reads_like_this() -> None:
    stream = StreamKey(CameraId("gate-north"))
    leaf = SegmentLeaf(
        stream,
        Instant(1_763_800_000_123_456_789),
        Instant(1_763_800_060_123_456_789),
        bytes(range(32)),
        30_123_456,
        1_500,
        ClockFacts(-12_345_678, 40_000_000, None),
    )
    assert leaf.line() == (
        b'{"clock":[-12345678,40000000,null],"end":1763800060123456789,"frames":1500,'
        b'"kind":"segment","sha256":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e'
        b'1f","size":30123456,"start":1763800000123456789,"stream":"gate-north/main"}'
    )
    assert len(leaf.line()) < 260


def test_a_gaps_leaf_says_what_its_row_says() -> None:
    facts = GapFacts(
        StreamKey(CameraId("gate")), Instant(1), Instant(2), Cause.SILENT, "a\0b \ud800"
    )
    line = GapLeaf.of(facts).line()
    assert parse(line).line() == line
    assert json.loads(line)["detail"] == "ab ?"


def test_a_leaf_that_is_too_long_is_refused() -> None:
    with pytest.raises(BadLeaf, match="65536"):
        LiftLeaf("x", "y" * 70_000, Instant(0)).line()
