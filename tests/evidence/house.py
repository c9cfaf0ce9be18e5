"""A house whose footage is handed out: real coded pictures, a real store, a real ledger."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from storage.archive import Archive
from storage.database import open_database
from storage.disk import Disk, RealDisk
from storage.facts import RunFacts
from storage.index import Index
from storage.ledger import Ledger
from storage.ledger.leaves import SegmentLeaf
from storage.recording import Store
from tests.storage.encoded import Coded, coded, fragments
from tests.storage.house import fresh_database, settings
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.errors import NotFound
from vms.core.model import CameraId, Cause, StreamKey
from vms.core.secret import Secret
from vms.evidence.export import Exported, Exporter
from vms.evidence.house import House
from vms.evidence.local import SiteTime
from vms.evidence.manifest import Manifest
from vms.evidence.order import Order
from vms.evidence.printer import Printer
from vms.evidence.words import Language

GATE = StreamKey(CameraId("gate-north"))
START = Instant(1_763_800_000 * SECOND)


class Unprinted:
    """A page without a process that draws it, for those who make many packages."""

    def __enter__(self) -> Unprinted:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def page(self, manifest: Manifest, language: Language) -> bytes:
        return b"%PDF-1.4\n% nothing\n"


@functools.cache
def _template() -> Path:
    return Path(tempfile.mkdtemp()) / "template.db"


@dataclass
class Site:
    """`root` holds everything; `at`: where the footage of the gate ends so far."""

    root: Path
    clock: FakeClock = field(default_factory=lambda: FakeClock(START))
    at: Instant = START
    leaves: dict[Instant, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fresh_database(self.root, _template())
        self.store = Store(settings(self.root), self.clock, threads=False)
        self.store.__enter__()
        self.store.recover([GATE])
        self.run = RunFacts(1, START)

    def record(self, stream: Coded, *, key: StreamKey = GATE, seconds: int = 4) -> None:
        """A file of the stream, from where the last ended."""
        segment = self.store.open_segment(key, self.at, stream.format, self.run)
        for fragment in fragments(stream):
            assert segment.append(fragment)
        self.pass_by(seconds)
        segment.close(self.at)
        self.store.pump()

    def gap(self, seconds: int, cause: Cause = Cause.UNREACHABLE) -> None:
        """Time without footage; a new run follows."""
        self.store.open_gap(GATE, self.at, cause, "no route to 10.0.0.5")
        self.pass_by(seconds)
        self.run = RunFacts(self.run.run_id + 1, self.at)

    def pass_by(self, seconds: int) -> None:
        self.at = Instant(self.at + seconds * SECOND)
        self.clock.advance(max(0, self.at - self.clock.now()))

    def close(self) -> None:
        self.store.__exit__(None, None, None)

    @functools.cached_property
    def engine(self) -> sa.Engine:
        return open_database(settings(self.root).database_url)

    @functools.cached_property
    def archive(self) -> Archive:
        return Archive(self.engine, settings(self.root).volumes, self.clock)

    @functools.cached_property
    def ledger(self) -> Ledger:
        return Ledger.of(settings(self.root), self.clock)

    def exporter(self, disk: Disk | None = None, *, printed: bool = True) -> Exporter:
        index = Index(self.engine)

        def places(key: StreamKey, start: Instant, end: Instant) -> dict[Instant, int]:
            rows = index.segments(key, start, end)
            for row in rows:
                if row.leaf is None and row.start not in self.leaves:
                    self.leaves[row.start] = self.ledger.append([SegmentLeaf.of(row)])
            known = {row.start: row.leaf for row in rows if row.leaf is not None}
            return self.leaves | known

        def name(camera: str) -> str:
            if camera == "nobody":
                raise NotFound("there is no camera nobody")
            return "Kuzey Kapı" if camera == GATE.camera else camera

        house = House(
            "Örnek Belediyesi",
            "Gözcü test",
            SiteTime("Europe/Istanbul"),
            self.archive,
            self.ledger,
            places,
            name,
        )
        printer = Printer if printed else Unprinted
        return Exporter(house, disk or RealDisk(), self.clock, printer)

    def export(
        self,
        start: float,
        end: float,
        path: Path,
        *,
        password: str | None = None,
        disk: Disk | None = None,
        cameras: Sequence[str] = (GATE.camera,),
        language: str = "tr",
        printed: bool = True,
    ) -> Exported:
        """[start, end) in seconds since START, to `path`. `printed`: with a true page."""
        order = self.order(start, end, cameras, language)
        exporter = self.exporter(disk, printed=printed)
        for stream in order.streams:
            exporter.house.places(stream, order.start, order.end)
        secret = Secret(password) if password is not None else None
        return exporter.run(order, path, secret)

    def order(
        self,
        start: float,
        end: float,
        cameras: Sequence[str] = (GATE.camera,),
        language: str = "tr",
    ) -> Order:
        return Order(
            "2026-0001",
            tuple(CameraId(camera) for camera in cameras),
            Instant(START + round(start * 1_000) * 1_000_000),
            Instant(START + round(end * 1_000) * 1_000_000),
            "2026/1234 soruşturma, İstanbul C. Başsavcılığı",
            "mehmet",
            self.clock.now(),
            language,  # type: ignore[arg-type]
        )


def usual(root: Path) -> Site:
    """Three files, 5 s nothing, one file, and one in another size; B-frames, and sound but at
    the end."""
    site = Site(root)
    for _ in range(3):
        site.record(coded(b_frames=2, audio="aac"))
    site.gap(5)
    site.record(coded(b_frames=2, audio="aac"))
    site.record(coded(size=(640, 480)))
    return site
