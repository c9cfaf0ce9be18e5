"""Two simulated disks that count their operations together; one of them fails and comes back."""

from __future__ import annotations

import errno as errors
import os
from dataclasses import dataclass
from pathlib import Path

from tests.storage.sim_disk import Crash, SimDisk


@dataclass
class TwoDisks(SimDisk):
    """Folders `a` and `b` beside each other; the first root is a.

    `at`, `fault`: where the whole machine stops, as in SimDisk. `fails_at`: from this operation on
    a refuses what changes it (`refuses`: with which errno), until `recovers` is called.
    """

    fails_at: int = 0
    refuses: int = errors.EROFS
    failed: bool = False
    _at_a: bool = False

    def recovers(self) -> None:
        """a is well again."""
        self.failed, self.fails_at = False, 0

    def _op(self, name: str, path: object) -> bool:
        self.done += 1
        self.log.append(f"{'a' if self._at_a else 'b'} {name} {path}")
        if self.at and self.done >= self.at:
            if self.done > self.at or self.fault == "stop":
                raise Crash
            return True
        if self.fails_at and self.done >= self.fails_at:
            self.failed = True
        if self.failed and self._at_a and name != "free":
            raise OSError(self.refuses, os.strerror(self.refuses), str(path))
        return False

    def _turn_to(self, place: Path | int) -> None:
        path = Path(f"/proc/self/fd/{place}").readlink() if isinstance(place, int) else place
        self._at_a = path.is_relative_to(self.roots[0])

    def make_folder(self, path: Path) -> None:
        self._turn_to(path)
        super().make_folder(path)

    def create(self, path: Path) -> int:
        self._turn_to(path)
        return super().create(path)

    def open_for_repair(self, path: Path) -> int:
        self._turn_to(path)
        return super().open_for_repair(path)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        self._turn_to(fd)
        super().write(fd, data, offset)

    def reserve(self, fd: int, size: int) -> None:
        self._turn_to(fd)
        super().reserve(fd, size)

    def truncate(self, fd: int, size: int) -> None:
        self._turn_to(fd)
        super().truncate(fd, size)

    def sync_file(self, fd: int) -> None:
        self._turn_to(fd)
        super().sync_file(fd)

    def sync_volume(self, root_fd: int) -> None:
        self._turn_to(root_fd)
        super().sync_volume(root_fd)

    def sync_folder(self, path: Path) -> None:
        self._turn_to(path)
        super().sync_folder(path)

    def rename(self, old: Path, new: Path) -> None:
        self._turn_to(old)
        super().rename(old, new)

    def unlink(self, path: Path) -> None:
        self._turn_to(path)
        super().unlink(path)

    def free(self, root: Path) -> int:
        self._turn_to(root)  # a has more room: with equal numbers of segments it is chosen
        return super().free(root) + (1 << 20 if self._at_a else 0)
