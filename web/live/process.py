"""The live process: takes pictures from the recorder and sends them to viewers.

It answers no HTTP itself. The API process asks by RPC (`live-N`) and hands over signed-in
WebSocket connections (`live-N.fds`); both sockets are this user's only.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path

from vms.core.clock import Clock, SystemClock
from vms.core.config import Settings
from vms.core.live import LiveClient
from vms.core.log import get_logger
from vms.core.model import StreamKey
from web.live.handover import Handed, HandoverServer
from web.live.mse import MseOutlet, SilentMseOutlet
from web.live.refusal import LiveRefused
from web.live.rpc import RpcServer, field
from web.live.source import Feeds, LiveSource, StreamFeed
from web.live.viewers import VIEWERS_MAX, Viewer, Watcher
from web.live.websocket import ViewerSocket
from web.live.whep import WhepServer

log = get_logger(__name__)


class LiveProcess:
    """Everything the process holds; `start` and `close` once each."""

    def __init__(self, source: LiveSource, clock: Clock, rpc: Path, handover: Path) -> None:
        self._clock = clock
        self._feeds = Feeds(source, clock)
        self._whep = WhepServer(self._feeds, clock)
        self._sockets: dict[ViewerSocket, StreamFeed] = {}
        self._joining: set[asyncio.Task[None]] = set()
        self._rpc = RpcServer(
            rpc,
            {
                "whep.offer": self._offer,
                "whep.delete": self._delete,
                "stats": self._stats,
                "end": self._send_away,
            },
        )
        self._handover = HandoverServer(handover, self._take)

    async def start(self) -> None:
        """Serve both sockets; returns when they listen."""
        await self._rpc.start()
        self._handover.start()

    async def close(self) -> None:
        """Send every viewer away; within about 3 s."""
        await self._rpc.close()
        await self._handover.close()
        for viewer in tuple(self._sockets):
            viewer.close()
        await self._whep.close()
        for task in self._joining:
            task.cancel()
        await asyncio.gather(*self._joining, return_exceptions=True)
        for viewer in tuple(self._sockets):
            viewer.abort()
        await self._feeds.close()

    @property
    def viewers(self) -> list[Viewer]:
        return [*self._whep.viewers, *self._sockets]

    async def _offer(self, request: Mapping[str, object]) -> dict[str, object]:
        stream = _stream(request)
        watcher = Watcher.told(field(request, "user"), request)
        session, answer = await self._whep.offer(stream, field(request, "sdp"), watcher)
        return {"session": session, "sdp": answer}

    async def _delete(self, request: Mapping[str, object]) -> dict[str, object]:
        await self._whep.delete(field(request, "session"))
        return {}

    async def _send_away(self, request: Mapping[str, object]) -> dict[str, object]:
        """All who watch a camera by a permit that holds no more; `hearing`: those who hear it."""
        camera, permit = field(request, "camera"), field(request, "permit")
        hearing = request.get("hearing") == "yes"
        gone = [
            viewer
            for viewer in self.viewers
            if (facts := viewer.facts()).watcher.permit == permit
            and facts.stream.camera == camera
            and (facts.watcher.hears or not hearing)
        ]
        for viewer in gone:
            viewer.stop()
        if gone:
            log.info("viewers sent away", camera=camera, viewers=len(gone))
        return {"ended": len(gone)}

    async def _stats(self, request: Mapping[str, object]) -> dict[str, object]:
        return {"viewers": [viewer.facts().as_json() for viewer in self.viewers]}

    def _take(self, handed: Handed) -> None:
        if len(self._sockets) >= VIEWERS_MAX:
            raise LiveRefused("busy", f"already {VIEWERS_MAX} viewers here; try again later")
        viewer = ViewerSocket(
            handed.stream, handed.watcher, handed.request, self._clock, self._opened, self._closed
        )
        self._sockets[viewer] = self._feeds.enter(handed.stream)
        task = asyncio.create_task(self._join(viewer, handed), name=f"mse {handed.stream}")
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    async def _join(self, viewer: ViewerSocket, handed: Handed) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: viewer, handed.socket)
        except OSError as error:
            log.info("viewer gone before the first picture", reason=str(error))
            handed.socket.close()
            self._closed(viewer)

    def _opened(self, viewer: ViewerSocket) -> None:
        kind = _outlet_of(viewer)
        self._sockets[viewer].outlet(kind, kind).add(viewer)

    def _closed(self, viewer: ViewerSocket) -> None:
        feed = self._sockets.pop(viewer, None)
        if feed is None:
            return
        outlet = feed.present(_outlet_of(viewer))
        if outlet is not None:
            outlet.remove(viewer)
            if outlet.empty:
                feed.drop(outlet)
        self._feeds.leave(feed)


def _outlet_of(viewer: ViewerSocket) -> type[MseOutlet]:
    return MseOutlet if viewer.facts().watcher.hears else SilentMseOutlet


def _stream(request: Mapping[str, object]) -> StreamKey:
    try:
        return StreamKey.parse(f"{field(request, 'camera')}/{field(request, 'stream')}")
    except ValueError as error:
        raise LiveRefused("bad_request", str(error)) from None


async def run_live(settings: Settings, index: int, clock: Clock | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Run it in a uvloop for its figures."""
    settings.make_run_dirs()
    clock = clock or SystemClock()
    workers = settings.recorder.workers
    client = LiveClient([settings.socket_path(f"recorder-{i}") for i in range(workers)])
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    process = LiveProcess(
        client,
        clock,
        settings.socket_path(f"live-{index}"),
        settings.socket_path(f"live-{index}.fds"),
    )
    await client.start()
    await process.start()
    log.info("live process ready", index=index, workers=workers)
    try:
        await stop.wait()
    finally:
        await process.close()
        await client.close()
