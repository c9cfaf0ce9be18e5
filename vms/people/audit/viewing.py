"""What somebody watched, merged from bytes into spans. Pure: time comes in as an argument.

A viewing is told when it opens, again each minute while it grows, and when it closes; of its
entries the last holds. So what was seen up to a crash is on record, but for less than a minute,
and a minute of video is one entry, not hundreds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from vms.core.clock import MINUTE, SECOND, Instant, Span
from vms.people.audit.entry import Entry, Phase, Via, What

TELL_EVERY = Span(MINUTE)
IDLE = Span(90 * SECOND)  # a player has 30 s ahead; one that pauses longer begins anew
NEAR = Span(MINUTE)  # pieces nearer than this in the footage are one viewing
OPEN_MAX = 4_096  # full: what was quiet for longest is closed


@dataclass(frozen=True, slots=True)
class Eye:
    """Who watches which camera, and how: `what` is LIVE, LOOK_BACK or SNAPSHOT."""

    who: str
    via: Via
    address: str
    camera: str
    stream: str
    what: What


@dataclass(frozen=True, slots=True)
class _Open:
    id: str
    eye: Eye
    start: Instant
    end: Instant
    seen: Instant  # when bytes last went out
    told: Instant
    untold: bool = False


class Viewings:
    """The viewings that are open. `new_id`: names one, unlike any other."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._open: dict[Eye, list[_Open]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def saw(self, eye: Eye, start: Instant, end: Instant, now: Instant) -> list[Entry]:
        """Footage [start, end) went out; what is to be told of it now."""
        mine = self._open.setdefault(eye, [])
        for place, one in enumerate(mine):
            if start <= one.end + NEAR and one.start <= end + NEAR:
                grown = start < one.start or end > one.end
                first, last = min(start, one.start), max(end, one.end)
                untold = one.untold or grown
                one = replace(one, start=first, end=last, seen=max(now, one.seen), untold=untold)
                due = one.untold and not 0 <= now - one.told < TELL_EVERY
                mine[place] = replace(one, told=now, untold=False) if due else one
                return [_entry(one, "goes_on", now)] if due else []
        told = [self._close_oldest(now)] if self._count >= OPEN_MAX else []
        opened = _Open(self._new_id(), eye, start, end, now, now)
        self._open.setdefault(eye, []).append(opened)
        self._count += 1
        return [*told, _entry(opened, "opened", now)]

    def watching(self, eyes: Iterable[tuple[Eye, Instant]], now: Instant) -> list[Entry]:
        """Who watches live at this moment, each since when; who is not among them has ended."""
        told: list[Entry] = []
        present = dict(eyes)
        for eye, since in present.items():
            told += self.saw(eye, min(since, now), now, now)
        for eye in [eye for eye in self._open if eye.what is What.LIVE and eye not in present]:
            told += self._close(eye, lambda one: now - one.seen > SECOND * 5, now)
        return told

    def idle(self, now: Instant) -> list[Entry]:
        """Close what nobody fetched from for a while."""
        told: list[Entry] = []
        for eye in [eye for eye in self._open if eye.what is not What.LIVE]:
            told += self._close(eye, lambda one: now - one.seen > IDLE, now)
        return told

    def end(self, now: Instant) -> list[Entry]:
        """Close all: the server ends."""
        return [entry for eye in list(self._open) for entry in self._close(eye, _every, now)]

    def _close(self, eye: Eye, over: Callable[[_Open], bool], now: Instant) -> Iterator[Entry]:
        mine = self._open[eye]
        gone = [one for one in mine if over(one)]
        left = [one for one in mine if one not in gone]
        self._count -= len(gone)
        if left:
            self._open[eye] = left
        else:
            del self._open[eye]
        return (_entry(one, "closed", now) for one in gone)

    def _close_oldest(self, now: Instant) -> Entry:
        every = (one for mine in self._open.values() for one in mine)
        oldest = min(every, key=lambda one: one.seen)
        return next(self._close(oldest.eye, lambda one: one is oldest, now))


def _every(_one: _Open) -> bool:
    return True


def _entry(one: _Open, phase: Phase, now: Instant) -> Entry:
    eye = one.eye
    return Entry(
        *(now, eye.what, eye.who, eye.via, eye.address, eye.camera, eye.stream),
        start=one.start,
        end=one.end,
        viewing=one.id,
        phase=phase,
    )


def seen_of(
    fragments: Iterable[tuple[Instant, int, int]], end: Instant, first: int, stop: int
) -> tuple[Instant, Instant] | None:
    """The footage in bytes [first, stop) of a file; None: its head alone.

    `fragments`: start, offset and size of each, in order; `end`: of the last.
    """
    inside = [one for one in fragments if one[1] < stop and one[1] + one[2] > first]
    if not inside:
        return None
    last = inside[-1][1] + inside[-1][2]
    following = (one[0] for one in fragments if one[1] >= last)
    return inside[0][0], next(following, end)
