"""From a click to the camera: a command over HTTP until the simulated head has it.

Beside it in the same run stands the bare SOAP call to the same device, by the same client.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from benchmarks.processes import free_port, quantile, workplace
from benchmarks.report import Figure, Report
from vms.app.onvif import clients_of
from vms.app.site import open_site
from vms.app.webparts import web_parts
from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.ptz_facts import Vector
from vms.cameras.steering.command import MOVE_LASTS
from vms.core.clock import SECOND
from vms.core.config import Settings
from vms.core.config_camera import CameraSettings
from vms.simulator.fleet import CameraSpec, Fleet, FleetSettings
from vms.simulator.onvif.head import Head
from web.server import server_of

CLICKS = 200
PROMISE_MS = 100.0
_SPREAD_S = 0.05  # clicks of people are not in step with anything


def run() -> Report:
    """Click 200 times each way, in turns, and compare."""
    with workplace() as folder, _fleet() as fleet:
        settings = Settings.model_validate(
            {
                "file": folder / "cameras.toml",
                "system": {"data": folder / "data"},
                "web": {"listen": f"127.0.0.1:{free_port()}"},
                "network": {"allow": ["127.0.0.0/8"]},
            }
        )
        ours, bare = _measure(settings, fleet)
    figures = (
        Figure("click → camera, median", quantile(ours, 0.5), "ms", digits=1),
        Figure("click → camera, p95", quantile(ours, 0.95), "ms", PROMISE_MS, digits=1),
        Figure("click → camera, slowest", ours[-1], "ms", digits=1),
        Figure("the bare SOAP call, median", quantile(bare, 0.5), "ms", digits=1),
        Figure("the bare SOAP call, p95", quantile(bare, 0.95), "ms", digits=1),
    )
    return Report(
        "ptz",
        "Steering: click to camera",
        f"{CLICKS} moves and as many stops over `POST /api/cameras/{{id}}/ptz/…`, each signed in, "
        "leased and logged, until the simulated device's head has begun or ended to turn; beside "
        "it the same moves as bare SOAP calls by the same client. One machine, no network between.",
        figures,
    )


def _measure(settings: Settings, fleet: Fleet) -> tuple[list[float], list[float]]:
    """Milliseconds over the API and of bare calls, each sorted."""
    head = fleet.device("gate").head
    with open_site(settings) as site:
        site.accounts.add("ali", "correct horse battery")
        session = site.sessions.start(site.accounts.get("ali"), "127.0.0.1")
        camera = _camera(fleet)
        site.registry.add(camera, "benchmark")
        listening = threading.Event()
        server = server_of(web_parts(site), listening=listening.set)
        thread = threading.Thread(target=lambda: uvloop.run(server.serve()), name="web")
        thread.start()
        try:
            assert listening.wait(10), "the web server does not listen"
            headers = {
                "Cookie": f"vms_session={session.token}",
                "X-CSRF-Token": session.csrf,
                "Content-Type": "application/json",
            }
            over_http = _Clicks(settings.web.port, headers)
            with _Bare(lambda: clients_of(site).client_for(camera)) as bare:
                return _in_turns(over_http.move, bare.move, head)
        finally:
            server.should_exit = True
            thread.join(10)


def _in_turns(
    ours: Callable[[float], None], bare: Callable[[float], None], head: Head
) -> tuple[list[float], list[float]]:
    for way in (ours, bare):  # the first of each learns services and clock
        way(0.1)
        way(0)
    took: tuple[list[float], list[float]] = ([], [])
    rng = random.Random(7)
    for _ in range(CLICKS):
        for way, times in zip((ours, bare), took, strict=True):
            for pan in (0.5, 0.0):
                time.sleep(rng.random() * _SPREAD_S)
                times.append(_reached(way, pan, head))
    return sorted(took[0]), sorted(took[1])


def _reached(way: Callable[[float], None], pan: float, head: Head) -> float:
    """Milliseconds until the head does what was asked, watched from beside."""
    seen: list[int] = []
    started = time.perf_counter_ns()

    def watch() -> None:
        while head.moving is (pan == 0) and time.perf_counter_ns() - started < 5 * SECOND:
            time.sleep(0.0002)
        seen.append(time.perf_counter_ns())

    watcher = threading.Thread(target=watch)
    watcher.start()
    way(pan)
    watcher.join()
    assert head.moving is (pan != 0), "the command did not reach the camera"
    return (seen[0] - started) / 1e6


class _Clicks:
    """Commands over the API, on one connection as a browser keeps it."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._headers = headers

    def move(self, pan: float) -> None:
        what = "move" if pan else "stop"
        body = json.dumps({"pan": pan}) if pan else None
        path = f"/api/cameras/gate/ptz/{what}"
        self._connection.request("POST", path, body, self._headers)
        answer = self._connection.getresponse()
        said = answer.read()
        assert answer.status == 204, said


class _Bare:
    """Commands straight to the device, in a loop of their own."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, OnvifClient]]) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._make = make
        self._client: OnvifClient | None = None

    def __enter__(self) -> _Bare:
        self._runner.__enter__()
        self._client = self._runner.run(self._make())
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.__exit__(None, None, None)

    def move(self, pan: float) -> None:
        assert self._client is not None, "entered before it is used"
        ptz = self._client.ptz
        self._runner.run(ptz.move(Vector(pan), MOVE_LASTS) if pan else ptz.stop())


def _camera(fleet: Fleet) -> CameraSettings:
    return CameraSettings.model_validate(
        {
            "id": "gate",
            "source": fleet.url("gate"),
            "onvif": fleet.device("gate").url("device_service"),
            "username": "vms",
            "password": "gozcu",
        }
    )


@contextmanager
def _fleet() -> Iterator[Fleet]:
    """A simulated device in a thread with a loop of its own."""
    ready, over = threading.Event(), threading.Event()
    found: list[Fleet] = []

    async def serve() -> None:
        spec = CameraSpec("gate", "Kapı", auth="digest")
        async with Fleet(FleetSettings((spec,), onvif=True, discovery_port=0)) as fleet:
            found.append(fleet)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: uvloop.run(serve()), name="device")
    thread.start()
    try:
        assert ready.wait(10), "the simulated device does not start"
        yield found[0]
    finally:
        over.set()
        thread.join(10)
