"""A live process on its own loop in a thread, and a small web server before it, for browsers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import uvloop

from tests.web.live.coded import Clip, ClipSource
from tests.web.live.relay import through_relay
from vms.core.clock import SystemClock
from web.handover import send_connection
from web.live.process import LiveProcess

T = TypeVar("T")

PAGE = (Path(__file__).parent / "page.html").read_bytes()


async def call(path: Path, **request: object) -> dict[str, object]:
    """One RPC call."""
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
    try:
        writer.write(json.dumps({"id": 1, **request}).encode() + b"\n")
        answer = json.loads(await reader.readline())
        assert isinstance(answer, dict)
        return answer
    finally:
        writer.close()


@dataclass(slots=True)
class House:
    """What a test holds: the source it can break, the process, and where the page is."""

    source: ClipSource
    process: LiveProcess
    url: str
    rpc: Path
    fds: Path
    loop: asyncio.AbstractEventLoop

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run in the house's loop and wait for the result."""

        async def wrapped() -> T:
            return await function()

        return asyncio.run_coroutine_threadsafe(wrapped(), self.loop).result(20)

    def viewers(self) -> list[dict[str, object]]:
        async def facts() -> list[dict[str, object]]:
            return [viewer.facts().as_json() for viewer in self.process.viewers]

        return self.run(facts)


@contextmanager
def open_house(clip: Clip, folder: Path, *, loss: float = 0.0) -> Iterator[House]:
    """Everything runs inside the block, and nothing after it."""
    ready: list[House] = []
    started, stop = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=lambda: uvloop.run(_live(clip, folder, loss, ready, started, stop)),
        name="live house",
    )
    thread.start()
    try:
        assert started.wait(10)
        yield ready[0]
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


async def _live(
    clip: Clip,
    folder: Path,
    loss: float,
    ready: list[House],
    started: threading.Event,
    stop: threading.Event,
) -> None:
    clock = SystemClock()
    source = ClipSource(clip, clock)
    rpc, fds = folder / "live-0.sock", folder / "live-0.fds.sock"
    process = LiveProcess(source, clock, rpc, fds)
    await process.start()
    front = Front(rpc, fds, loss)
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    ready.append(House(source, process, f"http://127.0.0.1:{port}", rpc, fds, loop))
    started.set()
    while not stop.is_set():
        await asyncio.sleep(0.05)
    server.close()
    front.close()
    await process.close()


class Front:
    """The web server: the page, WHEP by RPC, MSE by handover."""

    def __init__(self, rpc: Path, fds: Path, loss: float) -> None:
        self._rpc, self._fds, self._loss = rpc, fds, loss
        self._relays: list[asyncio.DatagramTransport] = []

    def close(self) -> None:
        for relay in self._relays:
            relay.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            head = await reader.readuntil(b"\r\n\r\n")
            line = head.split(b"\r\n", 1)[0].decode()
            if "/live/mse" in line:
                await self._hand_over(head, writer)
                return
            status, kind, body = "200 OK", "text/html; charset=utf-8", PAGE
            if line.startswith("POST"):
                status, kind, body = await self._whep(head, reader)
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        writer.close()

    async def _hand_over(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        message = {
            "camera": "gate",
            "stream": "main",
            "user": "ayse",
            "hears": "yes",
            "informed": "yes",
            "request": base64.b64encode(head).decode(),
        }
        await send_connection(self._fds, message, writer.get_extra_info("socket").fileno())
        writer.transport.abort()

    async def _whep(self, head: bytes, reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        offer = (await reader.readexactly(length)).decode()
        answer = await call(
            self._rpc,
            op="whep.offer",
            camera="gate",
            stream="main",
            sdp=offer,
            user="ayse",
            hears="yes",
        )
        if not answer["ok"]:
            return "409 Conflict", "application/json", json.dumps(answer).encode()
        sdp = str(answer["sdp"])
        if self._loss:
            sdp, relay = await through_relay(sdp, self._loss)
            self._relays.append(relay)
        return "201 Created", "application/sdp", sdp.encode()
