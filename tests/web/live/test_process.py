"""The live process over its two sockets, with the websockets client as a viewer."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from tests.web.live.coded import Clip, ClipSource, clip
from tests.web.live.house import call
from vms.core.clock import SystemClock
from vms.core.live import StreamDown
from vms.core.model import Cause
from web.handover import HandoverError, send_connection
from web.live.process import LiveProcess

OFFER = (Path(__file__).parent / "offer-chromium.sdp").read_text().replace("\n", "\r\n")
SMALL: dict[str, int] = {"width": 320, "height": 240}


class Live:
    """A process, its source, and where it listens."""

    def __init__(self, coded: Clip, folder: Path) -> None:
        clock = SystemClock()
        self.source = ClipSource(coded, clock)
        self.rpc, self.fds = folder / "live-0.sock", folder / "live-0.fds.sock"
        self.process = LiveProcess(self.source, clock, self.rpc, self.fds)


@asynccontextmanager
async def live(coded: Clip, folder: Path) -> AsyncIterator[Live]:
    it = Live(coded, folder)
    await it.process.start()
    try:
        yield it
    finally:
        await it.process.close()


class HasHandover(Protocol):
    fds: Path


class Watcher:
    """A WebSocket client over one end of a connection whose other end is handed over."""

    def __init__(self) -> None:
        self.protocol = ClientProtocol(parse_uri("ws://vms.test/live/mse"))
        self.near, self.far = _tcp_pair()
        self.near.setblocking(False)
        self.protocol.send_request(self.protocol.connect())
        self.request = b"".join(self.protocol.data_to_send())
        self._messages: list[str | bytes] = []

    async def hand_over(self, it: HasHandover, **head: str) -> None:
        told = {"camera": "gate", "stream": "main", "user": "ayse", "informed": "yes", **head}
        told["request"] = base64.b64encode(self.request).decode()
        await send_connection(it.fds, told, self.far.fileno())
        self.far.close()

    async def message(self) -> str | bytes:
        while not self._messages:
            data = await asyncio.wait_for(
                asyncio.get_running_loop().sock_recv(self.near, 1 << 20), 5
            )
            if not data:
                raise EOFError
            self.protocol.receive_data(data)
            for event in self.protocol.events_received():
                opcode = getattr(event, "opcode", None)
                if opcode is Opcode.TEXT:
                    self._messages.append(bytes(event.data).decode())  # type: ignore[union-attr]
                elif opcode is Opcode.BINARY:
                    self._messages.append(bytes(event.data))  # type: ignore[union-attr]
        return self._messages.pop(0)

    def close(self) -> None:
        self.near.close()
        self.far.close()


def _tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    return near, far


async def eventually(condition: object, seconds: float = 3) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def run(scenario: object) -> None:
    assert callable(scenario)
    asyncio.run(scenario())


def test_a_handed_over_viewer_gets_mime_init_and_pictures_and_is_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with live(clip(**SMALL), tmp_path) as it:
            watcher = Watcher()
            await watcher.hand_over(it)
            mime = await watcher.message()
            assert isinstance(mime, str)
            assert mime.startswith("video/mp4; codecs=")
            init = await watcher.message()
            assert isinstance(init, bytes)
            assert init[4:8] == b"ftyp"
            assert "clock" in json.loads(await watcher.message())
            fragment = await watcher.message()
            assert isinstance(fragment, bytes)
            assert fragment[4:8] == b"moof"
            stats = await call(it.rpc, op="stats")
            (viewer,) = stats["viewers"]  # type: ignore[misc]
            assert viewer["camera"] == "gate"
            assert viewer["user"] == "ayse"
            assert viewer["path"] == "mse"
            assert viewer["bytes"] > 0
            watcher.close()
            await eventually(lambda: not it.process.viewers)

    run(scenario)


def test_an_outage_and_its_end_reach_the_viewer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with live(clip(**SMALL), tmp_path) as it:
            watcher = Watcher()
            await watcher.hand_over(it)
            it.source.fail(StreamDown(Cause.SILENT, "no picture for 10 s"))
            while not str(message := await watcher.message()).startswith('{"down"'):
                pass
            assert json.loads(str(message))["down"]["cause"] == "silent"
            it.source.begin_again()
            assert str(await watcher.message()).startswith("video/mp4")
            watcher.close()

    run(scenario)


def test_a_viewer_that_does_not_read_is_skipped_and_bounded(tmp_path: Path) -> None:
    async def scenario() -> None:
        coded = clip(width=1280, height=720, bitrate=30_000_000, gop=10, pictures=20)
        async with live(coded, tmp_path) as it:
            watcher = Watcher()
            watcher.near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            await watcher.hand_over(it)
            await eventually(lambda: it.process.viewers[0].facts().skips > 0, 10)
            watcher.close()
            await eventually(lambda: not it.process.viewers)

    run(scenario)


def test_what_is_no_websocket_request_gets_an_http_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with live(clip(**SMALL), tmp_path) as it:
            watcher = Watcher()
            watcher.request = b"GET /live/mse HTTP/1.1\r\nHost: vms.test\r\n\r\n"
            await watcher.hand_over(it)
            loop = asyncio.get_running_loop()
            answer = await asyncio.wait_for(loop.sock_recv(watcher.near, 4_096), 3)
            assert answer.startswith(b"HTTP/1.1 4")
            await eventually(lambda: not it.process.viewers)
            watcher.close()

    run(scenario)


def test_a_bad_head_is_refused_and_the_connection_stays_with_the_sender(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with live(clip(**SMALL), tmp_path) as it:
            watcher = Watcher()
            with pytest.raises(HandoverError):
                await watcher.hand_over(it, camera="../etc")
            assert it.process.viewers == []
            watcher.close()

    run(scenario)


@pytest.mark.parametrize(
    ("coded", "sdp", "code"),
    [
        (clip(**SMALL), "hello", "bad_offer"),
        (clip(**SMALL), OFFER.replace("H264", "H999"), "codec"),
        (clip(codec="h265", pictures=10, gop=10, **SMALL), OFFER, "codec"),
        (clip(b_frames=2, **SMALL), OFFER, "b_frames"),
    ],
)
def test_a_stream_webrtc_cant_show_is_refused_with_its_reason(
    coded: Clip, sdp: str, code: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with live(coded, tmp_path) as it:
            request = {"op": "whep.offer", "camera": "gate", "stream": "main", "user": "ayse"}
            await call(it.rpc, **{**request, "sdp": OFFER})
            await eventually(lambda: it.process._feeds._feeds)  # pictures at hand
            await asyncio.sleep(0.3)
            answer = await call(it.rpc, **{**request, "sdp": sdp})
            assert (answer["ok"], answer["code"]) == (False, code)

    run(scenario)


def test_a_camera_that_is_down_is_refused_with_its_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with live(clip(**SMALL), tmp_path) as it:
            it.source.fail(StreamDown(Cause.UNREACHABLE, "no route to 10.0.0.5"))
            answer = await call(
                it.rpc, op="whep.offer", camera="gate", stream="main", user="a", sdp=OFFER
            )
            assert (answer["code"], answer["detail"]) == ("down", "no route to 10.0.0.5")

    run(scenario)


@pytest.mark.parametrize(
    "request_", [{}, {"op": "fly"}, {"op": "whep.offer"}, {"op": "whep.delete", "session": 1}]
)
def test_a_bad_request_is_told_so(request_: dict[str, object], tmp_path: Path) -> None:
    async def scenario() -> None:
        async with live(clip(**SMALL), tmp_path) as it:
            answer = await call(it.rpc, **request_)
            assert (answer["ok"], answer["code"]) == (False, "bad_request")

    run(scenario)


def test_an_answered_session_that_never_connects_can_be_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with live(clip(**SMALL), tmp_path) as it:
            answer = await call(
                it.rpc, op="whep.offer", camera="gate", stream="main", user="a", sdp=OFFER
            )
            assert answer["ok"]
            assert len(it.process.viewers) == 1
            ended = await call(it.rpc, op="whep.delete", session=answer["session"])
            assert ended["ok"]
            await eventually(lambda: not it.process.viewers)
            again = await call(it.rpc, op="whep.delete", session=answer["session"])
            assert again["code"] == "not_found"

    run(scenario)


def test_who_watches_by_a_permit_that_ended_is_sent_away_and_nobody_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with live(clip(**SMALL), tmp_path) as it:
            offer = {"op": "whep.offer", "camera": "gate", "stream": "main", "user": "a"}
            for permit in ("session:aa", "session:bb"):
                assert (await call(it.rpc, **offer, sdp=OFFER, permit=permit))["ok"]
            watcher = Watcher()
            await watcher.hand_over(it, permit="session:aa", address="10.0.0.9")
            told = (await call(it.rpc, op="stats"))["viewers"]
            assert isinstance(told, list)
            assert {(one["permit"], one["address"]) for one in told} == {
                ("session:aa", ""), ("session:bb", ""), ("session:aa", "10.0.0.9"),
            }  # fmt: skip
            assert (await call(it.rpc, op="end", camera="yard", permit="session:aa"))["ended"] == 0
            assert (await call(it.rpc, op="end", camera="gate", permit="session:aa"))["ended"] == 2
            await eventually(lambda: len(it.process.viewers) == 1)
            assert it.process.viewers[0].facts().watcher.permit == "session:bb"
            watcher.close()

    run(scenario)


def test_a_closing_process_leaves_nothing_open(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with live(clip(**SMALL), tmp_path) as it:
            watcher = Watcher()
            await watcher.hand_over(it)
            await call(it.rpc, op="whep.offer", camera="gate", stream="main", user="a", sdp=OFFER)
            await watcher.message()
        assert it.process.viewers == []
        assert it.source.subscribed == 0
        assert not it.rpc.exists()
        assert not it.fds.exists()
        others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        assert others == []
        watcher.close()

    run(scenario)
