"""Recorder's hub, Unix socket, live process, viewer: the real parts from end to end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from tests.web.live.coded import Clip, ClipSource, clip
from tests.web.live.house import call
from tests.web.live.test_process import OFFER, Watcher, eventually
from vms.core.clock import SystemClock
from vms.core.config_file import load_settings
from vms.core.live import FormatChanged, GopCache, LiveClient, LiveHub, LiveServer, LiveUnit
from vms.core.model import CameraId, StreamKey
from web.live.process import LiveProcess

GATE = StreamKey(CameraId("gate"))


@asynccontextmanager
async def recorder(path: Path, coded: Clip, epoch: int = 1) -> AsyncIterator[LiveHub]:
    """A worker's live side, fed by a clip."""
    cache = GopCache()
    hub = LiveHub(lambda _: cache.units(), lambda stream, on: None)
    source = ClipSource(coded, SystemClock())
    source.epoch = epoch

    async def feed() -> None:
        async with source.subscribe(GATE) as messages:
            async for message in messages:
                if isinstance(message, LiveUnit):
                    message.cached = False
                    cache.add(message)
                elif isinstance(message, FormatChanged):
                    cache.clear()
                hub.publish(GATE, message)

    async with LiveServer(path, hub):
        task = asyncio.create_task(feed())
        try:
            yield hub
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def test_a_viewer_outlives_a_restart_of_the_recorder(tmp_path: Path) -> None:
    async def scenario() -> None:
        worker, rpc, fds = (tmp_path / name for name in ("recorder-0", "live-0", "live-0.fds"))
        client = LiveClient([worker])
        process = LiveProcess(client, SystemClock(), rpc, fds)
        await client.start()
        await process.start()
        watcher = Watcher()
        async with recorder(worker, clip(width=320, height=240)):
            answer = await call(
                rpc, op="whep.offer", camera="gate", stream="main", user="a", sdp=OFFER
            )
            assert answer["ok"]
            await watcher.hand_over(_Sockets(fds))
            assert str(await watcher.message()).startswith("video/mp4")
        while not str(message := await watcher.message()).startswith('{"down"'):
            pass
        assert "recorder_stopped" in str(message)
        async with recorder(worker, clip(width=640, height=360), epoch=2):
            while not str(message := await watcher.message()).startswith("video/mp4"):
                pass
            init = await watcher.message()
            assert isinstance(init, bytes)
            assert init[4:8] == b"ftyp"
        watcher.close()
        await eventually(lambda: len(process.viewers) == 1)
        await process.close()
        await client.close()

    uvloop.run(scenario())


class _Sockets:
    """What `Watcher.hand_over` needs of a live process."""

    def __init__(self, fds: Path) -> None:
        self.fds = fds


def test_the_process_starts_by_its_command_and_ends_within_three_seconds(tmp_path: Path) -> None:
    config = tmp_path / "cameras.toml"
    config.write_text(f'[system]\ndata = "{tmp_path / "data"}"\n')
    settings = load_settings(config)
    process = subprocess.Popen(
        [sys.executable, "-m", "web.live", "--config", str(config), "--index", "0"],
        env={**os.environ, "PYTHONWARNINGS": "error::ResourceWarning"},
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 60
        while not settings.socket_path("live-0.fds").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            time.sleep(0.05)
        stats = asyncio.run(call(settings.socket_path("live-0"), op="stats"))
        assert stats == {"id": 1, "ok": True, "viewers": []}
        mode = settings.socket_path("live-0").stat().st_mode & 0o777
        assert mode == 0o600
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert time.monotonic() - asked < 15
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
    assert not settings.socket_path("live-0").exists()
