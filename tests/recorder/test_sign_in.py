"""When streams may try at a password: never so often that a device locks the account."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
from collections.abc import Callable, Sequence

import pytest

from recorder.patience import Patience
from recorder.sign_in import SignIn, SignIns
from recorder.source import Target
from vms.core.clock import MILLISECOND, MINUTE, SECOND, FakeClock, Mono
from vms.core.model import CameraId, Cause, StreamKey
from vms.core.secret import Secret

Answer = Callable[[StreamKey], Cause | None]
"""Why a try fails; None where it succeeds and goes on."""

MAIN, SUB = StreamKey(CameraId("gate")), StreamKey(CameraId("gate"), "sub")
CHANNELS = tuple(StreamKey(CameraId(f"channel-{number}")) for number in range(16))


class Door:
    """A device that refuses, and what its streams do about it."""

    def __init__(self, *keys: StreamKey, slow: int = 0) -> None:
        self.clock = FakeClock()
        self.rng = random.Random(1)
        self.sign_in = SignIn(self.clock, self.rng)
        self.streams = {key: Patience(self.rng, self.sign_in, key) for key in keys}
        self.next = dict.fromkeys(keys, self.clock.monotonic())
        self.tries: list[tuple[StreamKey, float]] = []
        self.refused: list[float] = []
        self.begun, self.slow = self.clock.monotonic(), slow
        self._due: list[tuple[Mono, StreamKey]] = []

    @property
    def now(self) -> float:
        """Seconds since the begin."""
        return (self.clock.monotonic() - self.begun) / SECOND

    def passes(self, seconds: int, answer: Answer) -> None:
        """So long, with these answers."""
        end = self.clock.monotonic() + seconds * SECOND
        while (now := self.clock.monotonic()) < end:
            self._answered(answer)
            while (key := self._next()) is not None:
                self.sign_in.begin(key)
                self.tries.append((key, self.now))
                self.next[key] = Mono(10**18)
                self._due.append((Mono(now + self.slow), key))
                if not self.slow:
                    self._answered(answer)
            waits = [now + self.sign_in.left(key) for key, at in self.next.items() if at <= now]
            later = [at for at in self.next.values() if at > now]
            soonest = min([end, *waits, *later, *(at for at, _ in self._due)])
            self.clock.advance(max(soonest - now, MILLISECOND))

    def drops(self, cause: Cause = Cause.BROKEN_STREAM) -> None:
        """All connections end."""
        for key in self.streams:
            self._ended(key, cause)

    def most(self, minutes: int) -> int:
        """The most refusals within so many minutes."""
        return max(
            sum(1 for at in self.refused if 0 <= at - one < minutes * 60) for one in self.refused
        )

    def _next(self) -> StreamKey | None:
        due = (key for key, at in self.next.items() if at <= self.clock.monotonic())
        return next((key for key in due if not self.sign_in.left(key)), None)

    def _answered(self, answer: Answer) -> None:
        now = [key for at, key in self._due if at <= self.clock.monotonic()]
        self._due = [(at, key) for at, key in self._due if at > self.clock.monotonic()]
        for key in now:
            cause = answer(key)
            if cause is None:
                self.sign_in.taken(key)
            else:
                self._ended(key, cause)

    def _ended(self, key: StreamKey, cause: Cause) -> None:
        if cause is Cause.REFUSED:
            self.refused.append(self.now)
        self.streams[key].cause = cause
        self.next[key] = Mono(self.clock.monotonic() + self.streams[key].after(SECOND))


def refuses(_: StreamKey) -> Cause | None:
    return Cause.REFUSED


def is_gone(_: StreamKey) -> Cause | None:
    return Cause.UNREACHABLE


def lets_in(_: StreamKey) -> Cause | None:
    return None


def lets_in_only(*keys: StreamKey) -> Answer:
    return lambda key: None if key in keys else Cause.REFUSED


@pytest.mark.parametrize("keys", [(MAIN,), (MAIN, SUB), CHANNELS], ids=["one", "two", "sixteen"])
def test_a_wrong_password_never_comes_near_to_a_lock(keys: Sequence[StreamKey]) -> None:
    door = Door(*keys)
    door.passes(6 * 3600, refuses)
    assert door.most(30) <= 4  # the strictest lock at the fifth
    assert len([at for at in door.refused if at < 120]) == 3
    late = [at for at in door.refused if at > 3600]
    assert max(b - a for a, b in itertools.pairwise(late)) <= 18 * 60 + 2


def test_a_slow_device_is_not_asked_by_all_its_streams_at_once() -> None:
    door = Door(*CHANNELS, slow=900 * MILLISECOND)
    door.passes(1800, refuses)
    assert len(door.refused) <= 4


def test_each_channel_has_its_turn() -> None:
    door = Door(*CHANNELS)
    door.passes(6 * 3600, refuses)
    tried = [key for key, _ in door.tries]
    assert len(set(tried[:16])) == 16


def test_a_recorder_whose_password_was_changed_is_not_stormed_after_it_restarted() -> None:
    door = Door(*CHANNELS)
    door.passes(600, lets_in)
    assert len(door.tries) == 16
    assert door.tries[-1][1] < 1
    door.drops()
    door.passes(60, is_gone)
    door.passes(1800, refuses)
    assert len(door.refused) <= 5
    at = door.now
    door.passes(20 * 60, lets_in)
    back = [when for _, when in door.tries if when >= at]
    assert len(back) == 16
    assert back[-1] - back[0] < 1


def test_a_network_that_was_gone_for_a_moment_costs_no_channel_its_time() -> None:
    door = Door(*CHANNELS)
    door.passes(60, lets_in)
    door.drops()
    at = door.now
    door.passes(20, lets_in)
    assert max(when for _, when in door.tries) - at < 8  # five, and the jitter


def test_channels_of_a_dead_device_are_all_tried_all_the_time() -> None:
    door = Door(*CHANNELS, slow=5 * SECOND)
    door.passes(60, is_gone)
    for key in CHANNELS:
        times = [at for one, at in door.tries if one == key]
        assert times[0] <= 8
        assert max(b - a for a, b in itertools.pairwise(times)) <= 5 + 7 + 8


def test_a_user_who_may_see_some_channels_only_keeps_them() -> None:
    seen = CHANNELS[::4]
    door = Door(*CHANNELS)
    door.passes(6 * 3600, lets_in_only(*seen))
    for key in seen:
        (at,) = [when for one, when in door.tries if one == key]
        assert at <= 90
    assert len([at for at in door.refused if at > 3600]) <= 4 * 5 + 5  # one at a time, in turn
    door.passes(60, lets_in)  # the user may see them now
    before = len(door.tries)
    door.passes(20 * 60, lets_in)
    assert len({key for key, _ in door.tries[before:]} | set(seen)) >= len(CHANNELS) - 1


def test_a_camera_that_can_t_be_reached_is_tried_each_five_seconds() -> None:
    door = Door(MAIN, SUB)
    door.passes(60, is_gone)
    times = [at for key, at in door.tries if key == MAIN]
    assert all(5 <= b - a <= 7 for a, b in itertools.pairwise(times))
    door = Door(MAIN)
    door.passes(30, refuses)
    tried = len(door.tries)
    door.passes(120, lambda _: Cause.SILENT)  # it was switched off meanwhile
    times = [at for _, at in door.tries[tried:]]
    assert len(times) > 5
    assert all(5 <= b - a <= 7 for a, b in itertools.pairwise(times))


def test_when_one_stream_is_let_in_the_other_tries_at_once() -> None:
    door = Door(MAIN, SUB)
    door.passes(3600, refuses)
    tried = len(door.tries)
    door.passes(20 * 60, lets_in)
    (first, at), (second, then) = door.tries[tried:]
    assert {first, second} == {MAIN, SUB}
    assert then - at <= 6


def test_a_stream_that_is_let_in_does_not_wait_for_one_that_is_refused() -> None:
    door = Door(MAIN, SUB)
    door.passes(3600, lets_in_only(MAIN))
    assert [key for key, _ in door.tries].count(MAIN) == 1
    assert door.most(30) <= 5
    door.drops()  # its cable was pulled
    tried = len(door.tries)
    door.passes(15, is_gone)
    assert [key for key, _ in door.tries[tried:]].count(MAIN) >= 2


def test_one_that_is_refused_waits_also_while_the_other_is_away() -> None:
    door = Door(MAIN, SUB)
    door.passes(60, lets_in_only(MAIN))
    refused = len(door.refused)
    door.drops(Cause.SILENT)
    door.passes(1800, lambda key: Cause.SILENT if key == MAIN else Cause.REFUSED)
    assert len(door.refused) - refused <= 4


@pytest.mark.parametrize("boots", [5, 60, 150])
@pytest.mark.parametrize("keys", [(MAIN, SUB), CHANNELS], ids=["two", "sixteen"])
def test_a_camera_that_refuses_while_it_boots_is_recorded_soon(
    keys: Sequence[StreamKey], boots: int
) -> None:
    """It let us in before with this password; its main stream tries first."""
    door = Door(*keys)
    door.passes(600, lets_in)
    door.drops()  # it was switched off and on
    tried = len(door.tries)
    door.passes(boots, refuses)
    refused = len(door.refused)
    assert refused <= 4
    door.passes(300, lets_in)
    first, at = door.tries[tried + refused]
    assert first.name == "main"
    assert at - 600 <= boots + 72 + 24
    assert door.tries[-1][1] - at < 1


def test_a_stream_that_is_always_refused_costs_the_other_nothing() -> None:
    door = Door(MAIN, SUB)
    door.passes(7200, lets_in_only(MAIN))
    door.drops()
    door.passes(7, refuses)  # it answers 401 once, and never again
    door.passes(60, lets_in_only(MAIN))
    times = [at for key, at in door.tries if key == MAIN and at >= 7200]
    assert times[-1] - 7200 <= 7 + 15


def test_a_new_plan_is_tried_at_once_and_a_lock_waited_for() -> None:
    door = Door(MAIN, SUB)
    door.passes(3600, refuses)
    assert door.sign_in.left(MAIN) > 0
    door.sign_in.forget(MAIN)
    assert door.sign_in.left(MAIN) == door.sign_in.left(SUB) == 0
    patience = door.streams[MAIN]
    patience.cause, patience.locked = Cause.REFUSED, True
    assert patience.after(SECOND) < 10 * SECOND
    assert door.sign_in.left(MAIN) >= 31 * MINUTE
    assert door.sign_in.left(SUB) >= 31 * MINUTE


def test_a_lock_is_waited_for_by_whom_it_was_told_while_others_are_in() -> None:
    door = Door(MAIN, SUB)
    door.passes(60, lets_in_only(MAIN))
    patience = door.streams[SUB]
    patience.cause, patience.locked = Cause.REFUSED, True
    patience.after(SECOND)
    assert door.sign_in.left(SUB) >= 31 * MINUTE
    assert door.sign_in.left(MAIN) == 0


def test_who_waits_is_woken_by_the_outcome() -> None:
    async def main() -> None:
        sign_in = SignIn(FakeClock(), random.Random(1))
        sign_in.begin(MAIN)
        assert sign_in.left(SUB)
        waiting = asyncio.create_task(sign_in.change.wait(within=MINUTE))
        await asyncio.sleep(0)
        sign_in.taken(MAIN)
        async with asyncio.timeout(5):
            await waiting
        assert not sign_in.left(SUB)

    asyncio.run(main())


def target(camera: str, url: str, username: str | None = "vms") -> Target:
    return Target(StreamKey(CameraId(camera)), url, username, Secret("p") if username else None)


def test_streams_of_one_user_of_one_device_know_of_each_other() -> None:
    sign_ins = SignIns(FakeClock(), random.Random(1))
    one = sign_ins.of(target("a", "rtsp://10.0.0.5/1"))
    assert sign_ins.of(target("b", "rtsp://10.0.0.5:554/2")) is one
    held = [
        one,
        sign_ins.of(target("c", "rtsp://10.0.0.5:555/2")),  # another device behind a router
        sign_ins.of(target("d", "rtsp://10.0.0.6/1")),
        sign_ins.of(target("e", "rtsp://10.0.0.5/1", "guest")),
        sign_ins.of(target("f", "rtsp://10.0.0.5/1", None)),
        sign_ins.of(target("g", "rtsp://10.0.0.5/1", None)),
        sign_ins.of(target("h", "rtsp://[fe80::1/1")),
    ]
    assert len({id(one) for one in held}) == 7


def test_a_sign_in_that_nobody_holds_is_gone() -> None:
    sign_ins = SignIns(FakeClock(), random.Random(1))
    one = sign_ins.of(target("a", "rtsp://10.0.0.5/1"))
    one.begin(MAIN)
    one.refused(MAIN, locked=True)
    assert sign_ins.of(target("b", "rtsp://10.0.0.5/2")).left(SUB)
    del one
    gc.collect()
    assert not sign_ins.of(target("b", "rtsp://10.0.0.5/2")).left(SUB)
