"""A worker with the real store, and cameras that do what the test says."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from recorder.orders import Orders
from recorder.source import Batch, Element, Kind, LockedOut, SourceStats, Target
from recorder.worker import Worker, run_worker
from storage.archive import Archive
from storage.database import open_database
from storage.recording import Store
from tests.recorder.streams import WITH_SOUND
from vms.alarms.event import Event
from vms.core.clock import MINUTE, SECOND, Clock, Instant, SystemClock
from vms.core.config import Settings
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.errors import CameraError
from vms.core.live import FormatChanged, LiveClient, LiveMessage, LiveUnit, StreamDown
from vms.core.live.glimpse import glimpse
from vms.core.media import AccessUnit, StreamFormat, Track
from vms.core.model import CameraId, Cause, State, StreamKey
from vms.core.ntp import NtpState
from vms.core.status import StreamStatus, WorkerStatus, read_statuses, write_status

GATE, YARD = StreamKey(CameraId("gate")), StreamKey(CameraId("yard"))
FPS = 25


@dataclass
class Camera:
    """A simulated camera's switch: what it does when asked."""

    refuses: CameraError | None = None
    breaks: Exception | None = None
    made: list[FakeSource] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)


class FakeSource:
    """A source that makes 25 pictures a second, and sound, as time passes."""

    kind: Kind = "native"
    reason: str | None = None
    notes: tuple[str, ...] = ()

    def __init__(self, camera: Camera, clock: Clock) -> None:
        self.stats = SourceStats()
        self.format: StreamFormat | None = None
        self.is_closed = False
        self._camera, self._clock = camera, clock
        self._began = clock.monotonic()
        self._number = self._heard = 0

    def fileno(self) -> int | None:
        return None

    def sweep(self) -> Batch:
        if self._camera.breaks is not None:
            raise self._camera.breaks
        units: list[Element] = []
        if self.format is None:
            self.format = WITH_SOUND
            units.append(WITH_SOUND)
        now = self._clock.monotonic()
        passed = now - self._began
        while self._number * SECOND // FPS <= passed:
            data = b"\0\0\0\x05\x65" + len(self._camera.sent).to_bytes(4, "big")
            pts = self._number * 90_000 // FPS
            units.append(AccessUnit(Track.VIDEO, data, pts, now, self._number % FPS == 0))
            self._camera.sent.append(data)
            self._number += 1
        while self._heard * 1_024 * SECOND // 16_000 <= passed:
            units.append(AccessUnit(Track.AUDIO, b"sound", self._heard * 1_024, now))
            self._heard += 1
        self.stats.units += len(units)
        self.stats.bytes += 100 * len(units)
        return Batch(units)

    def close(self) -> None:
        self.is_closed = True

    async def closed(self) -> None:
        assert self.is_closed


class Site:
    """One worker over a folder, with fake cameras."""

    def __init__(self, folder: Path, ids: Sequence[str]) -> None:
        self.settings = Settings.model_validate(
            {
                "file": folder / "cameras.toml",
                "system": {"data": folder},
                "recorder": {"workers": 1, "segment": 2 * SECOND, "sweep": SECOND // 20},
                "volumes": [{"path": folder / "video", "reserve": 0}],
            }
        )
        self.settings.make_run_dirs()
        self.cameras = {name: Camera() for name in ids}
        self.listed = [self.camera(name) for name in ids]
        self.schedules: list[ScheduleSettings] = []
        self.events: list[Event] = []
        self.clock = SystemClock()

    def camera(self, ident: str, **more: object) -> CameraSettings:
        return CameraSettings.model_validate({"id": ident, "source": "rtsp://10.0.0.5/", **more})

    async def open_source(self, target: Target, clock: Clock, rng: random.Random) -> FakeSource:
        camera = self.cameras[target.stream.camera]
        if camera.refuses is not None:
            raise camera.refuses
        source = FakeSource(camera, clock)
        camera.made.append(source)
        return source

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        stopping = asyncio.Event()
        with Store(self.settings, self.clock) as store:
            worker = Worker(
                self.settings,
                0,
                store,
                Orders(
                    lambda: self.listed, lambda: self.schedules, lambda since: list(self.events)
                ),
                clock=self.clock,
                opener=self.open_source,
                rng=random.Random(1),
            )
            task = asyncio.create_task(worker.run(stopping))
            try:
                yield worker
            finally:
                stopping.set()
                await asyncio.wait_for(task, 30)

    def statuses(self) -> dict[StreamKey, StreamStatus]:
        return read_statuses(self.settings.run_dir, self.clock.now())

    async def until(
        self, true: Callable[[dict[StreamKey, StreamStatus]], bool], deadline: float = 30.0
    ) -> None:
        """Wait until the status files say so."""
        async with asyncio.timeout(deadline):
            while not true(self.statuses()):
                await asyncio.sleep(0.02)

    def recorded(self, key: StreamKey) -> tuple[list[tuple[int, int]], list[tuple[int, int, str]]]:
        """Segments and gaps in the index, as spans."""
        engine = open_database(self.settings.database_url)
        archive = Archive(engine, self.settings.volumes)
        ever = (Instant(0), Instant(self.clock.now() + 10 * SECOND))
        segments = [(facts.start, facts.end) for facts in archive.segments(key, *ever)]
        gaps = [
            (gap.start, gap.end or self.clock.now(), gap.cause.value)
            for gap in archive.gaps(key, *ever)
        ]
        engine.dispose()
        return segments, gaps


def is_in(state: State, key: StreamKey = GATE) -> Callable[[dict[StreamKey, StreamStatus]], bool]:
    return lambda found: key in found and found[key].state is state


def assert_tiled(segments: list[tuple[int, int]], gaps: list[tuple[int, int, str]]) -> None:
    spans = sorted([*segments, *((start, end) for start, end, _ in gaps)])
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end == start, "time nobody accounts for, or twice"


def test_a_camera_is_recorded_without_holes_and_its_end_has_a_cause(tmp_path: Path) -> None:
    site = Site(tmp_path, ["gate"])

    async def scene() -> None:
        async with site.running():
            await site.until(is_in(State.RECORDING))
            await asyncio.sleep(3)
            status = site.statuses()[GATE]
            assert status.codec == "h264"
            assert status.audio == "aac"
            assert status.dropped == 0
            assert status.source == "native"

    asyncio.run(scene())
    segments, gaps = site.recorded(GATE)
    assert len(segments) >= 2
    assert_tiled(segments, gaps)
    causes = [cause for _, _, cause in gaps]
    assert causes[-1] == "recorder_stopped"
    assert causes[:-1] in ([], ["connecting"])  # none where the first picture is as old as we
    assert site.cameras["gate"].made[0].is_closed
    assert not list(site.settings.run_dir.glob("*.status.json"))


@pytest.mark.parametrize("error", [CameraError(Cause.SILENT, "nothing came"), KeyError("a bug")])
def test_one_bad_camera_never_harms_another(tmp_path: Path, error: Exception) -> None:
    site = Site(tmp_path, ["gate", "yard"])

    async def scene() -> None:
        async with site.running():
            await site.until(is_in(State.RECORDING, YARD))
            await site.until(is_in(State.RECORDING, GATE))
            site.cameras["gate"].breaks = error
            await site.until(is_in(State.FAILED, GATE))
            status = site.statuses()[GATE]
            expected = Cause.SILENT if isinstance(error, CameraError) else Cause.BROKEN_STREAM
            assert status.cause is expected
            assert status.detail
            assert status.retry_at is not None
            assert status.retry_at - site.clock.now() > 3 * SECOND
            assert status.errors == 1
            assert site.statuses()[YARD].errors == 0

    asyncio.run(scene())
    for key in (GATE, YARD):
        assert_tiled(*site.recorded(key))
    sent = len(site.cameras["yard"].sent)
    segments, _ = site.recorded(YARD)
    assert sum(end - start for start, end in segments) > (sent - 10) * SECOND // FPS


def test_a_camera_that_can_not_be_reached_is_a_gap_with_its_cause(tmp_path: Path) -> None:
    site = Site(tmp_path, ["gate"])
    site.cameras["gate"].refuses = CameraError(Cause.UNREACHABLE, "no answer from 10.0.0.5:554")

    async def scene() -> None:
        async with site.running():
            await site.until(is_in(State.FAILED))
            assert site.statuses()[GATE].detail == "no answer from 10.0.0.5:554"

    asyncio.run(scene())
    segments, gaps = site.recorded(GATE)
    assert segments == []
    assert "unreachable" in [cause for _, _, cause in gaps]
    assert_tiled(segments, gaps)


def test_a_clock_that_nobody_may_ask_about_ends_no_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden() -> NtpState:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("recorder.worker.ntp_state", forbidden)
    site = Site(tmp_path, ["gate"])

    async def scene() -> None:
        async with site.running():
            await site.until(is_in(State.RECORDING))

    asyncio.run(scene())
    segments, _ = site.recorded(GATE)
    assert segments


def test_a_worker_that_breaks_does_not_say_that_it_was_stopped_on_purpose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, ["gate"])

    async def broken(self: Worker, stopping: asyncio.Event) -> None:
        self._store.open_gap(GATE, site.clock.now(), Cause.CONNECTING)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Worker, "run", broken)
    orders = Orders(lambda: site.listed, lambda: site.schedules, lambda since: [])
    with pytest.raises(OSError, match="Input/output"):
        asyncio.run(run_worker(site.settings, 0, orders))
    _, gaps = site.recorded(GATE)
    assert gaps[-1][2] == "recorder_crashed"


def test_channels_of_one_recorder_are_refused_together_and_recorded_together(
    tmp_path: Path,
) -> None:
    """A device locks the account after five refusals, whichever channel they were for."""
    names = [f"channel-{number}" for number in range(8)]
    site = Site(tmp_path, names)
    site.listed = [site.camera(name, username="vms", password="old") for name in names]

    async def scene() -> None:
        for camera in site.cameras.values():
            camera.refuses = CameraError(Cause.REFUSED, "401 Unauthorized")
        async with site.running() as worker:
            await site.until(lambda found: {one.cause for one in found.values()} == {Cause.REFUSED})
            await asyncio.sleep(2)
            found = site.statuses()
            assert len(found) == len(names)
            assert sum(one.errors for one in found.values()) == 1
            assert all(one.retry_at is not None for one in found.values())
            for camera in site.cameras.values():
                camera.refuses = None
            site.listed[3] = site.camera(names[3], username="vms", password="new")
            await worker.reload()
            await site.until(
                lambda found: {one.state for one in found.values()} == {State.RECORDING}
            )

    asyncio.run(scene())
    for name in names:
        _, gaps = site.recorded(StreamKey(CameraId(name)))
        assert "refused" in {cause for _, _, cause in gaps}


def test_a_refused_password_waits_for_minutes_and_a_new_one_for_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, ["gate"])
    locked = LockedOut("10.0.0.5:554", "423 Locked")

    async def scene() -> None:
        site.cameras["gate"].refuses = locked
        site.listed = [site.camera("gate", sub="rtsp://10.0.0.5/sub", username="a", password="b")]
        async with site.running() as worker:
            await site.until(is_in(State.FAILED))
            status = site.statuses()[GATE]
            assert status.cause is Cause.REFUSED
            assert status.detail is not None
            assert "locked" in status.detail
            assert status.retry_at is not None
            assert status.retry_at - site.clock.now() > 30 * MINUTE
            site.cameras["gate"].refuses = None
            right = site.camera("gate", sub="rtsp://10.0.0.5/sub", username="a", password="c")
            site.listed = [right]
            await worker.reload()
            await site.until(is_in(State.RECORDING))
            await site.until(is_in(State.STREAMING, StreamKey(CameraId("gate"), "sub")))

    asyncio.run(scene())


def test_a_reload_leaves_unchanged_cameras_alone(tmp_path: Path) -> None:
    site = Site(tmp_path, ["gate", "yard", "dock"])
    site.listed = site.listed[:2]

    async def scene() -> None:
        async with site.running() as worker:
            await site.until(is_in(State.RECORDING, GATE))
            site.listed = [site.camera("gate", name="Kuzey Kapı"), site.camera("dock")]
            await worker.reload()
            await site.until(is_in(State.RECORDING, StreamKey(CameraId("dock"))))
            assert YARD not in site.statuses()
            site.listed = [site.camera("gate", record="off"), site.camera("dock")]
            await worker.reload()
            await site.until(is_in(State.STREAMING, GATE))

    asyncio.run(scene())
    assert len(site.cameras["gate"].made) == 2
    assert len(site.cameras["dock"].made) == 1
    _, gaps = site.recorded(GATE)
    assert "recording_off" in [cause for _, _, cause in gaps]
    _, gaps = site.recorded(YARD)
    assert "removed" in [cause for _, _, cause in gaps]


@pytest.mark.parametrize("private", [False, True])
def test_of_a_camera_that_waits_the_last_keyframe_can_be_seen(
    tmp_path: Path, private: bool
) -> None:
    site = Site(tmp_path, ["gate"])
    site.schedules = [ScheduleSettings(name="all", spans=("daily 00:00-24:00",))]
    hours = {"privacy": "all"} if private else {}
    site.listed = [site.camera("gate", record="events", **hours)]

    async def scene() -> None:
        async with site.running():
            await site.until(is_in(State.WAITING))
            await asyncio.sleep(1.5)  # a keyframe comes each second
            path = site.settings.socket_path("recorder-0")
            seen = await asyncio.to_thread(glimpse, path, GATE, SECOND)
            assert (seen is None) == private
            if seen is not None:
                assert seen.keyframe.unit.key
                assert abs(seen.keyframe.wall - site.clock.now()) < 3 * SECOND
            await asyncio.sleep(1)
            assert site.statuses()[GATE].viewers == 0

    asyncio.run(scene())
    assert site.recorded(GATE)[0] == []  # and nothing of it was kept


def test_events_and_a_reload_decide_and_the_unchanged_are_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path, ["gate", "yard"])
    site.listed = [site.camera("gate", record="events", pre_roll="1 s"), site.camera("yard")]

    async def scene() -> None:
        async with site.running() as worker:
            await site.until(is_in(State.WAITING))
            assert site.statuses()[GATE].cause is Cause.NO_EVENT
            now = site.clock.now()
            site.events.append(Event(1, GATE.camera, "motion", now, None, "", now))
            await site.until(is_in(State.RECORDING))
            await asyncio.sleep(0.5)
            site.schedules = [ScheduleSettings(name="all", spans=("daily 00:00-24:00",))]
            site.listed = [site.camera("gate", record="schedule:all"), site.camera("yard")]
            await worker.reload()
            await site.until(is_in(State.RECORDING))

    asyncio.run(scene())
    assert len(site.cameras["gate"].made) == 1  # another choice is no reason to connect anew
    assert len(site.cameras["yard"].made) == 1
    segments, gaps = site.recorded(GATE)
    assert_tiled(segments, gaps)
    assert segments
    # The event came within the pre-roll of the first picture: nothing is missing for want of one.
    assert {cause for _, _, cause in gaps} <= {"connecting", "recorder_stopped"}


def test_a_changed_schedule_holds_at_once_and_connects_nobody_anew(tmp_path: Path) -> None:
    site = Site(tmp_path, ["gate"])
    now = dt.datetime.now(dt.UTC)
    elsewhere = [(now + dt.timedelta(days=days)).strftime("%a").lower() for days in (2, 4)]
    always, never = ("daily 00:00-24:00",), (f"{','.join(elsewhere)} 10:00-11:00",)
    site.listed = [site.camera("gate", record="schedule:hours", sub="rtsp://10.0.0.5/sub")]

    async def scene() -> None:
        site.schedules = [ScheduleSettings(name="hours", spans=always)]
        async with site.running() as worker:
            await site.until(is_in(State.RECORDING))
            site.schedules = [ScheduleSettings(name="hours", spans=never)]
            await worker.reload()
            await site.until(is_in(State.WAITING))
            assert site.statuses()[GATE].cause is Cause.NOT_SCHEDULED
            site.schedules = [ScheduleSettings(name="hours", spans=always)]
            await worker.reload()
            await site.until(is_in(State.RECORDING))

    asyncio.run(scene())
    assert len(site.cameras["gate"].made) == 2  # main and sub, each once
    segments, gaps = site.recorded(GATE)
    assert_tiled(segments, gaps)
    assert "not_scheduled" in {cause for _, _, cause in gaps}


async def _watch(viewer: LiveClient, key: StreamKey, got: list[LiveMessage]) -> None:
    async with viewer.subscribe(key) as messages:
        async for message in messages:
            got.append(message)  # noqa: PERF401 - it is cancelled in the middle


def test_a_choice_that_comes_and_goes_costs_no_picture_and_no_connection(tmp_path: Path) -> None:
    site = Site(tmp_path, ["gate"])
    site.schedules = [ScheduleSettings(name="all", spans=("daily 00:00-24:00",))]
    got: list[LiveMessage] = []

    async def scene() -> None:
        async with site.running() as worker:
            await site.until(is_in(State.RECORDING))
            viewer = LiveClient([site.settings.socket_path("recorder-0")])
            await viewer.start()
            watching = asyncio.create_task(_watch(viewer, GATE, got))
            for record in ("schedule:all", "continuous", "events", "continuous"):
                await asyncio.sleep(1)
                site.listed = [site.camera("gate", record=record)]
                await worker.reload()
                if record != "continuous":
                    assert worker._backlog(GATE), "whoever looks now begins with a picture"
                await site.until(is_in(State.WAITING if record == "events" else State.RECORDING))
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await viewer.close()

    asyncio.run(scene())
    seen = [m.unit for m in got if isinstance(m, LiveUnit) and m.unit.track is Track.VIDEO]
    numbers = [int.from_bytes(unit.data[-4:], "big") for unit in seen]
    assert len(numbers) > 80
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(site.cameras["gate"].made) == 1
    segments, gaps = site.recorded(GATE)
    assert_tiled(segments, gaps)
    causes = [cause for _, _, cause in gaps]
    assert causes.count("no_event") == 1  # the only one that did not want all of it
    assert set(causes) <= {"connecting", "no_event", "recorder_stopped"}
    began = next(n for n, one in enumerate(got) if isinstance(one, LiveUnit))
    assert not [one for one in got[began:] if isinstance(one, StreamDown)]


def test_viewers_see_nothing_of_privacy_hours_on_either_stream(tmp_path: Path) -> None:
    site = Site(tmp_path, ["gate"])
    site.schedules = [ScheduleSettings(name="always", spans=("daily 00:00-24:00",))]
    site.listed = [site.camera("gate", sub="rtsp://10.0.0.5/sub", privacy="always")]
    got: list[LiveMessage] = []

    async def scene() -> None:
        async with site.running() as worker:
            await site.until(is_in(State.WAITING))
            viewer = LiveClient([site.settings.socket_path("recorder-0")])
            await viewer.start()
            keys = (GATE, StreamKey(GATE.camera, "sub"))
            watching = [asyncio.create_task(_watch(viewer, key, got)) for key in keys]
            await asyncio.sleep(1.5)
            assert [len(worker._backlog(key)) for key in keys] == [0, 0]
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await viewer.close()

    asyncio.run(scene())
    assert got
    downs = [message for message in got if isinstance(message, StreamDown)]
    assert downs == got
    assert [message.cause for message in downs].count(Cause.PRIVACY) == 2
    assert site.recorded(GATE)[0] == []


def test_a_viewer_starts_with_the_pictures_since_the_last_keyframe(tmp_path: Path) -> None:
    site = Site(tmp_path, ["gate"])

    async def scene() -> list[LiveMessage]:
        got: list[LiveMessage] = []
        async with site.running():
            await site.until(is_in(State.RECORDING))
            await asyncio.sleep(1.9)  # well into a group whose begin is on disk
            viewer = LiveClient([site.settings.socket_path("recorder-0")])
            await viewer.start()
            async with viewer.subscribe(GATE) as messages:
                async for message in messages:
                    got.append(message)
                    if sum(isinstance(m, LiveUnit) and not m.cached for m in got) > 20:
                        break
            await viewer.close()
        return got

    got = [message for message in asyncio.run(scene()) if not isinstance(message, StreamDown)]
    assert isinstance(got[0], FormatChanged)
    units = [m for m in got if isinstance(m, LiveUnit) and m.unit.track is Track.VIDEO]
    assert units[0].unit.key
    assert units[0].cached
    steps = {b.unit.pts - a.unit.pts for a, b in itertools.pairwise(units)}
    assert steps == {3_600}
    assert [m.cached for m in units] == sorted((m.cached for m in units), reverse=True)
    numbers = [int.from_bytes(m.unit.data[-4:], "big") for m in units]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    age = site.clock.now() - units[-1].wall
    assert 0 < age < 5 * SECOND


def test_a_status_that_cannot_be_written_does_not_end_recording(tmp_path: Path) -> None:
    site = Site(tmp_path, ["gate"])

    async def scene() -> None:
        async with site.running():
            await site.until(is_in(State.RECORDING))
            run_dir = site.settings.run_dir
            blocked = run_dir / "recorder-0.status.json"
            blocked.unlink()
            blocked.mkdir()
            (blocked / "in-the-way").touch()
            await asyncio.sleep(2.5)
            (blocked / "in-the-way").unlink()
            blocked.rmdir()
            await site.until(is_in(State.RECORDING))

    asyncio.run(scene())
    segments, gaps = site.recorded(GATE)
    assert_tiled(segments, gaps)
    assert len(site.cameras["gate"].made) == 1


def test_a_status_still_being_written_at_the_end_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, ["gate"])
    slow, writing = threading.Event(), threading.Event()

    def slowly(path: Path, status: WorkerStatus) -> None:
        if slow.is_set():
            writing.set()
            time.sleep(0.5)
        write_status(path, status)

    monkeypatch.setattr("recorder.worker.write_status", slowly)

    async def scene() -> None:
        async with site.running():
            await site.until(is_in(State.RECORDING))
            slow.set()
            assert await asyncio.to_thread(writing.wait, 30)

    asyncio.run(scene())
    time.sleep(0.6)
    assert not list(site.settings.run_dir.glob("*.status.json"))
