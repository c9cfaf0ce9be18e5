"""What rates a stream usually has, pictures and bits a second: learnt while it is well. Pure.

Of each hour of the day by itself, too: many cameras halve their pictures in the dark, and a street
takes a twentieth of its bits at night. A rate that is far too low teaches nothing: else a fault
would be usual after some hours, and well. What was changed on purpose a person says (on its page),
once for all nights, or it shows: another codec, size or address is another stream, whose rates are
learnt anew.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

from vms.core.clock import HOUR, MINUTE, Instant

_LEARNT = 10 * MINUTE  # of looks, before a rate is called usual
_MEMORY = 6 * 60 * MINUTE  # how slowly the usual follows
_GRUDGING = 256  # so much slower what is far too high: the fault may be what was learnt

_HOURS = 24
_FORMAT, _WITHOUT_HOURS = 2, 1
_NEVER = Instant(0)


@dataclass(frozen=True, slots=True)
class UsualRate:
    """A slow mean. `weight`: nanoseconds it was learnt from, at most `_MEMORY`."""

    value: float = 0.0
    weight: int = 0

    @property
    def known(self) -> bool:
        return self.weight >= _LEARNT

    def after(self, value: float, span: int, *, bad: bool) -> UsualRate:
        """What is usual after a look at `span` more nanoseconds of `value`."""
        if not bad:
            weight = min(self.weight + span, _MEMORY)
            return UsualRate(self.value + (value - self.value) * span / weight, weight)
        if value < self.value:
            return self
        return replace(self, value=self.value + (value - self.value) * span / (_GRUDGING * _MEMORY))


_UNKNOWN = (UsualRate(),) * _HOURS


@dataclass(frozen=True, slots=True)
class Habit:
    """One rate. `hours`: of each hour of the day (UTC); `odd`: what came in each since it was told
    to be odd. What is usual is so in the hours beside, too: dusk comes a little later each day.
    """

    mean: UsualRate = UsualRate()
    hours: tuple[UsualRate, ...] = _UNKNOWN
    odd: tuple[UsualRate, ...] = _UNKNOWN

    @property
    def known(self) -> bool:
        return self.mean.known

    def least(self, at: Instant) -> float:
        """The lowest mean that is usual at this time of the day."""
        return min(self._means(at))

    def most(self, at: Instant) -> float:
        """The highest."""
        return max(self._means(at))

    def after(self, value: float, span: int, at: Instant, *, bad: bool) -> Habit:
        """What is usual after a look at `span` more nanoseconds of `value`."""
        hour, hours, odd = at // HOUR % _HOURS, list(self.hours), list(self.odd)
        learns = odd if bad else hours
        learns[hour] = learns[hour].after(value, span, bad=False)
        if not bad:
            odd[hour] = UsualRate()  # it passed; nobody said that it was meant so
        return Habit(self.mean.after(value, span, bad=bad), tuple(hours), tuple(odd))

    def accepted(self) -> Habit:
        """A person says that all is as it should be: what was told to be odd, too."""
        pairs = zip(self.hours, self.odd, strict=True)
        return Habit(hours=tuple(odd if odd.known else known for known, odd in pairs))

    def _means(self, at: Instant) -> list[float]:
        hour = at // HOUR % _HOURS
        about = (self.hours[(hour + by) % _HOURS] for by in (-1, 0, 1))
        return [self.mean.value, *(one.value for one in about if one.known)]


@dataclass(frozen=True, slots=True)
class UsualRates:
    """Of one stream. `of`: which one it is, in words of `flow`; `since`: when learning began, by
    what a person said."""

    fps: Habit = Habit()
    bits: Habit = Habit()
    of: str = ""
    since: Instant = _NEVER

    @property
    def known(self) -> bool:
        return self.fps.known and self.bits.known

    def of_stream(self, of: str) -> UsualRates:
        """What is usual of this stream: nothing, where another was learnt."""
        if of == self.of:
            return self
        return replace(self, of=of) if not self.of else UsualRates(of=of, since=self.since)

    def accepted(self, since: Instant) -> UsualRates:
        """A person says that they are as they should be. Other hours keep theirs."""
        return UsualRates(self.fps.accepted(), self.bits.accepted(), self.of, since)

    def to_bytes(self) -> bytes:
        """For a file."""
        told = {"form": _FORMAT, "of": self.of, "since": self.since}
        for name, habit in (("fps", self.fps), ("bits", self.bits)):
            told[name] = [habit.mean.value, habit.mean.weight]
            for part, hours in (("hours", habit.hours), ("odd", habit.odd)):
                told[f"{name}_{part}"] = [[one.value, one.weight] for one in hours]
        return json.dumps(told).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> UsualRates:
        """Raises ValueError for what `to_bytes` did not write."""
        try:
            told = json.loads(data)
            if told["form"] not in (_FORMAT, _WITHOUT_HOURS):
                raise KeyError("of another release")
            fps, bits = (_habit(told, name) for name in ("fps", "bits"))
            return cls(fps, bits, str(told["of"]), Instant(int(told["since"])))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"no usual rates: {error}") from error


def _habit(told: dict[str, Any], name: str) -> Habit:
    if told["form"] == _WITHOUT_HOURS:
        return Habit(_rate(told[name]))
    hours, odd = (tuple(map(_rate, told[f"{name}_{part}"])) for part in ("hours", "odd"))
    if len(hours) != _HOURS or len(odd) != _HOURS:
        raise ValueError(f"{len(hours)} and {len(odd)} hours")
    return Habit(_rate(told[name]), hours, odd)


def _rate(told: Any) -> UsualRate:
    value, weight = float(told[0]), int(told[1])
    if not (math.isfinite(value) and value >= 0 and 0 <= weight <= _MEMORY):
        raise ValueError(f"a rate of {value} from {weight} ns")
    return UsualRate(value, weight)
