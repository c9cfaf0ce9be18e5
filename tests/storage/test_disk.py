"""The real disk and the simulated one do the same, until the simulated one is told otherwise."""

import errno
import os
import random
from pathlib import Path

import pytest

from storage.disk import Disk, RealDisk
from tests.storage.sim_disk import Crash, SimDisk


@pytest.fixture(params=["real", "simulated"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    return RealDisk() if request.param == "real" else SimDisk(tmp_path)


def test_a_file_is_written_cut_renamed_and_removed(disk: Disk, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    disk.make_folder(folder)
    disk.make_folder(folder)
    fd = disk.create(folder / "x.part")
    disk.reserve(fd, 1 << 20)
    disk.write(fd, b"hello world", 0)
    disk.write(fd, b", here", 5)
    assert os.fstat(fd).st_size == 11
    disk.truncate(fd, 8)
    disk.sync_file(fd)
    root = os.open(tmp_path, os.O_RDONLY)
    disk.sync_volume(root)
    os.close(root)
    disk.close(fd)
    disk.rename(folder / "x.part", folder / "x.mp4")
    disk.sync_folder(folder)
    assert (folder / "x.mp4").read_bytes() == b"hello, h"
    assert (folder / "x.mp4").stat().st_blocks * 512 < 1 << 20  # the rest was given back
    disk.unlink(folder / "x.mp4")
    assert not list(folder.iterdir())
    assert disk.free(tmp_path) > 0


def test_what_is_there_is_not_overwritten_and_what_is_not_is_an_error(
    disk: Disk, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(b"kept")
    with pytest.raises(FileExistsError):
        disk.create(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        disk.open_for_repair(tmp_path / "y")
    with pytest.raises(FileNotFoundError):
        disk.unlink(tmp_path / "y")
    assert (tmp_path / "x").read_bytes() == b"kept"


def test_a_bad_descriptor_is_an_os_error(disk: Disk, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Bad file descriptor") as refused:
        disk.truncate(99_999, 1)
    assert refused.value.errno == errno.EBADF


def test_the_simulated_disk_forgets_what_was_not_synced(tmp_path: Path) -> None:
    seen = set()
    for seed in range(60):
        root = tmp_path / str(seed)
        root.mkdir()
        disk = SimDisk(root)
        disk.make_folder(root / "f")
        fd = disk.create(root / "f" / "x.part")
        disk.write(fd, b"a" * 5_000, 0)
        disk.sync_file(fd)
        disk.sync_folder(root / "f")
        disk.write(fd, b"b" * 9_000, 5_000)
        disk.rename(root / "f" / "x.part", root / "f" / "x.mp4")
        disk.close(fd)
        disk.cut_power(random.Random(seed))
        (file,) = (root / "f").iterdir()
        data = file.read_bytes()
        assert data[:5_000] == b"a" * 5_000
        seen.add((file.suffix, min(len(data), 5_001), b"\0" in data))
    assert {suffix for suffix, _, _ in seen} == {".part", ".mp4"}
    assert {length for _, length, _ in seen} == {5_000, 5_001}
    assert any(zeros for _, _, zeros in seen)


def test_the_simulated_disk_crashes_for_good(tmp_path: Path) -> None:
    disk = SimDisk(tmp_path, at=2)
    disk.make_folder(tmp_path / "f")
    for _ in range(3):
        with pytest.raises(Crash):
            disk.create(tmp_path / "f" / "x")


def test_parts_are_written_as_if_joined(disk: Disk, tmp_path: Path) -> None:
    parts = [bytes([number % 251]) * (number % 7) for number in range(3_000)]  # beyond IOV_MAX
    fd = disk.create(tmp_path / "x")
    disk.write_parts(fd, [b"before"], 0)
    disk.write_parts(fd, parts, 6)
    disk.close(fd)
    assert (tmp_path / "x").read_bytes() == b"before" + b"".join(parts)
