"""Activity as screens show it and people search it: equal steps, spans above a level. Pure.

A step tells its highest and its mean level: the mean says how busy it was, the highest that a
short something is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from storage.activity.meter import Levels
from vms.core.clock import SECOND, Instant, rfc3339


class Measured(NamedTuple):
    """Of [start, end): the highest level, the sum of the levels, and of how many seconds."""

    start: Instant
    end: Instant
    peak: int
    total: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Steps:
    """[start, end) in equal steps. Each (highest, mean), 0..255, or None where nothing is known."""

    start: Instant
    end: Instant
    values: tuple[tuple[int, int] | None, ...]


class Active(NamedTuple):
    """A span in which something happened, its highest level, and the second that had it first."""

    start: Instant
    end: Instant
    peak: int
    at: Instant

    def as_json(self) -> dict[str, object]:
        """The contract of `vms activity --json` and of the API."""
        span = {"start": rfc3339(self.start), "end": rfc3339(self.end)}
        return {**span, "peak": self.peak, "at": rfc3339(self.at)}


def by_second(start: Instant, levels: Levels, end: Instant) -> Iterable[Measured]:
    """A segment's seconds; the last may be shorter, as the segment ends at `end`."""
    for number, level in enumerate(levels.values):
        begin = Instant(start + number * SECOND)
        if begin < end:
            yield Measured(begin, Instant(min(begin + SECOND, end)), level, level, 1)


def steps(measured: Iterable[Measured], start: Instant, end: Instant, count: int) -> Steps:
    """`measured`, each put into every step it has a part in; no steps when nothing is known."""
    span = end - start
    peaks = [-1] * count
    totals, seconds = [0.0] * count, [0.0] * count
    for one in measured:
        if one.end <= start or one.start >= end or not one.seconds:
            continue
        first = max(0, (one.start - start) * count // span)
        last = min(count - 1, (one.end - 1 - start) * count // span)
        for at in range(first, last + 1):
            peaks[at] = max(peaks[at], one.peak)
            totals[at] += one.total / (last - first + 1)
            seconds[at] += one.seconds / (last - first + 1)
    values = tuple(
        None if peak < 0 else (peak, round(total / length))
        for peak, total, length in zip(peaks, totals, seconds, strict=True)
    )
    return Steps(start, end, values if any(values) else ())


def active(
    measured: Iterable[Measured],
    start: Instant,
    end: Instant,
    above: int,
    most: int | None = None,
    join: int = 5 * SECOND,
) -> list[Active]:
    """Where levels of `above` and more lie; seconds (in order) closer than `join` ns are one.

    `most`: of more than so many the first; nothing behind them is read.
    """
    found: list[Active] = []
    for one in measured:
        begin, until = max(one.start, start), min(one.end, end)
        if one.peak < above or begin >= until:
            continue
        if found and begin - found[-1].end <= join:
            last = found[-1]
            peak, at = (last.peak, last.at) if last.peak >= one.peak else (one.peak, begin)
            found[-1] = Active(last.start, Instant(until), peak, Instant(at))
        elif len(found) == most:
            break
        else:
            found.append(Active(Instant(begin), Instant(until), one.peak, Instant(begin)))
    return found
