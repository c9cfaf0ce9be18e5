"""Connections that the API process has signed in and hands over with their file descriptor.

A stream socket, `live-N.fds`. The API process connects, sends one line of JSON
`{"camera", "stream", "user", "permit", "address", "hears", "informed", "request"}` (`request`:
base64 of the raw HTTP upgrade request) with one descriptor in the ancillary data of its first
byte, and gets one line back: `{"ok": true}` or `{"ok": false, "code", "detail"}`. It then
closes its copy. A refused descriptor is closed here without a word to the viewer.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vms.core.log import get_logger
from vms.core.model import StreamKey
from web.live.refusal import LiveRefused
from web.live.viewers import Watcher

log = get_logger(__name__)

_HEAD_MAX = 128_000
_PEERS_MAX = 64  # connections being read; more wait in the listen queue
_DEADLINE = 5.0


@dataclass(frozen=True, slots=True)
class Handed:
    """One viewer's connection: who it is, what to show, what their browser asked."""

    stream: StreamKey
    watcher: Watcher
    request: bytes
    socket: socket.socket


def read_head(line: bytes) -> tuple[StreamKey, Watcher, bytes]:
    """Stream, watcher and upgrade request of a handed connection; raises LiveRefused."""
    try:
        head = json.loads(line)
        stream = StreamKey.parse(f"{head['camera']}/{head['stream']}")
        watcher = Watcher.told(str(head["user"]), head)
        return stream, watcher, base64.b64decode(head["request"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise LiveRefused("bad_request", f"not a head of a handover: {error!r}") from None


class HandoverServer:
    """Takes over connections; `taken` gets each, and may raise LiveRefused."""

    def __init__(self, path: Path, taken: Callable[[Handed], None]) -> None:
        self._path, self._taken = path, taken
        self._listener: socket.socket | None = None
        self._peers: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen; what a dead process left under the name is replaced."""
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        listener.bind(str(self._path))
        self._path.chmod(0o600)
        listener.listen(_PEERS_MAX)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept)

    async def close(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)
        for peer in self._peers:
            peer.cancel()
        await asyncio.gather(*self._peers, return_exceptions=True)

    def _accept(self) -> None:
        assert self._listener is not None
        if len(self._peers) >= _PEERS_MAX:
            return
        try:
            peer, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptors left; the listener stays
            return
        peer.setblocking(False)
        task = asyncio.create_task(self._serve(peer), name="handover")
        self._peers.add(task)
        task.add_done_callback(self._peers.discard)

    async def _serve(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_DEADLINE):
                line, descriptors = await _receive(peer)
                reply = self._take(line, descriptors)
                loop = asyncio.get_running_loop()
                await loop.sock_sendall(peer, json.dumps(reply).encode() + b"\n")

    def _take(self, line: bytes, descriptors: list[int]) -> dict[str, object]:
        try:
            stream, watcher, request = read_head(line)
            if len(descriptors) != 1:
                raise LiveRefused("bad_request", f"{len(descriptors)} descriptors instead of one")
            connection = socket.socket(fileno=descriptors.pop())
            connection.setblocking(False)
            try:
                self._taken(Handed(stream, watcher, request, connection))
            except LiveRefused:
                connection.close()
                raise
        except LiveRefused as error:
            log.warning("connection not taken over", code=error.code, detail=error.detail)
            return {"ok": False, "code": error.code, "detail": error.detail}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return {"ok": True}


async def _receive(peer: socket.socket) -> tuple[bytes, list[int]]:
    """One line and the descriptors that came with it; descriptors are closed if that fails."""
    loop = asyncio.get_running_loop()
    data, descriptors = b"", list[int]()
    try:
        while not data.endswith(b"\n") and len(data) < _HEAD_MAX:
            await _readable(loop, peer)
            try:
                part, found, _, _ = socket.recv_fds(peer, 65_536, 4)
            except BlockingIOError:
                continue
            descriptors += found
            if not part:
                break
            data += part
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return data, descriptors


async def _readable(loop: asyncio.AbstractEventLoop, peer: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_reader(peer.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(peer.fileno())
