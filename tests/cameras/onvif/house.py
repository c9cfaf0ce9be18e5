"""Simulated devices and our client of one, for the tests here."""

from __future__ import annotations

import asyncio
import queue
import random
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from recorder.rtsp.auth import Authenticator
from vms.cameras.onvif.client import Credentials, OnvifClient
from vms.cameras.onvif.http import Http
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import Address
from vms.core.clock import SystemClock
from vms.core.secret import Secret
from vms.simulator.fleet import SUB, CameraSpec, Fleet, FleetSettings, VideoSpec

RIGHT = Credentials("vms", Secret("gozcu"))
WRONG = Credentials("vms", Secret("12345"))
CAMERAS = (
    CameraSpec("gate", "Kapı", auth="digest"),
    CameraSpec("yard", "Avlu", VideoSpec("h265", 1920, 1080), SUB, auth="digest",
               algorithm="SHA-256"),
)  # fmt: skip


@asynccontextmanager
async def devices() -> AsyncIterator[Fleet]:
    """Two cameras that ask for a password; one sends H.265 and hashes with SHA-256."""
    async with Fleet(FleetSettings(CAMERAS, onvif=True, discovery_port=0)) as fleet:
        yield fleet


def address_of(fleet: Fleet, camera: str = "gate") -> Address:
    host, _, port = fleet.device(camera).address.rpartition(":")
    return Address(host, int(port))


def sign_in(credentials: Credentials) -> Authenticator:
    password = credentials.password.reveal()
    return Authenticator(credentials.username, password, random.Random())


def client_of(
    fleet: Fleet,
    credentials: Credentials | None = RIGHT,
    camera: str = "gate",
    *,
    deadline_s: float = 0.5,
    networks: tuple[str, ...] = ("127.0.0.0/8",),
) -> OnvifClient:
    http = Http(Networks(networks), deadline_s)
    return OnvifClient(http, address_of(fleet, camera), credentials, sign_in, SystemClock())


@contextmanager
def beside(cameras: tuple[CameraSpec, ...] = CAMERAS) -> Iterator[Fleet]:
    """Devices in a thread of their own, for what runs an event loop itself."""
    loop, opened, over = asyncio.new_event_loop(), queue.Queue[Fleet](1), asyncio.Event()

    async def serve() -> None:
        async with Fleet(FleetSettings(cameras, onvif=True, discovery_port=0)) as fleet:
            opened.put(fleet)
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="devices")
    thread.start()
    try:
        yield opened.get(timeout=10)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()
