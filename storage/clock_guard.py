"""Whether the clock may be believed when it says that footage is old (invariant 10). Pure.

A clock that is wrong by a year makes a year of footage old at once. So what the clock says is held
against what is known without it: how long the machine ran since the last look, in which boot, and
when the newest footage ended. In doubt nothing goes by age until the clock is back, or a person
says that it is right; a full disk is relieved all the same, which asks no clock.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from vms.core.clock import DAY, MINUTE, Instant, rfc3339, span_text

TOLERANCE = 5 * MINUTE
"""How far the clock may be from where it should be: a step of NTP, a slow drift."""
UNSEEN = DAY
"""How much time may have passed while nobody looked (machine off), if no NTP keeps the clock."""
UNSEEN_SYNCHRONISED = 7 * DAY
"""The same with NTP: the clock is right then, but a month is worth a question."""
RESTART = 60 * MINUTE
"""How long a restart may take after a doubt: then only such a clock is taken for set right."""
_DRIFT = 1_000  # a thousandth of the time since the last look: more than any quartz is wrong by


@dataclass(frozen=True, slots=True)
class Reading:
    """Both hands at once. `running`: ns since boot, counting sleep; `boot`: which boot."""

    wall: Instant
    running: int
    boot: str
    synchronised: bool

    def as_text(self) -> str:
        """For the custody table."""
        return json.dumps(asdict(self))

    @classmethod
    def of_text(cls, text: str) -> Reading | None:
        """Read back; None for what is not a reading."""
        try:
            values = json.loads(text)
            return cls(
                Instant(int(values["wall"])),
                int(values["running"]),
                str(values["boot"]),
                bool(values["synchronised"]),
            )
        except (ValueError, KeyError, TypeError):
            return None


def doubt(
    believed: Reading | None,
    now: Reading,
    newest: Instant | None,
    doubted: Reading | None = None,
) -> str | None:
    """Why the clock is not to be believed, as a sentence; None if it is.

    `believed`: the last reading that was; `newest`: where the newest footage ends, which counts
    only when nothing was believed yet (a new or rebuilt database). `doubted`: the last reading
    since that was not believed: a restart alone makes no wrong clock right.
    """
    unseen = UNSEEN_SYNCHRONISED if now.synchronised else UNSEEN
    if believed is None:
        return None if newest is None else _against_footage(newest, now, unseen)
    passed = now.wall - believed.wall
    if now.boot == believed.boot:
        ran = now.running - believed.running
        off = passed - ran
        if abs(off) > TOLERANCE + abs(ran) // _DRIFT:
            return _moved(off, now)
        if passed > unseen:
            return (
                f"the clock says {rfc3339(now.wall, digits=0)}, "
                f"{_about(passed)} after retention last ran"
            )
        return None
    if passed < -TOLERANCE:
        return _moved(passed, now)
    if doubted is not None and doubted.boot == believed.boot:
        off = passed - (doubted.running - believed.running)
        return None if -TOLERANCE <= off <= RESTART else _moved(off, now)
    if doubted is not None:
        unseen = RESTART
    if passed > unseen:
        return (
            f"after a restart the clock says {rfc3339(now.wall, digits=0)}, {_about(passed)} later "
            "than when retention last ran"
        )
    return None


def _against_footage(newest: Instant, now: Reading, unseen: int) -> str | None:
    if now.wall < newest - TOLERANCE:
        return (
            f"the clock says {rfc3339(now.wall, digits=0)}, but there is footage from "
            f"{rfc3339(newest, digits=0)}"
        )
    if now.wall - newest > unseen:
        return (
            f"the clock says {rfc3339(now.wall, digits=0)}, {_about(now.wall - newest)} after the "
            "newest footage"
        )
    return None


def _moved(off: int, now: Reading) -> str:
    way = "forward" if off > 0 else "back"
    return f"the clock was set {way} by {_about(abs(off))}; it says {rfc3339(now.wall, digits=0)}"


def _about(span: int) -> str:
    """A length of time for people, to its largest unit."""
    for unit in (DAY, 60 * MINUTE, MINUTE):
        if span >= 2 * unit:
            return span_text(span // unit * unit)
    return span_text(span // 1_000_000_000 * 1_000_000_000)
