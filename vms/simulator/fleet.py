"""A running fleet of simulated cameras: server, streams, scheduled faults, control.

async with Fleet(DEMO_FLEET, "127.0.0.1", 0) as fleet:
    print(fleet.url("kuzey-kapi"))
    fleet.set_fault("kuzey-kapi", "hang", lasting=20)
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from vms.core.clock import Clock, SystemClock
from vms.core.errors import BadRequest, NotFound
from vms.core.log import get_logger
from vms.simulator.control import ControlServer
from vms.simulator.faults import Faults
from vms.simulator.load import Beat, LoadLoop, LoadProducer
from vms.simulator.onvif.device import Device
from vms.simulator.onvif.devices import Devices, device_server
from vms.simulator.onvif.server import DeviceServer
from vms.simulator.pictures import PictureProducer
from vms.simulator.replay import FileProducer
from vms.simulator.rtsp import Gate
from vms.simulator.server import Camera, RtspServer
from vms.simulator.spec import (
    DEMO_FLEET,
    SUB,
    CameraSpec,
    FleetSettings,
    ScheduledFault,
    VideoSpec,
    check_fleet,
    load_fleet,
)
from vms.simulator.stream import Producer, Stream, StreamStats

__all__ = [
    "DEMO_FLEET",
    "SUB",
    "CameraSpec",
    "Fleet",
    "FleetSettings",
    "ScheduledFault",
    "VideoSpec",
    "load_fleet",
    "run_fleet",
]

log = get_logger(__name__)

_THREADS = 2  # for drawing and coding


def default_cache() -> Path:
    """Where coded loops are kept between runs."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "gozcu" / "simulator"


class Fleet:
    """All cameras of one process. An async context manager; control it from its event loop."""

    def __init__(
        self,
        settings: FleetSettings,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        check_fleet(settings)
        self.settings, self.host = settings, host
        self._clock = clock if clock is not None else SystemClock()
        self._rng = random.Random(settings.seed)
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="simulator")
        self._zone = ZoneInfo(settings.timezone)
        self._beat = Beat(self._clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._endings: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._drawn: dict[str, list[PictureProducer]] = {}
        self.cameras = {spec.id: self._camera(spec) for spec in settings.cameras}
        self.cameras |= self._load_cameras()
        self._server = RtspServer(self.cameras, host, port, self._clock, self._rng)
        self._control = ControlServer(self, control_port)
        self._onvif = Devices(self._devices(), settings.discovery_port)

    async def __aenter__(self) -> Fleet:
        await self._server.__aenter__()
        await self._control.open()
        await self._onvif.__aenter__()
        for spec in self.settings.cameras:
            for fault in spec.faults:
                task = asyncio.create_task(self._schedule(spec.id, fault), name=f"fault {spec.id}")
                self._tasks.add(task)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for handle in self._endings.values():
            handle.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._onvif.__aexit__(*exc)
        await self._control.close()
        await self._server.__aexit__(*exc)
        self._executor.shutdown(wait=True, cancel_futures=True)

    # -- facts

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def control_port(self) -> int | None:
        return self._control.port

    @property
    def discovery_port(self) -> int | None:
        """Where WS-Discovery is answered; None without ONVIF devices."""
        return self._onvif.discovery_port

    def device(self, camera: str) -> Device:
        """The camera's ONVIF device. Raises NotFound."""
        found = self._onvif.of.get(camera)
        if found is None:
            raise NotFound(f"no simulated ONVIF device is named {camera!r}")
        return found.device

    def url(self, camera: str, stream: str = "main") -> str:
        """rtsp://host:port/camera/stream, without user and password."""
        one = self._find(camera)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"rtsp://{host}:{one.port or self.port}/{camera}/{stream}"

    def describe(self) -> list[dict[str, Any]]:
        """The cameras with their URLs, for people and for `--json`."""
        facts: list[dict[str, Any]] = [
            {
                "id": spec.id,
                "name": spec.name or spec.id,
                "main": self.url(spec.id),
                "sub": self.url(spec.id, "sub") if spec.sub else None,
                "auth": spec.auth,
                "username": spec.username if spec.auth != "none" else None,
                "password": spec.password if spec.auth != "none" else None,
                "onvif": self.device(spec.id).url("device_service")
                if self.settings.onvif
                else None,
            }
            for spec in self.settings.cameras
        ]
        for index in range(self.settings.load):
            name = load_name(index)
            urls = {"main": self.url(name), "sub": self.url(name, "sub")}
            none = dict.fromkeys(("username", "password", "onvif"))
            facts.append({"id": name, "name": name, **urls, "auth": "none", **none})
        return facts

    def stats(self) -> dict[str, Any]:
        """Counts per stream and for all; `slow_drops` must be 0 for a fair benchmark."""
        streams = {
            stream.name: dataclasses.asdict(stream.stats)
            for camera in self.cameras.values()
            for stream in camera.streams.values()
        }
        fields = [field.name for field in dataclasses.fields(StreamStats)]
        total = {key: sum(one[key] for one in streams.values()) for key in fields}
        return {"total": total, "streams": streams, "worst_lateness_ns": self._beat.worst_lateness}

    # -- faults

    def set_fault(
        self, camera: str, name: str, *, lasting: float | None = None, **args: Any
    ) -> None:
        """Switch a fault on; with `lasting` seconds it ends by itself. NotFound, BadRequest."""
        self._find(camera).faults.set(name, **args)
        self._forget_ending(camera, name)
        log.info("fault on", camera=camera, fault=name, lasting=lasting, **args)
        if lasting is not None:
            if not 0 < lasting < 1e9:
                raise BadRequest(f"lasting = {lasting} is not a number of seconds")
            loop = asyncio.get_running_loop()
            handle = loop.call_later(lasting, self.clear_fault, camera, name)
            self._endings[camera, name] = handle

    def clear_fault(self, camera: str, name: str | None = None) -> None:
        """Switch one fault off, or all of a camera."""
        self._find(camera).faults.clear(name)
        log.info("fault off", camera=camera, fault=name or "all")
        for one in [name] if name else [key[1] for key in self._endings if key[0] == camera]:
            self._forget_ending(camera, one)

    def _forget_ending(self, camera: str, name: str) -> None:
        handle = self._endings.pop((camera, name), None)
        if handle is not None:
            handle.cancel()

    async def _schedule(self, camera: str, fault: ScheduledFault) -> None:
        await asyncio.sleep(fault.after)
        while True:
            self.set_fault(camera, fault.name, lasting=fault.lasting, **fault.args)
            await asyncio.sleep(max(fault.every, fault.lasting + 1))

    # -- making

    def _find(self, camera: str) -> Camera:
        found = self.cameras.get(camera)
        if found is None:
            raise NotFound(f"no simulated camera is named {camera!r}")
        return found

    def _camera(self, spec: CameraSpec) -> Camera:
        faults = Faults()
        title = spec.name or spec.id
        videos = {"main": spec.video} | ({"sub": spec.sub} if spec.sub else {})
        streams: dict[str, Stream] = {}
        for name, video in videos.items():
            producer: Producer
            if spec.file is not None and name == "main":
                producer = FileProducer(spec.file, faults, self._executor)
            else:
                audio = spec.audio if name == "main" else "none"
                producer = PictureProducer(
                    video, spec.seed, title, self._zone, faults, self._executor, audio
                )
                self._drawn.setdefault(spec.id, []).append(producer)
            streams[name] = self._stream(f"{spec.id}/{name}", producer, faults)
        gate = Gate(spec.auth, spec.algorithm, spec.username, spec.password)
        return Camera(spec.id, title, streams, gate, faults, spec.port)

    def _devices(self) -> list[DeviceServer]:
        """The ONVIF devices beside the cameras, each at a port of its own."""
        first = self.settings.onvif_port
        servers = [
            device_server(
                spec,
                self.cameras[spec.id],
                partial(self.url, spec.id),
                self.host,
                self._clock,
                self._rng,
                self._executor,
                self._zone,
                first + number if first else 0,
            )
            for number, spec in enumerate(self.settings.cameras if self.settings.onvif else ())
        ]
        for server in servers:
            for producer in self._drawn.get(server.device.name, ()):
                producer.look = partial(getattr, server.device.head, "view")
        return servers

    def _load_cameras(self) -> dict[str, Camera]:
        count = self.settings.load
        cache = self.settings.cache or default_cache()
        loops = {
            name: LoadLoop(video, cache, len(f"{load_name(0)}/{name}"))
            for name, video in (("main", self.settings.load_video), ("sub", self.settings.load_sub))
        }
        cameras = {}
        for index in range(count):
            faults, camera = Faults(), load_name(index)
            streams = {}
            for name, loop in loops.items():
                producer = LoadProducer(loop, self._beat, index / count, faults, self._executor)
                streams[name] = self._stream(f"{camera}/{name}", producer, faults)
            gate = Gate("none", "MD5", "", "")
            cameras[camera] = Camera(camera, camera, streams, gate, faults)
        return cameras

    def _stream(self, name: str, producer: Producer, faults: Faults) -> Stream:
        rng = random.Random(self._rng.getrandbits(64))
        return Stream(name, producer, faults, self._clock, rng)


def load_name(index: int) -> str:
    """`load-000`; all names of a fleet have one length, the stamps are patched in place."""
    return f"load-{index:03d}"


async def run_fleet(
    settings: FleetSettings,
    host: str = "127.0.0.1",
    port: int = 8554,
    control_port: int | None = 8555,
    *,
    started: asyncio.Future[Fleet] | None = None,
) -> None:
    """Run a fleet until cancelled; `started` gets the fleet once it listens."""
    async with Fleet(settings, host, port, control_port) as fleet:
        if started is not None:
            started.set_result(fleet)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()
