"""Reading a package back: the zip, and its members front to back, hashed on the way.

Whatever a stranger's file makes `zipfile` raise ends here: as Bad, or in a member's `broken`.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from vms.core.secret import Secret

_PIECE = 1 << 20


class Bad(ValueError):
    """Why a package is red, in one sentence."""


def opened(path: Path, password: Secret | None) -> zipfile.ZipFile:
    """The zip at a path, still unread. Raises Bad."""
    try:
        if password is not None or _encrypted(path):
            return _opened_encrypted(path, password)
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise Bad(f"{path} does not exist") from None
    except OSError as error:
        raise Bad(f"{path} can't be read: {error.strerror}") from None
    except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError) as error:
        raise Bad(f"{path.name} is no zip file, or is cut off or damaged: {error}") from None


def _encrypted(path: Path) -> bool:
    with zipfile.ZipFile(path) as zip_:
        return any(info.flag_bits & 1 for info in zip_.infolist())


def _opened_encrypted(path: Path, password: Secret | None) -> zipfile.ZipFile:
    if password is None:
        raise Bad(f"{path.name} is encrypted; give its password with --password")
    import pyzipper

    try:
        made: Any = pyzipper.AESZipFile(path)
    except pyzipper.BadZipFile as error:
        raise zipfile.BadZipFile(str(error)) from None
    made.setpassword(password.reveal().encode())
    return made  # type: ignore[no-any-return]


class Unpacked:
    """A file of the zip, read front to back once and hashed on the way.

    What the zip itself finds wrong ends the file there and stands in `broken`. `count` is told
    the bytes of each piece.
    """

    def __init__(self, zip_: zipfile.ZipFile, name: str, count: Callable[[int], None]) -> None:
        self.name, self._zip, self._count = name, zip_, count
        self.at, self.broken = 0, ""
        self._hash = hashlib.sha256()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Unpacked:
        try:
            self._file = self._zip.open(self.name)
        except RuntimeError as error:  # what zipfile raises for a wrong password
            raise Bad(f"the password is wrong, or {self.name} is damaged: {error}") from None
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
            self.broken = _said(error)
        except Exception as error:
            if type(error).__name__ != "BadZipFile":  # pyzipper's own
                raise
            self.broken = _said(error)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def read(self, size: int) -> bytes:
        """At most so many bytes; fewer only at the end."""
        if self.broken or self._file is None or size <= 0:
            return b""
        try:
            data = self._file.read(size)
        except (zipfile.BadZipFile, OSError, EOFError, zlib.error, ValueError) as error:
            self.broken = _said(error)
            return b""
        except Exception as error:
            if type(error).__name__ != "BadZipFile":
                raise
            self.broken = _said(error)
            return b""
        self._hash.update(data)
        self.at += len(data)
        self._count(len(data))
        return data

    def pieces(self) -> Iterator[bytes]:
        while piece := self.read(_PIECE):
            yield piece

    def rest(self) -> None:
        """Read to the end."""
        for _ in self.pieces():
            pass

    def until(self, to: int) -> Iterator[bytes]:
        """The bytes up to an offset. Raises Bad if that lies behind us or beyond the end."""
        if to < self.at:
            raise Bad(f"its samples lie over those before them in {self.name}")
        while self.at < to:
            piece = self.read(min(_PIECE, to - self.at))
            if not piece:
                raise Bad(f"{self.name} ends before it")
            yield piece

    def forward(self, to: int) -> None:
        """Read up to an offset. Raises Bad as `until` does."""
        for _ in self.until(to):
            pass


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
