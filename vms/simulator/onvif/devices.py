"""The ONVIF devices of a fleet, together: made from its cameras, opened and closed at once."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from zoneinfo import ZoneInfo

from vms.core.clock import Clock
from vms.simulator.onvif.device import Device
from vms.simulator.onvif.discovery import Responder
from vms.simulator.onvif.server import DeviceServer
from vms.simulator.onvif.signin import SignIn
from vms.simulator.server import Camera, Nonces
from vms.simulator.spec import CameraSpec


def device_server(
    spec: CameraSpec,
    camera: Camera,
    stream_url: Callable[[str], str],
    host: str,
    clock: Clock,
    rng: random.Random,
    executor: Executor,
    zone: ZoneInfo,
    port: int = 0,
) -> DeviceServer:
    """A camera's device: its streams, its sign-in and its faults are the camera's own."""
    videos = {"main": spec.video} | ({"sub": spec.sub} if spec.sub else {})
    signin = SignIn(camera.gate, clock, Nonces(clock, rng), camera.faults)
    device = Device(spec.id, camera.title, videos, stream_url, signin, clock, camera.faults)
    device.tls = spec.tls
    return DeviceServer(device, host, port, executor, zone, spec.seed)


class Devices:
    """Devices by name, and who answers probes for them. An async context manager."""

    def __init__(self, servers: Sequence[DeviceServer], discovery_port: int) -> None:
        self.of = {server.device.name: server for server in servers}
        self._responder: Responder | None = None
        self._wanted_port = discovery_port
        self._open = contextlib.AsyncExitStack()

    @property
    def discovery_port(self) -> int | None:
        """Where probes are answered; None while nobody does."""
        return self._responder.port if self._responder is not None else None

    async def __aenter__(self) -> Devices:
        async with contextlib.AsyncExitStack() as opened:
            for server in self.of.values():
                await opened.enter_async_context(server)
            if self.of:
                responder = Responder([one.device for one in self.of.values()], self._wanted_port)
                self._responder = await opened.enter_async_context(responder)
            self._open = opened.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._open.aclose()
