"""The archive as one person may see it: what is hidden from them by a block is not in it.

The routes that give footage have no other way to it. What is hidden is whole files: every file
with a moment in a block, so that no picture of it can be in what is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from storage.activity.steps import Active, Steps
from storage.archive import Archive
from storage.facts import SegmentFacts
from storage.timeline import Timeline
from vms.core.clock import INSTANT_MAX, Instant, Span
from vms.core.model import StreamKey
from vms.people.permissions import Identity, hidden_spans

Spans = Sequence[tuple[Instant, Instant]]
"""In order, none touching another."""


class Shown:
    """What of the archive somebody sees. Every call blocks."""

    def __init__(self, archive: Archive, identity: Identity) -> None:
        self._archive, self._identity = archive, identity

    def segments(self, stream: StreamKey, start: Instant, end: Instant) -> list[SegmentFacts]:
        """Those with a part in [start, end) and no moment that is hidden."""
        found = self._archive.segments(stream, start, end)
        return [one for one in found if not self.hides(one)]

    def hides(self, segment: SegmentFacts) -> bool:
        """Whether any moment of a file is hidden."""
        # A file that is just begun has no length yet.
        end = max(segment.end, Instant(segment.start + 1))
        return bool(hidden_spans(self._identity, segment.stream.camera, segment.start, end))

    def hides_at(self, stream: StreamKey, at: Instant) -> bool:
        """Whether the file of a moment is hidden, or, where there is none, the moment."""
        segment = self._archive.covering(stream, at)
        if segment is not None:
            return self.hides(segment)
        return bool(hidden_spans(self._identity, stream.camera, at, Instant(at + 1)))

    def hidden(
        self, stream: StreamKey, start: Instant, end: Instant
    ) -> list[tuple[Instant, Instant]]:
        """What of [start, end) is hidden, in order and grown together: whole files."""
        if not self._identity.blocks:
            return []
        grown: list[tuple[Instant, Instant]] = []
        # The files at either end may be hidden for a moment that was not asked for.
        outer = self._archive.covering(stream, start), self._archive.covering(stream, end)
        since = start if outer[0] is None else min(start, outer[0].start)
        behind = end if outer[1] is None else max(end, outer[1].end)
        for begin, until in hidden_spans(self._identity, stream.camera, since, behind):
            first = self._archive.covering(stream, begin)
            last = self._archive.covering(stream, Instant(until - 1))
            begins = max(start, begin if first is None else first.start)
            ends = min(end, until if last is None else last.end)
            if ends <= begins:
                continue
            if grown and begins <= grown[-1][1]:
                grown[-1] = (grown[-1][0], max(grown[-1][1], ends))
            else:
                grown.append((begins, ends))
        return grown

    def next_start(self, stream: StreamKey, at: Instant) -> Instant | None:
        """Where the next file at or after a moment begins that is not hidden by a block."""
        camera = stream.camera
        found = self._archive.next_start(stream, at)
        while found is not None:
            blocked = hidden_spans(self._identity, camera, found, Instant(INSTANT_MAX))
            if not blocked or blocked[0][0] > found:
                return found
            found = self._archive.next_start(stream, blocked[0][1])
        return None

    def timeline(
        self, stream: StreamKey, start: Instant, end: Instant, resolution: Span, hidden: Spans
    ) -> Timeline:
        """Coverage without what is `hidden`."""
        found = self._archive.timeline(stream, start, end, resolution)
        left = [part for span in found.spans for part in without(span, hidden)]
        return replace(found, spans=tuple(left))

    def activity(
        self, stream: StreamKey, start: Instant, end: Instant, count: int, hidden: Spans
    ) -> Steps:
        """How much went on, in `count` equal steps; of a step with a hidden moment nothing."""
        found = self._archive.activity(stream, start, end, count)
        width = (end - start) / max(1, len(found.values))
        values = tuple(
            None if meets(hidden, start + int(width * i), start + int(width * (i + 1)) + 1) else one
            for i, one in enumerate(found.values)
        )
        return replace(found, values=values)

    def active(
        self,
        stream: StreamKey,
        start: Instant,
        end: Instant,
        above: int,
        hidden: Spans,
        most: int | None = None,
    ) -> list[Active]:
        """When something happened, without what is `hidden`; of more than `most` the first."""
        found: list[Active] = []
        for begin, until in without((start, end), hidden):
            left = None if most is None else most - len(found)
            found += self._archive.active(stream, begin, until, above, left)
        return found

    def unmeasured(
        self, stream: StreamKey, start: Instant, end: Instant, resolution: Span, hidden: Spans
    ) -> list[tuple[Instant, Instant]]:
        """Footage without levels, without what is `hidden`."""
        found = self._archive.unmeasured(stream, start, end, resolution)
        return [part for span in found for part in without(span, hidden)]


def meets(hidden: Spans, start: int, end: int) -> bool:
    """Whether any of [start, end) is hidden."""
    return any(begin < end and start < until for begin, until in hidden)


def without(span: tuple[Instant, Instant], hidden: Spans) -> list[tuple[Instant, Instant]]:
    """What is left of a span when what is hidden is taken out."""
    left, (at, end) = [], span
    for begin, until in hidden:
        if begin >= end:
            break
        if begin > at:
            left.append((at, begin))
        at = max(at, until)
    return [*left, (at, end)] if at < end else left
