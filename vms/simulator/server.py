"""The RTSP server: connections, sign-in, sessions over TCP and UDP.

One server serves all cameras at rtsp://host:port/<camera>/<main|sub>; a camera may have a port
of its own as well. What is sent is made by the streams; this module only carries it.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from vms.core.clock import SECOND, Clock
from vms.core.errors import VmsError
from vms.core.log import get_logger
from vms.simulator import quirks, rtsp
from vms.simulator.faults import Faults
from vms.simulator.receivers import TcpReceiver, UdpReceiver
from vms.simulator.stream import Stream

log = get_logger(__name__)

SESSION_TIMEOUT_S = 60
_NONCE_LIFE = 60 * SECOND
_NONCES_KEPT = 256  # the oldest is forgotten; its owner is told stale=true
_LARGEST_HEAD = 16_384  # a longer request head ends the connection


@dataclass(slots=True)
class Camera:
    """A camera as the server sees it."""

    id: str
    title: str
    streams: Mapping[str, Stream]
    gate: rtsp.Gate
    faults: Faults
    port: int | None = None
    connections: set[Connection] = field(default_factory=set)
    listener: asyncio.Server | None = None


class Nonces:
    """Digest nonces and when they were given."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock, self._rng = clock, rng
        self._given: OrderedDict[str, int] = OrderedDict()

    def new(self) -> str:
        nonce = self._rng.randbytes(16).hex()
        self._given[nonce] = self._clock.monotonic()
        while len(self._given) > _NONCES_KEPT:
            self._given.popitem(last=False)
        return nonce

    def fresh(self, nonce: str) -> bool:
        given = self._given.get(nonce)
        return given is not None and self._clock.monotonic() - given < _NONCE_LIFE


class RtspServer:
    """Listens and knows the cameras. Use as an async context manager."""

    def __init__(
        self, cameras: Mapping[str, Camera], host: str, port: int, clock: Clock, rng: random.Random
    ) -> None:
        self.cameras, self.host, self.port = cameras, host, port
        self.nonces = Nonces(clock, rng)
        self.rng, self.clock = rng, clock
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> RtspServer:
        self._server = await self._listen(self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        for camera in self.cameras.values():
            camera.faults.changed = lambda camera=camera: self._faults_changed(camera)  # type: ignore[misc]
            await self._open_own_port(camera)
        return self

    async def __aexit__(self, *exc: object) -> None:
        listeners = [self._server, *(camera.listener for camera in self.cameras.values())]
        for server in listeners:
            if server is not None:
                server.close()
        for connection in list(self._connections):
            connection.close()
        tasks = [one.task for one in self._connections if one.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        for camera in self.cameras.values():
            for stream in camera.streams.values():
                await stream.close()

    async def _listen(self, port: int) -> asyncio.Server:
        # The backlog holds a whole fleet's recorder connecting at once.
        return await asyncio.start_server(
            self._serve, self.host, port, limit=_LARGEST_HEAD, backlog=1024
        )

    async def _open_own_port(self, camera: Camera) -> None:
        if camera.port is None or camera.listener is not None or "stop" in camera.faults:
            return
        camera.listener = await self._listen(camera.port)
        camera.port = camera.listener.sockets[0].getsockname()[1]

    def _faults_changed(self, camera: Camera) -> None:
        if "stop" in camera.faults or "password" in camera.faults:
            for connection in list(camera.connections):
                connection.close()
        if camera.port is None:
            return
        if "stop" in camera.faults and camera.listener is not None:
            camera.listener.close()
            camera.listener = None
        elif "stop" not in camera.faults and camera.listener is None:
            task = asyncio.create_task(self._open_own_port(camera), name=f"port {camera.id}")
            self._opening.add(task)
            task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a camera's own port can't be opened again", error=str(task.exception()))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        connection.task = asyncio.current_task()
        self._connections.add(connection)
        try:
            await connection.run()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the client is gone, silent for too long, or speaks something else
        except rtsp.BadMessage as error:
            log.info("not RTSP", peer=connection.peer, error=str(error))
        except asyncio.CancelledError:
            pass  # closed by a fault or with the server; a re-raise would only be logged
        finally:
            self._connections.discard(connection)
            connection.end()


class Connection:
    """One client: reads requests in order, holds at most one session."""

    def __init__(
        self, server: RtspServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self.task: asyncio.Task[None] | None = None
        self.peer: str = str(writer.get_extra_info("peername"))
        self._camera: Camera | None = None
        self._stream: Stream | None = None
        self._receiver: TcpReceiver | UdpReceiver | None = None
        self._session = ""
        self._playing = False
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def run(self) -> None:
        while (request := await self._next_request()) is not None:
            camera = self._server.cameras.get(request.path[0]) if request.path else None
            if camera is not None:
                self._join(camera)
                if "stop" in camera.faults:
                    return
                await camera.faults.over("hang")
            try:
                answer = await self._answer(request)
            except VmsError as error:
                log.error("can't be served", camera=request.path, error=str(error))
                answer = rtsp.response(404, request.headers.get("cseq", "0"))
            if camera is not None:
                answer = quirks.answered(answer, request.method, camera.faults)
            self._writer.write(answer)
            if request.method == "TEARDOWN":
                await self._writer.drain()
                return
            if request.method == "PLAY" and self._playing:
                self._start()

    def close(self) -> None:
        """End from outside: the socket is closed and the task cancelled."""
        self.end()
        if self.task is not None:
            self.task.cancel()

    def end(self) -> None:
        """Leave the stream and close the socket; may be called twice."""
        if self._stream is not None and self._receiver is not None:
            self._stream.detach(self._receiver)
        if isinstance(self._receiver, UdpReceiver):
            self._receiver.close()
        if self._camera is not None:
            self._camera.connections.discard(self)
        self._writer.close()

    def _join(self, camera: Camera) -> None:
        if self._camera is not camera:
            if self._camera is not None:
                self._camera.connections.discard(self)
            self._camera = camera
            camera.connections.add(self)

    async def _next_request(self) -> rtsp.Request | None:
        """The next request; interleaved packets of the client (RTCP) only count as life."""
        while True:
            async with asyncio.timeout(SESSION_TIMEOUT_S + 5):
                first = await self._reader.read(1)
                if not first:
                    return None
                if first == b"$":
                    head = await self._reader.readexactly(3)
                    await self._reader.readexactly(int.from_bytes(head[1:], "big"))
                    continue
                if first in b"\r\n":
                    continue
                head = first + await self._reader.readuntil(b"\r\n\r\n")
                request = rtsp.parse_request(head)
                length = request.headers.get("content-length", "0")
                if not length.isdigit() or int(length) > _LARGEST_HEAD:
                    raise rtsp.BadMessage(f"Content-Length {length!r}")
                await self._reader.readexactly(int(length))
                return request

    async def _answer(self, request: rtsp.Request) -> bytes:
        cseq = request.headers.get("cseq", "0")
        if request.method == "OPTIONS":
            return rtsp.response(200, cseq, [("Public", rtsp.PUBLIC), *self._session_header()])
        stream = self._find(request)
        if stream is None and (request.path or request.method in ("DESCRIBE", "SETUP")):
            return rtsp.response(404, cseq)
        refusal = self._refuse(request, cseq)
        if refusal is not None:
            return refusal
        if request.method == "DESCRIBE" and stream is not None:
            return await self._describe(request, stream, cseq)
        if request.method == "SETUP" and stream is not None:
            return await self._setup(request, stream, cseq)
        if request.method in ("PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER"):
            return self._control(request, cseq)
        return rtsp.response(501, cseq)

    def _find(self, request: rtsp.Request) -> Stream | None:
        path = request.path
        camera = self._server.cameras.get(path[0]) if path else None
        return camera.streams.get(path[1] if len(path) > 1 else "main") if camera else None

    def _refuse(self, request: rtsp.Request, cseq: str) -> bytes | None:
        camera = self._camera
        if camera is None or (camera.gate.auth == "none" and "password" not in camera.faults):
            return None
        if request.method not in ("DESCRIBE", "SETUP", "PLAY"):
            return None
        gate, nonces = camera.gate, self._server.nonces
        right = gate.auth != "none" and gate.accepts(request) and "password" not in camera.faults
        fields = rtsp.digest_fields(request.headers.get("authorization", ""))
        if right and (gate.auth == "basic" or nonces.fresh(fields.get("nonce", ""))):
            return None
        challenge = gate.challenge(nonces.new(), stale=right)
        return rtsp.response(401, cseq, [("WWW-Authenticate", challenge)])

    async def _describe(self, request: rtsp.Request, stream: Stream, cseq: str) -> bytes:
        media = await stream.media()
        host = str(self._writer.get_extra_info("sockname")[0])
        title = self._camera.title if self._camera else stream.name
        body = rtsp.sdp(self._server.rng.getrandbits(31), title or stream.name, host, media)
        base = request.url.rstrip("/") + "/"
        return rtsp.response(
            200, cseq, [("Content-Base", base), ("Content-Type", "application/sdp")], body
        )

    async def _setup(self, request: rtsp.Request, stream: Stream, cseq: str) -> bytes:
        control = request.path[2] if len(request.path) > 2 else "track0"
        media = await stream.media()
        if not control.startswith("track") or not control[5:].isdigit():
            return rtsp.response(404, cseq)
        index = int(control[5:])
        if index >= len(media) or (self._stream is not None and self._stream is not stream):
            return rtsp.response(404 if index >= len(media) else 459, cseq)
        if self._playing:
            return rtsp.response(455, cseq)
        offer = rtsp.parse_transport(request.headers.get("transport", ""), 2 * index)
        if offer is None:
            return rtsp.response(461, cseq)
        line = await self._add_track(index, offer)
        if line is None:
            return rtsp.response(461, cseq)
        self._stream = stream
        self._session = self._session or f"{self._server.rng.getrandbits(48):012x}"
        line += f";ssrc={stream.tracks[index].ssrc:08X}"
        return rtsp.response(200, cseq, [("Transport", line), *self._session_header()])

    async def _add_track(self, index: int, offer: rtsp.Transport) -> str | None:
        """Open the track's way; the Transport header's beginning, None if the ways are mixed."""
        if offer.channels is not None:
            self._receiver = self._receiver or TcpReceiver(self._writer.transport)
            if not isinstance(self._receiver, TcpReceiver):
                return None
            self._receiver.channels[index] = offer.channels
            return f"RTP/AVP/TCP;unicast;interleaved={offer.channels[0]}-{offer.channels[1]}"
        assert offer.ports is not None
        self._receiver = self._receiver or UdpReceiver()
        if not isinstance(self._receiver, UdpReceiver):
            return None
        local = self._writer.get_extra_info("sockname")[0]
        peer = self._writer.get_extra_info("peername")[0]
        mine = self._receiver.open_track(index, local, peer, offer.ports)
        return (
            f"RTP/AVP;unicast;client_port={offer.ports[0]}-{offer.ports[1]}"
            f";server_port={mine[0]}-{mine[1]}"
        )

    def _session_header(self) -> list[tuple[str, str]]:
        if not self._session:
            return []
        return [("Session", f"{self._session};timeout={SESSION_TIMEOUT_S}")]

    def _control(self, request: rtsp.Request, cseq: str) -> bytes:
        """PLAY, PAUSE, TEARDOWN and the keep-alives."""
        named = request.headers.get("session", "").partition(";")[0].strip()
        if named and named != self._session:
            return rtsp.response(454, cseq)
        if request.method == "PLAY":
            if self._stream is None or self._receiver is None or not named:
                return rtsp.response(454 if not named else 455, cseq)
            self._playing = True
            return rtsp.response(200, cseq, [*self._play_headers(request)])
        if request.method == "PAUSE" and self._stream is not None and self._receiver is not None:
            self._playing = False
            self._stream.detach(self._receiver)
        return rtsp.response(200, cseq, self._session_header())

    def _play_headers(self, request: rtsp.Request) -> list[tuple[str, str]]:
        stream = self._stream
        assert stream is not None
        base = request.url.rstrip("/")
        now = self._server.clock.monotonic()
        info = ",".join(
            f"url={base}/track{index};seq={track.sequence};rtptime={stream.ticks(track, now)}"
            for index, track in enumerate(stream.tracks)
        )
        return [*self._session_header(), ("Range", "npt=now-"), ("RTP-Info", info)]

    def _start(self) -> None:
        assert self._stream is not None
        assert self._receiver is not None
        self._stream.detach(self._receiver)  # a second PLAY starts again, never twice
        self._stream.attach(self._receiver)
