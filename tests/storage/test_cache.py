"""The cache of segments from buckets: bounded, and nothing in it that has not its own hash."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.tiers.cache import Cache
from vms.core.errors import StorageError
from vms.core.model import Cause


def _data(number: int, size: int = 1_000) -> tuple[bytes, bytes]:
    data = bytes([number % 256]) * size
    return hashlib.sha256(data).digest(), data


def _keep(cache: Cache, number: int, size: int = 1_000) -> bytes:
    sha256, data = _data(number, size)
    os.close(cache.keep(sha256, size, iter([data[:300], data[300:]])))
    return sha256


def _read(cache: Cache, sha256: bytes) -> bytes | None:
    fd = cache.open(sha256)
    if fd is None:
        return None
    try:
        return os.pread(fd, 1 << 20, 0)
    finally:
        os.close(fd)


def test_what_was_kept_is_read(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 10_000, reserve=0)
    sha256, data = _data(1)
    assert cache.open(sha256) is None
    fd = cache.keep(sha256, 1_000, iter([data]))
    assert os.pread(fd, 2_000, 0) == data
    os.close(fd)
    assert _read(cache, sha256) == data
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_other_bytes_are_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10_000, reserve=0)
    sha256, data = _data(1)
    for wrong in (data[:-1], data + b"x", b"y" + data[1:]):
        with pytest.raises(StorageError, match="not what was written") as caught:
            cache.keep(sha256, 1_000, iter([wrong]))
        assert caught.value.cause is Cause.FOOTAGE_DAMAGED
    assert list(tmp_path.iterdir()) == []


def test_a_fetch_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * 10
        raise StorageError(Cause.UNREACHABLE, "gone")

    cache = Cache(tmp_path, 10_000, reserve=0)
    with pytest.raises(StorageError, match="gone"):
        cache.keep(_data(1)[0], 1_000, broken())
    assert list(tmp_path.iterdir()) == []


def test_who_was_read_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 3_000, reserve=0)
    one, two, three = (_keep(cache, number) for number in (1, 2, 3))
    for age, sha256 in ((30, one), (20, two), (10, three)):
        os.utime(tmp_path / f"{sha256.hex()}.mp4", (0, age))
    assert _read(cache, two) is not None  # read just now
    four = _keep(cache, 4)
    assert [_read(cache, sha256) is not None for sha256 in (one, two, three, four)] == [
        True,
        True,
        False,
        True,
    ]


def test_a_reader_keeps_what_is_evicted(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1_500, reserve=0)
    sha256, data = _data(1)
    fd = cache.keep(sha256, 1_000, iter([data]))
    _keep(cache, 2)
    assert _read(cache, sha256) is None
    assert os.pread(fd, 2_000, 0) == data
    os.close(fd)


def test_the_data_disk_is_never_filled(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1 << 40, reserve=1 << 62)
    with pytest.raises(StorageError, match="no room for a segment") as caught:
        _keep(cache, 1)
    assert caught.value.cause is Cause.DISK_FULL


def test_drafts_of_the_dead_are_taken_away(tmp_path: Path) -> None:
    (tmp_path / "old.draft").write_bytes(b"x")
    os.utime(tmp_path / "old.draft", (0, 0))
    (tmp_path / "new.draft").write_bytes(b"x")
    _keep(Cache(tmp_path, 10_000, reserve=0), 1)
    assert {path.suffix for path in tmp_path.iterdir()} == {".draft", ".mp4"}
    assert not (tmp_path / "old.draft").exists()


def test_one_fetches_and_the_others_wait(tmp_path: Path) -> None:
    cache, fetched = Cache(tmp_path, 10_000, reserve=0), []
    sha256, data = _data(1)
    begin = threading.Barrier(6)

    def look() -> None:
        begin.wait(5)
        with cache.alone(sha256):
            fd = cache.open(sha256)
            if fd is None:
                fetched.append(1)
                fd = cache.keep(sha256, 1_000, iter([data]))
        os.close(fd)

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(fetched) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 2_000)), max_size=25))
def test_it_never_holds_more_than_its_bound(kept: list[tuple[int, int]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder), 5_000, reserve=0)
        for number, size in kept:
            sha256 = _keep(cache, number, size)
            assert _read(cache, sha256) is not None
            assert sum(path.stat().st_size for path in Path(folder).iterdir()) <= 5_000
