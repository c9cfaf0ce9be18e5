"""One zip file, written front to back, that is whole under its name or not there at all.

Written beside its place under a name that says whose it is, synced, then renamed. With a password
its members are AES-256 encrypted as WinZip and 7-Zip read it; their names stay readable.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from storage.disk import Disk
from vms.core.errors import VmsError
from vms.core.secret import Secret
from vms.evidence.disk_file import DiskFile

Local = tuple[int, int, int, int, int, int]
"""Year to second of local time: what a zip says of its files."""

try:
    from isal.isal_zlib import crc32
except ImportError:  # a machine that isal is not built for
    crc32 = zlib.crc32

zipfile.crc32 = crc32  # type: ignore[attr-defined]  # the same number, several times as quick

_PART = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)(-\d+)?\.part")


class Unwritable(VmsError):
    """A package can't be written where it was wanted."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A member as it went in. `sha256` of its plain bytes."""

    name: str
    size: int
    sha256: str


class Member:
    """An open member: write, in order."""

    def __init__(self, name: str, out: IO[bytes]) -> None:
        self._name, self._out = name, out
        self._hash, self._size = hashlib.sha256(), 0

    def write(self, data: bytes | memoryview) -> None:
        self._hash.update(data)
        self._size += len(data)
        self._out.write(data)

    @property
    def packed(self) -> Packed:
        return Packed(self._name, self._size, self._hash.hexdigest())


class Package:
    """The zip at `path`. A context manager: leaving it without `commit` leaves nothing behind.

    Raises Unwritable for what the disk refuses.
    """

    def __init__(
        self,
        disk: Disk,
        path: Path,
        password: Secret | None = None,
        when: Local = (1980, 1, 1, 0, 0, 0),
    ) -> None:
        self._disk, self._path, self._when = disk, path, when
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._password = password
        self.members: list[Packed] = []
        self._fd: int | None = None
        self._scratches = 0

    def __enter__(self) -> Package:
        if self._path.exists():
            raise Unwritable(f"{self._path} exists already; name a file that does not")
        try:
            _remove_stale(self._disk, self._path)
            self._fd = self._disk.create(self._part)
            os.fchmod(self._fd, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        self._file = DiskFile(self._disk, self._fd, self._unwritable)
        self._zip = _open_zip(self._file, self._password)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._fd is None:
            return
        self._zip.fp = None  # a zip that is abandoned writes no directory
        self._file.abandon()
        self._disk.close(self._fd)
        with contextlib.suppress(OSError):
            self._disk.unlink(self._part)

    @contextlib.contextmanager
    def member(self, name: str, *, squeeze: bool = False) -> Iterator[Member]:
        """A file of the zip. `squeeze`: deflate it; coded pictures don't get smaller."""
        info = _info(self._zip, name, self._when, squeeze=squeeze)
        with self._zip.open(info, "w", force_zip64=True) as out:
            member = Member(name, out)
            yield member
        self.members.append(member.packed)

    def reserve(self, size: int) -> None:
        """Room for so many bytes more: a disk that has none says so now, and writing into it
        costs half."""
        assert self._fd is not None
        try:
            self._disk.reserve(self._fd, self._file.tell() + size)
        except OSError as error:
            raise self._unwritable(error) from error

    def add(self, name: str, data: bytes) -> None:
        """A small file."""
        with self.member(name, squeeze=True) as out:
            out.write(data)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[DiskFile]:
        """An empty file beside the package for what does not fit in memory; it has no name, and
        is gone when the block is left."""
        self._scratches += 1
        path = self._part.with_name(f"{self._part.stem}-{self._scratches}.part")
        with contextlib.ExitStack() as opened:
            try:
                fd = self._disk.create(path)
                opened.callback(self._disk.close, fd)
                self._disk.unlink(path)
            except OSError as error:
                with contextlib.suppress(OSError):
                    self._disk.unlink(path)
                raise self._unwritable(error) from error
            file = DiskFile(self._disk, fd, self._unwritable)
            opened.callback(file.abandon)
            yield file

    def close(self) -> int:
        """Write the directory and sync everything; the zip's size. Only `commit` may follow."""
        assert self._fd is not None
        try:
            self._zip.close()
            self._file.flush()
            size = os.fstat(self._fd).st_size
            self._disk.truncate(self._fd, size)  # gives back what was reserved behind it
            self._disk.sync_file(self._fd)
            return size
        except OSError as error:
            raise self._unwritable(error) from error

    def commit(self) -> None:
        """Give the closed zip its name."""
        assert self._fd is not None
        try:
            self._disk.rename(self._part, self._path)
            self._disk.sync_folder(self._path.parent)
        except OSError as error:
            raise self._unwritable(error) from error
        self._disk.close(self._fd)
        self._fd = None

    def _unwritable(self, error: OSError) -> Unwritable:
        said = error.strerror or str(error)
        return Unwritable(f"{self._path} can't be written: {said}")


def _remove_stale(disk: Disk, path: Path) -> None:
    """What a process that is no more has left of a package of this name."""
    for file in path.parent.iterdir():
        match = _PART.fullmatch(file.name)
        if match is None or match["name"] != path.name:
            continue
        if int(match["process"]) == os.getpid() or not Path("/proc", match["process"]).exists():
            disk.unlink(file)


def _open_zip(file: DiskFile, password: Secret | None) -> zipfile.ZipFile:
    if password is None:
        return zipfile.ZipFile(file, "w")
    import pyzipper

    made: Any = pyzipper.AESZipFile(file, "w", encryption=pyzipper.WZ_AES)
    made.setpassword(password.reveal().encode())
    made.setencryption(pyzipper.WZ_AES, nbits=256)
    return made  # type: ignore[no-any-return]


def _info(zip_: zipfile.ZipFile, name: str, when: Local, *, squeeze: bool) -> zipfile.ZipInfo:
    kind: Any = getattr(zip_, "zipinfo_cls", zipfile.ZipInfo)
    info: zipfile.ZipInfo = kind(name, when)
    info.compress_type = zipfile.ZIP_DEFLATED if squeeze else zipfile.ZIP_STORED
    info.external_attr = 0o640 << 16
    return info
