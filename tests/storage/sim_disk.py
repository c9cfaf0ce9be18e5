"""A disk that stops, tears or refuses at its n-th operation, and forgets what was not synced.

It works on a real folder, so that every reader of the program sees real files; beside that it
remembers what would have survived a power cut. Its own faithfulness is tested by running the
same tests as the real disk (test_disk.py).
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from storage.disk import RealDisk
from storage.layout import HOUSE

PAGE = 4096
Fault = Literal["stop", "tear", "refuse"]


class Crash(BaseException):
    """The process ends here; nothing may catch it."""


@dataclass
class SimDisk:
    """`at`: the number of the operation (from 1) that meets the `fault`; 0 for none."""

    root: Path
    at: int = 0
    fault: Fault = "stop"
    errno: int = 5
    stubborn: bool = False
    done: int = 0
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._real = RealDisk()
        self._durable: dict[int, bytes] = {}
        self._names: dict[Path, int] = {}

    def _op(self, name: str, path: object) -> bool:
        """Count; True if this operation is to be torn. Raises for the other faults."""
        self.done += 1
        self.log.append(f"{name} {path}")
        if self.at == 0 or self.done < self.at:
            return False
        if self.done > self.at:
            if self.fault == "refuse":
                if self.stubborn:
                    raise OSError(self.errno, os.strerror(self.errno), str(path))
                return False
            raise Crash
        if self.fault == "stop":
            raise Crash
        if self.fault == "refuse":
            raise OSError(self.errno, os.strerror(self.errno), str(path))
        return True

    def make_folder(self, path: Path) -> None:
        torn = self._op("make_folder", path)
        self._real.make_folder(path)
        if torn:
            raise Crash

    def create(self, path: Path) -> int:
        torn = self._op("create", path)
        fd = self._real.create(path)
        if torn:
            raise Crash
        return fd

    def open_for_repair(self, path: Path) -> int:
        if self._op("open_for_repair", path):
            raise Crash
        return self._real.open_for_repair(path)

    def write(self, fd: int, data: bytes, offset: int) -> None:
        before = os.fstat(fd).st_size
        try:
            torn = self._op("write", f"{len(data)} at {offset}")
        except OSError:
            self._real.write(fd, data[: len(data) // 3], offset)  # a full disk takes a part
            raise
        if torn:
            self._real.write(fd, data[: len(data) * 2 // 3], offset)
            raise Crash
        self._real.write(fd, data, offset)
        assert os.fstat(fd).st_size >= before

    def reserve(self, fd: int, size: int) -> None:
        if self._op("reserve", size):
            raise Crash

    def truncate(self, fd: int, size: int) -> None:
        torn = self._op("truncate", size)
        self._real.truncate(fd, size)
        if torn:
            raise Crash

    def sync_file(self, fd: int) -> None:
        if self._op("sync_file", fd):
            raise Crash
        size = os.fstat(fd).st_size
        self._durable[os.fstat(fd).st_ino] = os.pread(fd, size, 0)

    def sync_volume(self, root_fd: int) -> None:
        if self._op("sync_volume", ""):
            raise Crash
        self._names = {}
        for path in self._files():
            inode = path.stat().st_ino
            self._names[path] = inode
            self._durable[inode] = path.read_bytes()

    def sync_folder(self, path: Path) -> None:
        if self._op("sync_folder", path):
            raise Crash
        self._names = {p: i for p, i in self._names.items() if p.parent != path}
        for file in path.iterdir():
            if file.is_file():
                self._names[file] = file.stat().st_ino

    def rename(self, old: Path, new: Path) -> None:
        torn = self._op("rename", new.name)
        self._real.rename(old, new)
        if torn:
            raise Crash

    def unlink(self, path: Path) -> None:
        torn = self._op("unlink", path)
        self._real.unlink(path)
        if torn:
            raise Crash

    def close(self, fd: int) -> None:
        os.close(fd)

    def process_ended(self) -> None:
        """Close what the crashed process had open on the volume, as the kernel does."""
        for entry in list(Path("/proc/self/fd").iterdir()):
            with contextlib.suppress(OSError):
                if str(entry.readlink()).startswith(str(self.root)):
                    os.close(int(entry.name))

    def free(self, root: Path) -> int:
        if self._op("free", ""):
            raise Crash
        return 1 << 40

    def _files(self) -> list[Path]:
        return [
            path
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and HOUSE not in path.relative_to(self.root).parts
        ]

    def cut_power(self, rng: random.Random) -> None:
        """What was not synced survives wholly, partly or not at all, as the dice fall."""
        live = {path: path.stat().st_ino for path in self._files()}
        content = {inode: path.read_bytes() for path, inode in live.items()}
        names: dict[Path, int] = {}
        for inode in {*live.values(), *self._names.values()}:
            kept, now = self._names, live
            chosen = kept if rng.random() < 0.5 else now
            names |= {path: i for path, i in chosen.items() if i == inode}
        result = {path: self._survivor(inode, content, rng) for path, inode in names.items()}
        for folder in self.root.iterdir():
            if folder.name != HOUSE:
                shutil.rmtree(folder)
        for path, data in result.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def _survivor(self, inode: int, content: dict[int, bytes], rng: random.Random) -> bytes:
        durable, now = self._durable.get(inode, b""), content.get(inode)
        if now is None or rng.random() < 0.3:
            return durable
        survivor = bytearray(now[: rng.randint(min(len(durable), len(now)), len(now))])
        for page in range(0, len(survivor), PAGE):
            if page >= len(durable) and rng.random() < 0.3:
                end = min(page + PAGE, len(survivor))
                survivor[page:end] = bytes(end - page)
        return bytes(survivor)
