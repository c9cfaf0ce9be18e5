"""Exports asked for on the console: in line, carried out by the custodian, alive after kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.disk import RealDisk
from storage.schema import job as table
from tests.evidence.house import Site, usual
from vms.app.exports_duty import KEPT, ExportsDuty
from vms.cameras.vault import Vault
from vms.core.clock import MINUTE
from vms.core.errors import NotFound, StorageError
from vms.core.model import Cause
from vms.core.secret import Secret
from vms.evidence.jobs import WAITING_MAX, Jobs
from vms.evidence.order import Order, Refused
from vms.evidence.verification import verify_package


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return usual(tmp_path)


def jobs_of(site: Site) -> Jobs:
    return Jobs(site.engine, site.clock, Vault(bytes(32)), site.exporter().check)


def duty_of(site: Site, disk: RealDisk | None = None) -> ExportsDuty:
    folder = site.root / "exports"
    return ExportsDuty(jobs_of(site), site.exporter(), folder, site.clock, disk or RealDisk())


def ordered(site: Site, number: int = 1) -> Order:
    order = site.order(2.5, 23)
    span = order.start, order.end
    return Order(f"job-{number}", order.cameras, *span, "2026/1", "mehmet", order.made)


def test_a_job_is_carried_out_and_its_password_forgotten(site: Site) -> None:
    jobs, duty = jobs_of(site), duty_of(site)
    jobs.add(ordered(site), Secret("gizli şifre"))
    with site.engine.connect() as connection:
        row = connection.execute(sa.select(table)).one()
    assert "gizli" not in str(row)
    duty.work(threading.Event())
    done = jobs.get("job-1")
    path = site.root / "exports" / "job-1.zip"
    assert (done.state, done.size, done.error) == ("done", path.stat().st_size, None)
    assert done.done == done.total > 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert verify_package(path, Secret("gizli şifre")).good
    with site.engine.connect() as connection:
        assert "password" not in connection.execute(sa.select(table.c.order)).scalar_one()


def test_what_is_refused_stands_in_no_line(site: Site) -> None:
    jobs = jobs_of(site)
    order = site.order(-100, -50)
    with pytest.raises(Refused):
        jobs.add(order)
    assert jobs.list() == []


def test_the_line_is_bounded(site: Site) -> None:
    jobs = jobs_of(site)
    for number in range(WAITING_MAX):
        jobs.add(ordered(site, number))
    with pytest.raises(Refused, match="wait already"):
        jobs.add(ordered(site, WAITING_MAX))


def test_a_person_sees_their_own(site: Site) -> None:
    jobs = jobs_of(site)
    jobs.add(ordered(site, 1), account=1)
    jobs.add(ordered(site, 2), account=2)
    assert [job.id for job in jobs.list(2)] == ["job-2"]
    assert len(jobs.list()) == 2
    with pytest.raises(NotFound):
        jobs.get("job-1", 2)


def test_a_failure_is_told_and_leaves_no_file(site: Site) -> None:
    jobs, duty = jobs_of(site), duty_of(site)
    jobs.add(ordered(site))
    for file in (site.root / "video").rglob("*.mp4"):
        file.unlink()
    duty.work(threading.Event())
    failed = jobs.get("job-1")
    assert failed.state == "failed"
    assert failed.error is not None
    assert "can't be read" in failed.error
    assert list((site.root / "exports").iterdir()) == []


def test_a_disk_without_room_is_told_before_anything_is_written(site: Site) -> None:
    class Small(RealDisk):
        def free(self, root: Path) -> int:
            return 1_000_000_000

    jobs = jobs_of(site)
    jobs.add(ordered(site))
    duty_of(site, Small()).work(threading.Event())
    assert "must stay free" in (jobs.get("job-1").error or "")
    assert list((site.root / "exports").iterdir()) == []


class Interrupting(Jobs):
    """Does something when progress is told."""

    act: Callable[[], object]

    def progress(self, id_: str, done: int, total: int) -> bool:
        self.act()
        return super().progress(id_, done, total)


def interrupted(site: Site) -> tuple[Interrupting, ExportsDuty]:
    jobs = Interrupting(site.engine, site.clock, Vault(bytes(32)), site.exporter().check)
    folder = site.root / "exports"
    return jobs, ExportsDuty(jobs, site.exporter(), folder, site.clock, RealDisk())


def test_a_cancelled_job_stops_and_leaves_nothing(site: Site) -> None:
    jobs, duty = interrupted(site)
    jobs.act = lambda: jobs.cancel("job-1")
    jobs.add(ordered(site), Secret("p"))
    duty.work(threading.Event())
    assert jobs.get("job-1").state == "cancelled"
    assert list((site.root / "exports").iterdir()) == []
    jobs.cancel("job-1")
    with pytest.raises(NotFound):
        jobs.get("job-1")


def test_a_stop_of_the_custodian_puts_the_job_back_in_line(site: Site) -> None:
    stopping = threading.Event()
    jobs, duty = interrupted(site)
    jobs.act = stopping.set
    jobs.add(ordered(site))
    duty.work(stopping)
    assert jobs.get("job-1").state == "waiting"
    assert list((site.root / "exports").iterdir()) == []
    duty_of(site).work(threading.Event())
    assert jobs.get("job-1").state == "done"


def test_packages_go_after_a_week_and_when_their_job_is_removed(site: Site) -> None:
    jobs, duty = jobs_of(site), duty_of(site)
    jobs.add(ordered(site, 1))
    jobs.add(ordered(site, 2))
    duty.work(threading.Event())
    folder = site.root / "exports"
    assert len(list(folder.iterdir())) == 2
    jobs.cancel("job-2")
    site.clock.advance(MINUTE)
    duty.work(threading.Event())
    assert [file.name for file in folder.iterdir()] == ["job-1.zip"]
    site.clock.advance(KEPT + 1)
    duty.work(threading.Event())
    assert list(folder.iterdir()) == []
    assert jobs.list() == []


class Failing(Jobs):
    """Fails in one of its calls, so many times."""

    where, times = "password", 1
    error: Exception = RuntimeError("a fault of ours: secret=gizli")

    def _fail(self, where: str) -> None:
        if where == self.where and self.times:
            self.times -= 1
            raise self.error

    def password(self, id_: str) -> Secret | None:
        self._fail("password")
        return super().password(id_)

    def progress(self, id_: str, done: int, total: int) -> bool:
        self._fail("progress")
        return super().progress(id_, done, total)

    def finish(self, id_: str, size: int, total: int) -> bool:
        self._fail("finish")
        return super().finish(id_, size, total)


def failing(site: Site, where: str) -> tuple[Failing, ExportsDuty]:
    exporter = site.exporter(printed=False)
    jobs = Failing(site.engine, site.clock, Vault(bytes(32)), exporter.check)
    jobs.where = where
    return jobs, ExportsDuty(jobs, exporter, site.root / "exports", site.clock, RealDisk())


@pytest.mark.parametrize("where", ["password", "progress"])
def test_a_fault_of_ours_fails_the_job_and_the_next_one_is_carried_out(
    site: Site, where: str
) -> None:
    jobs, duty = failing(site, where)
    jobs.add(ordered(site, 1))
    jobs.add(ordered(site, 2))
    duty.work(threading.Event())
    failed = jobs.get("job-1")
    assert failed.state == "failed"
    assert failed.error is not None
    assert "fault of the software (RuntimeError)" in failed.error
    assert "gizli" not in failed.error
    assert jobs.get("job-2").state == "done"
    assert [file.name for file in (site.root / "exports").iterdir()] == ["job-2.zip"]


def test_a_database_that_is_busy_for_a_moment_costs_no_export(site: Site) -> None:
    """Hours of reading must not be thrown away because their progress could not be noted once."""
    jobs, duty = failing(site, "progress")
    jobs.error = StorageError(Cause.DISK_FAILED, "the database does not answer: locked")
    jobs.add(ordered(site))
    duty.work(threading.Event())
    assert (jobs.times, jobs.get("job-1").state) == (0, "done")


def test_a_round_that_fails_leaves_no_job_running_for_ever(site: Site) -> None:
    """The database refuses just when the end of a job is to be noted."""
    jobs, duty = failing(site, "finish")
    jobs.add(ordered(site))
    with pytest.raises(RuntimeError):
        duty.work(threading.Event())
    assert jobs.get("job-1").state == "running"
    duty.work(threading.Event())
    assert jobs.get("job-1").state == "done"
    assert verify_package(site.root / "exports" / "job-1.zip").good


def test_a_password_whose_key_is_lost_fails_the_job_in_a_sentence(site: Site) -> None:
    jobs_of(site).add(ordered(site), Secret("gizli"))
    other = Jobs(site.engine, site.clock, Vault(bytes(31) + b"x"), site.exporter().check)
    folder = site.root / "exports"
    ExportsDuty(other, site.exporter(), folder, site.clock, RealDisk()).work(threading.Event())
    failed = other.get("job-1")
    assert failed.state == "failed"
    assert "fault of the software" not in (failed.error or "")
    assert list(folder.iterdir()) == []


_KILLED = """
import sys, threading
from pathlib import Path
from storage.disk import RealDisk
from tests.evidence.house import Site, usual
from tests.evidence.test_jobs import duty_of, jobs_of, ordered
from vms.evidence.packing import Member

site = usual(Path(sys.argv[1]))
jobs_of(site).add(ordered(site))
site.close()
kept = Member.write
def slow(self, data):
    kept(self, data)
    print("writing", flush=True)
    threading.Event().wait(60)
Member.write = slow
duty_of(site).work(threading.Event())
"""


def test_a_job_survives_kill_9(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    exports = tmp_path / "exports"
    assert [file.suffix for file in exports.iterdir()] == [".part"]
    again = reopened(tmp_path)
    assert jobs_of(again).get("job-1").state == "running"
    duty_of(again).work(threading.Event())
    assert jobs_of(again).get("job-1").state == "done"
    assert [file.name for file in exports.iterdir()] == ["job-1.zip"]
    assert verify_package(exports / "job-1.zip").good


def reopened(root: Path) -> Site:
    """The site over what is there already."""
    site = Site.__new__(Site)
    from tests.evidence.house import START
    from vms.core.clock import SECOND, FakeClock

    site.root, site.clock, site.leaves = root, FakeClock(START + 60 * SECOND), {}
    site.at = START
    assert time
    return site
