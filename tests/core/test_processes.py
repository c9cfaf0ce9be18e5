"""Children are kept running and end when asked, or with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.processes import alive
from vms.core.clock import SECOND, SystemClock
from vms.core.processes import ChildProcess, ProcessSpec, keep_log_within
from vms.core.supervise import Backoff


def test_a_child_that_dies_is_started_again_and_stopped_on_request() -> None:
    async def main() -> None:
        spec = ProcessSpec("sleeper", (sys.executable, "-c", "import time; time.sleep(60)"))
        child = ChildProcess(spec, SystemClock())
        child.start()
        while child.pid is None:
            await asyncio.sleep(0.01)
        first = child.pid
        os.kill(first, signal.SIGKILL)
        while child.pid in (None, first):
            await asyncio.sleep(0.01)
        second = child.pid
        assert child.restarts == 1
        assert second is not None
        await child.stop()
        assert not alive(second)

    asyncio.run(main())


def test_a_child_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    """A fork refused for want of memory must not end the recording of a site for good."""
    program, log_file = tmp_path / "sleeper", tmp_path / "file" / "child.log"
    log_file.parent.write_text("in the way of the log's folder")

    async def main() -> None:
        spec = ProcessSpec("late", (str(program),), log_file)
        child = ChildProcess(
            spec, SystemClock(), backoff=Backoff(floor=SECOND // 100, ceiling=SECOND // 50)
        )
        child.start()
        while child.restarts < 2:
            await asyncio.sleep(0.01)
        program.write_text("#!/bin/sh\nexec sleep 60\n")
        program.chmod(0o755)
        while child.pid is None:
            await asyncio.sleep(0.01)
        pid = child.pid
        await child.stop()
        assert not alive(pid)

    asyncio.run(asyncio.wait_for(main(), 10))


def test_a_log_is_bounded_while_its_writer_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "child.log"
    program = (
        "import itertools, time\n"
        "for n in itertools.count(): print(n, flush=True); time.sleep(0.001)"
    )

    async def main() -> None:
        spec = ProcessSpec("talker", (sys.executable, "-c", program), file)
        child = ChildProcess(spec, SystemClock())
        child.start()
        for _ in range(2):
            while not file.exists() or file.stat().st_size <= 200:
                await asyncio.sleep(0.01)
            keep_log_within(file, 200)
            assert file.stat().st_size <= 200
        while not file.read_bytes():
            await asyncio.sleep(0.01)
        assert child.restarts == 0
        await child.stop()

    asyncio.run(asyncio.wait_for(main(), 60))
    kept = (tmp_path / "child.log.1").read_text().split()
    now = file.read_text().split()
    assert int(now[0]) > int(kept[-1])
    assert b"\0" not in file.read_bytes()  # it appends: no hole where the rest was


def test_a_child_that_is_still_starting_survives_being_told_to_read_again() -> None:
    """SIGHUP ends a process that has no handler yet; its cameras would be without a recorder."""

    async def main() -> None:
        spec = ProcessSpec("young", (sys.executable, "-c", "import time; time.sleep(60)"))
        child = ChildProcess(spec, SystemClock())
        child.start()
        while child.pid is None:
            await asyncio.sleep(0.01)
        child.send(signal.SIGHUP)
        await asyncio.sleep(0.2)
        assert child.restarts == 0
        await child.stop()

    asyncio.run(main())


def test_a_child_that_ignores_the_request_is_killed_after_its_grace(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(60)"
    )

    async def main() -> None:
        spec = ProcessSpec("stubborn", (sys.executable, "-c", code), grace=SECOND // 5)
        child = ChildProcess(spec, SystemClock())
        child.start()
        while not ready.exists():
            await asyncio.sleep(0.01)
        pid = child.pid
        assert pid is not None
        await child.stop()
        assert not alive(pid)

    asyncio.run(main())


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    parent_code = f"""
import asyncio, sys, pathlib
from vms.core.clock import SystemClock
from vms.core.processes import ChildProcess, ProcessSpec
async def main():
    spec = ProcessSpec("c", (sys.executable, "-c", "import time; time.sleep(60)"))
    child = ChildProcess(spec, SystemClock())
    child.start()
    while child.pid is None:
        await asyncio.sleep(0.01)
    pathlib.Path({str(note)!r}).write_text(str(child.pid))
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", parent_code]) as parent:
        deadline = time.monotonic() + 10
        while not (note.exists() and note.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        pid = int(note.read_text())
        parent.kill()
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)
