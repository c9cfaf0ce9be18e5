"""A camera's live pictures: drawn, coded and published in step with its clock."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from concurrent.futures import Executor
from zoneinfo import ZoneInfo

import numpy as np

from vms.core.clock import SECOND, Instant
from vms.simulator import packets, rtsp, sei
from vms.simulator.encoder import CodedPicture, PictureEncoder
from vms.simulator.faults import Faults
from vms.simulator.lens import Look, show
from vms.simulator.scene import Scene
from vms.simulator.sound import run_sound, sound_medium
from vms.simulator.spec import Audio, VideoSpec
from vms.simulator.stream import Medium, Stream

_TICKS = 90_000


class _Studio:
    """Scene and encoder of one size; used by one thread at a time."""

    def __init__(
        self, spec: VideoSpec, seed: int, title: str, zone: ZoneInfo, look: Look | None
    ) -> None:
        self.spec, self._look = spec, look
        self.encoder = PictureEncoder(spec)
        # A camera that turns draws the whole street, and shows a part of it.
        self._whole = [np.empty_like(one) for one in self.encoder.planes] if look else None
        self._scene = Scene(self._whole or self.encoder.planes, seed, title, zone)

    def shoot(
        self, number: int, at: int, wall: int, *, key: bool, frozen: bool
    ) -> list[CodedPicture]:
        """Draw the moment and code it; frozen codes the last drawing again."""
        if not frozen:
            self._scene.draw(number, wall)
            if self._whole is not None and self._look is not None:
                show(self._whole, self.encoder.planes, self._scene.bar, self._look())
        return self.encoder.encode(at * _TICKS // SECOND, key=key)


class PictureProducer:
    """Draws and codes while somebody receives; nothing is done for nobody.

    `executor`: where drawing and coding run, so that the event loop keeps sending. `look`: where
    the head of a camera that turns looks; set before anybody receives.
    """

    look: Look | None = None

    def __init__(
        self,
        spec: VideoSpec,
        seed: int,
        title: str,
        zone: ZoneInfo,
        faults: Faults,
        executor: Executor,
        audio: Audio = "none",
    ) -> None:
        self._spec, self._seed, self._title, self._zone = spec, seed, title, zone
        self._faults, self._executor, self._audio = faults, executor, audio
        self._studio: _Studio | None = None
        self._opening = asyncio.Lock()

    async def media(self) -> Sequence[Medium]:
        studio = await self._current_studio()
        size = (studio.spec.width, studio.spec.height)
        video = rtsp.video_medium(studio.spec.codec, studio.encoder.parameter_sets, size)
        if self._audio == "none":
            return [video]
        return [video, sound_medium(self._audio)]

    async def run(self, stream: Stream) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_pictures(stream), name=f"pictures {stream.name}")
            if self._audio != "none":
                tasks.create_task(run_sound(stream, 1, self._audio), name=f"sound {stream.name}")

    async def _run_pictures(self, stream: Stream) -> None:
        interval = SECOND // self._spec.fps
        # Streams of one machine do not beat together: each starts when its client came.
        due = int(stream.clock.monotonic())
        number, loop = 0, asyncio.get_running_loop()
        taken: dict[int, tuple[int, Instant]] = {}  # B-frames come out later than they go in
        while True:
            await asyncio.sleep(max(0, due - stream.clock.monotonic()) / SECOND)
            if stream.clock.monotonic() - due > interval:
                stream.stats.late += 1
                behind = (stream.clock.monotonic() - due) // interval
                due += behind * interval  # pictures not taken, as in a busy camera
            studio = await self._current_studio()
            wall, at, key = stream.wall(due), due, stream.key_wanted
            stream.key_wanted = False
            frozen = "freeze" in self._faults
            coded = await loop.run_in_executor(
                self._executor,
                lambda: studio.shoot(number, at, wall, key=key, frozen=frozen),  # noqa: B023
            )
            taken[at * _TICKS // SECOND] = at, wall
            for picture in coded:
                self._publish(stream, studio.spec, picture, *taken.pop(picture.pts, (at, wall)))
            number += 1
            due += interval

    def _publish(
        self, stream: Stream, spec: VideoSpec, picture: CodedPicture, at: int, wall: Instant
    ) -> None:
        stamp = sei.Stamp(stream.name, stream.next_counter(), wall, sei.crc_of(picture.units))
        units = sei.stamped(spec.codec, picture.units, stamp)
        stream.publish(0, packets.video_payloads(spec.codec, units), at, key=picture.key)

    async def _current_studio(self) -> _Studio:
        """The studio of the size that is wanted now; made in the executor."""
        wanted = self._spec
        other = self._faults.get("resolution")
        if other is not None:
            even = {"width": other["width"] & ~1, "height": other["height"] & ~1}
            wanted = dataclasses.replace(wanted, **even)
        async with self._opening:
            studio = self._studio
            if studio is None or studio.spec != wanted:
                studio = await asyncio.get_running_loop().run_in_executor(
                    self._executor, _Studio, wanted, self._seed, self._title, self._zone, self.look
                )
                self._studio = studio
        return studio
