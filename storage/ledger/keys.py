"""The keys that sign checkpoints: files beside the database, for the service's user only.

`DATA/keys/ledger-0001.key` holds the private key, `ledger-0001.pub` the verifier key that is given
away. A key begins as `.new`: it signs beside its predecessor until a checkpoint of both covers its
leaf; then it is `.key` and its predecessor's private part is removed. Text forms are those of
golang.org/x/mod/sumdb/note, so the tools of that world read them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from storage.disk import Disk
from storage.ledger.note import BadNote, Signer, Verifier
from vms.core.errors import StorageError
from vms.core.model import Cause

_FILE = re.compile(r"ledger-(\d{4})\.(key|new|pub)")
_Key = TypeVar("_Key", Signer, Verifier)


class Keys:
    """The keys in one folder. Every call reads it anew: another process may have rotated.

    Changes only with the ledger's lock held. Every call may raise StorageError.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder, self._disk = folder, disk

    def verifiers(self) -> list[Verifier]:
        """All keys that ever signed here, the oldest first."""
        return [_read(path, Verifier.parse) for _, path in self._files("pub")]

    def signers(self) -> list[Signer]:
        """The keys that sign now: one, or during a rotation the old and the new."""
        return [_read(path, Signer.parse) for _, path in self._files("key", "new")]

    def waiting(self) -> Signer | None:
        """The key that is not yet introduced."""
        found = self._files("new")
        return _read(found[-1][1], Signer.parse) if found else None

    def make(self) -> Signer:
        """A new key that waits. The name stays that of the first: it names the log."""
        older = self.verifiers()
        name = older[0].name if older else f"gozcu/{secrets.token_hex(8)}"
        number = max((number for number, _ in self._files("key", "new", "pub")), default=0) + 1
        signer = Signer(name, secrets.token_bytes(32))
        stem = self._folder / f"ledger-{number:04}"
        with self._translated():
            if not self._folder.is_dir():
                self._disk.make_folder(self._folder)
                self._folder.chmod(0o700)
                self._disk.sync_folder(self._folder.parent)
            self._write(stem.with_suffix(".pub"), str(signer.verifier), 0o644)
            self._disk.sync_folder(self._folder)  # no key signs whose verifier could get lost
            self._write(stem.with_suffix(".new"), signer.secret_text(), 0o600)
            self._disk.sync_folder(self._folder)
        return signer

    def introduced(self) -> None:
        """The waiting key signs alone from now on."""
        waiting = self._files("new")
        with self._translated():
            for number, path in waiting:
                self._disk.rename(path, path.with_suffix(".key"))
                for old, gone in self._files("key"):
                    if old < number:
                        self._disk.unlink(gone)
            self._disk.sync_folder(self._folder)

    def _files(self, *kinds: str) -> list[tuple[int, Path]]:
        try:
            names = sorted(os.listdir(self._folder))  # noqa: PTH208 - names, not paths
        except FileNotFoundError:
            return []
        read = [(match, name) for name in names if (match := _FILE.fullmatch(name))]
        return [(int(match[1]), self._folder / name) for match, name in read if match[2] in kinds]

    def _write(self, path: Path, text: str, mode: int) -> None:
        """Whole and durable under its name, or not at all."""
        draft = path.with_name(f"{path.name}.draft")
        with contextlib.suppress(FileNotFoundError):
            self._disk.unlink(draft)
        fd = self._disk.create(draft)
        try:
            os.fchmod(fd, mode)
            self._disk.write(fd, f"{text}\n".encode(), 0)
            self._disk.sync_file(fd)
        finally:
            self._disk.close(fd)
        self._disk.rename(draft, path)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                Cause.DISK_FAILED, f"the keys in {self._folder} can't be written: {error}"
            ) from error


def _read(path: Path, parse: Callable[[str], _Key]) -> _Key:
    try:
        return parse(path.read_text().strip())
    except (OSError, BadNote, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else error
        raise StorageError(Cause.DISK_FAILED, f"the key {path} can't be used: {told}") from error
