"""What is looked at of a camera, how long it must last before it is told, and what is told now.

Pure. A `Reading` is one look of one check; a `Chart` takes readings and says what changed. The
limits stand where the readings are made (`looks`, `flow`, `connection`); here stands only how long
something must last. docs/health.md has the table for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from vms.cameras.health.looks import Fault
from vms.cameras.health.trigger import Trigger
from vms.core.clock import MINUTE, SECOND, Instant, Span


class Check(StrEnum):
    """One question about a camera. The words stand in SQL, JSON and metrics."""

    REACHABLE = "reachable"
    AUTHENTICATED = "authenticated"
    STREAMING = "streaming"
    FPS = "fps"
    BITRATE = "bitrate"
    KEYFRAMES = "keyframes"
    LOSSES = "losses"
    RESYNCS = "resyncs"
    CLOCK = "clock"
    HEARD = "heard"
    BLACK = "black"
    WHITE = "white"
    COVERED = "covered"
    BLURRED = "blurred"
    FROZEN = "frozen"
    TURNED = "turned"
    GAPS = "gaps"
    KEPT = "kept"


class CheckState(StrEnum):
    """How a check stands. `unknown`: it could not be looked at, or by choice is not."""

    WELL = "well"
    SICK = "sick"
    UNKNOWN = "unknown"


class Rule(NamedTuple):
    """`rises`, `falls`: looks in a row until it is told, and until it is taken back; `every`: from
    one look to the next; `unit`: of its value and limit."""

    rises: int
    falls: int
    every: Span
    unit: str = ""


STREAM_EVERY = Span(10 * SECOND)
PICTURES_EVERY = MINUTE
GAPS_EVERY = Span(5 * MINUTE)
KEEPING_EVERY = Span(10 * MINUTE)
_STALE = 5  # looks that could not be taken, until it is no longer known to be well

PICTURE = {fault: Check(fault.value) for fault in Fault}
"""The checks of one picture a minute."""

# Rain, fog and a lorry in front of the lens pass; a hand before it, paint and darkness do not.
RULES: Mapping[Check, Rule] = {
    Check.REACHABLE: Rule(1, 3, STREAM_EVERY),
    Check.AUTHENTICATED: Rule(1, 3, STREAM_EVERY),
    Check.STREAMING: Rule(1, 3, STREAM_EVERY),
    Check.FPS: Rule(6, 6, STREAM_EVERY, "1/s"),
    Check.BITRATE: Rule(6, 6, STREAM_EVERY, "bit/s"),
    Check.KEYFRAMES: Rule(3, 3, PICTURES_EVERY, "s"),
    Check.LOSSES: Rule(6, 6, STREAM_EVERY, "share"),
    Check.RESYNCS: Rule(6, 6, STREAM_EVERY, "1/min"),
    Check.CLOCK: Rule(6, 6, STREAM_EVERY, "s"),
    Check.HEARD: Rule(6, 1, STREAM_EVERY),
    Check.BLACK: Rule(3, 2, PICTURES_EVERY, "share"),
    Check.WHITE: Rule(3, 2, PICTURES_EVERY, "share"),
    Check.COVERED: Rule(3, 2, PICTURES_EVERY, "share"),
    Check.BLURRED: Rule(5, 3, PICTURES_EVERY, "ratio"),
    Check.FROZEN: Rule(5, 2, PICTURES_EVERY, "share"),
    Check.TURNED: Rule(5, 2, PICTURES_EVERY, "likeness"),
    Check.GAPS: Rule(1, 1, GAPS_EVERY, "s"),
    Check.KEPT: Rule(1, 1, KEEPING_EVERY, "d"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One look. `bad`: None when it could not be told; `detail`: an English sentence if bad;
    `trouble`: why in a word for programs (`onvif.port.Trouble`), where there is one."""

    check: Check
    bad: bool | None
    value: float | None = None
    limit: float | None = None
    detail: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """How a check stands. `since`: of the state; `at`: of the last look that could tell."""

    state: CheckState = CheckState.UNKNOWN
    since: Instant | None = None
    at: Instant | None = None
    value: float | None = None
    limit: float | None = None
    detail: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A check became sick or well. `since`: the first look in a row that said so."""

    check: Check
    sick: bool
    since: Instant
    reading: Reading


@dataclass(slots=True)
class Chart:
    """All checks of one camera. `good`: when its picture was last seen to be as it should be;
    `looked`: when a picture was last looked at at all."""

    good: Instant | None = None
    looked: Instant | None = None
    _checks: dict[Check, Checked] = field(default_factory=dict)
    _triggers: dict[Check, Trigger] = field(default_factory=dict)
    _against: dict[Check, Instant] = field(default_factory=dict)  # the first look that spoke so

    @classmethod
    def remembering(
        cls, past: Mapping[Check, tuple[bool, Instant]], good: Instant | None = None
    ) -> Chart:
        """What was told before this process began: of each check whether it is sick, since when."""
        chart = cls(good)
        for check, (sick, since) in past.items():
            chart._checks[check] = Checked(_word(sick), since)
            chart._trigger(check).sick = sick
        return chart

    def take(self, readings: Iterable[Reading], now: Instant) -> list[Change]:
        """One look of some checks; what changed by it."""
        changes = (self._take(one, now) for one in readings if one.bad is not None)
        return [change for change in changes if change is not None]

    def standing(self, check: Check) -> Checked:
        """How one check stands now."""
        return self._checks.get(check, Checked())

    def told(self, now: Instant) -> dict[Check, Checked]:
        """All that is known; what nobody could look at for some time is not known to be well."""
        return {
            check: replace(one, state=CheckState.UNKNOWN)
            if one.state is CheckState.WELL and not _is_fresh(check, one, now)
            else one
            for check, one in self._checks.items()
        }

    def sick(self) -> dict[Check, Checked]:
        """What is not well, in the order of the checks."""
        found = {check: self.standing(check) for check in Check}
        return {check: one for check, one in found.items() if one.state is CheckState.SICK}

    def in_balance(self, checks: Iterable[Check]) -> bool:
        """Whether the last look of any of these spoke against what is told of it."""
        return not self._against.keys().isdisjoint(checks)

    def rest(self, now: Instant, checks: Iterable[Check] = Check) -> list[Change]:
        """Forget some checks: the camera is off, or a person says that all is as it should be."""
        ended = []
        for check in checks:
            if self.standing(check).state is CheckState.SICK:
                ended.append(Change(check, False, now, Reading(check, False)))
            for known in (self._checks, self._triggers, self._against):
                known.pop(check, None)
        return ended

    def _take(self, reading: Reading, now: Instant) -> Change | None:
        check, trigger = reading.check, self._trigger(reading.check)
        before = trigger.sick
        if reading.bad == before:
            self._against.pop(check, None)
        else:
            self._against.setdefault(check, now)
        sick = trigger.take(bool(reading.bad))
        since = self.standing(check).since
        if sick != before:
            since = self._against.pop(check)
        # What is told stays as it was told while a good look or two do not yet take it back.
        detail, trouble = reading.detail, reading.trouble
        if sick and not detail:
            detail, trouble = self.standing(check).detail, self.standing(check).trouble
        self._checks[check] = Checked(
            _word(sick), since, now, reading.value, reading.limit, detail, trouble
        )
        return Change(check, sick, since, reading) if sick != before and since is not None else None

    def _trigger(self, check: Check) -> Trigger:
        rule = RULES[check]
        return self._triggers.setdefault(check, Trigger(rule.rises, rule.falls))


def _word(sick: bool) -> CheckState:
    return CheckState.SICK if sick else CheckState.WELL


def _is_fresh(check: Check, checked: Checked, now: Instant) -> bool:
    return checked.at is not None and now - checked.at <= _STALE * RULES[check].every
