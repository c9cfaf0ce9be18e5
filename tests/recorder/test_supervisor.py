"""A recorder that was started alone tells its workers itself when cameras changed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from recorder.supervisor import run_supervisor
from vms.core.config import Settings
from vms.core.status import status_path

WORKER = """
import pathlib, signal, sys
status, told = map(pathlib.Path, sys.argv[1:])
signal.signal(signal.SIGHUP, lambda *_: told.touch())
status.touch()
while True:
    signal.pause()
"""


def test_workers_are_told_of_each_change_whatever_fails_between(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "file": tmp_path / "cameras.toml",
            "system": {"data": tmp_path},
            "recorder": {"workers": 1},
        }
    )
    told = tmp_path / "told"
    answers = iter([False, OSError("no memory just now"), True])

    def look() -> bool:
        answer = next(answers, False)
        if isinstance(answer, OSError):
            raise answer
        return answer

    def command(index: int) -> tuple[str, ...]:
        status = status_path(settings.run_dir, index)
        return sys.executable, "-c", WORKER, str(status), str(told)

    async def main() -> None:
        running = asyncio.create_task(run_supervisor(settings, command, look))
        while not told.exists():
            assert not running.done()
            await asyncio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)
        await running

    asyncio.run(asyncio.wait_for(main(), 15))
