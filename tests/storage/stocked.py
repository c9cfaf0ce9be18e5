"""A stock in memory for tests of planning: segments in a list, everything else computed from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from storage.holds.held import HeldSpans, Hold
from storage.retention import Deletion, Stored, UsageHour
from vms.core.clock import HOUR, Instant
from vms.core.model import CameraId, StreamKey


@dataclass
class ListedStock:
    segments_: list[Stored] = field(default_factory=list)
    asked: int = 0

    def totals(self) -> dict[tuple[StreamKey, str], int]:
        sizes: dict[tuple[StreamKey, str], int] = defaultdict(int)
        for one in self.segments_:
            sizes[one.stream, one.volume] += one.bytes
        return sizes

    def hours(
        self, streams: Collection[StreamKey], volumes: Collection[str], before: Instant
    ) -> list[UsageHour]:
        per: dict[tuple[int, StreamKey, str], list[Stored]] = defaultdict(list)
        for one in self.segments_:
            hour = one.start // HOUR * HOUR
            if one.stream in streams and one.volume in volumes and hour < before:
                per[hour, one.stream, one.volume].append(one)
        return [
            UsageHour(
                stream,
                volume,
                Instant(hour),
                len(some),
                sum(one.bytes for one in some),
                sum(one.end - one.start for one in some),
            )
            for (hour, stream, volume), some in sorted(per.items())
        ]

    def segments(self, stream: StreamKey, volume: str, hour: Instant) -> list[Stored]:
        self.asked += 1
        return sorted(
            one
            for one in self.segments_
            if (one.stream, one.volume, one.start // HOUR * HOUR) == (stream, volume, hour)
        )

    def without(self, deletions: Iterable[Deletion], held: HeldSpans) -> list[Stored]:
        """What goes by `deletions`, and away with it."""
        gone = []
        for deletion in deletions:
            some = [
                one
                for one in self.segments(deletion.stream, deletion.volume, deletion.hour)
                if one.end <= deletion.before and not is_held(one, held) and one not in gone
            ]
            assert len(some) == deletion.segments
            assert sum(one.bytes for one in some) == deletion.bytes
            assert sum(one.end - one.start for one in some) == deletion.span
            gone += some
        self.segments_ = [one for one in self.segments_ if one not in set(gone)]
        return gone


def is_held(one: Stored, held: HeldSpans) -> bool:
    return held.covers(one.stream, one.start, one.end)


def hold(camera: str, start: int, end: int) -> Hold:
    span = (Instant(start), Instant(end))
    return Hold(f"{camera}-{start}", camera, *span, "for a test", None, Instant(1), "test")


def main(camera: str) -> StreamKey:
    return StreamKey(CameraId(camera))
