"""An archive, and a thousand ways to tamper with it, each of which can be undone.

A manipulation changes one thing of files, rows or ledger, and says which words a check must name.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.audit.check import Audit
from storage.check import Level
from storage.database import open_database
from storage.facts import GapFacts
from storage.findings import Finding
from storage.index import Index
from storage.layout import path_of
from storage.ledger import Ledger
from storage.ledger.leaves import DeleteLeaf, SegmentLeaf, parse
from storage.ledger.replica import replica_folder
from storage.rows import PutGap, SegmentRow
from tests.storage.house import Recorder, key, open_store, settings
from vms.core.clock import DAY, SECOND, FakeClock, Instant
from vms.core.model import Cause

CAMERAS = ("gate", "square", "yard")
FOREVER = Instant(2**62)
DELETED = 2  # segments of each camera that a rule let go


@dataclass(frozen=True, slots=True)
class Told:
    """What was done, and what of it a finding must name: one of `words` in subject or detail."""

    what: str
    words: tuple[str, ...]


class House:
    """A small archive with its ledger: recorded, partly deleted by rule, signed and copied."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock = root, FakeClock()
        self.settings = settings(root)
        self._record()
        self.engine = open_database(self.settings.database_url)
        self.index = Index(self.engine)
        self.ledger = Ledger.of(self.settings, self.clock)
        self._delete()
        self.ledger.checkpoint()
        self._record(more=True)
        self.kept = self.ledger.checkpoint()
        self.ledger.replicate([root / "video"])
        self.clock.advance(DAY)
        self.engine.dispose()

    def _record(self, *, more: bool = False) -> None:
        (self.root / "video").mkdir(exist_ok=True)
        with open_store(self.root, self.clock) as store:
            streams = [key(name) for name in CAMERAS]
            store.recover(streams)
            recorders = [Recorder(store, self.clock, stream) for stream in streams]
            for number, recorder in enumerate(recorders):
                recorder.number += 500 * (more + 1) + 10_000 * number
            for second in range(20):
                self.clock.advance(SECOND)
                for recorder in recorders:
                    if second % 7 == 6:
                        self._lose(recorder)
                    else:
                        recorder.step()
                store.pump()

    def _lose(self, recorder: Recorder) -> None:
        start = Instant(self.clock.now() - SECOND)
        if recorder.segment is not None:
            recorder.segment.close(start)
            recorder.segment = None
        recorder.store.open_gap(recorder.stream, start, Cause.UNREACHABLE, "no route to host")

    def _delete(self) -> None:
        """As the cleaner does: leaf, row, file."""
        with closing(sqlite3.connect(self.root / "gozcu.db")) as database:
            for name in CAMERAS:
                rows = self.index.segments(key(name), Instant(0), FOREVER)[:DELETED]
                at = self.clock.now()
                self.ledger.append([_deletion(row, at) for row in rows])
                for row in rows:
                    database.execute(
                        "DELETE FROM segment WHERE start = ? AND stream_id = "
                        "(SELECT id FROM stream WHERE camera = ?)",
                        (row.start, name),
                    )
                    (self.root / "video" / path_of(row.stream, row.start)).unlink()
                database.commit()
                span = (rows[0].start, rows[-1].end)
                facts = GapFacts(key(name), *span, Cause.DELETED, "default")
                self.index.apply([PutGap(facts)])

    def rows(self) -> list[SegmentRow]:
        return list(self.index.every_segment())

    def file(self, row: SegmentRow) -> Path:
        return self.root / "video" / path_of(row.stream, row.start)

    def check(self, *, kept: bool = False) -> list[Finding]:
        """What the audit finds."""
        heads = [self.kept] if kept else []
        ledger = Ledger.of(self.settings, self.clock)
        audit = Audit(self.engine, self.settings, ledger, self.clock, kept=heads, patience=0)
        return list(audit.findings(Level.HASH))

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever is done within is undone after."""
        copy = self.root.with_name(f"{self.root.name}.copy")
        if not copy.exists():
            shutil.copytree(self.root, copy)
        try:
            yield
        finally:
            self.engine.dispose()
            shutil.rmtree(self.root)
            shutil.copytree(copy, self.root)


def _deletion(row: SegmentRow, at: Instant) -> DeleteLeaf:
    facts = (row.stream, row.start, row.end, row.sha256, row.size)
    return DeleteLeaf(*facts, "default", "old", "custodian", at)


def _id(row: SegmentRow) -> str:
    return f"{row.stream.camera}.{row.stream.name}.{row.start}"


# -- files ----------------------------------------------------------------------------------


def flip_a_bit(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    data = bytearray(house.file(row).read_bytes())
    at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)
    house.file(row).write_bytes(data)
    return Told(f"bit {at} flipped", (_id(row),))


def cut_a_file(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    data = house.file(row).read_bytes()
    house.file(row).write_bytes(data[: rng.randrange(len(data))])
    return Told("cut", (_id(row),))


def lengthen_a_file(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    house.file(row).write_bytes(house.file(row).read_bytes() + rng.randbytes(rng.randint(1, 99)))
    return Told("lengthened", (_id(row),))


def remove_a_file(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    house.file(row).unlink()
    return Told("file removed", (_id(row),))


def add_a_file(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    start = Instant(row.start + rng.randint(1, row.end - row.start - 1))
    path = house.root / "video" / path_of(row.stream, start)
    path.write_bytes(house.file(row).read_bytes())
    return Told("file added", (f"{row.stream.camera}.main.{start}",))


def swap_two_files(house: House, rng: random.Random) -> Told:
    one, other = rng.sample(house.rows(), 2)
    first, second = house.file(one).read_bytes(), house.file(other).read_bytes()
    house.file(one).write_bytes(second)
    house.file(other).write_bytes(first)
    return Told("swapped", (_id(one),))


def redate_a_file(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    start = Instant(row.start + rng.choice((-1, 1)) * rng.randint(1, 10**9 - 1))
    path = house.root / "video" / path_of(row.stream, start)
    path.parent.mkdir(parents=True, exist_ok=True)
    house.file(row).rename(path)
    return Told("re-dated", (f"{row.stream.camera}.main.{start}",))


def bring_back_a_deleted_file(house: House, rng: random.Random) -> Told:
    leaves = [
        leaf for _, line in house.ledger.leaves() if isinstance(leaf := parse(line), DeleteLeaf)
    ]
    leaf = rng.choice(leaves)
    row = rng.choice(house.rows())
    path = house.root / "video" / path_of(leaf.stream, leaf.start)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(house.file(row).read_bytes())
    return Told("a deleted file again", (f"{leaf.stream.camera}.main.{leaf.start}",))


# -- rows -----------------------------------------------------------------------------------


def _change(house: House, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(house.root / "gozcu.db")) as database:
        changed = database.execute(statement, values).rowcount
        database.commit()
    assert changed == 1, statement


_OF = "stream_id = (SELECT id FROM stream WHERE camera = ?) AND start = ?"


def _key(row: SegmentRow) -> tuple[str, int]:
    return str(row.stream.camera), row.start


def change_a_row(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    changes: dict[str, object] = {
        '"end"': row.end + rng.choice((-1, 1)) * rng.randint(1, 10**9),
        "bytes": row.size + rng.choice((-1, 1)),
        "sha256": rng.randbytes(32),
        "run": row.run + rng.randint(1, 9),
        "frames": (row.frames or 0) + rng.choice((-1, 1)),
        "clock_offset": rng.randint(1, 10**9),
        "clock_error": rng.randint(1, 10**9),
        "ntp_error": rng.randint(1, 10**9),
        "leaf": (row.leaf or 0) + rng.choice((-1, 1, 10_000)),
    }
    name = rng.choice(list(changes))
    _change(house, f"UPDATE segment SET {name} = ? WHERE {_OF}", changes[name], *_key(row))
    return Told(f"row's {name} changed", (_id(row),))


def forget_a_leaf(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    _change(house, f"UPDATE segment SET leaf = NULL WHERE {_OF}", *_key(row))
    return Told("row's leaf forgotten", (_id(row),))


def move_a_row(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    start = row.start + rng.choice((-1, 1)) * rng.randint(1, 10**9)
    _change(house, f"UPDATE segment SET start = ? WHERE {_OF}", start, *_key(row))
    return Told("row moved in time", (_id(row),))


def remove_a_row(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    _change(house, f"DELETE FROM segment WHERE {_OF}", *_key(row))
    return Told("row removed", (_id(row),))


def remove_row_and_file(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    _change(house, f"DELETE FROM segment WHERE {_OF}", *_key(row))
    house.file(row).unlink()
    return Told("row and file removed", (_id(row),))


def call_it_deleted(house: House, rng: random.Random) -> Told:
    told = remove_row_and_file(house, rng)
    camera, _, start = told.words[0].split(".")
    _change(
        house,
        "INSERT INTO gap SELECT stream.id, ?, ?, 'deleted', 'default', NULL FROM stream "
        "WHERE camera = ?",
        int(start),
        int(start) + SECOND,
        camera,
    )
    return Told("removed, and called deleted by rule", told.words)


def invent_a_row(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    start = row.start + rng.randint(1, 10**9)
    names = '"end", volume_id, format_id, run, bytes, sha256, clock_offset, clock_error, ntp_error'
    leaf = rng.choice(("NULL", "leaf"))
    _change(
        house,
        f"INSERT INTO segment SELECT stream_id, ?, {names}, frames, {leaf} FROM segment "
        f"WHERE {_OF}",
        start,
        *_key(row),
    )
    return Told("row invented", (f"{row.stream.camera}.main.{start}",))


def replace_footage(house: House, rng: random.Random) -> Told:
    """File and row, well made, hash and all."""
    row, other = rng.sample(house.rows(), 2)
    data = house.file(other).read_bytes()
    house.file(row).write_bytes(data)
    values = (hashlib.sha256(data).digest(), len(data), *_key(row))
    leaf = rng.choice(("leaf", "NULL"))
    _change(house, f"UPDATE segment SET sha256 = ?, bytes = ?, leaf = {leaf} WHERE {_OF}", *values)
    return Told("footage replaced with its row", (_id(row),))


def _gap(house: House, rng: random.Random) -> GapFacts:
    gaps = [
        gap
        for name in CAMERAS
        for gap in house.index.gaps(key(name), Instant(0), FOREVER)
        if gap.end is not None and gap.cause is not Cause.DELETED
    ]
    return rng.choice(gaps)


def change_a_gap(house: House, rng: random.Random) -> Told:
    gap = _gap(house, rng)
    assert gap.end is not None
    name, value = rng.choice(
        [
            ("cause", "silent"),
            ("cause", "deleted"),
            ("detail", "another"),
            ('"end"', gap.end - 1),
            ("leaf", 0),
            ("start", gap.start + 1),
        ]
    )
    _change(house, f"UPDATE gap SET {name} = ? WHERE {_OF}", value, gap.stream.camera, gap.start)
    return Told(f"gap's {name} changed", (f"{gap.stream.camera}.main.{gap.start}",))


def remove_a_gap(house: House, rng: random.Random) -> Told:
    gap = _gap(house, rng)
    _change(house, f"DELETE FROM gap WHERE {_OF}", gap.stream.camera, gap.start)
    return Told("gap removed", (f"{gap.stream.camera}.main.{gap.start}",))


def change_a_format(house: House, rng: random.Random) -> Told:
    _change(house, "UPDATE format SET init = ? WHERE id = 1", rng.randbytes(900))
    return Told("format changed", ("format 1",))


# -- ledger ---------------------------------------------------------------------------------


def _leaves(house: House) -> Path:
    return house.root / "ledger" / "leaves" / "000000000.jsonl"


def _lines(house: House) -> list[bytes]:
    return _leaves(house).read_bytes().split(b"\n")[:-1]


def _write(house: House, lines: list[bytes], *, copied: bool) -> None:
    data = b"".join(line + b"\n" for line in lines)
    _leaves(house).write_bytes(data)
    if copied:  # whoever rewrites the ledger may reach its replica too
        (replica_folder(house.root / "video") / "leaves" / _leaves(house).name).write_bytes(data)


def change_a_leaf(house: House, rng: random.Random) -> Told:
    lines = _lines(house)
    at = rng.randrange(len(lines))
    line = bytearray(lines[at])
    digits = [n for n, letter in enumerate(line) if letter in b"0123456789"]
    which = rng.choice(digits)
    line[which] = rng.choice([digit for digit in b"123456789" if digit != line[which]])
    lines[at] = bytes(line)
    _write(house, lines, copied=rng.random() < 0.5)
    return Told(f"leaf {at} changed", ("ledger",))


def remove_a_leaf(house: House, rng: random.Random) -> Told:
    lines = _lines(house)
    del lines[rng.randrange(len(lines))]
    _write(house, lines, copied=rng.random() < 0.5)
    return Told("leaf removed", ("ledger",))


def add_a_leaf(house: House, rng: random.Random) -> Told:
    lines = _lines(house)
    row = rng.choice(house.rows())
    leaf = SegmentLeaf(row.stream, Instant(row.start + 1), row.end, rng.randbytes(32), 9)
    lines.insert(rng.randrange(len(lines)), leaf.line())
    _write(house, lines, copied=rng.random() < 0.5)
    return Told("leaf put in", ("ledger",))


def append_a_leaf(house: House, rng: random.Random) -> Told:
    row = rng.choice(house.rows())
    leaf = SegmentLeaf(row.stream, Instant(row.start + 1), row.end, rng.randbytes(32), 9)
    _write(house, [*_lines(house), leaf.line()], copied=rng.random() < 0.5)
    return Told("leaf of no segment", (f"{row.stream.camera}.main.{row.start + 1}",))


def swap_leaves(house: House, rng: random.Random) -> Told:
    lines = _lines(house)
    one, other = rng.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    _write(house, lines, copied=rng.random() < 0.5)
    return Told("leaves swapped", ("ledger",))


def cut_the_ledger(house: House, rng: random.Random) -> Told:
    lines = _lines(house)
    _write(house, lines[: rng.randrange(len(lines))], copied=rng.random() < 0.5)
    return Told("ledger cut", ("ledger",))


def change_a_replica(house: House, rng: random.Random) -> Told:
    path = replica_folder(house.root / "video") / "leaves" / _leaves(house).name
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data) - 1)] ^= 1 << rng.randrange(7)
    path.write_bytes(data)
    return Told("replica changed", (str(path),))


def change_a_checkpoint(house: House, rng: random.Random) -> Told:
    path = house.root / "ledger" / "checkpoints"
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(7)
    path.write_bytes(data)
    if rng.random() < 0.5:
        (replica_folder(house.root / "video") / "checkpoints").write_bytes(data)
    return Told("checkpoint changed", ("ledger",))


def remove_the_checkpoints(house: House, rng: random.Random) -> Told:
    (house.root / "ledger" / "checkpoints").unlink()
    if rng.random() < 0.5:
        (replica_folder(house.root / "video") / "checkpoints").unlink()
    return Told("checkpoints removed", ("ledger",))


def forge_the_whole(house: House, rng: random.Random) -> Told:
    """A leaf changed with file and row, all signed anew with a key of the forger's own."""
    lines = _lines(house)
    at = next(n for n, line in enumerate(lines) if b'"kind":"segment"' in line)
    lines[at] = lines[at].replace(b'"frames":', b'"frames":1')
    shutil.rmtree(house.root / "ledger")
    shutil.rmtree(replica_folder(house.root / "video"))
    (house.root / "ledger" / "leaves").mkdir(parents=True)
    _write(house, lines, copied=False)
    forger = Ledger(house.root / "ledger", None, house.clock, keys=house.root / "forged")
    forger.checkpoint()
    forger.replicate([house.root / "video"])
    return Told("ledger forged and signed by another", ("ledger",))


MANIPULATIONS: tuple[Callable[[House, random.Random], Told], ...] = (
    flip_a_bit,
    cut_a_file,
    lengthen_a_file,
    remove_a_file,
    add_a_file,
    swap_two_files,
    redate_a_file,
    bring_back_a_deleted_file,
    change_a_row,
    forget_a_leaf,
    move_a_row,
    remove_a_row,
    remove_row_and_file,
    call_it_deleted,
    invent_a_row,
    replace_footage,
    change_a_gap,
    remove_a_gap,
    change_a_format,
    change_a_leaf,
    remove_a_leaf,
    add_a_leaf,
    append_a_leaf,
    swap_leaves,
    cut_the_ledger,
    change_a_replica,
    change_a_checkpoint,
    remove_the_checkpoints,
    forge_the_whole,
)


def tampered(house: House, seed: int) -> tuple[Told, list[Finding], bool]:
    """One manipulation, what the check found, and whether that names it."""
    rng = random.Random(seed)
    manipulate = MANIPULATIONS[seed % len(MANIPULATIONS)]
    with house.undone():
        told = manipulate(house, rng)
        house.engine.dispose()
        found = house.check()
    named = any(word in f"{one.subject} {one.detail}" for one in found for word in told.words)
    return told, found, named
