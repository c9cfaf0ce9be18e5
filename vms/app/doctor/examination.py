"""Examines a machine for the site of a settings file, whether the system runs or not.

Nothing is changed: no database is made or migrated, no key, no volume's identity. What cannot even
be asked is a diagnosis as well, never an error.
"""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import vms
from recorder.rtsp.connection import RECEIVE_BUFFER
from storage.database import newest_revision, open_database, present_revision, writing
from storage.disk import RealDisk
from storage.ledger.keys import Keys
from vms.app.doctor import diagnosis, probes
from vms.app.doctor.diagnosis import Diagnosis, failed, risk, well
from vms.cameras.charts import Charts, read_charts
from vms.cameras.health.checks import Check, Checked, CheckState
from vms.cameras.registry import Registry
from vms.cameras.vault import Vault
from vms.core.clock import Clock, Span
from vms.core.config import Settings
from vms.core.config_storage import VolumeSettings
from vms.core.errors import VmsError
from vms.core.ntp import ntp_state
from vms.core.status import read_workers

_SCREENS = Path(__file__).parents[3] / "web" / "static" / "index.html"


def examine(settings: Settings, clock: Clock, lasts: Span = probes.LASTS) -> Iterator[Diagnosis]:
    """Each check as it is made; the slow ones last. `lasts`: how long each disk is written to."""
    database, cameras = _database(settings)
    yield _versions()
    yield _clock()
    yield database
    yield from _running(settings, clock)
    yield _port(settings, clock)
    yield _ledger_key(settings)
    if settings.ledger.authority is not None:
        yield _authority(settings.ledger.authority, settings.ledger.certificates)
    yield diagnosis.open_files(probes.file_limit(), cameras)
    yield diagnosis.receive_buffer(probes.given_buffer(), RECEIVE_BUFFER, probes.tuned_buffer())
    available, total = probes.memory()
    by_events = any(camera.record == "events" for camera in settings.cameras)
    pre_roll = settings.recorder.pre_roll_memory if by_events else 0
    yield diagnosis.memory(available, total, cameras, pre_roll)
    yield diagnosis.cores(os.cpu_count() or 1, cameras)
    share = -(-cameras // max(1, len(settings.volumes)))
    for volume in settings.volumes:
        yield from _volume(volume, share, lasts)
    if not settings.volumes:
        yield failed("volumes", "no volume is set up", "add [[volumes]] to the settings file")


def _versions() -> Diagnosis:
    parts = f"Gözcü {vms.__version__}, Python {platform.python_version()}"
    parts += f", SQLite {sqlite3.sqlite_version}, Linux {platform.release()}"
    if not _SCREENS.is_file():
        return risk("versions", f"{parts}; the screens are not built", "run `make ui`")
    return well("versions", parts)


def _clock() -> Diagnosis:
    try:
        state = ntp_state()
    except OSError as error:
        text = f"the kernel does not tell whether the clock is kept: {error.strerror}"
        return risk("clock", text, "run it where adjtimex is allowed (containers may forbid it)")
    return diagnosis.clock(state.synchronised, state.error)


def _database(settings: Settings) -> tuple[Diagnosis, int]:
    """With how many cameras there are: before there is a database, those of the file."""
    declared = len(settings.cameras)
    url = settings.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return _new_database(settings), declared
    try:
        engine = open_database(url)
    except VmsError as error:
        return failed("database", str(error), "correct system.database in the settings"), declared
    try:
        with writing(engine):
            present = present_revision(engine)
        if present != newest_revision():
            text = f"it is writable; its schema is {present or 'empty'}, not {newest_revision()}"
            return risk("database", text, "start the system: it brings it up to date"), declared
        keys = settings.system.data / "keys"
        if not (keys / "secrets.key").is_file():  # the vault would make another
            text = "it is there, but the key of the cameras' passwords is not"
            return failed("database", text, "bring it back from the backup: vms restore"), declared
        registry = Registry(engine, Vault.at(keys))
        count = len(registry.settings())
        return well("database", f"it is writable and up to date; {count} cameras"), count
    except VmsError as error:
        remedy = "see that it runs, that its disk is not full, and who may write to it"
        return failed("database", str(error), remedy), declared
    finally:
        engine.dispose()


def _new_database(settings: Settings) -> Diagnosis:
    folder = _first_existing(settings.system.data)
    if not os.access(folder, os.W_OK):
        remedy = f"give the service's user the folder {settings.system.data}"
        return failed("database", f"{folder} can't be written to", remedy)
    return well("database", "there is none yet; it is made at the first start")


def _running(settings: Settings, clock: Clock) -> Iterator[Diagnosis]:
    workers = read_workers(settings.run_dir, clock.now())
    if not workers:
        yield well("system", "it does not run")
        return
    wanted, charts = workers[0].workers, read_charts(settings.run_dir, clock.now())
    said = f"{len(workers)} of {wanted} recorder workers run"
    remedy = "see its log (data/log) and restart it: vms up"
    if len(workers) < wanted:
        yield failed("system", said, remedy)
    elif charts.at is None:
        yield risk("system", f"{said}; nobody looks at the cameras' health", remedy)
    else:
        yield well("system", said)
        yield diagnosis.cameras_heard(_sick(charts, Check.HEARD))
    lag = max(worker.loop_lag_ms for worker in workers)
    if lag > 500:
        text = f"a recorder worker was held up for {lag:.0f} ms in the last seconds"
        yield risk("load", text, "see what else runs on this machine; plan fewer cameras for it")


def _sick(charts: Charts, check: Check) -> list[str]:
    """The cameras of which a check is sick."""
    nothing = Checked()
    return sorted(
        name
        for name, chart in charts.cameras.items()
        if chart.checks.get(check, nothing).state is CheckState.SICK
    )


def _port(settings: Settings, clock: Clock) -> Diagnosis:
    host, port = settings.web.host, settings.web.port
    if probes.port_is_free(host, port):
        return well("port", f"{settings.web.listen} is free")
    if read_workers(settings.run_dir, clock.now()):
        return well("port", f"{settings.web.listen} is in use, and the system runs")
    text = f"{settings.web.listen} can't be listened on: another program has it, or it is not ours"
    return failed("port", text, "end that program, or set another web.listen")


def _ledger_key(settings: Settings) -> Diagnosis:
    keys = Keys(settings.system.data / "keys", RealDisk())
    try:
        signers, verifiers = keys.signers(), keys.verifiers()
    except VmsError as error:
        return failed("ledger key", str(error), "bring it back from the backup: vms restore")
    if signers:
        return well("ledger key", f"it signs as {signers[-1].name}")
    if verifiers:
        text = "the private key is gone: nothing is signed any more"
        return failed("ledger key", text, "bring it back from the backup: vms restore")
    return well("ledger key", "there is none yet; it is made at the first start")


def _authority(url: str, certificates: Path | None) -> Diagnosis:
    if certificates is None or not certificates.exists():
        text = "the authority's certificates are not there: its stamps can't be checked"
        return risk("authority", text, "set ledger.certificates to its PEM file")
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    why = probes.answers(parts.hostname or "", port)
    if why:
        text = f"{parts.hostname}:{port} does not answer: {why}; stamps wait for it"
        return risk("authority", text, "see that this machine may reach it, or choose another")
    return well("authority", f"{parts.hostname}:{port} answers")


def _volume(volume: VolumeSettings, cameras: int, lasts: Span) -> Iterator[Diagnosis]:
    path = volume.path
    folder = path if path.is_dir() else _first_existing(path)
    if folder != path and not os.access(folder, os.W_OK):
        text = "it is not there and can't be made"
        yield failed(f"volume {path}", text, "mount its disk, or make the folder")
        return
    try:
        speed = probes.disk_speed(folder, lasts)
        stat = os.statvfs(folder)
    except OSError as error:
        text = f"it does not take what is written: {error.strerror or error}"
        remedy = "see that its disk is mounted, not read-only, not full, and ours to write to"
        yield failed(f"volume {path}", text, remedy)
        return
    free, total = stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize
    yield diagnosis.room(str(path), free, total, volume.reserve)
    yield diagnosis.disk(str(path), speed, cameras)


def _first_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())
