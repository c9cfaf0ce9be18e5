"""Restore: a backup onto a bare machine. Nothing is changed before all of it was read and is sound.

What comes back is built beside its place and then named into it. What stood there before (with
force) is put aside, never overwritten. Footage newer than the backup is taken up from the volumes
by recovery, the ledger and the holds from their copies there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import sqlalchemy as sa
import tomli_w

from storage.database import open_database
from storage.database_copy import is_empty, load
from storage.sealed import Opener
from vms.app.backup import FORMAT, Progress
from vms.core.clock import Clock, rfc3339
from vms.core.config import Settings
from vms.core.config_file import parse_settings
from vms.core.errors import ConfigError, Refused
from vms.core.secret import Secret

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,200}")


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back, and where."""

    name: str
    made: str
    settings: Path
    data: Path
    rows: int
    put_aside: tuple[Path, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "made": self.made,
            "settings": str(self.settings),
            "data": str(self.data),
            "rows": self.rows,
            "put_aside": [str(path) for path in self.put_aside],
        }


@dataclass(slots=True)
class _Plan:
    """What the first reading found: all but the rows and the ledger, which may be large."""

    manifest: dict[str, Any]
    toml: bytes
    files: dict[Path, bytes]
    settings: Settings

    @property
    def database(self) -> Path | None:
        """The SQLite file; None for a server."""
        url = sa.make_url(self.settings.database_url)
        if url.get_backend_name() != "sqlite":
            return None
        return Path(url.database or "")


def restore(
    backup: Path, config: Path, password: Secret, clock: Clock, progress: Progress, *, force: bool
) -> Restored:
    """Bring a site back. Raises Refused or ConfigError; then nothing was changed."""
    size = backup.stat().st_size if backup.is_file() else 0
    plan = _read_plan(backup, config, password, lambda done: progress(done, 2 * size))
    _refuse_running(plan.settings)
    occupied = _occupied(plan)
    if occupied and not force:
        raise Refused(
            f"there is a site already ({occupied[0]}); --force puts it aside and restores"
        )
    if plan.database is None:
        _refuse_filled_server(plan.settings)
    data = plan.settings.system.data
    stage = data / f".restore-{os.getpid()}"
    bare = not data.exists()
    try:
        stage.mkdir(parents=True, mode=0o700)
        staged = None if plan.database is None else stage / "database"
        rows = _build(backup, password, plan, stage, staged, lambda n: progress(size + n, 2 * size))
        aside = data / f"before-restore-{rfc3339(clock.now(), digits=0).replace(':', '-')}"
        moved = _put_aside(occupied, aside)
        _put_in_place(plan, stage, staged)
    except OSError as error:
        raise Refused(f"the backup could not be brought back: {error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if bare and data.exists() and not any(data.iterdir()):
            data.rmdir()
    progress(2 * size, 2 * size)
    made = plan.manifest
    return Restored(str(made["name"]), str(made["made"]), config, data, rows, tuple(moved))


# -- reading ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _entries(backup: Path, password: Secret) -> Iterator[tuple[tarfile.TarFile, BinaryIO]]:
    try:
        file = backup.open("rb")
    except OSError as error:
        raise Refused(f"{backup} can't be read: {error.strerror}") from None
    with file:
        opener: Any = Opener(file, password, str(backup))
        try:
            with tarfile.open(fileobj=opener, mode="r|") as tar:
                yield tar, file
            opener.read()  # to its end, so that a cut file is noticed
        except (tarfile.TarError, ValueError, KeyError, TypeError) as error:
            raise Refused(f"{backup} is sealed well and is no backup of ours: {error}") from error


def _bytes_of(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    if file is None:
        raise ValueError(f"{entry.name[:80]!r} is no file")
    return file.read()


def _read_plan(backup: Path, config: Path, password: Secret, told: Any) -> _Plan:
    """Read all of the file, so that it is known to be whole; keep what is small."""
    small: dict[str, bytes] = {}
    with _entries(backup, password) as (tar, file):
        for entry in tar:
            if entry.name.startswith(("manifest.json", "settings/")):
                small[entry.name] = _bytes_of(tar, entry)
            elif not entry.isfile() or not _is_ours(entry.name):
                raise ValueError(f"{entry.name[:80]!r} does not belong there")
            told(file.tell())
        manifest = json.loads(small["manifest.json"])
        named = json.loads(small["settings/files.json"])
        toml = small["settings/cameras.toml"]
    if manifest["format"] != FORMAT:
        raise Refused(f"{backup} was made by a newer version ({manifest['version']})")
    base = config.absolute().parent
    files = {base / Path(one["path"]).expanduser(): one["bytes"].encode("latin-1") for one in named}
    return _Plan(manifest, toml, files, _system_of(toml, config.absolute()))


def _is_ours(name: str) -> bool:
    parts = PurePosixPath(name).parts
    known = parts[0] in ("database", "ledger", "keys") and len(parts) > 1
    return known and all(_PART.fullmatch(part) for part in parts)


def _system_of(toml: bytes, config: Path) -> Settings:
    """Where the site lives. Cameras are left out: their `${NAME}`s need not be set for this."""
    values = tomllib.loads(toml.decode("utf-8-sig"))
    system = tomli_w.dumps({"system": values.get("system", {})})
    try:
        return parse_settings(system, config, os.environ)
    except ConfigError as error:
        raise Refused(f"the settings in the backup can't be used here: {error.message}") from error


# -- what is there ------------------------------------------------------------------------------


def _refuse_running(settings: Settings) -> None:
    for name in ("up.lock", "recorder.lock"):
        path = settings.run_dir / name
        if not path.exists():
            continue
        with path.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(
                    f"a system runs on {settings.system.data}; stop it before restoring"
                ) from None


def _occupied(plan: _Plan) -> list[Path]:
    """What stands where something is to come."""
    data = plan.settings.system.data
    found = [path for path in (data / "keys", data / "ledger") if path.exists()]
    if plan.database is not None:
        names = [f"{plan.database.name}{ending}" for ending in ("", "-wal", "-shm")]
        found += [path for name in names if (path := plan.database.with_name(name)).exists()]
    wanted = {**plan.files, plan.settings.file: plan.toml}
    found += [path for path, text in wanted.items() if path.exists() and path.read_bytes() != text]
    return found


def _refuse_filled_server(settings: Settings) -> None:
    engine = open_database(settings.database_url)
    try:
        if not is_empty(engine):
            raise Refused("the database holds tables already; make an empty one (createdb) first")
    finally:
        engine.dispose()


# -- building -----------------------------------------------------------------------------------


def _build(
    backup: Path, password: Secret, plan: _Plan, stage: Path, staged: Path | None, told: Any
) -> int:
    """Keys and ledger into `stage`, the database into `staged` or onto its server; the rows."""
    rows = 0
    url = plan.settings.database_url if staged is None else f"sqlite:///{staged}"
    engine = open_database(url)
    try:
        with _entries(backup, password) as (tar, file):

            def batches() -> Iterator[tuple[str, bytes]]:
                nonlocal rows
                for entry in tar:
                    told(file.tell())
                    room, _, rest = entry.name.partition("/")
                    if room == "database":
                        lines = _bytes_of(tar, entry)
                        rows += lines.count(b"\n")
                        yield rest.partition("/")[0], lines
                    elif room in ("ledger", "keys"):
                        _write(stage / room / rest, _bytes_of(tar, entry))

            load(engine, str(plan.manifest["revision"]), batches())
    finally:
        engine.dispose()  # SQLite's last connection puts its log into the file
    return rows


def _write(path: Path, data: bytes) -> None:
    """A new file for its owner only, synced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def _put_aside(occupied: list[Path], aside: Path) -> list[Path]:
    moved = []
    for number, path in enumerate(occupied):
        aside.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = aside / path.name
        if target.exists():  # two files of one name in different folders
            target = aside / f"{number}-{path.name}"
        shutil.move(path, target)
        moved.append(target)
    return moved


def _put_in_place(plan: _Plan, stage: Path, staged: Path | None) -> None:
    data = plan.settings.system.data
    data.mkdir(parents=True, exist_ok=True)
    for name in ("keys", "ledger"):
        if (stage / name).exists():
            (stage / name).rename(data / name)
    if staged is not None and plan.database is not None:
        plan.database.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(staged, plan.database)
    for path, text in {**plan.files, plan.settings.file: plan.toml}.items():
        _write(path, text)
    fd = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
