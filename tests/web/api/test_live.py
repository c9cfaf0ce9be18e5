"""Live over HTTP: offers go to the live process by RPC, WebSockets with their descriptor.

The live process's own socket servers stand at the other end; only the media behind them is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from websockets.exceptions import InvalidStatus
from websockets.server import ServerProtocol
from websockets.sync.client import connect

from tests.web.site import PASSWORD, Served, WebSite, serve_web_site
from vms.core.model import CameraId
from vms.people.approval import HEARING, Action, Wanted
from vms.people.permissions import BUILT_IN
from vms.people.roles import RoleSettings
from web.bouncer import Bouncer, Watching
from web.live.handover import Handed, HandoverServer
from web.live.refusal import LiveRefused
from web.live.rpc import RpcServer

GATE = "/api/cameras/gate-north"
SDP = {"Content-Type": "application/sdp"}


class LiveProcess:
    """Answers offers and greets handed-over WebSockets, on a loop of its own."""

    def __init__(self, rpc: Path, fds: Path) -> None:
        self.asked: list[Mapping[str, object]] = []
        self.handed: list[Handed] = []
        self.refuse: LiveRefused | None = None
        self.greeting = b""
        self.sending = threading.Thread()
        self._rpc = RpcServer(rpc, {"whep.offer": self._offer, "whep.delete": self._delete})
        self._fds = HandoverServer(fds, self._take)

    async def serve(self, ready: Future[None], stop: asyncio.Event) -> None:
        await self._rpc.start()
        self._fds.start()
        ready.set_result(None)
        await stop.wait()
        await self._rpc.close()
        await self._fds.close()

    async def _offer(self, request: Mapping[str, object]) -> dict[str, object]:
        self.asked.append(request)
        if self.refuse is not None:
            raise self.refuse
        return {"session": "abc", "sdp": "v=0 answer"}

    async def _delete(self, request: Mapping[str, object]) -> dict[str, object]:
        self.asked.append(request)
        if request["session"] != "abc":
            raise LiveRefused("not_found", "there is no such live session")
        return {}

    def goodbye(self) -> None:
        """Close what was handed over, as the live process ends a viewer."""
        for handed in self.handed:
            handed.socket.sendall(b"\x88\x02\x03\xe8")
            handed.socket.close()

    def _take(self, handed: Handed) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.handed.append(handed)
        protocol = ServerProtocol()
        protocol.receive_data(handed.request)
        (request,) = protocol.events_received()
        protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]
        protocol.send_text(b'video/mp4; codecs="avc1.64001F"')
        if self.greeting:
            protocol.send_binary(self.greeting)
        handed.socket.setblocking(True)
        # Beside: more than the kernel takes at once is read only after we have answered.
        data = b"".join(protocol.data_to_send())

        def send() -> None:
            with contextlib.suppress(OSError):  # whoever watches has gone
                handed.socket.sendall(data)

        self.sending = threading.Thread(target=send, name="sending")
        self.sending.start()


@contextlib.contextmanager
def live_process(site: WebSite) -> Iterator[LiveProcess]:
    paths = [site.parts.live.socket_of("gate-north", suffix) for suffix in ("", ".fds")]  # type: ignore[arg-type]
    process, ready, stop = LiveProcess(*paths), Future[None](), asyncio.Event()
    loop = asyncio.new_event_loop()
    work = process.serve(ready, stop)
    thread = threading.Thread(target=lambda: loop.run_until_complete(work), name="live")
    thread.start()
    ready.result(5)
    yield process
    loop.call_soon_threadsafe(stop.set)
    thread.join(5)
    loop.close()
    if process.handed:
        process.sending.join(5)
    for handed in process.handed:
        handed.socket.close()


@pytest.fixture
def live(site: WebSite) -> Iterator[LiveProcess]:
    with live_process(site) as process:
        yield process


@pytest.fixture
def served(site: WebSite) -> Iterator[Served]:
    with serve_web_site(site) as served:
        yield served


def watch(served: Served, path: str = f"{GATE}/live/mse", **headers: str) -> Any:
    address = f"ws://127.0.0.1:{served.port}{path}"
    return connect(address, additional_headers={"Cookie": served.cookie, **headers})


def test_an_offer_is_answered_with_its_location(live: LiveProcess, ali: TestClient) -> None:
    answer = ali.post(f"{GATE}/live/whep?stream=sub", content="v=0 offer", headers=SDP)
    assert (answer.status_code, answer.text) == (201, "v=0 answer")
    assert answer.headers["content-type"] == "application/sdp"
    assert answer.headers["location"] == f"{GATE}/live/whep/abc"
    (asked,) = live.asked
    assert (asked["camera"], asked["stream"], asked["sdp"], asked["user"]) == (
        "gate-north",
        "sub",
        "v=0 offer",
        "ali",
    )
    assert ali.delete(answer.headers["location"]).status_code == 204
    assert ali.delete(f"{GATE}/live/whep/other").status_code == 404


def test_who_takes_two_to_hear_is_heard_with_the_yes_and_until_it_ends(
    live: LiveProcess, site: WebSite, ali: TestClient
) -> None:
    parts = site.parts

    def hears() -> object:
        assert ali.post(f"{GATE}/live/whep", content="v=0", headers=SDP).status_code == 201
        return live.asked[-1]["hears"]

    def may_go_on() -> bool:
        """What is asked of who watches and hears, again and again."""
        permit = parts.sessions.find(ali.cookies["vms_session"]).permit  # type: ignore[union-attr]
        watching = Watching(permit, "10.0.0.9", CameraId("gate-north"), hears=True)
        return not Bouncer(parts)._unwelcome({watching})

    assert (hears(), may_go_on()) == ("yes", True)
    may = tuple(BUILT_IN["operator"].permissions)
    parts.roles.put(RoleSettings("operator", may, approval=("sound",)))
    assert (hears(), may_go_on()) == ("no", False)
    who = parts.sessions.identity(parts.accounts.get("ali"))
    second = parts.accounts.add("ayse", PASSWORD, role="admin")
    wanted = Wanted(Action.SOUND, (CameraId("gate-north"),), parts.clock.now())
    asked = parts.approvals.ask(wanted, who, "ihbar 155")
    assert hears() == "no"
    parts.approvals.approve(asked.id, parts.sessions.identity(second))
    assert (hears(), may_go_on()) == ("yes", True)
    site.clock.advance(HEARING)
    assert (hears(), may_go_on()) == ("no", False)


@pytest.mark.parametrize(
    ("code", "status"),
    [("codec", 409), ("b_frames", 409), ("down", 503), ("busy", 503), ("bad_offer", 422)],
)
def test_a_refusal_keeps_its_code(
    live: LiveProcess, ali: TestClient, code: Any, status: int
) -> None:
    live.refuse = LiveRefused(code, "no picture this way")
    answer = ali.post(f"{GATE}/live/whep", content="v=0", headers=SDP)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"] == "no picture this way"


def test_without_the_live_process_it_is_503(ali: TestClient) -> None:
    answer = ali.post(f"{GATE}/live/whep", content="v=0", headers=SDP)
    assert (answer.status_code, answer.json()["code"]) == (503, "live_down")
    assert answer.headers["retry-after"]


def test_bad_offers_are_refused_here(live: LiveProcess, ali: TestClient) -> None:
    url = f"{GATE}/live/whep"
    assert ali.post(url, content="v=0").status_code == 415
    assert ali.post(url, content=b"\xff\xfe", headers=SDP).status_code == 422
    assert ali.post(url, content="x" * 100_000, headers=SDP).status_code == 413
    assert ali.post(f"{url}?stream=third", content="v=0", headers=SDP).status_code == 422
    south = "/api/cameras/gate-south/live/whep?stream=sub"
    assert ali.post(south, content="v=0", headers=SDP).status_code == 404
    assert live.asked == []


def test_watching_needs_the_csrf_value(live: LiveProcess, ali: TestClient) -> None:
    del ali.headers["X-CSRF-Token"]
    page = {**SDP, "Origin": str(ali.base_url)}
    answer = ali.post(f"{GATE}/live/whep", content="v=0", headers=page)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")


def test_a_websocket_is_handed_over_and_lives_on(live: LiveProcess, served: Served) -> None:
    with watch(served, f"{GATE}/live/mse?stream=sub") as viewer:
        assert viewer.recv(5) == 'video/mp4; codecs="avc1.64001F"'
        (handed,) = live.handed
        assert (str(handed.stream), handed.watcher.user) == ("gate-north/sub", "ali")
        assert not handed.watcher.informed
        assert b"sec-websocket-key" in handed.request.lower()
        time.sleep(0.3)  # nothing here may close or read it any more
        handed.socket.sendall(b"\x81\x05hello")
        assert viewer.recv(5) == "hello"
        viewer.send("up")
        assert len(handed.socket.recv(100)) == 2 + 4 + 2
        live.goodbye()


def test_a_player_that_asks_for_it_is_informed(live: LiveProcess, served: Served) -> None:
    with watch(served, f"{GATE}/live/mse?info=true") as viewer:
        viewer.recv(5)
        assert live.handed[-1].watcher.informed
        live.goodbye()


def test_the_handed_connection_leaves_nothing_behind(live: LiveProcess, served: Served) -> None:
    with watch(served) as viewer:
        viewer.recv(5)
        deadline = time.monotonic() + 5
        while server_ends(served) > 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server_ends(served) == 1  # the live process's copy
        cpu = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - cpu < 0.15  # no loop spins on a descriptor that is gone
        live.goodbye()


def server_ends(served: Served) -> int:
    """Descriptors of this process that are the server's end of a connection."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError), socket_of(int(entry.name)) as sock:
            count += sock.getsockname() == ("127.0.0.1", served.port) and bool(sock.getpeername())
    return count


def socket_of(descriptor: int) -> socket.socket:
    return socket.socket(fileno=os.dup(descriptor))


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (f"{GATE}/live/mse", {"Cookie": ""}, 401),
        (f"{GATE}/live/mse", {"Origin": "http://evil.test"}, 403),
        ("/api/cameras/nobody/live/mse", {}, 404),
        (f"{GATE}/live/mse?stream=third", {}, 422),
        ("/api/cameras/gate-south/live/mse?stream=sub", {}, 404),
        ("/api/nothing", {}, 404),
        ("/ws", {}, 404),
    ],
)
def test_a_refused_websocket_gets_a_problem_document(
    live: LiveProcess,
    served: Served,
    path: str,
    headers: dict[str, str],
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(InvalidStatus) as refusal, watch(served, path, **headers):
        pass
    response = refusal.value.response
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert live.handed == []
    time.sleep(0.05)  # the server's loop may still be at it
    assert [record.message for record in caplog.records if record.name == "uvicorn.error"] == []


def test_a_viewer_who_goes_while_offering_is_no_bug_of_ours(
    live: LiveProcess, served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    head = (
        f"POST {GATE}/live/whep HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        f"Cookie: {served.cookie}\r\nX-CSRF-Token: {served.csrf}\r\n"
        "Content-Type: application/sdp\r\nContent-Length: 500\r\n\r\nv=0"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sock:
        sock.sendall(head.encode())
        time.sleep(0.3)
    time.sleep(0.3)
    assert "bug" not in capsys.readouterr().out


def test_a_page_of_ours_may_open_it(live: LiveProcess, served: Served) -> None:
    with watch(served, Origin=served.url) as viewer:
        assert viewer.recv(5)
        live.goodbye()


def test_a_websocket_without_the_live_process_is_503(served: Served) -> None:
    with pytest.raises(InvalidStatus) as refusal, watch(served):
        pass
    assert refusal.value.response.status_code == 503
    assert b"live_down" in (refusal.value.response.body or b"")


def test_a_websocket_the_live_process_refuses_is_answered_here(
    live: LiveProcess, served: Served
) -> None:
    live.refuse = LiveRefused("busy", "already 400 viewers here")
    with pytest.raises(InvalidStatus) as refusal, watch(served):
        pass
    assert refusal.value.response.status_code == 503
    assert b"already 400 viewers" in (refusal.value.response.body or b"")
