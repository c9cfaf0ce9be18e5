"""What a decoder needs for one picture, out of a segment's fragments. No file, no decoder here."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from storage.facts import FragmentEntry, Sample
from storage.fmp4 import FragmentFacts, read_moof, samples_of
from storage.segment_file import Read, ticks_to_span
from vms.core.clock import SECOND, Instant, Span
from vms.core.media import StreamFormat


@dataclass(frozen=True, slots=True)
class KeyPicture:
    """What a decoder needs to show one picture: samples from its keyframe on, in decode order.

    `pts`: presentation time of each sample in ticks; `target`: that of the picture shown;
    `time`: the same as an instant. `spacing`: the longest way from one keyframe of its segment to
    the next, where that was asked for and there are two. `inter`: bytes of a picture behind
    the keyframe beside the keyframe's own; None where none was looked at.
    """

    format: StreamFormat
    samples: list[Sample]
    pts: list[int]
    target: int
    time: Instant
    spacing: Span | None = None
    inter: float | None = None


def picture_at(
    read: Read,
    form: StreamFormat,
    start: Instant,
    entries: Sequence[FragmentEntry],
    at: Instant,
) -> KeyPicture | None:
    """Decode-order samples from the last keyframe shown by `at` to the picture shown at `at`."""
    samples: list[Sample] = []
    pts: list[int] = []
    for entry in entries:
        data = read(entry.size, entry.offset)
        facts: FragmentFacts = read_moof(data)
        if facts.video is None:
            continue
        time = facts.video.time
        for sample in samples_of(data, facts.video):
            samples.append(sample)
            pts.append(time + sample.composition)
            time += sample.duration
    rate = form.video.clock_rate
    # Round up: a picture's instant was rounded down when it was told.
    limit = -(-(at - start) * rate // SECOND)
    shown = [number for number, time in enumerate(pts) if time <= limit]
    if not shown:
        return None
    target = max(shown, key=lambda number: pts[number])
    first = max((n for n in range(target + 1) if samples[n].key), default=0)
    return KeyPicture(
        form,
        samples[first : target + 1],
        pts[first : target + 1],
        pts[target],
        Instant(start + ticks_to_span(pts[target], rate)),
    )


def keyframe_of(
    read: Read,
    form: StreamFormat,
    start: Instant,
    entry: FragmentEntry,
    between: Span | None = None,
) -> KeyPicture | None:
    """The keyframe a fragment begins with, alone; None if it does not."""
    data = read(entry.size, entry.offset)
    facts: FragmentFacts = read_moof(data)
    if facts.video is None:
        return None
    samples = samples_of(data, facts.video)
    if not samples or not samples[0].key:
        return None
    sample = samples[0]
    following = [len(one.data) for one in samples if not one.key]
    inter = statistics.median(following) / len(sample.data) if following else None
    shown = facts.video.time + sample.composition
    time = Instant(start + ticks_to_span(shown, form.video.clock_rate))
    return KeyPicture(form, [sample], [shown], shown, time, between, inter)


def spacing(entries: Sequence[FragmentEntry]) -> Span | None:
    """The longest way from one keyframe to the next; None with fewer than two."""
    keys = [entry.start for entry in entries if entry.key]
    return Span(max((b - a for a, b in itertools.pairwise(keys)), default=0)) or None
