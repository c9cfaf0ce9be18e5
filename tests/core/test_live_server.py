"""What waits for a client of the live socket is bounded, whatever a camera sends."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from tests.recorder.streams import WITH_SOUND
from vms.core.live import FormatChanged, LiveHub, LiveServer
from vms.core.live.server import BUFFER_HIGH
from vms.core.live.wire import encode_subscribe
from vms.core.model import CameraId, StreamKey

GATE = StreamKey(CameraId("gate"))


def test_a_client_that_never_reads_is_let_go_before_formats_pile_up(tmp_path: Path) -> None:
    hub = LiveHub(lambda _: (), lambda _key, _on: None)
    message = FormatChanged(GATE, WITH_SOUND, 1)

    async def scene() -> None:
        async with LiveServer(tmp_path / "s", hub) as server:
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(tmp_path / "s"))
            client.send(encode_subscribe(1, GATE))
            async with asyncio.timeout(5):
                while not hub.is_watched(GATE):
                    await asyncio.sleep(0.01)
            published = 0
            while hub.is_watched(GATE):
                for _ in range(2_000):
                    hub.publish(GATE, message)
                published += 2_000
                await asyncio.sleep(0)
                assert published * 100 < 10 * BUFFER_HIGH
            assert server.clients == 0
            client.close()

    asyncio.run(scene())
