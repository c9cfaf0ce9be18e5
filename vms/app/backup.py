"""Backup: settings, database, keys and ledger of a site in one sealed file. Footage is not in it.

It is taken while the site runs. What refers comes before what it refers to: the database first, in
one snapshot, then the ledger's checkpoints, then its leaves, then the keys. A row's leaf is written
before the row and a key before its signature, so whatever a part of the backup names is in a later
part; the ledger may be longer than the database knows, which a start after a crash looks like too.
Bringing it back is `vms.app.restore`.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import vms
from storage.database_copy import count_rows, revision_of, save
from storage.sealed import Sealer
from vms.app.site import Site
from vms.core.clock import rfc3339
from vms.core.config import Settings
from vms.core.errors import Refused
from vms.core.secret import Secret

FORMAT = 1
_LEAVES = "leaves"

Progress = Callable[[int, int], None]
"""Told what is done of how much, in no unit."""


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What was put into a file."""

    file: Path
    size: int
    rows: int
    ledger_files: int

    def as_json(self) -> dict[str, object]:
        return {
            "file": str(self.file),
            "bytes": self.size,
            "rows": self.rows,
            "ledger_files": self.ledger_files,
        }


def back_up(site: Site, file: Path, password: Secret, progress: Progress) -> BackupFacts:
    """Write the backup to `file`, which must not be there yet. Raises Refused."""
    ledger = site.settings.system.data / "ledger"
    total, done, rows, files = count_rows(site.engine) + 1, 0, 0, 0
    with _created(file) as out:
        sealer = Sealer(out, password)
        stream: Any = sealer  # `write` is all that a stream of tar asks for
        with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, "manifest.json", json.dumps(_manifest(site)).encode())

            def put(table: str, lines: bytes, count: int) -> None:
                nonlocal rows, done
                _add(tar, f"database/{table}/{rows}.jsonl", lines)
                rows += count
                done = min(rows, total - 1)
                progress(done, total)

            save(site.engine, put)
            for path in _ledger_files(ledger):
                _add(tar, f"ledger/{path.relative_to(ledger).as_posix()}", path.read_bytes())
                files += 1
            for path in sorted((site.settings.system.data / "keys").iterdir()):
                if path.is_file() and not path.name.startswith("."):
                    _add(tar, f"keys/{path.name}", path.read_bytes())
            _add(tar, "settings/cameras.toml", site.settings.file.read_bytes())
            _add(tar, "settings/files.json", json.dumps(_named_files(site.settings)).encode())
        sealer.close()
        progress(total, total)
    return BackupFacts(file, file.stat().st_size, rows, files)


def _manifest(site: Site) -> dict[str, object]:
    return {
        "format": FORMAT,
        "version": vms.__version__,
        "made": rfc3339(site.clock.now()),
        "name": site.settings.system.name,
        "revision": revision_of(site.engine),
    }


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    tar.addfile(entry, io.BytesIO(data))


def _ledger_files(folder: Path) -> list[Path]:
    """Leaves last: a checkpoint never says more than the leaves that are with it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: (path.relative_to(folder).parts[0] == _LEAVES, path))


def _named_files(settings: Settings) -> list[dict[str, str]]:
    """Files that the settings name and cannot do without: passwords, certificates."""
    values = tomllib.loads(settings.file.read_bytes().decode("utf-8-sig"))
    names = [camera.get("secret") for camera in values.get("cameras", ())]
    names.append(values.get("ledger", {}).get("certificates"))
    found = {}
    for name in names:
        if isinstance(name, str):
            path = settings.file.parent / Path(name).expanduser()
            try:
                found[name] = path.read_bytes().decode("latin-1")  # any bytes, as they are
            except OSError as error:
                raise Refused(f"{path}, which the settings name, can't be read: {error}") from None
    return [{"path": name, "bytes": data} for name, data in found.items()]


@contextmanager
def _created(file: Path) -> Iterator[BinaryIO]:
    """A new file for its owner only, under its name only when it is whole and synced."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    if file.exists():
        raise Refused(f"{file} is there already; name another file")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(f"{file} can't be written: {error.strerror}") from None
    try:
        with os.fdopen(fd, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, file)
    except OSError as error:
        raise Refused(f"{file} can't be written: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
