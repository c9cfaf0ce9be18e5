"""No second without a word: how segments and gaps tile a stream's time (invariant 5). Pure.

`Coverage` follows one stream while it is recorded; `settle` repairs what a crash left; `holes`
says where the promise is broken. None of them knows a file or a database.
"""

from __future__ import annotations

import bisect
import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from storage.facts import GapFacts
from storage.rows import DropGap, IndexChange, PutGap
from vms.core.clock import Instant
from vms.core.model import Cause, StreamKey

BY_CHOICE = (Cause.RECORDING_OFF, Cause.REMOVED)
"""Gaps that a person asked for: they last until somebody asks otherwise, whatever becomes of the
recorder meanwhile."""

# Gaps kept for the next segment's head; a camera that flaps faster keeps the newest.
_RECENT_MAX = 64


class Coverage:
    """What of one stream's time is accounted for. `until`: up to where, None before the first."""

    def __init__(
        self, stream: StreamKey, until: Instant | None = None, gap: GapFacts | None = None
    ) -> None:
        self._stream = stream
        self.until = until
        self.gap = gap
        self._recent: list[GapFacts] = []

    def open_gap(self, start: Instant, cause: Cause, detail: str) -> list[IndexChange]:
        """No footage from `start` on; from where footage ended, if that is known."""
        if self.gap is not None:
            return self.change_gap(start, cause, detail)
        begin = start if self.until is None else self.until
        self.gap = GapFacts(self._stream, begin, None, cause, detail)
        return [PutGap(self.gap)]

    def change_gap(self, at: Instant, cause: Cause, detail: str) -> list[IndexChange]:
        """From `at` on the open gap has another cause; only a new detail keeps it one gap."""
        if self.gap is None:
            return self.open_gap(at, cause, detail)
        if self.gap.cause is cause or at <= self.gap.start:
            self.gap = replace(self.gap, cause=cause, detail=detail)
            return [PutGap(self.gap)]
        changes = self.close_gap(at)
        return changes + self.open_gap(at, cause, detail)

    def close_gap(self, end: Instant) -> list[IndexChange]:
        """The open gap ends; without length it never was."""
        gap = self.gap
        if gap is None:
            return []
        self.gap = None
        if end <= gap.start:
            return [DropGap(self._stream, gap.start)]
        closed = replace(gap, end=end)
        self.until = end
        self._recent = [*self._recent, closed][-_RECENT_MAX:]
        return [PutGap(closed)]

    def open_segment(self, start: Instant) -> tuple[list[IndexChange], tuple[GapFacts, ...]]:
        """Footage from `start` on: what changes, and the gaps since the previous segment.

        Raises ValueError if `start` lies in footage already kept.
        """
        if self.until is not None and start < self.until:
            raise ValueError(
                f"{self._stream}: a segment at {start} overlaps footage to {self.until}"
            )
        changes = self.close_gap(start)
        if self.until is not None and self.until < start:
            self.gap = GapFacts(
                self._stream, self.until, None, Cause.BROKEN_STREAM, "the session gave no cause"
            )
            changes += self.close_gap(start)
        self.until = start
        recent, self._recent = tuple(self._recent), []
        return changes, recent

    def close_segment(self, end: Instant) -> None:
        """Footage, or the account of its loss, reaches to `end`."""
        self.until = end if self.until is None else max(self.until, end)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How to bring gaps into line with the segments that exist. `open`: the gap left open.

    `all`: every gap there is then.
    """

    drop: tuple[GapFacts, ...]
    put: tuple[GapFacts, ...]
    open: GapFacts | None
    all: tuple[GapFacts, ...] = ()


def settle(
    stream: StreamKey,
    segments: Sequence[tuple[Instant, Instant]],
    gaps: Sequence[GapFacts],
    remembered: Sequence[GapFacts],
    now: Instant,
    last_alive: Instant | None,
    incomplete_since: Instant | None = None,
) -> Settlement:
    """Tile the time from the first of `segments` and `gaps` on, leaving one gap open at the end.

    `segments`: spans that have durable files, in order; nothing overrules them. `gaps`: what the
    index says; `remembered`: what the heads of files say, for where the index says nothing.
    `last_alive`: until when a recorder is known to have run; an open gap that it would have ended
    ends there. Holes nobody explains are `recorder_crashed`. `incomplete_since`: from where on the
    index lacks gaps, and ends of gaps; the time is tiled from there at the latest.
    """
    known = list(gaps) if incomplete_since is None else _ended(gaps, segments)
    claims = sorted(known, key=_start) + sorted(remembered, key=_start)
    begins = [start for start, _ in segments] + [gap.start for gap in gaps]
    if incomplete_since is not None:
        begins.append(incomplete_since)
    begin = min(begins, default=None)
    if begin is None:
        return Settlement((), (), None)
    wanted = _tiled(stream, begin, segments, claims, now, last_alive)
    before = {gap.start: gap for gap in gaps}
    after = {gap.start: gap for gap in wanted}
    return Settlement(
        tuple(gap for gap in gaps if gap.start not in after),
        tuple(gap for gap in wanted if before.get(gap.start) != gap),
        wanted[-1],
        tuple(wanted),
    )


def _start(gap: GapFacts) -> Instant:
    return gap.start


def _ended(gaps: Iterable[GapFacts], segments: Iterable[tuple[Instant, Instant]]) -> list[GapFacts]:
    """Gaps of which no end is known, and yet something follows, end where it does."""
    known = list(gaps)
    starts = sorted({start for start, _ in segments} | {gap.start for gap in known})

    def ended(gap: GapFacts) -> GapFacts:
        following = bisect.bisect_right(starts, gap.start)
        if gap.end is not None or following == len(starts):
            return gap
        return replace(gap, end=starts[following])

    return [ended(gap) for gap in known]


def cut_out(
    start: Instant, end: Instant, gaps: Iterable[GapFacts]
) -> tuple[list[GapFacts], list[GapFacts]] | None:
    """Gaps to drop and to put so that footage found later has [start, end) for itself.

    None if one of them lasts: whoever keeps it open would not know.
    """
    drop: list[GapFacts] = []
    put: list[GapFacts] = []
    for gap in gaps:
        if gap.end is None:
            if gap.start < end:
                return None
            continue
        if gap.end <= start or gap.start >= end:
            continue
        if gap.start < start:
            put.append(replace(gap, end=start))
        else:
            drop.append(gap)
        if gap.end > end:
            put.append(replace(gap, start=end))
    return drop, put


def _tiled(
    stream: StreamKey,
    begin: Instant,
    segments: Sequence[tuple[Instant, Instant]],
    claims: Sequence[GapFacts],
    now: Instant,
    last_alive: Instant | None,
) -> list[GapFacts]:
    """Gaps for all time from `begin` on that no segment covers. `claims`: the first ones win.

    One pass: claims that lie between two segments are looked at for that hole alone, because a
    year of a stream has half a million segments.
    """
    wanted: list[GapFacts] = []
    at = begin
    order = sorted(range(len(claims)), key=lambda number: claims[number].start)
    waiting = deque(order)  # by their start; those that may still reach on are `live`
    live: list[int] = []
    for start, end in segments:
        if start > at:
            while waiting and claims[waiting[0]].start < start:
                live.append(waiting.popleft())
            live = [n for n in live if (until := claims[n].end) is None or until > at]
            wanted += _explain(stream, at, start, [claims[n] for n in sorted(live)])
        at = max(at, end)
    return wanted + last_gaps(stream, at, now, last_alive, claims)


def _explain(
    stream: StreamKey, start: Instant, end: Instant, claims: Iterable[GapFacts]
) -> list[GapFacts]:
    """Gaps that tile [start, end): as claimed where there is a claim, earlier claims first."""
    pieces: list[GapFacts] = []
    for claim in claims:
        until = end if claim.end is None else min(end, claim.end)
        free = _subtract(max(start, claim.start), until, pieces)
        pieces += [replace(claim, start=a, end=b) for a, b in free]
    unexplained = _subtract(start, end, pieces)
    pieces += [
        GapFacts(stream, a, b, Cause.RECORDER_CRASHED, "nothing was recorded about this span")
        for a, b in unexplained
    ]
    return sorted(pieces, key=lambda gap: gap.start)


def _subtract(
    start: Instant, end: Instant, taken: Iterable[GapFacts]
) -> list[tuple[Instant, Instant]]:
    free = [(start, end)] if start < end else []
    for gap in taken:
        assert gap.end is not None
        cut: list[tuple[Instant, Instant]] = []
        for a, b in free:
            cut += [
                piece
                for piece in ((a, min(b, gap.start)), (max(a, gap.end), b))
                if piece[0] < piece[1]
            ]
        free = cut
    return free


def last_gaps(
    stream: StreamKey,
    at: Instant,
    now: Instant,
    last_alive: Instant | None,
    claims: Sequence[GapFacts],
) -> list[GapFacts]:
    """What follows the last footage: closed gaps as claimed, then the one that stays open."""
    closed = [gap for gap in claims if gap.end is not None and gap.end > at]
    lasting = next((gap for gap in claims if gap.end is None), None)
    begin = max([at, *(gap.end for gap in closed if gap.end is not None)])
    if lasting is not None:
        begin = max(begin, lasting.start)
    pieces = _explain(stream, at, begin, closed)
    if lasting is not None:
        if lasting.cause in (Cause.RECORDER_STOPPED, Cause.RECORDER_CRASHED, *BY_CHOICE):
            return [*pieces, replace(lasting, start=begin)]
        died = begin if last_alive is None else max(begin, min(now, last_alive))
        if died > begin:
            pieces.append(replace(lasting, start=begin, end=died))
            begin = died
    detail = "the recorder ended without a goodbye"
    return [*pieces, GapFacts(stream, begin, None, Cause.RECORDER_CRASHED, detail)]


def holes(
    segments: Iterable[tuple[Instant, Instant]], gaps: Iterable[GapFacts], now: Instant
) -> Iterator[str]:
    """Where invariant 5 is broken: holes and overlaps, as sentences; none when all is well.

    `segments` in order of their starts; they are gone through once and never held.
    """
    footage = ((start, end, "segment") for start, end in segments)
    absent = sorted(
        (gap.start, max(now, gap.start) if gap.end is None else gap.end, f"gap {gap.cause}")
        for gap in gaps
    )
    reached: Instant | None = None
    what = ""
    for start, end, following in heapq.merge(footage, absent):
        if reached is not None and start > reached:
            yield f"nothing accounts for {start - reached} ns between {reached} and {start}"
        if reached is not None and start < reached:
            yield f"{what} to {reached} overlaps {following} from {start}"
        if reached is None or end >= reached:
            reached, what = end, following
    if reached is not None and reached < now:
        yield f"nothing accounts for the time since {reached}"
