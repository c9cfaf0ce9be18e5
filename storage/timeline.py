"""A stream's coverage as a timeline shows it: merged to the pixel, nothing hidden. Pure.

Spans closer than a pixel grow together; gaps within one pixel become one, with the cause that
lasted longest. So a month is a few dozen values, and a gap of a second still is one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from storage.facts import GapFacts
from vms.core.clock import Instant, Span


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is to be drawn of [start, end). `first`: where the stream's footage begins at all."""

    start: Instant
    end: Instant
    first: Instant | None
    spans: tuple[tuple[Instant, Instant], ...]
    gaps: tuple[GapFacts, ...]


def without(start: int, end: int, gaps: Iterable[GapFacts]) -> list[tuple[int, int]]:
    """What is left of [start, end) when gaps (in order) are taken out."""
    left: list[tuple[int, int]] = []
    at = start
    for gap in gaps:
        if gap.start >= end:
            break
        if gap.start > at:
            left.append((at, gap.start))
        at = max(at, end if gap.end is None else gap.end)
    if at < end:
        left.append((at, end))
    return left


def merge_spans(
    spans: Iterable[tuple[int, int]], start: Instant, end: Instant, resolution: Span
) -> tuple[tuple[Instant, Instant], ...]:
    """Spans cut to [start, end) in order; those less than `resolution` apart are one."""
    merged: list[tuple[Instant, Instant]] = []
    for begin, until in sorted(spans):
        a, b = Instant(max(begin, start)), Instant(min(until, end))
        if a >= b:
            continue
        if merged and a - merged[-1][1] <= resolution:
            merged[-1] = (merged[-1][0], max(merged[-1][1], b))
        else:
            merged.append((a, b))
    return tuple(merged)


def merge_gaps(gaps: Sequence[GapFacts], now: Instant, resolution: Span) -> tuple[GapFacts, ...]:
    """Gaps in order; those that begin within a pixel of each other's are one."""
    merged: list[GapFacts] = []
    group: list[GapFacts] = []
    for gap in gaps:
        if group and gap.start - group[0].start >= max(resolution, 1):
            merged.append(_one(group, now))
            group = []
        if group and group[-1].end is not None and _length(group[-1], now) >= resolution:
            merged.append(_one(group, now))  # a gap one can see keeps its own borders
            group = []
        group.append(gap)
    if group:
        merged.append(_one(group, now))
    return tuple(merged)


def _one(group: list[GapFacts], now: Instant) -> GapFacts:
    if len(group) == 1:
        return group[0]
    lasted: Counter[GapFacts] = Counter()
    causes: Counter[str] = Counter()
    for gap in group:
        lasted[gap] += _length(gap, now)
        causes[gap.cause] += _length(gap, now)
    cause = causes.most_common(1)[0][0]
    longest = next(gap for gap, _ in lasted.most_common() if gap.cause == cause)
    return GapFacts(group[0].stream, group[0].start, group[-1].end, longest.cause, longest.detail)


def _length(gap: GapFacts, now: Instant) -> int:
    return max(0, (now if gap.end is None else gap.end) - gap.start)
