"""Who steers, where a patrol goes, which pictures are taken: the pure parts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vms.cameras.onvif.ptz_facts import Vector
from vms.cameras.steering import command
from vms.cameras.steering.lease import (
    Lease,
    LeaseRules,
    Operator,
    PurposeMissing,
    Steered,
    alive,
    claimed,
)
from vms.cameras.steering.patrol import (
    BEGINNING,
    Patrol,
    Progress,
    Step,
    check_patrol,
    next_step,
)
from vms.cameras.steering.stills import size_of, small
from vms.core.clock import SECOND, Instant, Mono, Span
from vms.core.errors import BadRequest

ALI, AYSE, ADMIN = Operator("ali", 1), Operator("ayse", 1), Operator("admin", 2)
RULES = LeaseRules(Span(30 * SECOND), purpose=False)
REST = Span(60 * SECOND)


def claim(
    lease: Lease | None,
    by: Operator,
    at: int = 0,
    purpose: str | None = None,
    rules: LeaseRules = RULES,
    *,
    take_over: bool = False,
) -> Lease:
    now = Instant(at * SECOND)
    return claimed(
        "gate", lease, by, purpose, rules, now=now, mono=Mono(at * SECOND), take_over=take_over
    )


def test_one_steers_until_they_rest() -> None:
    lease = claim(None, ALI)
    with pytest.raises(Steered) as held:
        claim(lease, AYSE, 29)
    assert (held.value.lease.operator, held.value.may_take_over) == (ALI, False)
    lease = claim(lease, ALI, 29)
    assert lease.since == 0
    with pytest.raises(Steered):
        claim(lease, AYSE, 58)
    assert alive(lease, Mono(59 * SECOND), RULES) is None
    assert claim(lease, AYSE, 59).operator == AYSE


def test_the_higher_priority_takes_over_only_when_it_says_so() -> None:
    lease = claim(None, ALI)
    with pytest.raises(Steered) as held:
        claim(lease, ADMIN, 1)
    assert held.value.may_take_over
    taken = claim(lease, ADMIN, 1, take_over=True)
    assert taken.operator == ADMIN
    with pytest.raises(Steered):
        claim(taken, ALI, 2, take_over=True)


def test_a_role_may_ask_for_a_purpose_where_the_site_does_not() -> None:
    chaser = Operator("veli", 1, states=True)
    with pytest.raises(PurposeMissing):
        claim(None, chaser)
    assert claim(None, chaser, purpose="2026/41").purpose == "2026/41"
    assert claim(None, ALI).purpose == ""


def test_a_purpose_is_asked_for_where_the_site_wants_it_and_stays_with_the_lease() -> None:
    strict = LeaseRules(RULES.idle, purpose=True)
    with pytest.raises(PurposeMissing):
        claim(None, ALI, rules=strict)
    with pytest.raises(PurposeMissing):
        claim(None, ALI, purpose="  ", rules=strict)
    lease = claim(None, ALI, purpose="2026/41", rules=strict)
    assert claim(lease, ALI, 5, rules=strict).purpose == "2026/41"
    with pytest.raises(PurposeMissing):  # a purpose is nobody else's
        claim(lease, ADMIN, 6, rules=strict, take_over=True)


PATROL = Patrol((Step("a", 10), Step("b", 20)), running=True)


def test_a_patrol_goes_round_waits_for_people_and_goes_on() -> None:
    gone, progress, at = [], BEGINNING, 0
    for at in range(61):
        step, progress = next_step(PATROL, progress, None, Mono(at * SECOND), REST)
        if step is not None:
            gone.append((at, step.preset))
    assert gone == [(0, "a"), (10, "b"), (30, "a"), (40, "b"), (60, "a")]
    steered = Mono(at * SECOND)
    step, progress = next_step(PATROL, progress, steered, Mono((at + 10) * SECOND), REST)
    assert step is None
    step, progress = next_step(PATROL, progress, steered, Mono((at + 60) * SECOND), REST)
    assert step == Step("b", 20)


def test_a_patrol_that_is_stopped_or_shorter_by_now_harms_nothing() -> None:
    stopped = Patrol(PATROL.steps, running=False)
    assert next_step(stopped, BEGINNING, None, Mono(0), REST)[0] is None
    far = Progress(17, Mono(0))
    assert next_step(PATROL, far, None, Mono(1), REST)[0] == Step("b", 20)


@pytest.mark.parametrize("steps", [(), (Step("a", 10),), (Step("a", 4), Step("b", 10))])
def test_a_patrol_that_can_not_be_gone_is_refused(steps: tuple[Step, ...]) -> None:
    with pytest.raises(BadRequest):
        check_patrol(Patrol(steps, running=True))


@pytest.mark.parametrize(
    "speed", [Vector(1.1), Vector(float("nan")), Vector(zoom=-2), Vector(tilt=float("inf"))]
)
def test_what_is_no_direction_is_refused(speed: Vector) -> None:
    with pytest.raises(BadRequest):
        command.move(speed)


def test_no_speed_is_a_stop() -> None:
    assert command.move(Vector()).word == "stop"


def jpeg(width: int, height: int) -> bytes:
    done, coded = cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))
    assert done
    return coded.tobytes()


def test_a_snapshot_is_made_small() -> None:
    shrunk = small(jpeg(1280, 720))
    assert shrunk is not None
    assert size_of(shrunk) == (320, 180)


def test_what_is_no_picture_or_too_large_a_one_is_not_decoded() -> None:
    good = jpeg(64, 64)
    at = good.index(b"\xff\xc0") + 5
    bomb = good[:at] + b"\xff\xff\xff\xff" + good[at + 4 :]
    for bad in (b"", b"\xff\xd8", b"<html>", good[:30], bomb, good[:2] + b"\xff\xfe\x00\x00" * 9):
        assert small(bad) is None
