"""The eleven invariants of design §7, one function each, asked of a recovered world.

Every crash scenario and every power cut ends in `assert_invariants` or `problems`. A question that
a scenario promised nothing about finds nothing to say: see `Promised`. That each can fail is
proved in test_invariants.py.
"""

from __future__ import annotations

import functools
import hashlib
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from storage.check import verify_archive
from storage.cleaner import Cleaner
from storage.clock_hands import ClockHands
from storage.custody import Memory
from storage.disk import RealDisk
from storage.findings import Kind
from storage.ledger.late import add_late_leaves
from storage.ledger.leaves import ExportLeaf, SegmentLeaf
from storage.rebuild import Rebuild
from storage.retention import plan, relieve
from storage.rows import SegmentRow
from storage.shelf import folder_shelves
from storage.stock import SqlStock
from storage.tiers.check import verify_tiers
from storage.tiers.rebuild import TierRebuild
from tests.storage.world import (
    Key,
    World,
    digest,
    empty_database,
    is_complete,
    kept_engine,
    lay_out,
    pictures_in,
)
from vms.core.clock import DAY, SECOND, Instant, rfc3339
from vms.core.config import Settings, SystemSettings
from vms.core.config_storage import RetentionRule
from vms.core.model import Cause, StreamKey
from vms.evidence.manifest import MANIFEST
from vms.evidence.verification import verify_package

JUMP = 400 * DAY
_DAILY = RetentionRule(name="daily", keep=DAY)


def assert_invariants(world: World, *, ends: bool = True) -> None:
    """All eleven. `ends`: the world may be changed by asking, for nothing is asked of it after."""
    found = list(problems(world, ends=ends))
    assert not found, "; ".join(found)


def problems(world: World, *, ends: bool = True) -> Iterator[str]:
    """What is wrong, each with the number of its invariant. See `assert_invariants`."""
    for number in (*_ASKED, *(_TRIED if ends else ())):
        yield from (f"invariant {number}: {said}" for said in INVARIANTS[number](world))


# -- the eleven -------------------------------------------------------------------------------


def final_files_are_complete_and_never_change(world: World) -> Iterator[str]:
    """1. A file under its final name is complete, synced, and never changes its bytes.

    Complete: head, whole fragments, and a tail that lists them all; what it shows was sent, at that
    time. Unchanged: since before the stop. Synced: what a power cut leaves under a final name is
    complete too. The same for packages that were handed out.
    """
    for (stream, start), contents in world.finals.items():
        sent = {picture: at for at, picture in world.promised.sent.get(stream, ())}
        for data in contents:
            if not is_complete(data):
                yield f"{_named(stream, start)} is not complete under its final name"
            elif sent and any(sent.get(picture) != at for at, picture in pictures_in(data)):
                yield f"{_named(stream, start)} shows what was never sent, or not then"
    for path, before in world.promised.finals.items():
        if path.exists() and digest(path.read_bytes()) != before:
            yield f"{path} has changed its bytes"
    yield from _packages(world)


def a_row_means_a_durable_file(world: World) -> Iterator[str]:
    """2. A row in the index means a durable file.

    Durable: the database commits at once, the disk of a power cut forgets what was not synced; so
    a row that came too early has no file, or another. Its leaf says the same as the row. The
    program's own check agrees, and raises no false alarm.
    """
    lines = [leaf.line() for leaf in world.leaves]
    for (stream, start), row in world.rows.items():
        data = world.bytes_of(row)
        if data is None:
            yield f"the row of {_named(stream, start)} has no file"
        elif (len(data), digest(data)) != (row.size, row.sha256):
            yield f"the file of {_named(stream, start)} is not what its row says"
        if row.leaf is not None and lines[row.leaf : row.leaf + 1] != [SegmentLeaf.of(row).line()]:
            yield f"leaf {row.leaf} is not that of {_named(stream, start)}"
    checked = [
        *verify_archive(world.engine, world.house.volumes, clock=world.clock, patience=0),
        *(verify_tiers(world.engine, world.tiers) if world.tiers is not None else ()),
    ]
    for finding in checked:
        if finding.kind is not Kind.FOOTAGE_ABANDONED:  # put away as invariant 9 demands
            yield f"the check says {finding.kind.value}: {finding.detail}"


def what_goes_is_in_the_ledger_and_goes_wholly(world: World) -> Iterator[str]:
    """3. Deleting: ledger → row → unlink; a crash in between is finished at the next start."""
    for key in world.deleted:
        if key in world.rows:
            yield f"{_named(*key)} was deleted and has a row"
        if key in world.finals:
            yield f"{_named(*key)} was deleted and has a file"
        if key not in world.promised.doomed:
            yield f"{_named(*key)} was deleted and nobody asked for it"
    for key, row in world.promised.rows.items():
        told = world.deleted.get(key)
        if key not in world.rows and (told is None or told.sha256 != row.sha256):
            yield f"the row of {_named(*key)} is gone, and the ledger knows of no deletion"
    for key, contents in world.finals.items():
        if key not in world.rows:
            if world.recovered and key not in world.deleted:
                yield f"{_named(*key)} has a file and no row"
        elif len(contents) > 1:
            yield f"{_named(*key)} has {len(contents)} files"


def what_is_held_stays(world: World) -> Iterator[str]:
    """4. A held span is deleted by nothing; database and volumes both know the hold.

    That a full disk spares it is asked with invariant 8; that age does, in test_delete_crashes.py.
    """
    for stream, start, end in world.promised.held:
        if not world.held.covers(stream, start, end):
            yield f"the hold on {_named(stream, start)} is gone"
    for key, row in _held_rows(world).items():
        if key not in world.rows or world.rows[key].sha256 != row.sha256:
            yield f"{_named(*key)} is held, and gone"
    for finding in world.holds.check():
        yield f"{finding.subject}: {finding.detail}"


def every_second_is_explained(world: World) -> Iterator[str]:
    """5. Every second since a stream's first recording lies in a segment or a gap with a cause."""
    now = world.clock.now()
    for stream in sorted({*world.gaps, *(stream for stream, _ in world.rows)}):
        rows = [(row.start, row.end) for row in world.rows.values() if row.stream == stream]
        gaps = [(gap.start, now if gap.end is None else gap.end) for gap in world.gaps[stream]]
        until = min((start for start, _ in [*rows, *gaps]), default=now)
        for start, end in sorted([*rows, *gaps]):
            if start > until:
                yield f"{stream}: nothing from {rfc3339(until)} to {rfc3339(start)}"
            until = max(until, end)
        if until < now:
            yield f"{stream}: nothing from {rfc3339(until)} on"


def what_was_written_is_there(world: World) -> Iterator[str]:
    """6. After a kill every written fragment; after a power cut all but the last second."""
    for stream, sent in world.promised.sent.items():
        spans = [(leaf.start, leaf.end) for key, leaf in world.deleted.items() if key[0] == stream]
        lost = {
            picture: at
            for at, picture in sent
            if (stream, picture) not in world.pictures
            and not any(start <= at < end for start, end in spans)
        }
        if not lost.keys().isdisjoint(world.promised.kept):
            yield f"{stream} has lost what was durable"
        if world.promised.loss is not None and lost_time(lost.values()) > world.promised.loss:
            yield f"{stream} has lost {lost_time(lost.values()) / SECOND} s"


def volumes_alone_suffice(world: World) -> Iterator[str]:
    """7. The index, the holds and the ledger can be rebuilt from the volumes alone.

    Into an empty database and an empty folder for the ledger, beside the world's own, which stay.
    """
    add_late_leaves(world.engine, world.ledger)  # this and the next as the custodian each minute
    world.ledger.replicate(sorted(world.roots.values()))
    world.look_again()
    scratch = world.house.system.data / "rebuilt"
    house = Settings(
        file=world.house.file, system=SystemSettings(data=scratch), volumes=world.house.volumes
    )
    engine = kept_engine(house.database_url)
    engine.dispose()
    scratch.mkdir(exist_ok=True)
    lay_out(scratch, {Path("gozcu.db"): empty_database()})
    (scratch / "ledger").mkdir()
    again = replace(world, house=house, engine=engine)
    _rebuild(again, scratch)
    if [leaf.line() for leaf in again.leaves[: len(world.leaves)]] != [
        leaf.line() for leaf in world.leaves
    ]:
        yield "the ledger of the volumes says something else"
    if _facts(again) != _facts(world):
        yield f"rows differ: {_facts(again)} instead of {_facts(world)}"
    if again.holds.active() != world.holds.active():
        yield "holds differ"
    yield from every_second_is_explained(again)
    lines = [_ended_gaps(one) for one in (again, world)]
    if lines[0] != lines[1]:
        yield f"gaps differ: {lines[0]} instead of {lines[1]}"
    engine.dispose()


def a_full_disk_never_stops_recording(world: World) -> Iterator[str]:
    """8. The oldest unheld footage makes room; recording goes on when the disk refuses no more.

    Every volume is relieved of all that may go: the oldest first, and only what is held stays.
    """
    sent = {stream: {at for at, _ in sent} for stream, sent in world.promised.sent.items()}
    for stream, at in world.promised.taken:
        if at not in sent[stream]:
            yield f"{stream} did not record again at {rfc3339(at)}"
    stock, rules = SqlStock(world.engine), dict.fromkeys(_cameras(world))
    cleaner = _cleaner(world)
    for uuid in world.roots:
        due = relieve(stock, rules, world.held, world.clock.now(), uuid, 1 << 50)
        if [one.hour for one in due] != sorted(one.hour for one in due):  # planned by the hour
            yield f"volume {uuid} is not relieved of its oldest footage first"
        cleaner.delete(due, rules)
    wanted = {
        key: row.sha256
        for key, row in world.rows.items()
        if row.volume not in world.roots or world.held.covers(row.stream, row.start, row.end)
    }
    world.look_again()
    if {key: row.sha256 for key, row in world.rows.items()} != wanted:
        yield f"not {sorted(wanted)} stay on full volumes, but {sorted(world.rows)}"
    files = {key for key in world.finals if key not in world.objects}
    if not files <= world.rows.keys():
        yield f"{len(files - world.rows.keys())} files stay on full volumes"


def a_failed_sync_is_never_retried(world: World) -> Iterator[str]:
    """9. A segment whose sync failed is not synced again, nor ever given its final name.

    That its span is a gap is invariant 5. Needs the disk of before the stop; power cuts have none
    that refused.
    """
    if world.disk is not None:
        yield from (f"{said}, though its sync had failed" for said in world.disk.trusted_again)


def a_jump_of_the_clock_deletes_nothing(world: World) -> Iterator[str]:
    """10. Mass deletion by age is refused and asked about when the clock jumped.

    The custodian's question (`clock_guard`) and plan, as `RetentionDuty` puts them together. That
    a start with such a clock changes nothing is asked where scenarios recover the second time.
    """
    running = [0]
    memory = Memory(world.engine)
    hands = ClockHands(
        memory, world.clock, running=lambda: running[0], synchronised=lambda: False, boot="one"
    )
    hands.believe(hands.read())
    running[0] += SECOND
    world.clock.step(JUMP)
    newest = max((row.end for row in world.rows.values()), default=None)
    by_age = hands.doubt(hands.read(), newest) is None
    rules = dict.fromkeys(_cameras(world), _DAILY)
    stock = SqlStock(world.engine)
    now, volumes = world.clock.now(), set(world.roots)
    due = plan(stock, rules, world.held, now, volumes, by_age=by_age)
    if due:
        yield f"{len(due)} hours would go by age"
    world.clock.step(-JUMP)


def nobody_else_costs_a_second(world: World) -> Iterator[str]:
    """11. A viewer, an export or one slow volume never costs a second of recording elsewhere."""
    if world.promised.spare and world.promised.refused:
        yield f"{world.promised.refused} seconds were refused while a volume was well"


INVARIANTS: dict[int, Callable[[World], Iterator[str]]] = {
    1: final_files_are_complete_and_never_change,
    2: a_row_means_a_durable_file,
    3: what_goes_is_in_the_ledger_and_goes_wholly,
    4: what_is_held_stays,
    5: every_second_is_explained,
    6: what_was_written_is_there,
    7: volumes_alone_suffice,
    8: a_full_disk_never_stops_recording,
    9: a_failed_sync_is_never_retried,
    10: a_jump_of_the_clock_deletes_nothing,
    11: nobody_else_costs_a_second,
}
_ASKED = (1, 2, 3, 4, 5, 6, 9, 11)  # of the world as it is
_TRIED = (7, 10, 8)  # by doing something to it; the last leaves nothing but what is held


# -- how they are asked -----------------------------------------------------------------------


def lost_time(seconds: Iterable[Instant]) -> int:
    """How long the seconds are together of which a picture is missing, in ns."""
    return len(set(seconds)) * SECOND


def _named(stream: StreamKey, start: Instant) -> str:
    return f"{stream} at {rfc3339(start)}"


def _cameras(world: World) -> set[str]:
    return {stream.camera for stream, _ in world.rows}


def _held_rows(world: World) -> dict[Key, SegmentRow]:
    """Of the segments that the index knew before, those that a promised hold covers."""
    return {
        key: row
        for key, row in world.promised.rows.items()
        if any(
            row.stream == stream and row.start < end and start < row.end
            for stream, start, end in world.promised.held
        )
    }


def _facts(world: World) -> dict[Key, tuple[Instant, str, int, bytes]]:
    """What rows say of segments, but their leaf, which they may still wait for."""
    return {key: (row.end, row.volume, row.size, row.sha256) for key, row in world.rows.items()}


def _ended_gaps(world: World) -> dict[StreamKey, list[tuple[Instant, Instant, Cause]]]:
    return {
        stream: [(gap.start, gap.end, gap.cause) for gap in gaps if gap.end is not None]
        for stream, gaps in world.gaps.items()
        if any(gap.end is not None for gap in gaps)
    }


def _cleaner(world: World) -> Cleaner:
    volumes = world.house.volumes
    return Cleaner(
        world.engine,
        lambda: folder_shelves(volumes, RealDisk()),
        len(volumes),
        world.holds,
        world.ledger,
        world.clock,
    )


def _rebuild(world: World, scratch: Path) -> None:
    """What `vms storage rebuild` does."""
    if world.tier is not None:
        far = TierRebuild(world.engine, world.ledger, world.held, scratch / "far.db")
        far.run([world.tier])
    Rebuild(
        world.engine,
        world.house.volumes,
        world.ledger,
        world.holds.spans,
        RealDisk(),
        world.clock,
        scratch / "near.db",
    ).run()
    world.holds.repair()
    world.look_again()


def _packages(world: World) -> Iterator[str]:
    """Packages under their name are whole, and the ledger knew of them before."""
    folder = world.promised.packages
    for path in sorted(folder.glob("*.zip")) if folder is not None else ():
        data = path.read_bytes()
        if not _is_good(data):
            yield f"{path.name} is not whole under its final name"
        elif manifest_of(data) not in {
            leaf.sha256 for leaf in world.leaves if isinstance(leaf, ExportLeaf)
        }:
            yield f"the ledger knows nothing of {path.name}"


@functools.lru_cache(maxsize=64)  # of one export every later world has the same
def _is_good(package: bytes) -> bool:
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(package)
        file.flush()
        return verify_package(Path(file.name)).good


@functools.lru_cache(maxsize=64)
def manifest_of(package: bytes) -> bytes:
    """SHA-256 of a package's manifest: how the ledger names it."""
    with zipfile.ZipFile(io.BytesIO(package)) as zip_:
        return hashlib.sha256(zip_.read(MANIFEST)).digest()
