"""A few MB beside ledger and database that are there to be given up.

Letting footage go has to be written down first (invariant 3). Where footage, ledger and database
share a disk and it is at its last byte, nothing could be written down, so nothing could go and
recording would end (invariant 8). Then the ballast goes, a piece at a time; once there is room
again it is made anew. One process of a site looks after it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from storage.disk import Disk
from vms.core.log import get_logger

log = get_logger(__name__)

SIZE = 8 * 1024 * 1024
_PIECES = 4  # the leaves and rows of a batch of deletions are well below a quarter of `SIZE`
_PLENTY = 4  # made where so many times its size is free: it never is what fills the disk


class Ballast:
    """The file `folder`/ballast of `size` bytes. Calls block for a disk; none raises OSError."""

    def __init__(self, folder: Path, disk: Disk, size: int = SIZE) -> None:
        self.path, self._disk, self._size = folder / "ballast", disk, size

    def keep(self) -> None:
        """Make it, or what was given up of it, if there is room. Costs one look when it is whole.

        Its bytes are random: a file system that compresses would keep nothing for zeros.
        """
        there = self._length()
        try:
            if there >= self._size or self._disk.free(self.path.parent) < _PLENTY * self._size:
                return
            fd = self._open()
            try:
                self._disk.write(fd, os.urandom(self._size - there), there)
                self._disk.sync_file(fd)
            finally:
                self._disk.close(fd)
        except OSError as error:  # there is less room than was said: what was written will do
            log.warning("the ballast can't be made", path=str(self.path), error=str(error))
        else:
            log.info("the ballast is there", path=str(self.path), bytes=self._size)

    def give_up(self) -> bool:
        """Make room by a piece of it; False if nothing is left of it."""
        there = self._length()
        if there == 0:
            return False
        left = max(0, there - self._size // _PIECES)
        try:
            fd = self._disk.open_for_repair(self.path)
            try:
                self._disk.truncate(fd, left)
            finally:
                self._disk.close(fd)
        except OSError as error:  # a file system that must write in order to cut may yet unlink
            log.warning("the ballast can't be cut", path=str(self.path), error=str(error))
            left = 0
            with contextlib.suppress(OSError):
                self._disk.unlink(self.path)
        if self._length() > left:
            return False
        log.warning("the disk is full; ballast was given up", path=str(self.path), left=left)
        return True

    def _open(self) -> int:
        try:
            return self._disk.open_for_repair(self.path)
        except FileNotFoundError:
            return self._disk.create(self.path)

    def _length(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0
