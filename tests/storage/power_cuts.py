"""Power cuts by the thousand: a site at work, its plug pulled before each operation of its disks.

Recording, rotating, an outage, a volume that rests, a move to a bucket, a hold, deleting, an
export, lifting: chosen by a seed. The site runs once; before each operation several images of
what a power cut could leave are taken (`SimDisk.image`), with the database as it stands (it
commits synchronously) and the bucket (another machine). Each image is then started again:
recovery, holds, unfinished deletions and moves; and every invariant is asked by number.
"""

from __future__ import annotations

import random
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from storage.cleaner import Cleaner
from storage.disk import Disk, RealDisk
from storage.findings import Findings
from storage.holds.leaves import HoldLeaves
from storage.holds.repository import HoldOrder, Holds
from storage.index import Index
from storage.ledger import Ledger
from storage.ledger.bookkeeper import Bookkeeper
from storage.recording import Store
from storage.recovery import Recovery
from storage.retention import Deletion, Why
from storage.rows import SegmentRow
from storage.shelf import folder_shelves
from storage.tiers.mover import Mover
from storage.tiers.moves import Moves
from storage.tiers.opened import BucketShelf, Tier, stands_in_bucket
from storage.volume import prepare_volume
from tests.storage.house import Recorder, key, settings
from tests.storage.invariants import lost_time, problems
from tests.storage.memory_bucket import MemoryBucket
from tests.storage.packages import export_of
from tests.storage.sim_disk import Image, SimDisk, write_image
from tests.storage.world import (
    Key,
    Picture,
    Promised,
    World,
    empty_database,
    first_of,
    kept_engine,
    lay_out,
    sent_by,
)
from vms.core.clock import HOUR, SECOND, FakeClock, Instant
from vms.core.config_storage import TierSettings
from vms.core.model import CameraId, Cause, StreamKey

CAMERAS = ("gate", "square")
SCENARIO = "power cut"


@dataclass
class Point:
    """One power cut: what it left, and what had been promised by then (see `Promised`)."""

    operation: str
    image: Image
    database: Image
    objects: dict[str, bytes]
    now: Instant
    durable: frozenset[bytes]
    sent: dict[StreamKey, list[Picture]]
    held: list[tuple[StreamKey, Instant, Instant]]
    doomed: set[Key]


@dataclass
class Outcome:
    """What all the cuts showed. `lost`: the most footage any of them cost a stream, in ns."""

    cuts: int = 0
    lost: int = 0
    broken: list[str] = field(default_factory=list)


class PowerCuts:
    """One scenario on a folder of its own. `each`: images taken before every operation.

    `tried`: of every so many-th cut invariants 7, 8 and 10 are asked too, which cost as much as all
    the others: the volumes are rebuilt, relieved, and their clock set.
    """

    def __init__(self, root: Path, seed: int, each: int, tried: int = 1) -> None:
        self.root, self.each, self.tried = root, each, tried
        self.rng = random.Random(seed)
        self.clock = FakeClock()
        self.house = settings(root, "one", "two")
        self.engine = kept_engine(self.house.database_url)
        self.engine.dispose()
        self.bucket = MemoryBucket()
        self.points: list[Point] = []
        self._contents: dict[bytes, bytes] = {}
        self.recorders: list[Recorder] = []
        self.durable: frozenset[bytes] = frozenset()
        self.held: list[tuple[StreamKey, Instant, Instant]] = []
        self.doomed: set[Key] = set()
        lay_out(root, {Path("gozcu.db"): empty_database()})
        for volume in self.house.volumes:
            volume.path.mkdir()
            prepare_volume(volume, RealDisk(), self.clock)
        (root / "ledger" / "leaves").mkdir(parents=True)
        self.packages = root / "packages"
        self.packages.mkdir()
        volumes = [volume.path for volume in self.house.volumes]
        self.roots = [*volumes, root / "ledger", self.packages]
        self.disk = SimDisk(self.roots, before=self._pull)

    # -- the site at work -----------------------------------------------------------------

    def run(self) -> list[Point]:
        """The scenario; a point for each image."""
        with Store(
            self.house, self.clock, disk=self.disk, threads=False, database=kept_engine
        ) as store:
            store.recover([key(name) for name in CAMERAS])
            length = self.rng.randint(2, 4)
            self.recorders = [Recorder(store, self.clock, key(name), length) for name in CAMERAS]
            for recorder in self.recorders:
                store.open_gap(recorder.stream, self.clock.now(), Cause.CONNECTING)
            away, resting = self.rng.randint(3, 8), self.rng.randint(3, 8)
            for second in range(10):
                if second == resting:
                    store._volumes.writers[0].resting_until = 2**62
                self._second(store, away=second == away)
                if second == 5:
                    self.mover(self.bucket, self.disk, CAMERAS[1]).round(threading.Event())
                if second == 7:
                    self._delete()
                if second == 8:
                    self._export()
        return self.points

    def _second(self, store: Store, *, away: bool) -> None:
        self.clock.advance(SECOND)
        for recorder in self.recorders:
            if away and recorder is self.recorders[1]:
                start = Instant(self.clock.now() - SECOND)
                if recorder.segment is not None:
                    recorder.segment.close(start)
                    recorder.segment = None
                store.open_gap(recorder.stream, start, Cause.UNREACHABLE, "no route")
            else:
                recorder.step()
        sent = {one.stream: len(one.sent) for one in self.recorders}
        store.pump()
        self.durable = first_of(self.recorders, sent)

    def _delete(self) -> None:
        """Hold a segment of the first camera, then delete all that ended on one volume."""
        rows = list(Index(self.engine).every_segment())
        here = [row for row in rows if not stands_in_bucket(row.volume_path)]
        held = self.rng.choice([row for row in here if row.stream == key(CAMERAS[0])])
        holds, cleaner = self.keepers(self.disk, self.bucket)
        order = HoldOrder(CameraId(CAMERAS[0]), held.start, held.end, "case 7")
        made = holds.add(order, "ayşe")
        self.held.append((held.stream, held.start, held.end))
        volume = self.rng.choice([here[0].volume, self.rng.choice(rows).volume])
        doomed = {(row.stream, row.start) for row in rows if row.volume == volume}
        self.doomed |= doomed - {(held.stream, held.start)}
        cleaner.delete([_all_of(name, volume, rows) for name in CAMERAS], dict.fromkeys(CAMERAS))
        if self.rng.random() < 0.5:
            self.held.clear()
            holds.lift(made.id, "ali", "over")

    def _export(self) -> None:
        """Hand out what the first camera recorded."""
        last = Instant(self.clock.now() - 2 * SECOND)
        start = Instant(self.clock.now() - 9 * SECOND)
        export_of(self.house, self.engine, self.clock, self.disk).run(
            key(CAMERAS[0]), start, last, self.packages / "case-7.zip"
        )

    # -- who works there ------------------------------------------------------------------

    def keepers(self, disk: Disk, bucket: MemoryBucket) -> tuple[Holds, Cleaner]:
        """Who holds and who deletes, on these disks."""
        volumes = self.house.volumes
        ledger = Ledger.of(self.house, self.clock, disk)
        holds = Holds(self.engine, volumes, disk, self.clock, HoldLeaves(ledger))
        far = Moves(self.engine).uuid_of(bucket.url)
        shelves = {} if far is None else {far: BucketShelf(bucket)}
        cleaner = Cleaner(
            self.engine,
            lambda: {**folder_shelves(volumes, disk), **shelves},
            len(volumes) + 1,
            holds,
            ledger,
            self.clock,
        )
        return holds, cleaner

    def mover(self, bucket: MemoryBucket, disk: Disk, *cameras: str) -> Mover:
        """Who moves all that is finished of these cameras to the bucket; what has begun, of all."""
        roots = folder_shelves(self.house.volumes, disk)
        return Mover(
            tier_of(bucket),
            Moves(self.engine),
            Index(self.engine),
            Ledger.of(self.house, self.clock, disk),
            Findings(self.engine, self.clock),
            disk,
            self.clock,
            roots=lambda: {uuid: shelf.root for uuid, shelf in roots.items()},
            wanted=lambda stream: stream.camera in cameras,
        )

    # -- the plug -------------------------------------------------------------------------

    def _pull(self, operation: int) -> None:
        database = {path: path.read_bytes() for path in self.root.glob("gozcu.db*")}
        database = {p: data for p, data in database.items() if not p.name.endswith("-shm")}
        promised = (
            dict(self.bucket.objects),
            self.clock.now(),
            self.durable,
            sent_by(self.recorders),
            list(self.held),
            set(self.doomed),
        )
        name = f"{operation} ({self.disk.log[-1]})"
        for _ in range(self.each):
            image = self._shared(self.disk.image(self.rng))
            self.points.append(Point(name, image, self._shared(database), *promised))

    def _shared(self, files: Image) -> Image:
        """Equal contents once: thousands of images differ in a page or two."""
        return {path: self._contents.setdefault(data, data) for path, data in files.items()}

    # -- after the cut --------------------------------------------------------------------

    def judge(self, points: list[Point], outcome: Outcome) -> None:
        """Start the site again from each image, and ask for every invariant."""
        for point in points:
            self._lay_out(point)
            world = self._world(point)
            world.promised.rows = world.rows
            self._start_again(point, world)
            lost = [
                [at for at, picture in sent if (stream, picture) not in world.pictures]
                for stream, sent in _without(point.sent, world).items()
            ]
            outcome.lost = max(outcome.lost, *map(lost_time, lost), 0)
            for problem in problems(world, ends=outcome.cuts % self.tried == 0):
                outcome.broken.append(f"before operation {point.operation}: {problem}")
            outcome.cuts += 1
        self.engine.dispose()

    def _lay_out(self, point: Point) -> None:
        self.engine.dispose()
        lay_out(self.root, {})
        for root in self.roots:
            root.mkdir()
        write_image(point.image | point.database)
        self.clock.step(point.now + 3 * SECOND - self.clock.now())

    def _world(self, point: Point) -> World:
        """Nothing refuses here, so 9 and 11 have nothing to say; what is promised is per cut."""
        promised = Promised(
            sent=point.sent,
            kept=point.durable,
            loss=SECOND,
            held=point.held,
            doomed=point.doomed,
            packages=self.packages,
        )
        tier = tier_of(MemoryBucket(objects=dict(point.objects)))
        return World(self.house, self.clock, self.engine, promised, tier=tier)

    def _start_again(self, point: Point, world: World) -> None:
        """What recorder and custodian do at their start."""
        disk, index = RealDisk(), Index(self.engine)
        volumes = [prepare_volume(one, disk, self.clock) for one in self.house.volumes]
        for volume in volumes:
            index.know_volume(volume.uuid, str(volume.root))
        assert world.tier is not None
        bucket = world.tier.bucket
        assert isinstance(bucket, MemoryBucket)
        holds, cleaner = self.keepers(disk, bucket)
        holds.repair()
        books = Bookkeeper(Ledger.of(self.house, self.clock, disk))
        streams = [key(name) for name in CAMERAS]
        Recovery(volumes, disk, index, self.clock, books=books).run(streams)
        cleaner.finish()
        self.mover(bucket, disk).round(threading.Event())
        self.clock.advance(3 * HOUR)  # so that the check overlooks nothing as too young
        world.look_again()


def tier_of(bucket: MemoryBucket) -> Tier:
    """A tier that takes what is a second old: less than settings allow."""
    chosen = TierSettings(
        name="archive", url="s3://memory", access_key="memory", secret_key="memory", after="1 min"
    )
    return Tier(chosen.model_copy(update={"after": SECOND}), bucket)


def _all_of(camera: str, volume: str, rows: list[SegmentRow]) -> Deletion:
    """All that ended of a camera on a volume, as if its rule or a full disk asked for it."""
    before, hour = max(row.end for row in rows), Instant(rows[0].start // HOUR * HOUR)
    return Deletion(key(camera), volume, hour, before, "", Why.DISK_FULL, 0, 0, 0, hour)


def _without(sent: dict[StreamKey, list[Picture]], world: World) -> dict[StreamKey, list[Picture]]:
    """What was sent and not deleted since."""
    return {
        stream: [
            (at, picture)
            for at, picture in pictures
            if not any(
                leaf.stream == stream and leaf.start <= at < leaf.end
                for leaf in world.deleted.values()
            )
        ]
        for stream, pictures in sent.items()
    }


def cut_power(seeds: list[int], each: int, tried: int = 1) -> Outcome:
    """Run the scenarios of these seeds, and judge every cut. See `PowerCuts`."""
    outcome = Outcome()
    base = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as name:
        root = Path(name) / "site"  # at one place, for the engine
        root.mkdir()
        for seed in seeds:
            scenario = PowerCuts(root, seed, each, tried)
            scenario.judge(scenario.run(), outcome)
    return outcome
