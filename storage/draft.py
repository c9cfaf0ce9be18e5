"""The file of a segment on one volume while it is written: where it stands, how far it came.

A draft has one owner at a time. When its segment moves to another volume it gets a new draft
there; what the former owner still does with the old one no longer counts, because the segment's
draft is another (docs/storage.md, "Moving a segment").
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from storage.activity.meter import Pictures
from storage.disk import Disk
from storage.facts import Fragment
from storage.fmp4 import TailEntry
from storage.layout import Stage, path_of
from vms.core.clock import Instant
from vms.core.model import StreamKey

if TYPE_CHECKING:
    from hashlib import _Hash

_READ = 1 << 20


class NotReadable(Exception):
    """What was written can't be read back, or is not what was written."""


class Draft:
    """`fd` is negative until the file has its head; `offset`: where whole fragments end.

    `reserved`: bytes asked of the file system ahead. `abandoned`: nobody may trust the file.
    `unasked`: its volume's sync failed, and the file was not asked yet whether it was the one.
    `given_back`: it could not be carried to another volume. `end` and `sha256` are set once the
    last byte is written, `settled` once its row is put.
    """

    def __init__(self, root: Path, stream: StreamKey, start: Instant) -> None:
        self.root, self.stream, self.start = root, stream, start
        self.part: Path = root / path_of(stream, start, Stage.PART)
        self.final: Path = root / path_of(stream, start, Stage.FINAL)
        self.fd = -1
        self.offset = 0
        self.reserved = 0
        self.hash: _Hash = hashlib.sha256()
        self.kept_ticks = 0
        self.sequence = 0
        self.frames = 0
        self.pictures = Pictures()
        self.entries: list[TailEntry] = []
        self.since_key: list[tuple[int, int]] = []
        self.abandoned = False
        self.unasked = False
        self.given_back = False
        self.end: Instant | None = None
        self.sha256 = b""
        self.settled = False

    def add(self, parts: list[bytes], fragment: Fragment, time: int) -> None:
        """A fragment was written at `offset`. `time`: where it begins, in the video's ticks."""
        offset, size = self.offset, sum(map(len, parts))
        self.sequence += 1
        hashed = self.hash.update
        for part in parts:
            hashed(part)
        self.offset = offset + size
        video = fragment.video
        if not video:
            self.entries.append(TailEntry(time, offset, size, key=False))
            return
        self.frames += len(video)
        self.pictures.add_samples(video)
        key = video[0][3]
        self.entries.append(TailEntry(time, offset, size, key))
        self.kept_ticks = time + sum([sample[1] for sample in video])
        if key or any(sample[3] for sample in video):
            self.since_key = [(offset, size)]
        else:
            self.since_key.append((offset, size))

    def detached(self) -> Draft:
        """The same file as far as it is whole, with a descriptor of its own for reading it."""
        taken = Draft(self.root, self.stream, self.start)
        taken._take(self)
        taken.fd = os.dup(self.fd) if self.fd >= 0 else -1
        return taken

    def copied(self, root: Path, disk: Disk) -> Draft:
        """A draft on another volume with the same bytes, whose SHA-256 was compared.

        Raises NotReadable when this one is to blame, OSError when the other volume is; then
        nothing is left there, as far as it can be taken away.
        """
        copy = Draft(root, self.stream, self.start)
        if self.fd < 0:
            return copy
        disk.make_folder(copy.part.parent)
        fd = _created(copy.part, disk)
        try:
            self._copy_bytes(fd, disk)
        except (OSError, NotReadable):
            _remove(fd, copy.part, disk)
            raise
        copy._take(self)
        copy.fd = fd
        return copy

    def let_go(self) -> None:
        """Close a descriptor that only was there for reading."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def _copy_bytes(self, fd: int, disk: Disk) -> None:
        seen, at = hashlib.sha256(), 0
        while at < self.offset:
            try:
                data = os.pread(self.fd, min(_READ, self.offset - at), at)
            except OSError as error:
                raise NotReadable(f"{self.part} can't be read back: {error}") from error
            if not data:
                raise NotReadable(f"{self.part} ends at {at} instead of {self.offset}")
            seen.update(data)
            disk.write(fd, data, at)
            at += len(data)
        if seen.digest() != self.hash.digest():
            raise NotReadable(f"{self.part} is not what was written: SHA-256")

    def _take(self, other: Draft) -> None:
        self.offset, self.hash = other.offset, other.hash.copy()
        self.kept_ticks, self.sequence, self.frames = (
            other.kept_ticks,
            other.sequence,
            other.frames,
        )
        self.pictures = other.pictures.copy()
        self.entries, self.since_key = list(other.entries), list(other.since_key)
        self.end, self.sha256 = other.end, other.sha256


def _created(path: Path, disk: Disk) -> int:
    """A new file; what an earlier move left under its name gives way."""
    try:
        return disk.create(path)
    except FileExistsError:
        disk.unlink(path)
        return disk.create(path)


def _remove(fd: int, path: Path, disk: Disk) -> None:
    disk.close(fd)
    try:
        disk.unlink(path)
    except OSError:  # recovery finds it and sees that it is the lesser copy
        return
