"""The recorder's side: bounded, never waiting, and each refusal ends in a gap with its cause."""

import errno
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.check import Level, check_coverage, verify_archive
from storage.database import migrate, open_database
from storage.disk import RealDisk
from storage.facts import ClockFacts, RunFacts
from storage.findings import Findings
from storage.index import Index
from storage.recording import Store
from storage.rows import SegmentRow
from storage.segment import OpenSegment
from tests.storage.house import FORMAT, Recorder, key, open_archive, open_store, second, settings
from vms.core.clock import MINUTE, SECOND, FakeClock, Instant, SystemClock, rfc3339
from vms.core.errors import NotFound, StorageError
from vms.core.model import Cause, StreamKey

GATE = key("gate")
FOREVER = Instant(2**62)


def open_segment(store: Store, start: int, stream: StreamKey = GATE) -> OpenSegment:
    at = Instant(start)
    return store.open_segment(stream, at, FORMAT, RunFacts(9, at))


def test_with_its_threads_a_segment_is_final_and_in_the_index_within_seconds(
    tmp_path: Path,
) -> None:
    clock = SystemClock()
    house = settings(tmp_path)
    with Store(house, clock) as store:
        store.recover([GATE])
        start = Instant(clock.now() - 5 * SECOND)
        segment = open_segment(store, start)
        for number in range(3):
            assert segment.append(second(number, number, key=number == 0))
        segment.close(Instant(start + 3 * SECOND), ClockFacts(12, 3, 1))
        archive = Archive(open_database(house.database_url), house.volumes)
        deadline = time.monotonic() + 10
        while archive.segments(GATE, start, FOREVER)[:1] == [] or archive.segment(GATE, start).open:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        facts = archive.segment(GATE, start)
        assert (facts.end, facts.run, facts.clock) == (
            start + 3 * SECOND,
            9,
            ClockFacts(12, 3, 1),
        )
    (gap,) = archive.gaps(GATE, Instant(0), FOREVER)
    assert (gap.start, gap.end, gap.cause) == (facts.end, None, Cause.RECORDER_STOPPED)
    assert not list(verify_archive(open_database(house.database_url), house.volumes))


def test_segments_of_a_run_touch_and_gaps_fill_the_rest(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:
        store.recover([GATE])
        begin = clock.now()
        store.open_gap(GATE, begin, Cause.CONNECTING)
        clock.advance(SECOND)
        recorder = Recorder(store, clock, GATE)
        for _ in range(7):
            clock.advance(SECOND)
            recorder.step()
            store.pump()
        archive = open_archive(tmp_path, clock)
        facts = archive.segments(GATE, begin, FOREVER)
        assert [(one.start - begin, one.end - begin) for one in facts] == [
            (1 * SECOND, 4 * SECOND),
            (4 * SECOND, 7 * SECOND),
            (7 * SECOND, 8 * SECOND),
        ]
        assert [one.open for one in facts] == [False, False, True]
        (gap,) = archive.gaps(GATE, begin, FOREVER)
        assert (gap.start, gap.end, gap.cause) == (begin, begin + SECOND, Cause.CONNECTING)
        assert len(archive.fragments(facts[-1]).fragments) == 1
        with pytest.raises(NotFound):
            archive.segment(GATE, Instant(begin + 2))
    assert check_coverage(open_database(settings(tmp_path).database_url), GATE) == []


def test_a_full_buffer_takes_nothing_and_other_volumes_and_streams_go_on(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:
        segment = open_segment(store, clock.now())
        other = open_segment(store, clock.now(), key("other"))
        taken = 0
        big = second(1, 0, key=True, size=200_000)
        while segment.append(big):
            taken += 1
        assert 6 <= taken <= 8  # 8 MB of 1 MB each for one stream
        assert segment.failed is None
        assert other.append(big)
        waits = store.waiting_bytes
        assert segment.append(big, held=True)  # counted where it was held
        assert store.waiting_bytes == waits
        store.pump()
        assert segment.append(big)
        assert store.waiting_bytes < 1_200_000


def test_the_pictures_since_the_keyframe_are_read_back_flushed_or_not(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:
        segment = open_segment(store, clock.now())
        parts = [second(number, number, key=number in (0, 2)) for number in range(5)]
        for number, part in enumerate(parts):
            segment.append(part)
            if number == 3:
                store.pump()
        gop = segment.gop()
        assert gop.time == parts[2].video_time
        assert gop.samples == parts[2].video + parts[3].video + parts[4].video
        assert segment.units_since_keyframe() == gop.samples


def test_no_segment_begins_in_footage_already_kept(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:
        start = clock.now()
        segment = open_segment(store, start)
        segment.append(second(1, 0, key=True))
        segment.close(Instant(start + SECOND))
        assert store.covered_until(GATE) == start + SECOND
        with pytest.raises(ValueError, match="overlaps"):
            open_segment(store, start + SECOND - 1)


class NoRoom(RealDisk):
    """A disk on which one volume is full and one fails to sync."""

    def __init__(self, full: str = "", broken: str = "") -> None:
        self.full, self.broken = full, broken

    def free(self, root: Path) -> int:
        return 0 if root.name == self.full else 1 << 40

    def sync_volume(self, root_fd: int) -> None:
        name = Path(f"/proc/self/fd/{root_fd}").resolve().name
        if name == self.broken:
            raise OSError(errno.EIO, "sync failed")
        super().sync_volume(root_fd)

    def sync_file(self, fd: int) -> None:
        if self.broken and self.broken in str(Path(f"/proc/self/fd/{fd}").resolve()):
            raise OSError(errno.EIO, "sync failed")
        super().sync_file(fd)


def test_new_segments_go_to_the_first_volume_with_room(tmp_path: Path) -> None:
    clock, disk = FakeClock(), NoRoom(full="a")
    with Store(settings(tmp_path, "a", "b"), clock, disk=disk, threads=False) as store:
        segment = open_segment(store, clock.now())
        assert segment.part.is_relative_to(tmp_path / "b")
        disk.full = ""
        store.pump()
        other = open_segment(store, clock.now(), key("other"))
        assert other.part.is_relative_to(tmp_path / "a")


def test_when_every_volume_is_full_the_cause_says_so(tmp_path: Path) -> None:
    clock = FakeClock()
    with (
        Store(settings(tmp_path, "a"), clock, disk=NoRoom(full="a"), threads=False) as store,
        pytest.raises(StorageError) as refused,
    ):
        open_segment(store, clock.now())
    assert refused.value.cause is Cause.DISK_FULL


def test_a_failed_sync_costs_the_segment_where_there_is_no_other_volume(tmp_path: Path) -> None:
    """Invariant 9."""
    clock, disk = FakeClock(), NoRoom()
    house = settings(tmp_path, "a")
    with Store(house, clock, disk=disk, threads=False) as store:
        start = clock.now()
        segment = open_segment(store, start)
        segment.append(second(1, 0, key=True))
        store.pump()
        disk.broken = "a"
        clock.advance(SECOND)
        segment.append(second(2, 1))
        store.pump()
        assert segment.failed is not None
        assert segment.failed.cause is Cause.DISK_FAILED
        assert not segment.append(second(3, 2))
        segment.close(Instant(start + 2 * SECOND))
        disk.broken = ""
        following = open_segment(store, start + 2 * SECOND)
        following.append(second(3, 0, key=True))
        clock.advance(SECOND)
        store.pump()
        archive = open_archive(tmp_path, clock, "a")
        (lost,) = archive.gaps(GATE, Instant(0), FOREVER)
        assert (lost.start, lost.end, lost.cause) == (
            start,
            start + 2 * SECOND,
            Cause.DISK_FAILED,
        )
        assert list(tmp_path.rglob("*.abandoned"))
    assert check_coverage(open_database(house.database_url), GATE) == []


def test_a_failed_sync_costs_nothing_where_there_is_another_volume(tmp_path: Path) -> None:
    """Invariants 9 and 11: nothing is tried again on the file; its bytes go to another disk."""
    clock, disk = FakeClock(), NoRoom()
    house = settings(tmp_path, "a", "b")
    with Store(house, clock, disk=disk, threads=False) as store:
        start = clock.now()
        segment = open_segment(store, start)
        segment.append(second(1, 0, key=True))
        store.pump()
        disk.broken = "a"
        clock.advance(SECOND)
        segment.append(second(2, 1))
        store.pump()
        assert segment.part.is_relative_to(tmp_path / "b")
        assert segment.append(second(3, 2))
        segment.close(Instant(start + 3 * SECOND))
        clock.advance(SECOND)
        store.pump()
        following = open_segment(store, start + 3 * SECOND)
        assert following.part.is_relative_to(tmp_path / "b")
        archive = open_archive(tmp_path, clock, "a", "b")
        (facts,) = archive.segments(GATE, Instant(0), FOREVER)
        assert (facts.start, facts.end) == (start, start + 3 * SECOND)
        assert len(archive.fragments(facts).fragments) == 3
        assert archive.gaps(GATE, Instant(0), FOREVER) == []
    assert not list((tmp_path / "a").rglob("*Z.*"))
    assert not list(verify_archive(open_database(house.database_url), house.volumes))


def test_an_unusable_volume_is_left_out_and_none_at_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file where a folder should be")
    clock = FakeClock()
    with Store(settings(tmp_path, "a", "b"), clock, threads=False) as store:
        assert open_segment(store, clock.now()).part.is_relative_to(tmp_path / "b")
    with pytest.raises(StorageError, match="no volume"):
        Store(settings(tmp_path, "a"), clock, threads=False).__enter__()


def test_the_index_is_rebuilt_from_the_volumes_with_the_causes_of_gaps(tmp_path: Path) -> None:
    """Invariant 7."""
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:
        recorder = Recorder(store, clock, GATE)
        for number in range(8):
            clock.advance(SECOND)
            if number == 4:
                assert recorder.segment is not None
                recorder.segment.close(Instant(clock.now() - SECOND))
                recorder.segment = None
                store.open_gap(GATE, Instant(clock.now() - SECOND), Cause.REFUSED, "401")
            else:
                recorder.step()
            store.pump()
    index = Index(open_database(settings(tmp_path).database_url))
    rows = list(index.every_segment())
    gaps = [gap for gap in index.gaps(GATE, Instant(0), FOREVER) if gap.end is not None]
    for file in tmp_path.glob("gozcu.db*"):
        file.unlink()
    with open_store(tmp_path, clock) as store:
        recovered = store.recover([GATE])
        assert recovered.adopted == len(rows)
        index = Index(open_database(settings(tmp_path).database_url))
        # Only the places differ: who finds a file gives it a leaf, whether it had one or not.
        assert _placeless(index.every_segment()) == _placeless(rows)
        assert [g for g in index.gaps(GATE, Instant(0), FOREVER) if g.end is not None] == gaps


def test_a_check_names_what_is_gone_cut_or_changed(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:
        recorder = Recorder(store, clock, GATE, length=1)
        for _ in range(4):
            clock.advance(SECOND)
            recorder.step()
            store.pump()
    engine, volumes = (
        open_database(settings(tmp_path).database_url),
        settings(tmp_path).volumes,
    )
    facts = open_archive(tmp_path, clock).segments(GATE, Instant(0), FOREVER)
    facts[0].path.unlink()
    data = facts[1].path.read_bytes()
    facts[1].path.write_bytes(data[:-1])
    data = facts[2].path.read_bytes()
    facts[2].path.write_bytes(data[:2_000] + bytes([data[2_000] ^ 1]) + data[2_001:])
    stray = facts[3].path.with_name("holiday.mov")
    stray.write_bytes(b"x")

    def found(level: Level) -> list[str]:
        return sorted(one.subject for one in verify_archive(engine, volumes, level, clock))

    ids = [one.id for one in facts]
    assert found(Level.PRESENCE) == sorted([ids[0], str(stray)])
    assert found(Level.SIZE) == sorted([ids[0], ids[1], str(stray)])
    assert found(Level.HASH) == sorted([ids[0], ids[1], ids[2], str(stray)])
    clock.advance(10 * MINUTE)
    with open_store(tmp_path, clock) as store:  # a start reports it too, and loses no row
        named = {finding.subject for finding in store.recover([GATE]).findings}
        assert ids[0] in named
    assert ids[0] in {one.subject for one in Findings(engine, clock).open()}


def test_json_is_the_contract(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(tmp_path, clock) as store:
        recorder = Recorder(store, clock, GATE)
        clock.advance(SECOND)
        recorder.step()
    facts = open_archive(tmp_path, clock).segments(GATE, Instant(0), FOREVER)[0].as_json()
    assert list(facts) == [
        *("id", "camera", "stream", "start", "end", "bytes", "codec", "width", "height"),
        *("path", "sha256", "volume", "held"),
    ]
    assert facts["id"] == "gate.main.1763800000000000000"
    assert facts["start"] == "2025-11-22T08:26:40.000000000Z"
    gap = open_archive(tmp_path, clock).gaps(GATE, Instant(0), FOREVER)[0]
    clock.advance(2 * SECOND)
    told = gap.as_json(clock.now())
    assert (told["seconds"], told["cause"], told["open"]) == (2.0, "recorder_stopped", True)
    assert told["end"] == rfc3339(clock.now(), digits=9)


@pytest.mark.parametrize("cause", [Cause.REMOVED, Cause.RECORDING_OFF])
def test_a_gap_by_choice_keeps_its_cause_over_a_stop(tmp_path: Path, cause: Cause) -> None:
    clock = SystemClock()
    house = settings(tmp_path)
    with Store(house, clock) as store:
        store.recover([GATE])
        start = Instant(clock.now() - 5 * SECOND)
        segment = open_segment(store, start)
        assert segment.append(second(0, 0, key=True))
        segment.close(Instant(start + SECOND), None)
        store.open_gap(GATE, Instant(start + SECOND), cause)
    archive = Archive(open_database(house.database_url), house.volumes)
    gaps = archive.gaps(GATE, Instant(0), FOREVER)
    assert [gap.cause for gap in gaps] == [cause]


@pytest.mark.parametrize("cause", [Cause.REMOVED, Cause.RECORDING_OFF])
def test_a_gap_by_choice_keeps_its_cause_over_a_start(tmp_path: Path, cause: Cause) -> None:
    clock = FakeClock()
    house = settings(tmp_path)
    with Store(house, clock, threads=False) as store:
        store.recover([GATE])
        store.open_gap(GATE, clock.now(), cause)
    for _ in range(2):
        clock.advance(100 * SECOND)
        with Store(house, clock, threads=False) as store:
            store.recover([])  # removed: nobody asks for it by name
    gaps = open_archive(tmp_path, clock).gaps(GATE, Instant(0), FOREVER)
    assert [(gap.cause, gap.end) for gap in gaps] == [(cause, None)]


def test_a_site_that_never_ran_is_well(tmp_path: Path) -> None:
    house = settings(tmp_path)
    engine = open_database(house.database_url)
    migrate(engine)
    assert not list(verify_archive(engine, house.volumes))


def test_a_volume_that_was_there_and_is_not_any_more_is_found(tmp_path: Path) -> None:
    house = settings(tmp_path)
    with Store(house, SystemClock(), threads=False):
        pass
    root = house.volumes[0].path
    root.rename(root.with_name("elsewhere"))
    found = list(verify_archive(open_database(house.database_url), house.volumes))
    assert [finding.subject for finding in found] == [str(root)]


def _placeless(rows: Iterable[SegmentRow]) -> list[SegmentRow]:
    known = list(rows)
    assert all(row.leaf is not None for row in known)
    return [replace(row, leaf=None) for row in known]
