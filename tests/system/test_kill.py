"""kill -9: of the whole recorder, of one worker, of the live process, of the web server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from benchmarks.processes import tree, wait_until
from benchmarks.stored import coded_units, unreadable
from tests.system.footage import audited, untiled
from tests.system.site import SIGN_IN, Site, Up, drawn, new_site, simulated, tree_killed
from vms.core.clock import SECOND, SystemClock, parse_rfc3339
from vms.core.model import CameraId, Cause, State, shard_of
from vms.simulator.audit import stamps

PICTURE = SECOND // 10


def test_a_killed_recorder_loses_a_second_at_most_and_says_so(tmp_path: Path) -> None:
    names = ("one", "two", "three")
    with simulated(tmp_path, [drawn(n, audio="pcma") for n in names]) as fleet:
        site = new_site(tmp_path)
        site.write([{"id": n, "source": fleet.url(n)} for n in names])
        killed = []
        for _ in range(2):
            with site.recorder() as process:
                site.wait_recording(*names)
                time.sleep(3.3)
                killed.append(SystemClock().now())
                tree_killed(tree(process.pid))
            for file in site.run_dir.glob("*.status.json"):
                file.unlink()
        started = time.monotonic()
        with site.recorder():
            site.wait_recording(*names)
            took = time.monotonic() - started
            time.sleep(1.5)
    # The promise, 3 s, is the benchmark's: on an idle machine.
    assert took < 15
    assert site.parts() == []
    for name in names:
        segments, gaps = site.coverage(name)
        assert untiled(segments, gaps) == []
        crashed = [gap for gap in gaps if gap["cause"] == Cause.RECORDER_CRASHED]
        assert len(crashed) == 2, gaps
        files = site.files(name)
        assert len(files) == 3
        assert unreadable(files) == []
        report = audited(files)
        assert (report.changed, report.duplicated, report.out_of_order) == (0, 0, 0)
        times = [stamp.time for stamp in stamps(coded_units(files)) if stamp is not None]
        for moment, gap in zip(killed, crashed, strict=True):
            last = max(t for t in times if t <= moment)
            # Captured, coded and sent by this machine as well: a picture is on its way.
            assert moment - last <= SECOND + 2 * PICTURE, f"{(moment - last) / 1e9:.2f} s lost"
            assert abs(parse_rfc3339(gap["start"]) - last) <= 3 * PICTURE
    assert site.vms("verify").returncode == 0


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Up, list[str]]]:
    """`vms up` with two workers, a camera for each: the camera at index i is worker i's."""
    folder = tmp_path_factory.mktemp("halves")
    names = [
        next(n for n in ("a", "b", "c", "d", "e") if shard_of(CameraId(n), 2) == i) for i in (0, 1)
    ]
    with simulated(folder, [drawn(name) for name in names]) as fleet:
        site = new_site(folder)
        site.write([{"id": name, "source": fleet.url(name)} for name in names], workers=2)
        with site.up() as up:
            site.wait_recording(*names)
            yield up, names


def process_of(up: Up, role: str) -> int:
    """The process of `vms up` that has `role`."""
    for pid in tree(up.process.pid):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"vms.app.roles" in words and role.encode() in words:
                return pid
    return 0


def test_a_killed_worker_is_back_and_the_other_never_noticed(
    halves: tuple[Up, list[str]],
) -> None:
    up, (mine, others) = halves
    site = up.site
    before = site.worker_pids()
    time.sleep(1.5)
    # Somebody is editing the settings just then: the worker comes back with those that run.
    said = site.config.read_text()
    site.config.write_text(said.replace("workers = 2", "workers = 5") + "half a line")
    tree_killed([before[0]])

    def back() -> bool:
        now = site.worker_pids()
        status = site.status(mine)
        return (
            now.get(0) not in (None, before[0])
            and status is not None
            and status.state is State.RECORDING
        )

    wait_until(back, 30, "the killed worker recording again")
    site.config.write_text(said)
    time.sleep(1.2)
    assert site.worker_pids()[1] == before[1]
    crashed = [g for g in site.coverage(mine)[1] if g["cause"] == Cause.RECORDER_CRASHED]
    assert len(crashed) == 1
    assert crashed[0]["seconds"] < 15
    assert untiled(*site.coverage(mine)) == []
    assert [g["cause"] for g in site.coverage(others)[1]] == [Cause.CONNECTING]
    status = site.status(others)
    assert status is not None
    assert (status.runs, status.errors) == (1, 0)


@pytest.mark.parametrize("role", ["live", "web"])
def test_a_killed_viewing_process_is_back_and_recording_never_noticed(
    halves: tuple[Up, list[str]], role: str
) -> None:
    up, names = halves
    site = up.site
    runs = {name: site.wait_state(name, State.RECORDING, within=30).runs for name in names}
    workers = site.worker_pids()
    pid = process_of(up, role)
    assert pid
    signed = SIGN_IN.search(up.said)
    assert signed is not None
    with up.signed_in(signed[2], signed[3]) as client:
        tree_killed([pid])
        wait_until(lambda: process_of(up, role) not in (0, pid), 30, f"{role} started again")
        wait_until(lambda: answers(up, "/readyz"), 30, "the console answering")
        # Who was signed in still is.
        assert client.get("/api/session").status_code == 200
    assert site.worker_pids() == workers
    assert {n: site.wait_state(n, State.RECORDING).runs for n in names} == runs


def answers(up: Up, path: str) -> bool:
    try:
        return httpx2.get(up.url + path, timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def test_stop_after_all_that_is_still_in_order(halves: tuple[Up, list[str]]) -> None:
    up, names = halves
    up.process.terminate()
    assert up.process.wait(20) == 0
    site: Site = up.site
    assert site.parts() == []
    for name in names:
        assert site.coverage(name)[1][-1]["cause"] == Cause.RECORDER_STOPPED


def test_a_second_recorder_never_touches_the_files_of_the_first(tmp_path: Path) -> None:
    with simulated(tmp_path, [drawn("gate")]) as fleet:
        site = new_site(tmp_path)
        site.write([{"id": "gate", "source": fleet.url("gate")}])
        with site.recorder():
            site.wait_recording("gate")
            second = site.vms("recorder")
            assert second.returncode == 1
            assert "a recorder already runs on" in second.stderr
            assert "stop it first" in second.stderr
            status = site.wait_state("gate", State.RECORDING)
            assert (status.runs, status.errors) == (1, 0)
    segments, gaps = site.coverage("gate")
    assert len(segments) == 1
    assert untiled(segments, gaps) == []
    assert site.vms("verify").returncode == 0


def test_a_recorder_whose_supervisor_was_killed_is_back_without_a_scratch(tmp_path: Path) -> None:
    with simulated(tmp_path, [drawn("gate", audio="aac")]) as fleet:
        site = new_site(tmp_path)
        site.write([{"id": "gate", "source": fleet.url("gate")}])
        with site.up() as up:
            site.wait_recording("gate")
            time.sleep(2)
            before = site.worker_pids()[0]
            # Its workers are told by the kernel and end in order, while `vms up` starts anew.
            tree_killed([process_of(up, "recorder")])
            wait_until(lambda: site.worker_pids().get(0) not in (None, before), 30, "a new worker")
            site.wait_recording("gate")
            time.sleep(1.5)
        segments, gaps = site.coverage("gate")
    assert len(segments) == 2
    assert untiled(segments, gaps) == []
    causes = [gap["cause"] for gap in gaps]
    assert causes[1] in (Cause.RECORDER_STOPPED, Cause.RECORDER_CRASHED)
    assert gaps[1]["seconds"] < 15
    assert audited(site.files("gate")).changed == 0
    assert site.vms("verify").returncode == 0


def test_nothing_is_left_behind_when_vms_up_itself_is_killed(tmp_path: Path) -> None:
    with simulated(tmp_path, [drawn("gate")]) as fleet:
        site = new_site(tmp_path)
        site.write([{"id": "gate", "source": fleet.url("gate")}])
        with site.up() as up:
            site.wait_recording("gate")
            members = tree(up.process.pid)
            assert len(members) >= 5
            tree_killed([up.process.pid])
            up.process.wait()
            wait_until(lambda: not any(map(alive, members)), 30, "all its processes gone")
        site.log.rename(tmp_path / "first.log")
        with site.up():
            site.wait_recording("gate")
    assert site.parts() == []
    assert untiled(*site.coverage("gate")) == []
    assert site.vms("verify").returncode == 0


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
