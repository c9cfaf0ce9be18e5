"""What must go: facts of the index, rules, holds and the time in, deletions with their rule out.

Pure. Facts come as usage by the hour, so that millions of segments are planned from some thousand
rows; single segments are asked for only where an hour goes in part. Whatever the reason, the oldest
goes first and what is held never goes (invariant 4). Acting on a plan is `storage.cleaner`.
"""

from __future__ import annotations

import enum
import itertools
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from storage.holds.held import HeldSpans
from vms.core.clock import HOUR, INSTANT_MAX, Instant, span_text
from vms.core.config_storage import RetentionRule
from vms.core.config_values import size_text
from vms.core.model import StreamKey

_EVER = Instant(INSTANT_MAX)
# A segment that begins in an hour has ended by the end of the next: it is 10 min long at most.
_WHOLE = 2 * HOUR


class Why(enum.StrEnum):
    """Why footage goes. The words stand in JSON."""

    AGE = "age"
    QUOTA = "quota"
    QUOTA_ALL = "quota_all"
    DISK_FULL = "disk_full"


class UsageHour(NamedTuple):
    """What a stream has on a volume of the segments that begin in one hour. `span`: ns."""

    stream: StreamKey
    volume: str
    hour: Instant
    segments: int
    bytes: int
    span: int


class Stored(NamedTuple):
    """A segment, as far as planning needs it."""

    stream: StreamKey
    start: Instant
    end: Instant
    volume: str
    bytes: int


class Stock(Protocol):
    """What is stored."""

    def totals(self) -> Mapping[tuple[StreamKey, str], int]:
        """Bytes of each stream on each volume (uuid)."""
        ...

    def hours(
        self, streams: Collection[StreamKey], volumes: Collection[str], before: Instant
    ) -> Iterable[UsageHour]:
        """The hours that begin before an instant, the oldest first."""
        ...

    def segments(self, stream: StreamKey, volume: str, hour: Instant) -> Sequence[Stored]:
        """The segments that begin in an hour, in order."""
        ...


class Deletion(NamedTuple):
    """Of one hour of a stream on a volume goes what ends at or before `before` and is not held.

    `rule`: its name, "" if none asks for it; `segments`, `bytes`, `span` (ns): how much that is.
    """

    stream: StreamKey
    volume: str
    hour: Instant
    before: Instant
    rule: str
    why: Why
    segments: int
    bytes: int
    span: int
    oldest: Instant


Rules = Mapping[str, RetentionRule | None]
"""Camera id → the rule that holds for it (`storage.patterns.rule_of`)."""


def plan(
    stock: Stock,
    rules: Rules,
    held: HeldSpans,
    now: Instant,
    volumes: Collection[str],
    *,
    by_age: bool = True,
) -> list[Deletion]:
    """What the rules let go now, of what lies on `volumes`. `by_age`: False if the clock is not
    to be trusted; quotas hold all the same, without regard to age. A quota bounds what is not
    held."""
    planner = _Planner(stock, rules, held)
    sizes: dict[StreamKey, int] = defaultdict(int)
    for (stream, volume), size in stock.totals().items():
        if volume in volumes:
            sizes[stream] += size
    found = planner.aged(sizes, volumes, now) if by_age else []
    for deletion in found:
        sizes[deletion.stream] -= deletion.bytes
    for streams, quota, why in _quotas(rules, sizes):
        excess = sum(sizes[stream] for stream in streams) - quota
        if excess > 0:  # held footage may lie over it: else all the rest would go in its place
            excess -= planner.held_bytes(streams, volumes)
        if excess > 0:
            more = planner.oldest(streams, volumes, now, excess, why)
            for deletion in more:
                sizes[deletion.stream] -= deletion.bytes
            found += more
    return found


def relieve(
    stock: Stock,
    rules: Rules,
    held: HeldSpans,
    now: Instant,
    volume: str,
    need: int,
) -> list[Deletion]:
    """What goes so that `need` bytes of a full volume become free: the oldest of all cameras.

    What a rule's `minimum` protects goes only when nothing else is left (invariant 8).
    """
    planner = _Planner(stock, rules, held)
    streams = {stream for stream, there in stock.totals() if there == volume}
    found = planner.oldest(streams, [volume], now, need, Why.DISK_FULL)
    missing = need - sum(deletion.bytes for deletion in found)
    if missing > 0:
        found += planner.oldest(streams, [volume], None, missing, Why.DISK_FULL)
    return found


def held_bytes(
    stock: Stock, held: HeldSpans, streams: Iterable[StreamKey], volumes: Collection[str]
) -> dict[StreamKey, int]:
    """Bytes of the segments on `volumes` that are held, of each stream that has some."""
    ends = {
        stream: spans[-1][1]
        for stream in streams
        if (spans := held.within(stream.camera, -INSTANT_MAX, INSTANT_MAX))
    }
    found: dict[StreamKey, int] = defaultdict(int)
    if not ends:
        return found
    for row in stock.hours(ends.keys(), volumes, Instant(max(ends.values()))):
        stream, hour = row.stream, row.hour
        if not held.covers(stream, hour, hour + _WHOLE):
            continue
        if held.within(stream.camera, hour, hour + HOUR) == [(hour, hour + HOUR)]:
            found[stream] += row.bytes
        else:
            found[stream] += sum(
                one.bytes
                for one in stock.segments(stream, row.volume, hour)
                if held.covers(stream, one.start, one.end)
            )
    return found


def sentence(deletion: Deletion, rule: RetentionRule | None) -> str:
    """Why it goes, for the ledger and for people."""
    match deletion.why:
        case Why.DISK_FULL:
            return "the volume was full: the oldest footage went"
        case Why.AGE:
            said = f"older than {span_text(rule.keep or 0)}" if rule else "older than its rule says"
        case Why.QUOTA:
            said = f"over the camera's {size_text(rule.quota or 0)}" if rule else "over its quota"
        case Why.QUOTA_ALL:
            quota = size_text(rule.quota_all or 0) if rule else "the quota"
            said = f"over {quota} of all cameras together"
    return f"{said} ({rule.reason})" if rule and rule.reason else said


def emptied(deletions: Iterable[Deletion], stock: Stock) -> list[str]:
    """The cameras of which nothing would be left."""
    left: dict[str, int] = defaultdict(int)
    for (stream, _), size in stock.totals().items():
        left[stream.camera] += size
    before = {camera for camera, size in left.items() if size}
    for deletion in deletions:
        left[deletion.stream.camera] -= deletion.bytes
    return sorted(camera for camera in before if left[camera] <= 0)


def _quotas(
    rules: Rules, streams: Collection[StreamKey]
) -> Iterator[tuple[list[StreamKey], int, Why]]:
    """Each quota with the streams that share it: a camera's first, then those of whole rules."""
    by_camera: dict[str, list[StreamKey]] = defaultdict(list)
    by_rule: dict[str, list[StreamKey]] = defaultdict(list)
    for stream in sorted(streams):
        rule = rules.get(stream.camera)
        if rule is not None and rule.quota is not None:
            by_camera[stream.camera].append(stream)
        if rule is not None and rule.quota_all is not None:
            by_rule[rule.name].append(stream)
    for camera, own in by_camera.items():
        rule = rules[camera]
        assert rule is not None
        assert rule.quota is not None
        yield own, rule.quota, Why.QUOTA
    for shared in by_rule.values():
        rule = rules[shared[0].camera]
        assert rule is not None
        assert rule.quota_all is not None
        yield shared, rule.quota_all, Why.QUOTA_ALL


class _Planner:
    """One plan in the making: remembers what is taken, so that nothing goes twice."""

    def __init__(self, stock: Stock, rules: Rules, held: HeldSpans) -> None:
        self._stock, self._rules, self._held = stock, rules, held
        self._taken: dict[tuple[StreamKey, str, Instant], Instant] = {}  # by rounds before

    def held_bytes(self, streams: Iterable[StreamKey], volumes: Collection[str]) -> int:
        """How much of the streams is held."""
        return sum(held_bytes(self._stock, self._held, streams, volumes).values())

    def aged(
        self, streams: Iterable[StreamKey], volumes: Collection[str], now: Instant
    ) -> list[Deletion]:
        """All that is older than its rule keeps."""
        until = {}
        for stream in streams:
            rule = self._rules.get(stream.camera)
            if rule is not None and rule.keep is not None:
                until[stream] = Instant(now - rule.keep)
        return self._take(until, volumes, None, Why.AGE)

    def oldest(
        self,
        streams: Iterable[StreamKey],
        volumes: Collection[str],
        now: Instant | None,
        need: int,
        why: Why,
    ) -> list[Deletion]:
        """The oldest of `streams` together, until `need` bytes went; `now` None: no minimum."""
        until = {stream: self._protected_from(stream, now) for stream in streams}
        return self._take(until, volumes, need, why)

    def _protected_from(self, stream: StreamKey, now: Instant | None) -> Instant:
        rule = self._rules.get(stream.camera)
        if now is None or rule is None or rule.minimum == 0:
            return _EVER
        return Instant(now - rule.minimum)

    def _take(
        self,
        until: Mapping[StreamKey, Instant],
        volumes: Collection[str],
        need: int | None,
        why: Why,
    ) -> list[Deletion]:
        """The oldest hours of the streams, each up to its `until`, until `need` bytes went."""
        found: list[Deletion] = []
        if not until:
            return found
        # A row is met once a round, so what this round takes matters to the next one only.
        rows = self._stock.hours(until.keys(), volumes, max(until.values()))
        for _, together in itertools.groupby(rows, key=lambda row: row.hour):
            group = [row for row in together if row.hour < until[row.stream]]
            if need is None or sum(row.bytes for row in group) <= need:
                taken = self._all_of(group, until, why)
            else:
                taken = self._some_of(group, until, need, why)
            found += taken
            if need is not None:
                need -= sum(deletion.bytes for deletion in taken)
                if need <= 0:
                    break
        self._taken.update({one[:3]: one.before for one in found})
        return found

    def _all_of(
        self, rows: Iterable[UsageHour], until: Mapping[StreamKey, Instant], why: Why
    ) -> list[Deletion]:
        found, taken, covers = [], self._taken, self._held.covers
        for row in rows:
            stream, _, hour, segments, size, span = row
            end = Instant(hour + _WHOLE)
            whole = (
                end <= until[stream]
                and (not taken or row[:3] not in taken)
                and not covers(stream, hour, end)
            )
            if whole:
                found.append(self._deletion(row, end, why, (segments, size, span, hour)))
            else:
                some = self._candidates(row, until)
                found += self._deletions(row, some, why)
        return found

    def _some_of(
        self, rows: Sequence[UsageHour], until: Mapping[StreamKey, Instant], need: int, why: Why
    ) -> list[Deletion]:
        """Segment by segment over all streams of the hour, the oldest first."""
        candidates = [
            (number, one) for number, row in enumerate(rows) for one in self._candidates(row, until)
        ]
        candidates.sort(key=lambda pair: (pair[1].start, pair[1].stream))
        chosen: dict[int, list[Stored]] = defaultdict(list)
        for number, one in candidates:
            if need <= 0:
                break
            chosen[number].append(one)
            need -= one.bytes
        return [
            deletion
            for number, some in sorted(chosen.items())
            for deletion in self._deletions(rows[number], some, why)
        ]

    def _candidates(self, row: UsageHour, until: Mapping[StreamKey, Instant]) -> list[Stored]:
        """What of an hour may go, in order."""
        after = self._taken.get((row.stream, row.volume, row.hour), Instant(-INSTANT_MAX))
        limit = until[row.stream]
        return [
            one
            for one in self._stock.segments(row.stream, row.volume, row.hour)
            if after < one.end <= limit and not self._held.covers(one.stream, one.start, one.end)
        ]

    def _deletions(self, row: UsageHour, some: Sequence[Stored], why: Why) -> list[Deletion]:
        """`some` of the hour's segments, all there are up to the last of them."""
        if not some:
            return []
        size = (
            len(some),
            sum(one.bytes for one in some),
            sum(one.end - one.start for one in some),
            some[0].start,
        )
        return [self._deletion(row, some[-1].end, why, size)]

    def _deletion(
        self, row: UsageHour, before: Instant, why: Why, size: tuple[int, int, int, Instant]
    ) -> Deletion:
        rule = self._rules.get(row.stream.camera)
        name = rule.name if rule is not None else ""
        return Deletion(row.stream, row.volume, row.hour, before, name, why, *size)
