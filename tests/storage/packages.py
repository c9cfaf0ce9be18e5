"""Exports for the crash machine: real packages, whose page for people is drawn once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa

from storage.archive import Archive
from storage.disk import Disk
from storage.index import Index
from storage.ledger import Ledger
from vms.core.clock import Clock, Instant
from vms.core.config import Settings
from vms.core.model import StreamKey
from vms.evidence.export import Exported, Exporter, House
from vms.evidence.local import SiteTime
from vms.evidence.manifest import Manifest
from vms.evidence.order import Order
from vms.evidence.report import report
from vms.evidence.words import Language


class Reprint:
    """A printer of one page, drawn the first time and given again: no process each, no drawing.

    For an export that is done a thousand times over; what it says fits the first of them.
    """

    def __init__(self) -> None:
        self._pages: dict[Language, bytes] = {}

    def __call__(self) -> Reprint:
        return self

    def __enter__(self) -> Reprint:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def page(self, manifest: Manifest, language: Language) -> bytes:
        if language not in self._pages:
            self._pages[language] = report(manifest, language)
        return self._pages[language]


REPRINT = Reprint()


@dataclass
class Export:
    """Hands out one stream of a site."""

    exporter: Exporter
    clock: Clock
    places: Callable[[StreamKey, Instant, Instant], dict[Instant, int]]

    def run(self, stream: StreamKey, start: Instant, end: Instant, path: Path) -> Exported:
        """[start, end) of a stream to `path`."""
        now = self.clock.now()
        order = Order("2026-0007", (stream.camera,), start, end, "case 7", "mehmet", now, "en")
        return self.exporter.run(order, path)


def export_of(house: Settings, engine: sa.Engine, clock: Clock, disk: Disk) -> Export:
    """The export of a site whose every row has its leaf."""
    index = Index(engine)

    def places(stream: StreamKey, start: Instant, end: Instant) -> dict[Instant, int]:
        rows = index.segments(stream, start, end)
        return {row.start: row.leaf for row in rows if row.leaf is not None}

    told = House(
        "Örnek Belediyesi",
        "Gözcü test",
        SiteTime("Europe/Istanbul"),
        Archive(engine, house.volumes, clock),
        Ledger.of(house, clock, disk),
        places,
        str,
    )
    return Export(Exporter(told, disk, clock, REPRINT), clock, places)
