"""What rates a stream usually has, pictures and bits a second: learnt while it is well. Pure.

A rate that is far too low teaches nothing: else a fault would be usual after some hours, and well.
What was changed on purpose a person says (on its page), or it shows: another codec, size or
address is another stream, whose rates are learnt anew.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

from vms.core.clock import MINUTE, Instant

_LEARNT = 10 * MINUTE  # of looks, before a rate is called usual
_MEMORY = 6 * 60 * MINUTE  # how slowly the usual follows
_GRUDGING = 256  # so much slower what is far too high: the fault may be what was learnt

_FORMAT = 1
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


@dataclass(frozen=True, slots=True)
class UsualRates:
    """Of one stream. `of`: which one it is, in words of `flow`; `since`: when learning began, by
    what a person said."""

    fps: UsualRate = UsualRate()
    bits: UsualRate = UsualRate()
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

    def to_bytes(self) -> bytes:
        """For a file."""
        told = {"form": _FORMAT, "of": self.of, "since": self.since}
        told |= {name: [rate.value, rate.weight] for name, rate in self._rates()}
        return json.dumps(told).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> UsualRates:
        """Raises ValueError for what `to_bytes` did not write."""
        try:
            told = json.loads(data)
            if told["form"] != _FORMAT:
                raise KeyError("of another release")
            fps, bits = (_rate(told[name]) for name in ("fps", "bits"))
            return cls(fps, bits, str(told["of"]), Instant(int(told["since"])))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"no usual rates: {error}") from error

    def _rates(self) -> tuple[tuple[str, UsualRate], ...]:
        return ("fps", self.fps), ("bits", self.bits)


def _rate(told: Any) -> UsualRate:
    value, weight = float(told[0]), int(told[1])
    if not (math.isfinite(value) and value >= 0 and 0 <= weight <= _MEMORY):
        raise ValueError(f"a rate of {value} from {weight} ns")
    return UsualRate(value, weight)
