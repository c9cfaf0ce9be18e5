"""The cut: the first picture shown is the one on show at `from`, the last comes before `to`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.cut import cut_of
from storage.fmp4 import FragmentFacts, TrackRun
from tests.storage.house import FORMAT, RATE
from vms.core.clock import SECOND, Instant

START = Instant(1_763_800_000 * SECOND)
_STEP = RATE // 10  # ten pictures a second


@st.composite
def segments(draw: st.DrawFn) -> list[FragmentFacts]:
    """Fragments of some groups of pictures in decode order, some shown in another; sound beside."""
    groups = draw(st.lists(st.integers(1, 8), min_size=1, max_size=6))
    shown: list[tuple[int, bool]] = []  # presentation step and key, in decode order
    for length in groups:
        first = len(shown)
        order = list(range(first, first + length))
        for at in range(1, length - 1):  # a later picture first, as before B-frames
            if draw(st.booleans()):
                order[at], order[at + 1] = order[at + 1], order[at]
        shown += [(step, number == 0) for number, step in enumerate(order)]
    pieces: list[FragmentFacts] = []
    at = sound = 0
    while at < len(shown):
        count = draw(st.integers(1, 6))
        video = tuple(
            (_STEP, 100 + n, (step - n) * _STEP, key)
            for n, (step, key) in enumerate(shown[at : at + count], at)
        )
        run = TrackRun(1, at * _STEP, 0, video)
        audio = tuple((400, 400, 0, False) for _ in range(2 * len(video)))  # 50 ms each
        pieces.append(FragmentFacts(0, run, TrackRun(2, sound, 0, audio)))
        at += count
        sound += 400 * len(audio)
    return pieces


def times(pieces: list[FragmentFacts]) -> list[tuple[int, bool]]:
    found = []
    for piece in pieces:
        assert piece.video is not None
        time = piece.video.time
        for duration, _, composition, key in piece.video.samples:
            found.append((time + composition, key))
            time += duration
    return found


@given(segments(), st.integers(-20, 60), st.integers(1, 60))
def test_a_cut_shows_exactly_what_was_on_show(
    pieces: list[FragmentFacts], begins: int, length: int
) -> None:
    start = Instant(START + begins * SECOND // 30)
    end = Instant(start + length * SECOND // 30)
    cut = cut_of(pieces, FORMAT, START, start, end)
    pictures = times(pieces)
    from_ = (start - START) * RATE / SECOND
    to = (end - START) * RATE / SECOND
    on_show = [time for time, _ in pictures if time <= from_] or [pictures[0][0]]
    wanted = [time for time, _ in pictures if max(on_show) <= time < to]
    if end <= START:
        assert cut is None
        return
    assert cut is not None
    taken = pictures[cut.video[0] : cut.video[1]]
    assert cut.shown == max(on_show)
    assert taken[0][1], "decoding begins with a keyframe"
    shown = sorted(time for time, _ in taken if cut.shown <= time < to)
    assert shown == sorted(wanted)
    assert cut.until == max(wanted) + _STEP
    # nothing from before the keyframe is handed out
    keys = [n for n, (time, key) in enumerate(pictures) if key and time <= cut.shown]
    assert cut.video[0] == max(keys)


@given(segments(), st.integers(-20, 60), st.integers(1, 60))
def test_sound_goes_from_the_keyframe_to_the_end(
    pieces: list[FragmentFacts], begins: int, length: int
) -> None:
    start = Instant(START + begins * SECOND // 30)
    end = Instant(start + length * SECOND // 30)
    cut = cut_of(pieces, FORMAT, START, start, end)
    if cut is None:
        return
    count = sum(len(piece.audio.samples) for piece in pieces if piece.audio is not None)
    pictures = times(pieces)
    since = pictures[cut.video[0]][0] / RATE if cut.video[0] else 0
    first, last = cut.audio
    assert first == 0 or (first + 1) * 0.05 > since - 1e-9
    assert first == 0 or first * 0.05 <= since + 1e-9
    if cut.video != (0, len(pictures)):
        assert last == first or (last - 1) * 0.05 < (end - START) / SECOND
    else:
        assert last == count
    assert cut.whole == (cut.video == (0, len(pictures)) and cut.audio == (0, count))


def test_a_picture_that_leads_its_keyframe_needs_the_one_before() -> None:
    # Decode order: key 0, 1, 2, key 5, then 3 and 4, which lead it (open GOP).
    steps = [(0, True), (1, False), (2, False), (5, True), (3, False), (4, False), (6, False)]
    video = tuple((_STEP, 100, (step - n) * _STEP, key) for n, (step, key) in enumerate(steps))
    pieces = [FragmentFacts(0, TrackRun(1, 0, 0, video), None)]
    at = Instant(START + SECOND * 4 // 10)
    cut = cut_of(pieces, FORMAT, START, at, Instant(at + SECOND // 20))
    assert cut is not None
    assert (cut.video[0], cut.shown) == (0, 4 * _STEP)
