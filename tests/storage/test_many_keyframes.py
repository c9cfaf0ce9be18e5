"""A segment of 1,500 keyframes, whose tail fits no first guess, is a segment like any other."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.check import Level
from storage.database import open_database
from storage.facts import RunFacts
from storage.fmp4 import Tail, TailEntry, tail_box
from storage.index import Index
from storage.recording import Store
from storage.segment_file import tail_by
from tests.storage.bucket_server import BucketServer, bucket_server
from tests.storage.house import FORMAT, key, open_archive, open_store, second, settings
from tests.storage.test_rebuild import Site
from tests.storage.test_tier import NOW, _in_ledger, _rebuilt, _without_index
from tests.storage.test_tier import House as FarHouse
from vms.core.clock import MINUTE, SECOND, FakeClock, Instant

GATE = key("gate")
FOREVER = Instant(2**62)
KEYS = 1_500


@pytest.fixture(scope="module")
def server() -> Iterator[BucketServer]:
    with bucket_server() as running:
        yield running


def record(root: Path, clock: FakeClock, *volumes: str) -> Instant:
    """One segment of 1,500 seconds, each of which begins with a keyframe; its start."""
    with Store(settings(root, *volumes), clock, threads=False) as store:
        store.recover([GATE])
        start = clock.now()
        segment = store.open_segment(GATE, start, FORMAT, RunFacts(1, start))
        for number in range(KEYS):
            assert segment.append(second(number, number, key=True, size=40))
            if number % 100 == 0:
                store.pump()
        clock.advance(KEYS * SECOND)
        segment.close(clock.now())
        store.pump()
    return start


def test_its_fragments_are_found_without_walking_it(tmp_path: Path) -> None:
    clock = FakeClock()
    start = record(tmp_path, clock)
    archive = open_archive(tmp_path, clock)
    (segment,) = archive.segments(GATE, start, FOREVER)
    fragments = archive.fragments(segment).fragments
    assert len(fragments) == KEYS
    assert all(one.key for one in fragments)
    assert archive.keyframe_at(GATE, Instant(start + 1_400 * SECOND)) is not None


def test_it_is_adopted_at_start(tmp_path: Path) -> None:
    clock = FakeClock()
    start = record(tmp_path, clock)
    engine = open_database(f"sqlite:///{tmp_path / 'gozcu.db'}")
    before = Index(engine).segment(GATE, start)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM segment")
    with open_store(tmp_path, clock) as store:
        recovered = store.recover([GATE])
    assert (recovered.adopted, recovered.findings) == (1, [])
    after = Index(engine).segment(GATE, start)
    assert before is not None
    assert after is not None
    assert (after.end, after.sha256, after.frames) == (before.end, before.sha256, before.frames)


def test_one_cut_off_just_before_its_last_name_keeps_its_tail(tmp_path: Path) -> None:
    clock = FakeClock()
    start = record(tmp_path, clock)
    (file,) = tmp_path.rglob("*.mp4")
    before = file.read_bytes()
    file.rename(file.with_suffix(".part"))
    engine = open_database(f"sqlite:///{tmp_path / 'gozcu.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM segment")
    with open_store(tmp_path, clock) as store:
        assert store.recover([GATE]).salvaged == [GATE]
    assert Index(engine).segment(GATE, start) is not None
    assert file.read_bytes() == before


@pytest.mark.parametrize("level", [Level.HASH, Level.SIZE])
def test_it_is_rebuilt_from_its_volume(tmp_path: Path, template: Path, level: Level) -> None:
    site = Site(tmp_path, template)
    start = record(tmp_path, site.clock, "one", "two")
    site.into_ledger()
    before = site.rows()
    site.lose_index()
    done = site.rebuild(level)
    assert done.findings == []
    assert site.rows() == before
    assert [row.start for row in before] == [start]
    site.engine.dispose()


def test_it_is_read_and_rebuilt_from_a_bucket(
    tmp_path: Path, template: Path, server: BucketServer
) -> None:
    house = FarHouse(tmp_path, template, server)
    start = record(tmp_path, house.clock)
    house.clock.advance(10 * MINUTE)
    (segment,) = house.archive().segments(GATE, start, FOREVER)
    fragments = house.archive().fragments(segment)
    assert house.mover().round(NOW) == 1
    (segment,) = house.archive().segments(GATE, start, FOREVER)
    assert segment.bucket is not None
    assert house.archive().fragments(segment) == fragments
    assert not (tmp_path / "cache").exists(), "the tail needs no whole segment"
    _in_ledger(house)
    before = house.rows()
    _without_index(house)
    assert _rebuilt(house).findings == []
    assert [(row.start, row.end, row.sha256) for row in house.rows()] == [
        (row.start, row.end, row.sha256) for row in before
    ]
    house.engine.dispose()


def _file_of(count: int) -> tuple[bytes, Tail]:
    """The end of a file of so many fragments, and what it says."""
    entries = tuple(TailEntry(n * 90_000, 900 + n * 90, 90, True) for n in range(count))
    tail = Tail(Instant(count * SECOND), 900, entries)
    return bytes(900 + count * 90) + tail_box(tail), tail


@pytest.mark.parametrize("count", [1, 100, 150, 200, 430, 431, 1_500, 86_400])
def test_few_bytes_are_read_beside_the_tail_itself(count: int) -> None:
    data, tail = _file_of(count)
    asked: list[int] = []

    def read(length: int, offset: int) -> bytes:
        asked.append(length)
        return data[offset : offset + length]

    assert tail_by(read, len(data)) == tail
    assert len(asked) <= 3
    assert sum(asked) < len(tail_box(tail)) + 2 * 8_192


@pytest.mark.parametrize("claim", [2**31, 2**32 - 1, 17_000_000])
def test_a_tail_that_claims_more_than_any_has_is_none(claim: int) -> None:
    data, _ = _file_of(10)
    sizes: list[int] = []

    def read(length: int, offset: int) -> bytes:
        sizes.append(length)
        lied = data[:-4] + struct.pack(">I", claim)
        return lied[-8_192:][:length] if length > 4 else b"\0\0\0\0"

    assert tail_by(read, 2**40) is None
    assert max(sizes) <= 8_192
