"""Real small disks: ext4 in a file, mounted through a loop device, that can be made to fail.

Needs root. How each failure comes about: `abort` is what ext4 does by itself after an error it
can't get over (read-only from then on), `freeze` lets every write wait (fsfreeze(8)), `shutdown`
is what happens when a disk is pulled (all operations end in EIO).
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import wait_until

_EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32), fs/ext4/ext4.h
_NO_FLUSH = 2


@dataclass(frozen=True, slots=True)
class LoopDisk:
    """`root`: where it is mounted; `image`: the file it is in."""

    root: Path
    image: Path

    def mount(self) -> None:
        _run("mount", "-o", "loop", str(self.image), str(self.root))

    def unmount(self, within: float = 20) -> None:
        """As an admin would: again until nobody uses it any more."""
        wait_until(lambda: _works("umount", str(self.root)), within, f"{self.root} unmounted", 0.5)

    def abort(self) -> None:
        """From now on read-only, with files open for writing."""
        _run("mount", "-o", "remount,abort", str(self.root))

    def shutdown(self) -> None:
        """From now on every operation is an I/O error."""
        fd = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _EXT4_IOC_SHUTDOWN, struct.pack("I", _NO_FLUSH))
        finally:
            os.close(fd)

    def freeze(self) -> None:
        """From now on every write waits."""
        _run("fsfreeze", "-f", str(self.root))

    def thaw(self) -> None:
        _run("fsfreeze", "-u", str(self.root))


@functools.cache
def why_not() -> str | None:
    """Why no loop disk can be made here; None if it can."""
    if os.geteuid() != 0:
        return "only root may mount"
    missing = [name for name in ("mkfs.ext4", "mount", "fsfreeze") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} is not installed"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices here"
    try:
        with tempfile.TemporaryDirectory() as folder, loop_disk(Path(folder), "try", 8):
            return None
    except OSError as error:
        return str(error)


@contextlib.contextmanager
def loop_disk(folder: Path, name: str, megabytes: int) -> Iterator[LoopDisk]:
    """A fresh ext4 of that size mounted at folder/name. Raises OSError where that is forbidden."""
    image, root = folder / f"{name}.img", folder / name
    root.mkdir()
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    _run("mkfs.ext4", "-q", "-m", "0", str(image))
    disk = LoopDisk(root, image)
    disk.mount()
    try:
        yield disk
    finally:
        _works("fsfreeze", "-u", str(root))
        if root.is_mount() and not _works("umount", str(root)):
            _works("umount", "--lazy", str(root))
        image.unlink()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
