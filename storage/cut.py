"""Which samples of a segment are needed to show a span of time. Pure.

A picture is shown from its time until the next one's, so the first needed is the one on show when
the span begins, and with it everything its decoder needs: the samples from its keyframe on. The
last is the last in decode order that is shown before the span ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storage.fmp4 import BadFile, FragmentFacts
from vms.core.clock import SECOND, Instant
from vms.core.media import StreamFormat


@dataclass(frozen=True, slots=True)
class Cut:
    """The samples needed of one segment: [first, end) of each track, counted over the segment.

    `shown`: presentation time of the first picture shown, in ticks since the segment's start;
    `until`: where the last picture shown ends if nothing follows; `whole`: nothing is left out.
    """

    video: tuple[int, int]
    audio: tuple[int, int]
    shown: int
    until: int
    whole: bool


def cut_of(
    fragments: Sequence[FragmentFacts],
    form: StreamFormat,
    segment: Instant,
    start: Instant,
    end: Instant,
) -> Cut | None:
    """What is needed of a segment that begins at `segment` to show [start, end); None: nothing."""
    rate = form.video.clock_rate
    pictures = _pictures(fragments)
    # Round up: a picture's instant was rounded down when it was told.
    begins = -(-(start - segment) * rate // SECOND)
    ends = -(-(end - segment) * rate // SECOND)
    shown = [number for number, picture in enumerate(pictures) if picture.time < ends]
    if not shown or end <= segment:
        return None
    target = _first_shown(pictures, begins)
    first = _keyframe_of(pictures, target)
    last = shown[-1] + 1
    latest = max(shown, key=lambda number: pictures[number].time)
    whole_video = first == 0 and last == len(pictures)
    since = pictures[first].time if first else None
    sound, all_sound = _sound(fragments, form, since, None if whole_video else end - segment)
    return Cut(
        (first, last),
        sound,
        pictures[target].time,
        pictures[latest].time + pictures[latest].duration,
        whole_video and all_sound,
    )


@dataclass(frozen=True, slots=True)
class _Picture:
    time: int  # of presentation
    duration: int
    key: bool


def _pictures(fragments: Sequence[FragmentFacts]) -> list[_Picture]:
    """All pictures in decode order."""
    found = []
    for facts in fragments:
        if facts.video is None:
            continue
        time = facts.video.time
        for duration, _size, composition, key in facts.video.samples:
            found.append(_Picture(time + composition, duration, key))
            time += duration
    return found


def _first_shown(pictures: Sequence[_Picture], at: int) -> int:
    """The picture on show at `at`; the first that can be decoded if it comes later."""
    floor = pictures[0].time  # what is shown before the first keyframe leads it (open GOP)
    found = 0
    for number, picture in enumerate(pictures):
        if pictures[found].time < picture.time <= at and picture.time >= floor:
            found = number
    return found


def _keyframe_of(pictures: Sequence[_Picture], target: int) -> int:
    """Where decoding must begin to show `target`.

    A picture shown before the keyframe that precedes it in the file leads that keyframe (open
    GOP) and needs the one before.
    """
    for number in range(target, -1, -1):
        if pictures[number].key and pictures[number].time <= pictures[target].time:
            return number
    raise BadFile("the segment does not begin with a keyframe")


def _sound(
    fragments: Sequence[FragmentFacts], form: StreamFormat, since: int | None, until: int | None
) -> tuple[tuple[int, int], bool]:
    """Sound from `since` (ticks of the pictures; None: all) to `until` (ns; None: all)."""
    if form.audio is None:
        return (0, 0), True
    rate, pictures = form.audio.clock_rate, form.video.clock_rate
    first = last = number = 0
    for facts in fragments:
        if facts.audio is None:
            continue
        time = facts.audio.time
        for duration, *_ in facts.audio.samples:
            number += 1
            if since is not None and (time + duration) * pictures <= since * rate:
                first = number
            if until is None or time * SECOND < until * rate:
                last = number
            time += duration
    last = max(first, last)
    return (first, last), first == 0 and last == number
