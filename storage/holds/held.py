"""What is held: the hold as a value, its file's text, and which spans must not go. Pure.

A hold is known in up to three places: its row, its file on each volume, and the ledger. `settle`
says what holds when they disagree; whatever is in doubt is held (invariant 4). Where rows and
files are kept is `storage.holds.repository`.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vms.core.clock import INSTANT_MAX, Instant, parse_rfc3339, rfc3339
from vms.core.model import StreamKey

EVERY_CAMERA = "*"
"""The camera of a hold nobody can read any more: it holds all there is."""

_ID = re.compile(r"[0-9a-z]{4,40}")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Hold:
    """Keeps [start, end) of all a camera's streams from every deletion.

    `until`: when it is lifted by itself, None: only by a person. `lifted`: since when it holds no
    more; `lift_reason` stands in the files and in the ledger, not in the row.
    """

    id: str
    camera: str
    start: Instant
    end: Instant
    reason: str
    until: Instant | None
    made: Instant
    made_by: str
    lifted: Instant | None = None
    lifted_by: str | None = None
    lift_reason: str | None = None

    @property
    def active(self) -> bool:
        return self.lifted is None

    @property
    def unreadable(self) -> bool:
        """Whether nobody knows any more what it holds (`Damaged.as_hold`)."""
        return self.made == 0

    def concerns(self, camera: str) -> bool:
        """Whether it holds anything of a camera."""
        return self.camera in (camera, EVERY_CAMERA)

    def as_json(self) -> dict[str, object]:
        """The contract of `vms hold list --json` and of the API."""
        return {
            "id": self.id,
            "camera": self.camera,
            "start": rfc3339(self.start, digits=9),
            "end": rfc3339(self.end, digits=9),
            "reason": self.reason,
            "until": _text(self.until),
            "made": rfc3339(self.made, digits=9),
            "made_by": self.made_by,
            "lifted": _text(self.lifted),
            "lifted_by": self.lifted_by,
            "lift_reason": self.lift_reason,
        }

    def without_lift(self) -> Hold:
        """As it was made."""
        return replace(self, lifted=None, lifted_by=None, lift_reason=None)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A hold's file that can't be believed, and why."""

    id: str
    detail: str

    def as_hold(self) -> Hold:
        """All it could mean: every camera, at all times."""
        reason = f"the file of this hold is damaged ({self.detail}); it may mean any footage"
        ever = Instant(INSTANT_MAX)
        return Hold(self.id, EVERY_CAMERA, Instant(0), ever, reason, None, Instant(0), "")


Copy = Hold | Damaged


def is_hold_id(text: str) -> bool:
    """Whether a text can name a hold."""
    return _ID.fullmatch(text) is not None


# -- the file ---------------------------------------------------------------------------------


def hold_text(hold: Hold) -> bytes:
    """The file beside the footage: JSON that a person can read, with a hash of itself."""
    facts = {"version": _VERSION, **hold.as_json()}
    text = json.dumps({**facts, "sha256": _digest(facts)}, ensure_ascii=False, indent=1)
    return text.encode() + b"\n"


def read_hold(hold_id: str, data: bytes) -> Copy:
    """What a file named `hold_id` says."""
    try:
        facts = json.loads(data)
        written = facts.pop("sha256")
        if written != _digest(facts):
            return Damaged(hold_id, "its hash does not fit")
        if facts.pop("version") != _VERSION:
            return Damaged(hold_id, "it was written by a newer version")
        hold = _hold(facts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Damaged(hold_id, f"it is no hold: {error}"[:200])
    return hold if hold.id == hold_id else Damaged(hold_id, f"it is the hold {hold.id[:40]}")


def _hold(facts: dict[str, Any]) -> Hold:
    start, end, made = (parse_rfc3339(facts[key]) for key in ("start", "end", "made"))
    until, lifted = (
        None if facts[key] is None else parse_rfc3339(facts[key]) for key in ("until", "lifted")
    )
    who = facts["lifted_by"], facts["lift_reason"]
    camera, reason, made_by = facts["camera"], facts["reason"], facts["made_by"]
    return Hold(facts["id"], camera, start, end, reason, until, made, made_by, lifted, *who)


def _digest(facts: dict[str, Any]) -> str:
    line = json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(line.encode()).hexdigest()


def _text(instant: Instant | None) -> str | None:
    return None if instant is None else rfc3339(instant, digits=9)


# -- who is right -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lift:
    """The end of a hold: when, by whom, why."""

    at: Instant
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the ledger says of a hold; None what it does not know."""

    hold: Hold | None
    lift: Lift | None


def settle(row: Hold | None, copies: Sequence[Copy], told: Callable[[], Told | None]) -> Hold:
    """What holds, by the row and the copies of the files (at least one of both) and the ledger.

    `told`: asked only where the others leave a doubt: they disagree, a copy is damaged, or there
    is no row (an old volume that comes back knows nothing of a lift). None: there is no ledger.
    The leaf of a lift comes before every other trace of it, so a ledger that knows the hold and
    no lift outweighs any number of rows and files that say it was lifted.
    """
    said = [one for one in (row, *copies) if isinstance(one, Hold)]
    facts = {one.without_lift() for one in said}
    lifts = [_lift_of(one) for one in said if one.lifted is not None]
    agreed = len(facts) == 1 and len(lifts) in (0, len(said)) and len(said) == len(copies) + 1
    word = None if agreed and row is not None else told()
    lift = _best(lifts)
    if word is None:
        base = _union(facts, copies)
    else:
        base = word.hold if word.hold is not None else _union(facts, copies)
        unknown = word.hold is None and len(lifts) == len(said)
        if not unknown:
            lift = word.lift
    if lift is None:
        return base
    return replace(base, lifted=lift.at, lifted_by=lift.by, lift_reason=lift.reason or None)


def _lift_of(hold: Hold) -> Lift:
    return Lift(hold.lifted or Instant(0), hold.lifted_by or "", hold.lift_reason or "")


def _best(lifts: Sequence[Lift]) -> Lift | None:
    """The lift that says most: rows know no reason."""
    return max(lifts, key=lambda lift: (lift.reason != "", -lift.at), default=None)


def _union(facts: Iterable[Hold], copies: Sequence[Copy]) -> Hold:
    """One hold that covers all that was said, and everything where nothing readable was."""
    found = sorted(facts, key=lambda hold: (hold.made, hold.camera, hold.start))
    if not found:
        return next(copy.as_hold() for copy in copies if isinstance(copy, Damaged))
    cameras = {hold.camera for hold in found}
    return replace(
        found[0],
        camera=found[0].camera if len(cameras) == 1 else EVERY_CAMERA,
        start=min(hold.start for hold in found),
        end=max(hold.end for hold in found),
        until=_latest([hold.until for hold in found]),
    )


def _latest(times: Sequence[Instant | None]) -> Instant | None:
    """The last of the times at which a hold ends by itself; None (never) is later than any."""
    known = [time for time in times if time is not None]
    return max(known) if len(known) == len(times) else None


# -- which spans ------------------------------------------------------------------------------


class HeldSpans:
    """The held spans of all cameras at one moment, merged: one bisection per question."""

    def __init__(self, holds: Iterable[Hold] = ()) -> None:
        self._spans: dict[str, tuple[list[int], list[int]]] = {}
        self._take((hold.camera, hold.start, hold.end) for hold in holds if hold.active)

    @classmethod
    def of(cls, spans: Iterable[tuple[str, int, int]]) -> HeldSpans:
        """Spans (camera, start, end) that must not go, whoever says so."""
        found = cls()
        found._take(spans)
        return found

    def joined(self, other: HeldSpans) -> HeldSpans:
        """What one or the other holds."""
        return HeldSpans.of([*self._all(), *other._all()])

    def _all(self) -> Iterator[tuple[str, int, int]]:
        for camera, (starts, ends) in {**self._spans, EVERY_CAMERA: self._everywhere}.items():
            yield from ((camera, *span) for span in zip(starts, ends, strict=True))

    def _take(self, found: Iterable[tuple[str, int, int]]) -> None:
        by_camera: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for camera, start, end in found:
            by_camera[camera].append((start, end))
        everywhere = by_camera.pop(EVERY_CAMERA, [])
        for camera, spans in by_camera.items():
            self._spans[camera] = _merged([*spans, *everywhere])
        self._everywhere = _merged(everywhere)

    def covers(self, stream: StreamKey, start: int, end: int) -> bool:
        """Whether any part of [start, end) of a stream must not go."""
        starts, ends = self._spans.get(stream.camera, self._everywhere)
        before = bisect.bisect_left(starts, end)
        return before > 0 and ends[before - 1] > start

    def within(self, camera: str, start: int, end: int) -> list[tuple[int, int]]:
        """The held parts of [start, end) of a camera, in order."""
        starts, ends = self._spans.get(camera, self._everywhere)
        return [
            (max(a, start), min(b, end))
            for a, b in zip(starts, ends, strict=True)
            if a < end and b > start
        ]


def _merged(spans: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Starts and ends of the spans grown together; both in order, so that a bisection finds."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends
