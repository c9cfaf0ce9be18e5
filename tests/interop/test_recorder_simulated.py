"""The recorder before simulated cameras: real sockets, real store, audited to the unit."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import av

from recorder.orders import Orders
from recorder.worker import Worker
from storage.archive import Archive
from storage.database import open_database
from storage.facts import SegmentFacts
from storage.recording import Store
from vms.core.clock import MILLISECOND, SECOND, Instant, SystemClock
from vms.core.config import Settings
from vms.core.model import CameraId, Cause, State, StreamKey
from vms.core.status import StreamStatus, read_statuses
from vms.simulator.audit import audit_units
from vms.simulator.fleet import Fleet
from vms.simulator.spec import CameraSpec, FleetSettings, VideoSpec

SMALL = VideoSpec(width=320, height=180, fps=12, bitrate=300_000, gop=12, profile="baseline")
FLEET = FleetSettings(
    cameras=(
        CameraSpec("plain", video=SMALL, sub=None, audio="aac", auth="digest", algorithm="SHA-256"),
        CameraSpec(
            "reordered",
            video=VideoSpec(width=320, height=180, fps=12, gop=12, profile="main", bframes=2),
            sub=None,
            audio="pcma",
        ),
        CameraSpec("locked", video=SMALL, sub=None, auth="digest"),
    )
)


def site(folder: Path, fleet: Fleet) -> Settings:
    cameras = [
        {"id": "plain", "source": fleet.url("plain"), "username": "vms", "password": "gozcu"},
        {"id": "reordered", "source": fleet.url("reordered"), "transport": "tcp"},
        {"id": "locked", "source": fleet.url("locked"), "username": "vms", "password": "wrong"},
    ]
    settings = Settings.model_validate(
        {
            "file": folder / "cameras.toml",
            "system": {"data": folder},
            "recorder": {"workers": 1, "segment": 3 * SECOND},
            "volumes": [{"path": folder / "video", "reserve": 0}],
            "cameras": cameras,
        }
    )
    settings.make_run_dirs()
    return settings


async def record(folder: Path) -> tuple[Settings, dict[StreamKey, StreamStatus]]:
    """Let a worker record the fleet for some seconds; its status just before the end."""
    clock, stopping = SystemClock(), asyncio.Event()
    async with Fleet(FLEET) as fleet, asyncio.timeout(40):
        settings = site(folder, fleet)
        with Store(settings, clock) as store:
            worker = Worker(settings, 0, store, Orders(lambda: settings.cameras), clock=clock)
            task = asyncio.create_task(worker.run(stopping))
            while not any(
                s.units > 130 for s in read_statuses(settings.run_dir, clock.now()).values()
            ):
                await asyncio.sleep(0.1)
            found = read_statuses(settings.run_dir, clock.now())
            stopping.set()
            await asyncio.wait_for(task, 4)
    return settings, found


def packets(facts: SegmentFacts) -> list[tuple[int, int, bytes]]:
    with av.open(str(facts.path)) as container:
        video = container.streams.video[0]
        return [
            (packet.pts, packet.dts, bytes(packet))
            for packet in container.demux(video)
            if packet.pts is not None and packet.dts is not None
        ]


def test_what_simulated_cameras_send_is_kept_to_the_unit_and_the_millisecond(
    tmp_path: Path,
) -> None:
    settings, statuses = asyncio.run(record(tmp_path))
    engine = open_database(settings.database_url)
    archive = Archive(engine, settings.volumes)
    ever = (Instant(0), Instant(2**62))
    for name in ("plain", "reordered"):
        key = StreamKey(CameraId(name))
        assert statuses[key].state is State.RECORDING
        assert statuses[key].dropped == 0
        segments = archive.segments(key, *ever)
        assert len(segments) >= 2
        assert all(a.end == b.start for a, b in itertools.pairwise(segments))
        files = [packets(facts) for facts in segments]
        report = audit_units(unit for file in files for _, _, unit in file)
        assert report.clean, report
        decode = [dts for file in files for _, dts, _ in file]
        assert all(pts >= dts for file in files for pts, dts, _ in file)
        assert len(decode) >= 40
        assert 10 < statuses[key].fps < 14
        # Where our time puts the first picture, against the capture time the camera wrote in it.
        assert report.first is not None
        shown = segments[0].start + files[0][0][0] * SECOND // 90_000
        assert abs(shown - report.first.time) < 400 * MILLISECOND
    locked = StreamKey(CameraId("locked"))
    assert statuses[locked].state is State.FAILED
    assert statuses[locked].cause is Cause.REFUSED
    assert [gap.cause for gap in archive.gaps(locked, *ever)][1] is Cause.REFUSED
    engine.dispose()
