"""How long footage can be kept, and when a disk will be full, from what was written lately. Pure.

Sizes in bytes, rates in bytes a second, spans in nanoseconds. A forecast is arithmetic, no promise:
it takes the write rate of the last day for that of the days to come.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vms.core.clock import DAY, HOUR, SECOND, Instant, Span
from vms.core.config_storage import RetentionRule
from vms.core.model import StreamKey

LOOK_BACK = DAY
"""Over how much of the past the write rate is measured."""


@dataclass(frozen=True, slots=True)
class CameraKept:
    """What is kept of a camera. `promised`: what its rule says, None without an age.

    `kept`: how far back its footage reaches; `rate`: bytes a second; `fits`: the age that footage
    would reach if only the disks and its quota set a limit, None while nothing was measured;
    `held`: how many of the bytes are held, and so count against no quota.
    """

    camera: str
    rule: str | None
    promised: Span | None
    kept: Span
    bytes: int
    rate: float
    fits: Span | None
    held: int = 0

    @property
    def short(self) -> bool:
        """Whether the disks or a quota are too small for what the rule promises."""
        return self.promised is not None and self.fits is not None and self.fits < self.promised


@dataclass(frozen=True, slots=True)
class DiskForecast:
    """Of all volumes together. `full_at`: when they will be full, None if the rules prevent it.

    `fits`: how much time fits on them at this rate, None while nothing was measured.
    """

    rate: float
    full_at: Instant | None
    fits: Span | None


@dataclass(frozen=True, slots=True)
class Room:
    """Of the volumes together: what footage takes that may go, and what it may still take."""

    used: int
    free: int


def rates(
    written: Mapping[StreamKey, tuple[int, int]], oldest: Mapping[StreamKey, Instant], now: Instant
) -> dict[str, float]:
    """Bytes a second of each camera, from what its streams wrote since `now` - LOOK_BACK."""
    found: dict[str, float] = {}
    since = measured_since(now)
    for stream, (size, _) in written.items():
        elapsed = max(now - max(oldest.get(stream, since), since), SECOND)
        found[stream.camera] = found.get(stream.camera, 0.0) + size * SECOND / elapsed
    return found


def measured_since(now: Instant) -> Instant:
    """The whole hour from which on the rate is measured."""
    return Instant((now - LOOK_BACK) // HOUR * HOUR)


def cameras_kept(
    cameras: Collection[str],
    rules: Mapping[str, RetentionRule | None],
    sizes: Mapping[str, int],
    oldest: Mapping[str, Instant],
    rate: Mapping[str, float],
    room: Room,
    now: Instant,
    held: Mapping[str, int] | None = None,
) -> list[CameraKept]:
    """For each camera what is kept against what is promised. `held`: of `sizes`, what is held."""
    whole = _fitting(cameras, rules, rate, room)
    shared = _shares(cameras, rules, rate)
    kept = []
    for camera in cameras:
        rule = rules.get(camera)
        begin = oldest.get(camera)
        kept.append(
            CameraKept(
                camera,
                rule.name if rule is not None else None,
                Span(rule.keep) if rule is not None and rule.keep is not None else None,
                Span(max(0, now - begin) if begin is not None else 0),
                sizes.get(camera, 0),
                rate.get(camera, 0.0),
                _fits(rule, rate.get(camera, 0.0), whole, shared),
                held.get(camera, 0) if held is not None else 0,
            )
        )
    return kept


def disk_forecast(
    kept: Sequence[CameraKept],
    rules: Mapping[str, RetentionRule | None],
    room: Room,
    now: Instant,
) -> DiskForecast:
    """When all volumes will be full: each camera grows until its rule lets as much go as comes."""
    rate = sum(one.rate for one in kept)
    if rate <= 0:
        return DiskForecast(0.0, None, None)
    shared = _until_shared_quota(kept, rules)
    growing = sorted(
        (_grows_for(one, rules.get(one.camera), shared), one.rate) for one in kept if one.rate
    )
    free, at, speed = float(room.free), 0.0, rate
    fits = Span(round((room.used + room.free) / rate * SECOND))
    for until, one_rate in growing:
        grown = (until - at) * speed
        if grown >= free:  # also when it grows for ever
            break
        free, at, speed = free - grown, until, speed - one_rate
    full_at = None
    if speed > rate * 1e-9:
        wait = (at + free / speed) * SECOND
        full_at = Instant(now + round(wait)) if wait < _FAR else None
    return DiskForecast(rate, full_at, fits)


_ENDLESS = float("inf")
_FAR = 100 * 365 * DAY


def _until_shared_quota(
    kept: Iterable[CameraKept], rules: Mapping[str, RetentionRule | None]
) -> dict[str, float]:
    """Seconds until the cameras of each rule together have reached its `quota_all`."""
    sizes: dict[str, tuple[int, float]] = {}
    for one in kept:
        size, rate = sizes.get(one.rule or "", (0, 0.0))
        sizes[one.rule or ""] = (size + one.bytes - one.held, rate + one.rate)
    quotas = {rule.name: rule.quota_all for rule in rules.values() if rule is not None}
    return {
        name: max(0, quota - sizes[name][0]) / sizes[name][1]
        for name, quota in quotas.items()
        if quota is not None and name in sizes and sizes[name][1] > 0
    }


def _grows_for(one: CameraKept, rule: RetentionRule | None, shared: Mapping[str, float]) -> float:
    """Seconds until as much of the camera goes as comes; endless without keep and quota."""
    limits = [_ENDLESS]
    if rule is not None and rule.keep is not None:
        limits.append(max(0, rule.keep - one.kept) / SECOND)
    if rule is not None and rule.quota is not None:
        limits.append(max(0, rule.quota - (one.bytes - one.held)) / one.rate)
    if rule is not None:
        limits.append(shared.get(rule.name, _ENDLESS))
    return min(limits)


def _shares(
    cameras: Iterable[str], rules: Mapping[str, RetentionRule | None], rate: Mapping[str, float]
) -> dict[str, float]:
    """Bytes a second of all cameras of each rule."""
    found: dict[str, float] = {}
    for camera in cameras:
        rule = rules.get(camera)
        if rule is not None:
            found[rule.name] = found.get(rule.name, 0.0) + rate.get(camera, 0.0)
    return found


def _fitting(
    cameras: Collection[str],
    rules: Mapping[str, RetentionRule | None],
    rate: Mapping[str, float],
    room: Room,
) -> float | None:
    """Seconds that fit on the disks: what short-lived cameras leave is the others'."""
    limits = sorted(
        (_limit(rules.get(camera), rate[camera]), rate[camera])
        for camera in cameras
        if rate.get(camera, 0.0) > 0
    )
    if not limits:
        return None
    left = float(room.used + room.free)
    speed, at = sum(one for _, one in limits), 0.0
    for limit, one in limits:
        if (limit - at) * speed >= left:
            return at + left / speed
        left, at = left - (limit - at) * speed, limit
        speed -= one
    # Everything fits with room to spare: at least what the longest rule asks for.
    return max((room.used + room.free) / sum(one for _, one in limits), limits[-1][0])


def _limit(rule: RetentionRule | None, rate: float) -> float:
    limits = [_ENDLESS]
    if rule is not None and rule.keep is not None:
        limits.append(rule.keep / SECOND)
    if rule is not None and rule.quota is not None:
        limits.append(rule.quota / rate)
    return min(limits)


def _fits(
    rule: RetentionRule | None, rate: float, whole: float | None, shared: Mapping[str, float]
) -> Span | None:
    if rate <= 0 or whole is None:
        return None
    limits = [whole]
    if rule is not None and rule.quota is not None:
        limits.append(rule.quota / rate)
    if rule is not None and rule.quota_all is not None:
        limits.append(rule.quota_all / shared[rule.name])
    return Span(round(min(limits) * SECOND))
