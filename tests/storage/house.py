"""A small house for tests: settings on a temporary folder, a store without threads."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from storage.archive import Archive
from storage.database import migrate, open_database
from storage.disk import Disk
from storage.facts import Fragment, RunFacts, Sample
from storage.recording import Store
from storage.segment import OpenSegment
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.config import Settings, SystemSettings
from vms.core.config_storage import VolumeSettings
from vms.core.errors import StorageError
from vms.core.media import AudioFormat, StreamFormat, VideoFormat
from vms.core.model import CameraId, Cause, StreamKey

RATE = 90_000
SPS = bytes.fromhex("6742c01ed903c5a8")
FORMAT = StreamFormat(
    VideoFormat("h264", 640, 480, (SPS,), (b"\x68\xce\x3c\x80",)), AudioFormat("pcma", 8_000)
)


def key(name: str) -> StreamKey:
    return StreamKey(CameraId(name))


def settings(root: Path, *volumes: str, **more: object) -> Settings:
    return Settings(
        file=root / "cameras.toml",
        system=SystemSettings(data=root),
        volumes=tuple(
            VolumeSettings(path=root / name, reserve=0, **more) for name in volumes or ("video",)
        ),
    )


def picture(number: int, size: int, *, key: bool = False) -> Sample:
    """A NAL unit behind its length that no other picture equals, without runs of zeros."""
    body = random.Random(number).randbytes(size).replace(b"\x00", b"\x01")
    return Sample(len(body).to_bytes(4, "big") + body, RATE // 5, 0, key)


def second(number: int, at: int, *, key: bool = False, size: int = 3_000) -> Fragment:
    """One second of 5 pictures and sound, `at` seconds into its segment."""
    video = [picture(number * 5 + n, size, key=key and n == 0) for n in range(5)]
    audio = [Sample(bytes([number % 250 + 1]) * 1_600, 1_600) for _ in range(5)]
    return Fragment(video, audio, at * RATE, at * 8_000)


@dataclass
class Recorder:
    """A session as simple as can be: a second per step, segments of `length` seconds."""

    store: Store
    clock: FakeClock
    stream: StreamKey
    length: int = 3
    number: int = 0  # of the second, unlike those of other streams
    at: int = 0
    segment: OpenSegment | None = None
    sent: list[tuple[Instant, Fragment]] = field(default_factory=list)
    refused: int = 0

    def __post_init__(self) -> None:
        self.number = 1_000 * len(self.stream.camera)

    def step(self) -> None:
        """A second of footage came; `clock` stands at its end."""
        start = Instant(self.clock.now() - SECOND)
        if self.segment is not None and self.segment.failed is not None:
            self._fail(start, self.segment.failed.cause)
        if self.segment is not None and self.at == self.length:
            self.segment.close(start)
            self.segment = None
        if self.segment is None:
            try:
                self.segment = self.store.open_segment(
                    self.stream, start, FORMAT, RunFacts(1, start)
                )
            except StorageError as error:
                self.store.open_gap(self.stream, start, error.cause)
                return
            self.at = 0
        fragment = second(self.number, self.at, key=self.at == 0)
        self.number += 1
        if self.segment.append(fragment):
            self.sent.append((start, fragment))
            self.at += 1
        else:
            self.refused += 1
            failed = self.segment.failed
            self._fail(start, failed.cause if failed else Cause.DISK_SLOW)

    def _fail(self, at: Instant, cause: Cause) -> None:
        assert self.segment is not None
        self.segment.close(at)
        self.store.open_gap(self.stream, at, cause)
        self.segment = None


def fresh_database(root: Path, template: Path) -> None:
    """A migrated database, copied because migrating costs a tenth of a second."""
    if not template.exists():
        engine = open_database(f"sqlite:///{template}")
        migrate(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
    shutil.copy(template, root / "gozcu.db")


def open_store(root: Path, clock: FakeClock, disk: Disk | None = None) -> Store:
    return Store(settings(root), clock, disk=disk, threads=False)


def open_archive(root: Path, clock: FakeClock, *volumes: str) -> Archive:
    house = settings(root, *volumes)
    return Archive(open_database(house.database_url), house.volumes, clock)
