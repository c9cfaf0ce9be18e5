"""Whether a camera is to be recorded at a moment, and why not: by mode, schedule, privacy, events.

Pure. Privacy goes before everything; a choice that can't be known (a schedule that nobody has) is
decided for keeping footage, and for privacy where privacy was asked for.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vms.alarms.event import UNTOLD, Event
from vms.core.clock import MINUTE, SECOND, Instant, Span
from vms.core.config_camera import CameraSettings
from vms.core.model import Cause
from vms.core.schedule import WEEK_MINUTES, Weekly, WeekSpan

MARGIN = Span(SECOND)
"""Privacy begins so much earlier and ends so much later: by what clocks and sweeps can be wrong."""

WARM = Span(MINUTE)
"""So long before a schedule begins the last group of pictures is held, to begin in time."""

FOREVER = Instant(2**62)
NONE = Span(0)

Mode = Literal["continuous", "events", "schedule", "off"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the settings say of one camera. `schedule`, `privacy`: None without."""

    mode: Mode
    schedule: Weekly | None = None
    privacy: Weekly | None = None
    pre_roll: Span = NONE
    post_roll: Span = NONE


class Verdict(enum.Enum):
    """What becomes of the pictures of a moment."""

    KEEP = "keep"
    HOLD = "hold"  # in memory: they may be wanted in a moment
    DROP = "drop"
    HIDE = "hide"  # nobody may see them, now or later


@dataclass(frozen=True, slots=True)
class Decision:
    """`cause`: of the gap, None while pictures are kept. `until`: when that ends by the clock, for
    people; `again`: when to decide anew. An event changes it at any time.
    """

    verdict: Verdict
    cause: Cause | None
    until: Instant
    again: Instant


def choice_of(camera: CameraSettings, schedules: Mapping[str, Weekly], zone: str) -> Choice | None:
    """What a camera's settings choose; None where every picture is kept or only shown."""
    privacy = None
    if camera.privacy is not None:
        privacy = schedules.get(camera.privacy) or _always(camera.privacy, zone)
    plain = "continuous" if camera.record != "off" else "off"
    mode: Mode = "continuous" if plain == "continuous" else "off"
    schedule = None
    if camera.schedule is not None and (known := schedules.get(camera.schedule)) is not None:
        mode, schedule = "schedule", known
    elif camera.record == "events":
        mode = "events"
    if mode in ("continuous", "off") and privacy is None:
        return None
    if mode != "events":
        return Choice(mode, schedule, privacy)
    return Choice(mode, None, privacy, Span(camera.pre_roll), Span(camera.post_roll))


def decide(choice: Choice, events: Sequence[Event], now: Instant) -> Decision:
    """What is to be done with pictures that come at `now`. `events`: this camera's."""
    hidden, private_until = _private(choice.privacy, now)
    if hidden:
        return Decision(Verdict.HIDE, Cause.PRIVACY, private_until, private_until)
    if choice.mode == "schedule" and choice.schedule is not None:
        decision = _by_schedule(choice.schedule, now)
    elif choice.mode == "events":
        decision = _by_events(choice, events, now)
    elif choice.mode == "off":
        decision = Decision(Verdict.DROP, Cause.RECORDING_OFF, FOREVER, FOREVER)
    else:
        decision = Decision(Verdict.KEEP, None, FOREVER, FOREVER)
    return replace(decision, again=min(decision.again, private_until))


def wanted_until(choice: Choice, events: Sequence[Event], now: Instant) -> Instant | None:
    """Until when events want pictures that come at `now`; None if they don't want them.

    An event that lasts wants them as long as its source has told of it within `UNTOLD`.
    """
    ends = [
        (event.end if event.end is not None else event.told + UNTOLD) + choice.post_roll
        for event in events
        if event.start <= now + MARGIN  # of a source whose clock is ahead
    ]
    last = max(ends, default=0)
    return Instant(last) if last > now else None


def is_private(choice: Choice, at: Instant) -> bool:
    """Whether a picture of that time must not be seen, as exactly as times are known."""
    return _private(choice.privacy, at)[0]


def _private(privacy: Weekly | None, now: Instant) -> tuple[bool, Instant]:
    """Whether privacy holds, and until when that stays so. Spans of a schedule outlast `MARGIN`."""
    if privacy is None:
        return False, FOREVER
    ahead, behind = Instant(now + MARGIN), Instant(now - MARGIN)
    inside = next((at for at in (ahead, now, behind) if privacy.covers(at)), None)
    change = privacy.next_change(ahead if inside is None else inside)
    if change is None:
        return inside is not None, FOREVER
    return inside is not None, Instant(change + (MARGIN if inside is not None else -MARGIN))


def _by_schedule(schedule: Weekly, now: Instant) -> Decision:
    change = schedule.next_change(now)
    until = change if change is not None else FOREVER
    if schedule.covers(now):
        return Decision(Verdict.KEEP, None, until, until)
    if until - now <= WARM:
        return Decision(Verdict.HOLD, Cause.NOT_SCHEDULED, until, until)
    return Decision(Verdict.DROP, Cause.NOT_SCHEDULED, until, Instant(until - WARM))


def _by_events(choice: Choice, events: Sequence[Event], now: Instant) -> Decision:
    until = wanted_until(choice, events, now)
    if until is not None:
        return Decision(Verdict.KEEP, None, until, until)
    return Decision(Verdict.HOLD, Cause.NO_EVENT, FOREVER, FOREVER)


def _always(name: str, zone: str) -> Weekly:
    return Weekly(name, (WeekSpan(0, WEEK_MINUTES),), zone)
