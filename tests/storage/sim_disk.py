"""A disk that stops, tears or refuses at its n-th operation, and forgets what was not synced.

It works on real folders, so that every reader of the program sees real files; beside that it
remembers what would have survived a power cut. Not synced are: the bytes of a file since its last
sync, in pieces and in any order (pages lost within, its length old or new, a page torn between
two sectors), and names since the last sync of their folder (each rename whole or not at all,
those of different files in any order). Assumed is what ext4, XFS and Btrfs do: that a folder is
there as soon as a file in it is. Its own faithfulness is tested by running the same tests as the
real disk (test_disk.py).
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from storage.disk import RealDisk

PAGE, SECTOR = 4096, 512
Fault = Literal["stop", "tear", "refuse"]
Image = dict[Path, bytes]
"""What stands on the disk after a power cut: every file."""


class Crash(BaseException):
    """The process ends here; nothing may catch it."""


class _Change(NamedTuple):
    """A name that changed since its folder was synced. `old` None: new; `new` None: unlinked."""

    old: Path | None
    new: Path | None
    file: int


@dataclass
class SimDisk:
    """`at`: the number of the operation (from 1) that meets the `fault`; 0 for none.

    `roots`: the folders it stands for; `stubborn`: refuses all operations from the n-th on;
    `before`: called before each operation with its number, as one who pulls the plug would be.
    """

    roots: Path | Sequence[Path]
    at: int = 0
    fault: Fault = "stop"
    errno: int = 5
    stubborn: bool = False
    before: Callable[[int], None] | None = None
    done: int = 0
    log: list[str] = field(default_factory=list)
    trusted_again: list[str] = field(default_factory=list)
    """Footage that was synced once more, or named final, after its own sync had failed."""

    def __post_init__(self) -> None:
        self.roots = (self.roots,) if isinstance(self.roots, Path) else tuple(self.roots)
        self._real = RealDisk()
        self._files_made = 0
        self._known: dict[int, int] = {}  # inode to file: inodes are used again, files are not
        self._durable: dict[int, bytes] = {}
        self._unlinked: dict[int, bytes] = {}
        self._names: dict[Path, int] = {}
        self._changes: list[_Change] = []
        self._distrusted: set[int] = set()  # files of footage whose own sync failed
        self._sync_all(self._listed())

    # -- operations -----------------------------------------------------------------------

    def _op(self, name: str, path: object) -> bool:
        """Count; True if this operation is to be torn. Raises for the other faults."""
        self.done += 1
        self.log.append(f"{name} {path}")
        if self.before is not None:
            self.before(self.done)
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
        inode = os.fstat(fd).st_ino
        self._known.pop(inode, None)
        self._changes.append(_Change(None, path, self._file(inode)))
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

    def write_parts(self, fd: int, parts: Sequence[bytes], offset: int) -> None:
        self.write(fd, b"".join(parts), offset)

    def reserve(self, fd: int, size: int) -> None:
        if self._op("reserve", size):
            raise Crash

    def truncate(self, fd: int, size: int) -> None:
        torn = self._op("truncate", size)
        self._real.truncate(fd, size)
        if torn:
            raise Crash

    def sync_file(self, fd: int) -> None:
        facts = os.fstat(fd)
        file = self._file(facts.st_ino)
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if file in self._distrusted:
            self.trusted_again.append(f"{path.name} was synced")
        try:
            torn = self._op("sync_file", fd)
        except OSError:
            if path.suffix == ".part":
                self._distrusted.add(file)
            raise
        if torn:
            raise Crash
        self._durable[file] = os.pread(fd, facts.st_size, 0)

    def sync_volume(self, root_fd: int) -> None:
        if self._op("sync_volume", ""):
            raise Crash
        root = Path(f"/proc/self/fd/{root_fd}").readlink()
        self._sync_all([path for path in self._listed() if path.is_relative_to(root)], root)

    def sync_folder(self, path: Path) -> None:
        if self._op("sync_folder", path):
            raise Crash
        if not any(path.is_relative_to(root) for root in self.roots):
            return  # the folder around a root: what lies there beside it is not this disk's
        self._sync_names(lambda name: name.parent == path, path.iterdir())

    def rename(self, old: Path, new: Path) -> None:
        torn = self._op("rename", new.name)
        file = self._file(old.stat().st_ino)
        if file in self._distrusted and new.suffix == ".mp4":
            self.trusted_again.append(f"{new.name} was named final")
        self._keep_content(new)
        self._real.rename(old, new)
        self._changes.append(_Change(old, new, file))
        if torn:
            raise Crash

    def unlink(self, path: Path) -> None:
        torn = self._op("unlink", path)
        file = self._keep_content(path)
        self._real.unlink(path)
        self._changes.append(_Change(path, None, file))
        if torn:
            raise Crash

    def remove_folder(self, path: Path) -> None:
        torn = self._op("remove_folder", path)
        self._real.remove_folder(path)
        if torn:
            raise Crash

    def close(self, fd: int) -> None:
        os.close(fd)

    def free(self, root: Path) -> int:
        if self._op("free", ""):
            raise Crash
        return 1 << 40

    def process_ended(self) -> None:
        """Close what the crashed process had open on the volume, as the kernel does."""
        for entry in list(Path("/proc/self/fd").iterdir()):
            with contextlib.suppress(OSError):
                path = entry.readlink()
                if any(path.is_relative_to(root) for root in self.roots):
                    os.close(int(entry.name))

    # -- what is durable ------------------------------------------------------------------

    def _file(self, inode: int) -> int:
        """Which file an inode is now."""
        known = self._known.get(inode)
        if known is None:
            self._files_made += 1
            known = self._known[inode] = self._files_made
        return known

    def _keep_content(self, path: Path) -> int:
        """A name is about to go, and with its last name the file; which one, 0 for none."""
        try:
            facts = path.stat()
        except FileNotFoundError:
            return 0
        file = self._file(facts.st_ino)
        if facts.st_nlink == 1:
            self._unlinked[file] = path.read_bytes()
            del self._known[facts.st_ino]
        return file

    def _sync_all(self, live: Iterable[Path], root: Path | None = None) -> None:
        live = list(live)
        for path in live:
            self._durable[self._file(path.stat().st_ino)] = path.read_bytes()
        self._sync_names(lambda name: root is None or name.is_relative_to(root), live)

    def _sync_names(self, ours: Callable[[Path], bool], live: Iterable[Path]) -> None:
        """Names for which `ours` holds are durable as they are now."""
        self._names = {path: file for path, file in self._names.items() if not ours(path)}
        for path in live:
            if path.is_file():
                self._names[path] = self._file(path.stat().st_ino)
        left = []
        for change in self._changes:
            old = None if change.old is None or ours(change.old) else change.old
            new = None if change.new is None or ours(change.new) else change.new
            if old is not None or new is not None:
                left.append(_Change(old, new, change.file))
        self._changes = left

    def _listed(self) -> list[Path]:
        return [p for root in self.roots for p in sorted(root.rglob("*")) if p.is_file()]

    # -- power cuts -----------------------------------------------------------------------

    def cut_power(self, rng: random.Random) -> None:
        """What was not synced survives wholly, partly or not at all, as the dice fall."""
        image = self.image(rng)
        for root in self.roots:
            for path in [*root.iterdir()]:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        write_image(image)

    def image(self, rng: random.Random) -> Image:
        """The files that a power cut at this moment may leave; nothing is changed."""
        live = {path: self._file(path.stat().st_ino) for path in self._listed()}
        changes = [*self._changes, *self._unseen(live)]
        now = {file: path for path, file in live.items()}
        names = dict(self._names)
        for group in _apart(changes):
            for change in group[: rng.choice((0, len(group), rng.randint(0, len(group))))]:
                if change.old is not None and names.get(change.old) == change.file:
                    del names[change.old]
                if change.new is not None:
                    names[change.new] = change.file
        found = {}
        for file in sorted(set(names.values())):
            data = now[file].read_bytes() if file in now else self._unlinked.get(file)
            found[file] = _survivor(self._durable.get(file, b""), data, rng)
        return {path: found[file] for path, file in names.items()}

    def _unseen(self, live: dict[Path, int]) -> list[_Change]:
        """Names that were changed past this disk, such as a lock's file."""
        names = dict(self._names)
        for change in self._changes:
            if change.old is not None and names.get(change.old) == change.file:
                del names[change.old]
            if change.new is not None:
                names[change.new] = change.file
        gone = [_Change(path, None, file) for path, file in names.items() if path not in live]
        new = [_Change(None, path, file) for path, file in live.items() if names.get(path) != file]
        return gone + new


def write_image(image: Image) -> None:
    """Put the files of an image where they belong."""
    for path, data in image.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _apart(changes: Sequence[_Change]) -> list[list[_Change]]:
    """Changes in groups that share no name: within one the order holds, between them none."""
    group_of: dict[Path, int] = {}
    groups: dict[int, list[_Change]] = {}
    for number, change in enumerate(changes):
        names = [name for name in (change.old, change.new) if name is not None]
        joined = sorted({group_of[name] for name in names if name in group_of})
        members = [one for group in joined for one in groups.pop(group)]
        groups[number] = [*members, change]
        for one in groups[number]:
            group_of |= {name: number for name in (one.old, one.new) if name is not None}
    order = {id(change): number for number, change in enumerate(changes)}
    return [sorted(group, key=lambda change: order[id(change)]) for group in groups.values()]


def _survivor(durable: bytes, now: bytes | None, rng: random.Random) -> bytes:
    """A file after a power cut: pages of what was synced and of what was written since."""
    if now is None or now == durable or rng.random() < 0.2:
        return durable
    if rng.random() < 0.2:
        return now
    low, high = sorted((len(durable), len(now)))
    size = rng.choice((len(durable), len(now), rng.randint(low, high)))
    lost = rng.choice((0.1, 0.5))
    survivor = bytearray()
    for page in range(0, size, PAGE):
        end = min(page + PAGE, size)
        old = durable[page:end].ljust(end - page, b"\0")
        new = now[page:end].ljust(end - page, b"\0")
        kept = old if rng.random() < lost else new
        if old != new and rng.random() < 0.1:  # torn between two sectors
            at = rng.randrange(SECTOR, PAGE, SECTOR)
            kept = new[:at] + old[at:]
        survivor += kept
    return bytes(survivor)
