"""A camera without keyframes is not silently connecting for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from recorder.camera_stream import CameraStream, Surroundings, stop
from recorder.keeper import Keeper
from recorder.keyframes import ASKED_AGAIN_AFTER, TOLD_AFTER, KeyframeWatch
from recorder.plan import plans
from recorder.preroll import PreRollMemory
from recorder.runclock import Reading
from recorder.session import Rules
from recorder.source import Batch, Kind, SourceStats, Target
from storage.facts import GapFacts
from storage.recording import Store
from tests.recorder.streams import WITH_SOUND
from tests.storage.house import open_archive, settings
from vms.core.clock import SECOND, Clock, FakeClock, Instant, Mono, Span
from vms.core.config_camera import CameraSettings
from vms.core.live import LiveHub
from vms.core.media import AccessUnit, StreamFormat, Track
from vms.core.model import CameraId, Cause, State, StreamKey
from vms.core.ntp import NtpState

GATE = StreamKey(CameraId("gate"))


class Keyless:
    """A source whose packets never make a picture to begin with, until `starts`.

    `age`: seconds between its first picture, the only keyframe, and the second.
    """

    kind: Kind = "native"
    reason: str | None = None
    notes: tuple[str, ...] = ()

    def __init__(self, clock: Clock) -> None:
        self.stats, self._clock = SourceStats(), clock
        self.format: StreamFormat | None = None
        self.starts = False
        self.age = 0
        self._number = 0
        self._since = clock.monotonic()

    def fileno(self) -> int | None:
        return None

    def sweep(self) -> Batch:
        self.stats.packets += 1
        if not self.starts:
            return Batch()
        now, batch = self._clock.monotonic(), Batch()
        if self.format is None:
            self.format = WITH_SOUND
            batch.units.append(WITH_SOUND)
            self._since = now
        key = self._number == 0
        pts = (now - self._since) * 90_000 // SECOND + (0 if key else self.age * 90_000)
        batch.units.append(AccessUnit(Track.VIDEO, b"\0\0\0\1\x65", pts, now, key))
        self._number += 1
        return batch

    def close(self) -> None:
        pass

    async def closed(self) -> None:
        pass


Pass = Callable[[float], tuple[State, Cause | None]]


def played(folder: Path, script: Callable[[list[Keyless], Pass], None]) -> list[GapFacts]:
    """The gaps after a `script`, which lets seconds pass and is told the stream's state then.

    A sweep comes each 300 ms; clocks and counters are looked at once a second.
    """
    clock, made = FakeClock(), list[Keyless]()

    async def opened(target: Target, clock: Clock, rng: random.Random) -> Keyless:
        made.append(Keyless(clock))
        return made[-1]

    async def scene(store: Store) -> None:
        hub = LiveHub(lambda _: (), lambda _key, _on: None)
        gate, rules = asyncio.Semaphore(1), Rules()
        memory = PreRollMemory(0)
        sweep = Span(SECOND // 5)
        around = Surroundings(clock, random.Random(1), hub, opened, gate, rules, sweep, memory)
        camera = CameraSettings.model_validate({"id": "gate", "source": "rtsp://10.0.0.5/"})
        plan = plans([camera], 0, 1)[GATE]
        stream = CameraStream(GATE, plan, around, Keeper(GATE, store, clock))
        task = asyncio.create_task(stream.run())
        while not made:
            await asyncio.sleep(0)
        await asyncio.sleep(0)

        tenths = 0

        def let_pass(seconds: float) -> tuple[State, Cause | None]:
            nonlocal tenths
            for _ in range(round(seconds * 10)):
                tenths += 1
                clock.advance(SECOND // 10)
                if tenths % 3 == 0:
                    stream.sweep()
                if tenths % 10 == 0:
                    reading = Reading(clock.now(), clock.monotonic())
                    stream.tick(reading, NtpState(False, None))
            status = stream.status(Reading(clock.now(), clock.monotonic()))
            return status.state, status.cause

        script(made, let_pass)
        await stop(task)
        assert stream.status(Reading(clock.now(), clock.monotonic())).errors == 0

    with Store(settings(folder), clock, threads=False) as store:
        store.recover([GATE])
        asyncio.run(scene(store))
        store.pump()
    return list(open_archive(folder, clock).gaps(GATE, Instant(0), Instant(2**62)))


def test_pictures_without_a_keyframe_are_told_of_recorded_once_one_comes(tmp_path: Path) -> None:
    def script(made: list[Keyless], let_pass: Pass) -> None:
        assert let_pass(10) == (State.CONNECTING, None)
        assert let_pass(15) == (State.FAILED, Cause.BROKEN_STREAM)
        made[0].starts = True
        assert let_pass(5) == (State.RECORDING, None)

    gaps = played(tmp_path, script)
    assert [gap.cause for gap in gaps][:2] == [Cause.CONNECTING, Cause.BROKEN_STREAM]
    assert "no keyframe" in gaps[1].detail


@pytest.mark.parametrize("age", [0, 3])
@pytest.mark.parametrize("tenths", [-9, -5, -3, -1, 0, 1])
def test_a_keyframe_on_its_way_when_patience_ends_is_recorded(
    tmp_path: Path, tenths: int, age: int
) -> None:
    def script(made: list[Keyless], let_pass: Pass) -> None:
        made[0].age = age
        let_pass(21 + tenths / 10)
        made[0].starts = True
        assert let_pass(3) == (State.RECORDING, None)

    gaps = played(tmp_path, script)
    assert {gap.cause for gap in gaps} <= {
        Cause.CONNECTING,
        Cause.BROKEN_STREAM,
        Cause.RECORDER_STOPPED,
    }


def test_a_new_connection_asks_for_a_keyframe_at_last() -> None:
    watch = KeyframeWatch()
    assert watch.look(Mono(0), waiting=True) is None
    assert watch.look(Mono(TOLD_AFTER), waiting=True) is not None
    assert not watch.over(Mono(TOLD_AFTER))
    assert watch.over(Mono(ASKED_AGAIN_AFTER))
    assert watch.look(Mono(ASKED_AGAIN_AFTER), waiting=False) is None
    assert not watch.over(Mono(ASKED_AGAIN_AFTER))
