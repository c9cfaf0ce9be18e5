"""A server with the console's HTTP contract and real footage, small enough to break on purpose.

For the elements' tests alone: the past of one camera with borders, a change of size, B-frames,
G.711 sound and gaps; and a camera that is recorded and sent live while the test runs. What the
real server does is tested where it stands; here the browser's side is.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import WSMsgType, web

from storage.fmp4.init import init_section
from tests.web.ui.footage import STEP_MS, TICKS, Encoder, File, record, samples_of, sparse
from tests.web.ui.threadserver import in_thread, listening
from vms.core.clock import MILLISECOND, parse_rfc3339, rfc3339
from vms.core.media import StreamFormat

Handler = Callable[[web.Request], web.StreamResponse]


def text_time(ms: float) -> str:
    return rfc3339(round(ms * MILLISECOND), digits=6)


def ms_of(text: str) -> float:
    return parse_rfc3339(text) / MILLISECOND


class Camera:
    """The files and gaps of one stream; `gaps` are (start, end, cause)."""

    def __init__(self, files: list[File], gaps: list[tuple[int, int, str]]) -> None:
        self.files, self.gaps = files, gaps

    def media(self, camera: str, start: float, end: float) -> dict[str, object]:
        shown = [file for file in self.files if file.start < end and file.end > start]
        after = [file.start for file in self.files if file.start >= end and file.duration]
        return {
            "segments": [self._segment(camera, file) for file in shown if file.fragments],
            "next": text_time(min(after)) if after else None,
        }

    @staticmethod
    def _segment(camera: str, file: File) -> dict[str, object]:
        video = file.format.video.mime_codec
        return {
            "id": f"{camera}.main.{file.start}",
            "start": text_time(file.start),
            "end": text_time(file.end),
            "mime": f'video/mp4; codecs="{video}"',
            "video_codec": "h264",
            "audio_codec": None if file.format.audio is None else "pcma",
            "url": f"/api/cameras/{camera}/segments/{file.start}.mp4?stream=main",
            "init_length": file.init_length,
            "fragments": [list(fragment) for fragment in file.fragments],
            "open": file.open,
        }

    def timeline(self, start: float, end: float) -> dict[str, object]:
        spans: list[list[float]] = []
        for file in self.files:
            if file.end <= start or file.start >= end:
                continue
            if spans and file.start - spans[-1][1] < 1:
                spans[-1][1] = file.end
            else:
                spans.append([file.start, file.end])
        return {
            "start": text_time(start),
            "end": text_time(end),
            "first": text_time(self.files[0].start) if self.files else None,
            "spans": [{"start": text_time(a), "end": text_time(b)} for a, b in spans],
            "gaps": [
                {
                    "start": text_time(a),
                    "end": text_time(b),
                    "seconds": (b - a) / 1000,
                    "cause": cause,
                    "detail": "the camera did not answer",
                }
                for a, b, cause in self.gaps
                if a < end and b > start
            ],
            "activity": {"peak": [], "mean": []},
            "holds": [],
        }


class LiveCamera(Camera):
    """Encodes in real time; records and feeds WebSockets at once."""

    def __init__(self, base: int, *, segment: int = 6, codec: str = "h264") -> None:
        super().__init__([], [])
        self._base, self._length = base, segment
        self._encoder = Encoder(320, 180, codec=codec)
        self._group: list[str | bytes] = []
        self._greeting: list[str | bytes] = []
        self.down: str | None = None
        self.skips = False
        self.watchers: set[asyncio.Queue[str | bytes]] = set()

    async def run(self) -> None:
        begin = self._now()
        number = (begin - self._base) // STEP_MS
        count = self._length * 1000 // STEP_MS
        pending: list[tuple[bytes, int, bool]] = []
        file: File | None = None
        for index in range(10_000_000):
            at = begin + index * STEP_MS
            await asyncio.sleep(max(0, at - self._now()) / 1000)
            if index % count == 0 and file is not None:
                file.append(samples_of(pending), count - len(pending))
                file.open, pending, file = False, [], None
            (packet,) = self._encoder.encode(number + index, index)
            self._feed(packet, index, at)
            if file is None:
                file = File(at, StreamFormat(self._encoder.format()), open=True)
                self.files.append(file)
            pending.append((packet[0], len(pending), packet[2]))
            if len(pending) == 25 and index % count != count - 1:
                file.append(samples_of(pending), index % count - 24)
                pending = []

    def _now(self) -> int:
        return int(time.time() * 1000) // STEP_MS * STEP_MS

    def _feed(self, packet: tuple[bytes, int, bool], index: int, at: int) -> None:
        data, _, key = packet
        messages: list[str | bytes] = []
        if key:
            format_ = StreamFormat(self._encoder.format())
            self._greeting = [
                f'video/mp4; codecs="{format_.video.mime_codec}"',
                init_section(format_),
            ]
            clock = {"clock": {"wall_ms": at, "media": 5000 + index * STEP_MS / 1000}}
            messages.append(json.dumps(clock))
            self._group = [*messages]
        one = File(at, StreamFormat(self._encoder.format()))
        # Media time begins at 5000 s: players must not care where it stands.
        one.append(samples_of([(data, 0, key)]), 5000 * 25 + index)
        fragment = bytes(one.data[one.init_length :])
        self._group.append(fragment)
        # Four pictures of each second missing, as from a camera short of light or of bits.
        if self.down is not None or (self.skips and 10 <= index % 25 < 14):
            return
        for watcher in self.watchers:
            for message in [*messages, fragment]:
                watcher.put_nowait(message)

    def greet(self) -> list[str | bytes]:
        return [*self._greeting, *self._group]


class MediaServer:
    """Serves `static` and the cameras; `refuse` answers WHEP offers with a problem."""

    def __init__(self, static: Path, page: str) -> None:
        self.cameras: dict[str, Camera] = {}
        self.whep: tuple[int, str] = (409, "b_frames")
        self.slow = 0.0
        self.requests: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self._static, self._page = static, page
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._running = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> MediaServer:
        self._loop = self._running.enter_context(in_thread(self._serving))
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def call(self, function: Callable[[], object]) -> None:
        """Runs a change on the server's own thread."""
        self._loop.call_soon_threadsafe(function)

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        app = web.Application(middlewares=[self._watch])
        prefix = "/api/cameras/{camera}"
        app.add_routes(
            [
                web.get("/", self._index),
                web.get("/api/session", self._session),
                web.get(prefix, self._camera),
                web.get(prefix + "/media", self._media),
                web.get(prefix + "/timeline", self._timeline),
                web.get(prefix + "/segments/{start}.mp4", self._bytes),
                web.get(prefix + "/live/mse", self._live),
                web.post(prefix + "/live/whep", self._offer),
                web.static("/static", self._static),
            ]
        )
        async with listening(app, functools.partial(web.SockSite, sock=self._socket)):
            for camera in self.cameras.values():
                if isinstance(camera, LiveCamera):
                    self.tasks.add(asyncio.create_task(camera.run(), name="camera"))
            try:
                yield
            finally:
                for task in self.tasks:
                    task.cancel()
                await asyncio.gather(*self.tasks, return_exceptions=True)

    @web.middleware
    async def _watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        if self.slow and "/segments/" in request.path:
            await asyncio.sleep(self.slow)
        return await handler(request)  # type: ignore[misc]

    async def _index(self, _: web.Request) -> web.Response:
        policy = "default-src 'self'; media-src 'self' blob:; object-src 'none'"
        headers = {"Content-Security-Policy": policy}
        return web.Response(text=self._page, content_type="text/html", headers=headers)

    async def _session(self, _: web.Request) -> web.Response:
        return web.json_response({"csrf": "token", "system": {"timezone": "Europe/Istanbul"}})

    def _known(self, request: web.Request) -> Camera:
        camera = self.cameras.get(request.match_info["camera"])
        if camera is None:
            text = json.dumps({"status": 404, "code": "not_found", "detail": "no such camera"})
            raise web.HTTPNotFound(text=text, content_type="application/problem+json")
        return camera

    async def _camera(self, request: web.Request) -> web.Response:
        self._known(request)
        return web.json_response({"id": request.match_info["camera"]})

    async def _media(self, request: web.Request) -> web.Response:
        query = request.query
        found = self._known(request).media(
            request.match_info["camera"], ms_of(query["start"]), ms_of(query["end"])
        )
        return web.json_response(found)

    async def _timeline(self, request: web.Request) -> web.Response:
        query = request.query
        known = self._known(request)
        return web.json_response(known.timeline(ms_of(query["start"]), ms_of(query["end"])))

    async def _bytes(self, request: web.Request) -> web.Response:
        start = int(request.match_info["start"])
        files = [file for file in self._known(request).files if file.start == start]
        if not files:
            raise web.HTTPNotFound(text="{}", content_type="application/problem+json")
        span = request.http_range
        data = bytes(files[0].data)
        first, last = span.start or 0, span.stop or len(data)
        headers = {"Content-Range": f"bytes {first}-{last - 1}/{len(data)}"}
        return web.Response(status=206, body=data[first:last], headers=headers)

    async def _offer(self, request: web.Request) -> web.Response:
        status, code = self.whep
        problem = {"status": status, "code": code, "detail": "not over WebRTC"}
        return web.json_response(problem, status=status, content_type="application/problem+json")

    async def _live(self, request: web.Request) -> web.WebSocketResponse:
        camera = self._known(request)
        assert isinstance(camera, LiveCamera)
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        with watching(camera) as queue:
            sending = asyncio.create_task(self._send(answer, queue), name="send")
            try:
                await self._until_closed(answer)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        return answer

    @staticmethod
    async def _send(answer: web.WebSocketResponse, queue: asyncio.Queue[str | bytes]) -> None:
        while True:
            message = await queue.get()
            if isinstance(message, str):
                await answer.send_str(message)
            else:
                await answer.send_bytes(message)

    @staticmethod
    async def _until_closed(answer: web.WebSocketResponse) -> None:
        async for message in answer:
            if message.type in (WSMsgType.CLOSE, WSMsgType.ERROR):
                return


@contextlib.contextmanager
def watching(camera: LiveCamera) -> Iterator[asyncio.Queue[str | bytes]]:
    queue: asyncio.Queue[str | bytes] = asyncio.Queue()  # a test's length of pictures at most
    for message in camera.greet():
        queue.put_nowait(message)
    camera.watchers.add(queue)
    try:
        yield queue
    finally:
        camera.watchers.discard(queue)


def past(base: int) -> Camera:
    """60 s, a gap of 30 s, 18 s of another size with B-frames, a gap of 10 min, 12 s."""
    first = list(record(base, base, 60, Encoder(640, 360), sound=True))
    second = list(record(base, base + 90_000, 18, Encoder(384, 216, bframes=2)))
    third = list(record(base, base + 708_000, 12, Encoder(640, 360)))
    gaps = [
        (base + 60_000, base + 90_000, "unreachable"),
        (base + 108_000, base + 708_000, "silent"),
    ]
    return Camera(first + second + third, gaps)


def slow(base: int) -> Camera:
    """A picture a second: 20 s, a gap of a minute, 20 s."""
    files = [sparse(base, base + start, 20, 25) for start in (0, 80_000)]
    return Camera(files, [(base + 20_000, base + 80_000, "unreachable")])


__all__ = ["TICKS", "Camera", "LiveCamera", "MediaServer", "past", "slow"]
