"""The custodian carries out exports: one after the other, in files that are kept for a week."""

from __future__ import annotations

import threading
from pathlib import Path

from storage.disk import Disk, RealDisk
from vms.app.evidence import exporter, jobs_of
from vms.app.site import Site
from vms.core.clock import DAY, MINUTE, SECOND, Clock, Instant, Mono, Span
from vms.core.errors import StorageError, VmsError
from vms.core.log import get_logger
from vms.core.plain import plain
from vms.evidence.export import Exporter, Stopped
from vms.evidence.jobs import ExportJob, Jobs
from vms.evidence.packing import Unwritable

log = get_logger(__name__)

KEPT = 7 * DAY
"""How long a package can be fetched; then it goes, and can be made anew."""

RESERVE = 2_000_000_000  # bytes left free beside the packages: the database lives there too
_TOLD_EACH = SECOND  # progress is written, and a cancelling seen, this often


class ExportsDuty:
    """Takes waiting jobs while there are any. `folder`: where packages are kept."""

    name = "exports"
    every = Span(SECOND)
    urgent = False

    def __init__(
        self, jobs: Jobs, exporter: Exporter, folder: Path, clock: Clock, disk: Disk
    ) -> None:
        self._jobs, self._exporter, self._folder = jobs, exporter, folder
        self._clock, self._disk = clock, disk
        self._begun = False
        self._tidied: Mono | None = None

    def work(self, stopping: threading.Event) -> None:
        if not self._begun:
            self._begin()
        self._begun = False  # if this round fails, the next one picks up what it left running
        now = self._clock.monotonic()
        if self._tidied is None or now - self._tidied >= MINUTE:
            self._tidy()
            self._tidied = now
        while not stopping.is_set() and (taken := self._jobs.take()) is not None:
            self._carry_out(taken, stopping)
        self._begun = True

    def _begin(self) -> None:
        """What the last custodian, or a failed round, left half done is begun anew."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for id_ in self._jobs.resume():
            package(self._folder, id_).unlink(missing_ok=True)
        for part in self._folder.glob(".*.part"):
            part.unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Packages that are old, or whose job is gone, go."""
        self._jobs.forget(Instant(self._clock.now() - KEPT))
        wanted = {job.id for job in self._jobs.list() if job.state in ("done", "running")}
        for file in self._folder.glob("*.zip"):
            if file.stem not in wanted:
                file.unlink(missing_ok=True)

    def _carry_out(self, job: ExportJob, stopping: threading.Event) -> None:
        halt = threading.Event()
        path = package(self._folder, job.id)
        told = Mono(0)
        total = 0

        def progress(done: int, all_: int) -> None:
            nonlocal told, total
            now = self._clock.monotonic()
            if total != all_:
                total = all_
                self._make_sure_of_room(all_)
            elif now - told < _TOLD_EACH and not stopping.is_set():
                return
            told = now
            if stopping.is_set() or not self._told(job, done, all_):
                halt.set()

        try:
            password = self._jobs.password(job.id)
            made = self._exporter.run(job.order, path, password, progress, halt)
        except Stopped:
            if stopping.is_set():
                self._jobs.again(job.id)
        except (VmsError, OSError) as error:
            log.error("export failed", job=job.id, error=str(error))
            self._jobs.fail(job.id, plain(str(error)))
        except Exception as error:  # a fault of ours must not hold up the jobs behind it
            log.exception("export failed unexpectedly", job=job.id)
            self._jobs.fail(job.id, _unexpected(error))
        else:
            if not self._jobs.finish(job.id, made.size, total):
                path.unlink(missing_ok=True)
            log.info("export done", job=job.id, by=job.order.by, bytes=made.size)

    def _told(self, job: ExportJob, done: int, total: int) -> bool:
        """Note how far it is; False once it was cancelled, which may be seen a second later."""
        try:
            return self._jobs.progress(job.id, done, total)
        except StorageError as error:
            log.warning("progress is not noted", job=job.id, error=str(error))
            return True

    def _make_sure_of_room(self, total: int) -> None:
        free = self._disk.free(self._folder)
        if free < total + RESERVE:
            raise Unwritable(
                f"{self._folder} has {free / 1e9:.1f} GB free; the package needs "
                f"{total / 1e9:.1f} GB, and {RESERVE / 1e9:.0f} GB must stay free: remove old "
                "exports, or ask for a shorter span"
            )


def _unexpected(error: Exception) -> str:
    """For whoever waits for the package: what to do. What went wrong inside is for the log."""
    return (
        f"the export met a fault of the software ({type(error).__name__}); nothing was written. "
        "Ask for it again; if it fails again, give the log of that minute to the administrator"
    )


def package(folder: Path, id_: str) -> Path:
    """Where the package of a job lies; ids are ours, never from outside."""
    return folder / f"{id_}.zip"


def exports_duty(site: Site) -> ExportsDuty:
    """The duty of a site."""
    folder = site.settings.system.data / "exports"
    return ExportsDuty(jobs_of(site), exporter(site), folder, site.clock, RealDisk())
