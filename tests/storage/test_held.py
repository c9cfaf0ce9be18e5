"""Which spans are held, what a hold's file says, and who is right when places disagree."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from storage.holds.held import (
    EVERY_CAMERA,
    Damaged,
    HeldSpans,
    Hold,
    Lift,
    Told,
    hold_text,
    read_hold,
    settle,
)
from vms.core.clock import INSTANT_MAX, SECOND, Instant
from vms.core.model import CameraId, StreamKey

T = 1_763_800_000 * SECOND
HOLD = Hold("h1a2", "gate", Instant(T), Instant(T + 60), "case 7", None, Instant(T + 90), "ayşe")
LIFTED = replace(HOLD, lifted=Instant(T + 99), lifted_by="ali", lift_reason="closed")
DAMAGED = Damaged("h1a2", "for the test")

times = st.integers(0, INSTANT_MAX).map(Instant)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
maybe = st.none() | times
holds = st.builds(
    Hold, st.from_regex(r"[0-9a-z]{4,12}", fullmatch=True), texts, times, times, texts, maybe,
    times, texts, maybe, st.none() | texts, st.none() | texts,
)  # fmt: skip
short = st.integers(0, 40)
cameras = st.sampled_from(["gate", "square", EVERY_CAMERA])
spans = st.lists(st.tuples(cameras, short, short, st.booleans()), max_size=12)


def _key(camera: str) -> StreamKey:
    return StreamKey(CameraId(camera))


def _no_doubt() -> Told:
    raise AssertionError("the ledger need not be asked")


@given(holds)
def test_a_hold_comes_back_from_its_file(hold: Hold) -> None:
    assert read_hold(hold.id, hold_text(hold)) == hold


@given(st.integers(0, len(hold_text(LIFTED)) * 8 - 1))
def test_no_flipped_bit_changes_what_a_file_says(bit: int) -> None:
    data = bytearray(hold_text(LIFTED))
    data[bit // 8] ^= 1 << bit % 8
    said = read_hold(LIFTED.id, bytes(data))
    assert isinstance(said, Damaged) or said == LIFTED  # a flipped space changes nothing


@given(st.binary(max_size=300))
def test_any_bytes_are_damaged_and_nothing_worse(data: bytes) -> None:
    assert isinstance(read_hold("h1a2", data), Damaged)


def test_a_file_that_is_another_hold_is_damaged() -> None:
    assert isinstance(read_hold("other", hold_text(HOLD)), Damaged)


@given(spans, st.sampled_from(["gate", "square", "yard"]), short, short)
def test_spans_are_covered_as_one_by_one(
    made: list[tuple[str, int, int, bool]], camera: str, start: int, end: int
) -> None:
    start, end = min(start, end), max(start, end) + 1
    made_holds = [
        replace(HOLD if active else LIFTED, camera=name, start=Instant(a), end=Instant(b))
        for name, a, b, active in made
    ]
    wanted = any(
        hold.active
        and hold.camera in (camera, EVERY_CAMERA)
        and hold.start < hold.end
        and hold.start < end
        and hold.end > start
        for hold in made_holds
    )
    held = HeldSpans(made_holds)
    assert held.covers(_key(camera), Instant(start), Instant(end)) == wanted
    assert bool(held.within(camera, start, end)) == wanted


def test_row_and_files_that_agree_need_no_ledger() -> None:
    assert settle(HOLD, [HOLD, HOLD], _no_doubt) == HOLD
    row = replace(LIFTED, lift_reason=None)  # the table has no column for it
    assert settle(row, [LIFTED], _no_doubt) == LIFTED
    assert settle(HOLD, [], _no_doubt) == HOLD


def test_an_old_volume_does_not_undo_a_lift() -> None:
    told = Told(HOLD, Lift(Instant(T + 99), "ali", "closed"))
    assert settle(replace(LIFTED, lift_reason=None), [HOLD], lambda: told) == LIFTED
    assert settle(None, [HOLD], lambda: told) == LIFTED
    assert settle(None, [HOLD, LIFTED], lambda: None) == LIFTED  # no ledger: the tombstone


def test_a_lift_the_ledger_does_not_know_lifts_nothing() -> None:
    told = Told(HOLD, None)
    assert settle(HOLD, [LIFTED], lambda: told) == HOLD
    assert settle(LIFTED, [HOLD, HOLD], lambda: told) == HOLD
    assert settle(None, [LIFTED], lambda: told) == HOLD


def test_tombstones_are_believed_where_the_ledger_never_heard_of_the_hold() -> None:
    assert settle(None, [LIFTED, LIFTED], lambda: Told(None, None)) == LIFTED
    assert settle(None, [LIFTED, HOLD], lambda: Told(None, None)) == HOLD


def test_a_damaged_file_means_what_the_others_say_or_everything() -> None:
    assert settle(HOLD, [DAMAGED], lambda: None) == HOLD
    assert settle(None, [DAMAGED], lambda: Told(HOLD, None)) == HOLD
    unknown = settle(None, [DAMAGED], lambda: Told(None, None))
    assert unknown.unreadable
    assert HeldSpans([unknown]).covers(_key("any"), Instant(T), Instant(T + 1))


def test_places_that_disagree_hold_all_they_say() -> None:
    longer = replace(HOLD, end=Instant(T + 500), until=Instant(T + 900))
    both = settle(HOLD, [longer], lambda: None)
    assert (both.start, both.end, both.until) == (HOLD.start, longer.end, None)
    other = replace(HOLD, camera="square")
    assert settle(HOLD, [other], lambda: None).camera == EVERY_CAMERA
    assert settle(other, [longer], lambda: Told(HOLD, None)) == HOLD


def test_only_the_ledger_is_left() -> None:
    assert settle(None, [], lambda: Told(HOLD, None)) == HOLD
