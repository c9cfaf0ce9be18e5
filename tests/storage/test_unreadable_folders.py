"""A folder that can't be listed is told, and stops nobody who has nothing in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.check import check_time
from storage.database import open_database
from storage.folders import streams_on
from storage.listing import Listing
from tests.storage.house import Recorder, key, open_archive, open_store, settings
from vms.core.clock import HOUR, SECOND, FakeClock, Instant

GATE, YARD = key("gate"), key("yard")
ALWAYS = Instant(0), Instant(2**62)


@pytest.fixture
def sick(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Folders that give an I/O error when they are listed."""
    folders: set[Path] = set()
    scandir = os.scandir

    def listed(path: Any) -> Iterator[os.DirEntry[str]]:
        if Path(path) in folders:
            raise OSError(5, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr("storage.folders.os.scandir", listed)
    return folders


def recorded(root: Path, clock: FakeClock, seconds: int) -> None:
    with open_store(root, clock) as store:
        store.recover([GATE, YARD])
        recorders = [Recorder(store, clock, GATE), Recorder(store, clock, YARD)]
        for _ in range(seconds):
            clock.advance(SECOND)
            for recorder in recorders:
                recorder.step()
            store.pump()


@pytest.mark.parametrize(
    "folder",
    [
        lambda video: video,
        lambda video: video / "gate",
        lambda video: video / "gate" / "main",
        lambda video: next((video / "gate" / "main").iterdir()),
        lambda video: next(next((video / "gate" / "main").iterdir()).iterdir()),
    ],
    ids=["volume", "camera", "stream", "day", "hour"],
)
def test_all_record_on_and_the_folder_is_told(
    tmp_path: Path, sick: set[Path], folder: Callable[[Path], Path]
) -> None:
    clock = FakeClock()
    recorded(tmp_path, clock, 7)
    bad = folder(tmp_path / "video")
    sick.add(bad)
    clock.advance(5 * SECOND)
    with open_store(tmp_path, clock) as store:
        found = store.recover([GATE, YARD])
        assert {one.subject for one in found.findings} == {str(bad)}  # and no file is "gone"
        assert "can't be listed" in found.findings[0].detail
        recorder = Recorder(store, clock, GATE, number=50)
        for _ in range(4):
            clock.advance(SECOND)
            recorder.step()
            store.pump()
    sick.clear()
    archive = open_archive(tmp_path, clock)
    lengths = [
        sum(one.end - one.start for one in archive.segments(stream, *ALWAYS)) // SECOND
        for stream in (GATE, YARD)
    ]
    assert lengths == [11, 7]


def test_what_a_folder_hid_at_one_start_is_taken_up_at_a_later_one(
    tmp_path: Path, sick: set[Path]
) -> None:
    """A file that was being written when the recorder died, hidden until hours later."""
    clock = FakeClock()
    with open_store(tmp_path, clock) as died:  # and is never closed while we look
        died.recover([GATE])
        recorder = Recorder(died, clock, GATE)
        for _ in range(5):
            clock.advance(SECOND)
            recorder.step()
            died.pump()
        (part,) = (tmp_path / "video").rglob("*.part")
        sick.add(part.parent)
        for hours in (0, 4, 4):
            clock.advance(hours * HOUR + SECOND)
            with open_store(tmp_path, clock) as store:
                store.recover([GATE])
                recorder = Recorder(store, clock, GATE, number=100 + 50 * hours)
                for _ in range(3):
                    clock.advance(SECOND)
                    recorder.step()
                    store.pump()
        sick.clear()
        clock.advance(SECOND)
        with open_store(tmp_path, clock) as store:
            assert not store.recover([GATE]).findings
            store.pump()
            archive = open_archive(tmp_path, clock)
            segments = archive.segments(GATE, *ALWAYS)
            assert sum(one.end - one.start for one in segments) == 14 * SECOND
            assert not check_time(Listing(open_database(settings(tmp_path).database_url)), GATE)


def test_what_can_be_no_camera_s_is_not_even_asked(tmp_path: Path, sick: set[Path]) -> None:
    """ext4 makes lost+found at the root of a disk, for root alone."""
    (tmp_path / "lost+found" / "main").mkdir(parents=True)
    (tmp_path / "gate" / "main").mkdir(parents=True)
    sick.add(tmp_path / "lost+found")
    assert list(streams_on(tmp_path)) == [GATE]
