"""A simulated site as it stands, and what it had promised before it stopped.

What there is, is read here plainly: rows, files, leaves, pictures. Whether that is right, say
the numbered questions of `tests.storage.invariants`.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

import sqlalchemy as sa

from storage.database import migrate, open_database
from storage.disk import RealDisk
from storage.facts import GapFacts
from storage.fmp4 import BadFile, read_moof, samples_of
from storage.holds.held import HeldSpans
from storage.holds.leaves import HoldLeaves
from storage.holds.repository import Holds
from storage.index import Index
from storage.layout import HOUSE, Place, Stage, path_of, place_of
from storage.ledger import Ledger
from storage.ledger.deletions import deletions_in
from storage.ledger.leaves import DeleteLeaf, Leaf, parse
from storage.rows import SegmentRow
from storage.segment_file import read_file_head, read_file_tail, walk
from storage.tiers.cache import Cache
from storage.tiers.opened import Tier, Tiers, stands_in_bucket
from storage.volume import find_volume
from tests.storage.house import Recorder
from tests.storage.sim_disk import Image, SimDisk
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.config import Settings
from vms.core.model import StreamKey

FOREVER = Instant(2**62)
Key = tuple[StreamKey, Instant]
"""Which segment: its stream and start."""

Picture = tuple[Instant, bytes]
"""A coded picture, and the start of the second that it was sent in."""


@dataclass
class Promised:
    """What may not be taken back. Each scenario says what it promised; the rest is empty.

    `sent`: all pictures that a segment took; `kept`: those that nothing may cost, because they had
    been written (kill) or synced (power cut); `loss`: how much of `sent` may be missing of any
    stream, in ns, None where refusals cost more, as gaps; `finals`: SHA-256 of files that stood
    under their final name; `rows`: segments the index knew; `held`: spans whose hold
    was acknowledged and not lifted; `doomed`: segments that were to be deleted; `taken`: seconds
    that must have been recorded although a disk had refused before; `spare`: a volume was well at
    any time; `refused`: seconds that no segment took; `packages`: a folder of exported packages.
    """

    sent: Mapping[StreamKey, Sequence[Picture]] = field(default_factory=dict)
    kept: Collection[bytes] = ()
    loss: int | None = None
    finals: Mapping[Path, bytes] = field(default_factory=dict)
    rows: Mapping[Key, SegmentRow] = field(default_factory=dict)
    held: Sequence[tuple[StreamKey, Instant, Instant]] = ()
    doomed: Collection[Key] = ()
    taken: Sequence[Key] = ()
    spare: bool = False
    refused: int = 0
    packages: Path | None = None


_READ = (
    "rows", "gaps", "files", "finals", "pictures", "objects", "leaves", "deleted", "holds", "held",
)  # fmt: skip


@dataclass
class World:
    """A site. `disk`: the one it ran on before it stopped; `tier`: its bucket; `recovered`: False
    while it still runs, when a file may be on its way to its row."""

    house: Settings
    clock: FakeClock
    engine: sa.Engine
    promised: Promised = field(default_factory=Promised)
    disk: SimDisk | None = None
    tier: Tier | None = None
    recovered: bool = True

    @cached_property
    def roots(self) -> dict[str, Path]:
        """Volumes by uuid."""
        found = {find_volume(volume.path): volume.path for volume in self.house.volumes}
        return {uuid: path for uuid, path in found.items() if uuid is not None}

    @cached_property
    def rows(self) -> dict[Key, SegmentRow]:
        return {(row.stream, row.start): row for row in Index(self.engine).every_segment()}

    @cached_property
    def gaps(self) -> dict[StreamKey, list[GapFacts]]:
        index = Index(self.engine)
        return {stream: index.gaps(stream, 0, FOREVER) for stream in index.streams()}

    @cached_property
    def files(self) -> list[tuple[str, Place, Path]]:
        """Footage on the volumes, whatever it is called: the volume's uuid, place, path."""
        found = []
        for uuid, root in self.roots.items():
            for path in footage_on(root):
                place = place_of(PurePosixPath(path.relative_to(root)))
                assert place is not None, f"a stranger on a volume: {path}"
                found.append((uuid, place, path))
        return found

    @cached_property
    def finals(self) -> dict[Key, list[bytes]]:
        """The contents under a segment's final name, on all volumes and in the bucket."""
        found: dict[Key, list[bytes]] = {}
        for _, place, path in self.files:
            if place.stage is Stage.FINAL:
                found.setdefault((place.stream, place.start), []).append(path.read_bytes())
        for key, data in self.objects.items():
            found.setdefault(key, []).append(data)
        return found

    @cached_property
    def pictures(self) -> set[tuple[StreamKey, bytes]]:
        """All that the final files show."""
        return {
            (stream, picture)
            for (stream, _), contents in self.finals.items()
            for data in contents
            for _, picture in pictures_in(data)
        }

    @cached_property
    def objects(self) -> dict[Key, bytes]:
        """What stands in the bucket."""
        if self.tier is None:
            return {}
        found = {}
        for listed in self.tier.bucket.listed():
            place = place_of(PurePosixPath(listed.key))
            if place is not None:
                data = self.tier.bucket.read(listed.key, 0, listed.size)
                found[place.stream, place.start] = data
        return found

    @property
    def tiers(self) -> Tiers | None:
        """The bucket as readers see it."""
        if self.tier is None:
            return None
        cache = Cache(self.house.system.data / "cache", 1 << 30, reserve=0)
        return Tiers([self.tier], cache, self.clock)

    @property
    def ledger(self) -> Ledger:
        return Ledger.of(self.house, self.clock)

    @cached_property
    def leaves(self) -> list[Leaf]:
        return [parse(line) for _, line in self.ledger.leaves()]

    @cached_property
    def deleted(self) -> dict[Key, DeleteLeaf]:
        """Segments of which the ledger says that they are gone."""
        stand = deletions_in(self.ledger.leaves()).values()
        return {(leaf.stream, leaf.start): leaf for leaf in stand}

    @cached_property
    def holds(self) -> Holds:
        told = HoldLeaves(self.ledger)
        return Holds(self.engine, self.house.volumes, RealDisk(), self.clock, told)

    @cached_property
    def held(self) -> HeldSpans:
        return self.holds.spans()

    def bytes_of(self, row: SegmentRow) -> bytes | None:
        """What stands where a row says; None: nothing."""
        if stands_in_bucket(row.volume_path):
            return self.objects.get((row.stream, row.start))
        root = self.roots.get(row.volume)
        path = None if root is None else root / path_of(row.stream, row.start)
        return path.read_bytes() if path is not None and path.exists() else None

    def look_again(self) -> None:
        """Forget what was read: the site has changed."""
        for name in _READ:
            self.__dict__.pop(name, None)


# -- files ------------------------------------------------------------------------------------


def footage_on(root: Path) -> Iterator[Path]:
    """All files on a volume but the house's own."""
    for folder, folders, files in os.walk(root):
        if folder == str(root) and HOUSE in folders:
            folders.remove(HOUSE)
        yield from (Path(folder) / name for name in sorted(files))


@functools.lru_cache(maxsize=1_024)  # thousands of worlds differ in a file or two
def pictures_in(data: bytes) -> tuple[Picture, ...]:
    """The pictures of the whole fragments in a file. Raises BadFile where its head is none."""
    fd = os.memfd_create("footage")
    try:
        os.pwrite(fd, data, 0)
        head = read_file_head(fd)
        found = []
        for placed in walk(fd, len(data), head.length):
            part = data[placed.offset : placed.offset + placed.size]
            video = read_moof(part).video
            assert video is not None
            at = Instant(head.head.start + video.time * SECOND // 90_000)
            found += [(at, sample.data) for sample in samples_of(part, video)]
        return tuple(found)
    finally:
        os.close(fd)


@functools.lru_cache(maxsize=1_024)
def is_complete(data: bytes) -> bool:
    """Whether a file is head, whole fragments, and a tail that lists them all.

    Without a tail only where the disk refused it, and then nothing else may follow the fragments.
    """
    fd = os.memfd_create("footage")
    try:
        os.pwrite(fd, data, 0)
        head, tail = read_file_head(fd), read_file_tail(fd, len(data))
        whole = [(placed.offset, placed.size) for placed in walk(fd, len(data), head.length)]
        if tail is None:
            return bool(whole) and sum(whole[-1]) == len(data)
        return [(one.offset, one.size) for one in tail.entries] == whole
    except BadFile:
        return False
    finally:
        os.close(fd)


@functools.lru_cache(maxsize=1_024)
def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def pictures_on(roots: Sequence[Path], stages: Collection[Stage]) -> set[bytes]:
    """The pictures of the files of these stages; a file whose head is torn has none."""
    found: set[bytes] = set()
    for root in roots:
        for path in footage_on(root):
            place = place_of(PurePosixPath(path.relative_to(root)))
            if place is not None and place.stage in stages:
                try:
                    found.update(picture for _, picture in pictures_in(path.read_bytes()))
                except BadFile:
                    continue
    return found


def finals_on(roots: Sequence[Path]) -> dict[Path, bytes]:
    """SHA-256 of the files under their final name."""
    return {
        path: digest(path.read_bytes())
        for root in roots
        for path in footage_on(root)
        if path.suffix == ".mp4"
    }


def sent_by(recorders: Sequence[Recorder]) -> dict[StreamKey, list[Picture]]:
    """All pictures that recorders' segments took."""
    return {
        one.stream: [(at, sample.data) for at, part in one.sent for sample in part.video]
        for one in recorders
    }


def first_of(recorders: Sequence[Recorder], seconds: Mapping[StreamKey, int]) -> frozenset[bytes]:
    """The pictures of each recorder's first so many seconds: those a sync covered."""
    return frozenset(
        sample.data
        for one in recorders
        for _, part in one.sent[: seconds.get(one.stream, 0)]
        for sample in part.video
    )


# -- places -----------------------------------------------------------------------------------


@functools.cache
def empty_database() -> bytes:
    """A migrated database's file: migrating costs a tenth of a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        engine = open_database(f"sqlite:///{path}")
        migrate(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        engine.dispose()
        return path.read_bytes()


@functools.cache
def kept_engine(url: str) -> sa.Engine:
    """One engine for all the worlds at one place: a new one compiles each query again.

    Dispose of it before the files below it are replaced.
    """
    return open_database(url)


def snapshot(root: Path) -> Image:
    """All files below a folder, by their path within it."""
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def lay_out(root: Path, image: Image) -> None:
    """Bring a folder to an earlier state of it."""
    for path in list(root.iterdir()):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path, data in image.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
