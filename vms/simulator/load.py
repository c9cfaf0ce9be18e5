"""Hundreds of cameras from one core: one loop, coded once, packetised once, patched per camera.

Per access unit and camera only sequence numbers, RTP time, SSRC and the stamp's counter, time and
name are written into a copy of the ready packets, then sent with one call. The pictures of all
load cameras are the same and show no true clock; the stamps are each camera's own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np

from vms.core.clock import SECOND, Clock, Instant
from vms.simulator import packets, rtsp, sei
from vms.simulator.encoder import CodedPicture, PictureEncoder
from vms.simulator.faults import Faults
from vms.simulator.nal import is_parameter_set
from vms.simulator.scene import Scene
from vms.simulator.spec import VideoSpec
from vms.simulator.stream import Batch, Medium, Stream

_GOPS = 2
_LOOP_FORMAT = 2  # rises whenever the cached bytes would differ
_PATCH = struct.Struct("!HII")


@dataclass(frozen=True, slots=True)
class _Template:
    """One access unit, packetised and framed for channel 0; `stamp_at`: the SEI's counter.

    `packet_at`: where each RTP packet's sequence number stands.
    """

    framed: bytes
    packet_at: tuple[int, ...]
    stamp_at: int
    crc: int
    key: bool


class PatchedBatch(Batch):
    """A batch that is already framed for channel 0; split up only if somebody asks."""

    __slots__ = ("_framed_zero", "_packet_at")

    def __init__(self, framed: bytes, packet_at: tuple[int, ...]) -> None:
        self._framed_zero, self._packet_at = framed, packet_at
        self._framed = {0: framed}

    @property
    def packets(self) -> list[bytes]:  # type: ignore[override]
        starts = [at - 2 for at in self._packet_at]
        ends = [*(start - 4 for start in starts[1:]), len(self._framed_zero)]
        return [self._framed_zero[a:b] for a, b in zip(starts, ends, strict=True)]


class LoadLoop:
    """The shared loop of one VideoSpec; `name_length`: of every stream name it serves."""

    def __init__(self, spec: VideoSpec, cache: Path, name_length: int) -> None:
        self.spec = spec
        self._cache, self._name_length = cache, name_length
        self._lock = asyncio.Lock()
        self.templates: tuple[_Template, ...] = ()
        self.medium: Medium | None = None

    async def ready(self, executor: Executor) -> Medium:
        async with self._lock:
            if self.medium is None:
                await asyncio.get_running_loop().run_in_executor(executor, self._prepare)
        assert self.medium is not None
        return self.medium

    def _prepare(self) -> None:
        pictures = coded_loop(self.spec, self._cache)
        self.templates = tuple(self._template(picture) for picture in pictures)
        codec = self.spec.codec
        sets = [unit for unit in pictures[0].units if is_parameter_set(codec, unit)]
        self.medium = rtsp.video_medium(codec, sets, (self.spec.width, self.spec.height))

    def _template(self, picture: CodedPicture) -> _Template:
        crc = sei.crc_of(picture.units)
        blank = sei.Stamp("x" * self._name_length, 0, Instant(0), crc)
        units = sei.stamped(self.spec.codec, picture.units, blank)
        rtp = packets.rtp_packets(packets.video_payloads(self.spec.codec, units), 96, 0, 0, 0)
        framed = packets.interleaved(rtp, 0)
        packet_at, at = [], 0
        for packet in rtp:
            packet_at.append(at + 4 + 2)
            at += 4 + len(packet)
        stamp_at = framed.index(sei.UUID) + sei.COUNTER_OFFSET
        return _Template(framed, tuple(packet_at), stamp_at, crc, picture.key)


class LoadProducer:
    """One load camera's stream. `phase`: 0..1, where in the picture's interval it sends."""

    def __init__(
        self, loop: LoadLoop, beat: Beat, phase: float, faults: Faults, executor: Executor
    ) -> None:
        self._loop, self._beat, self._phase = loop, beat, phase
        self._faults, self._executor = faults, executor
        self._position = 0

    async def media(self) -> Sequence[Medium]:
        return [await self._loop.ready(self._executor)]

    async def run(self, stream: Stream) -> None:
        self._position = 0  # a keyframe at once, as most cameras send at PLAY
        offset = int(self._phase * SECOND / self._loop.spec.fps)
        interval = SECOND // self._loop.spec.fps
        ended = asyncio.get_running_loop().create_future()
        handle = self._beat.add(interval, offset, partial(self._send, stream))
        try:
            await ended
        finally:
            self._beat.remove(handle)

    def _send(self, stream: Stream, due: int, late: int) -> None:
        at = due
        if late > SECOND // self._loop.spec.fps:
            stream.stats.late += 1
        templates = self._loop.templates
        if "freeze" in self._faults:
            self._position = 0
        template = templates[self._position]
        self._position = (self._position + 1) % len(templates)
        track = stream.tracks[0]
        work, sequence, ticks, ssrc = (
            bytearray(template.framed),
            track.sequence,
            stream.ticks(track, at),
            track.ssrc,
        )
        pack_into = _PATCH.pack_into
        for place in template.packet_at:
            pack_into(work, place, sequence & 0xFFFF, ticks, ssrc)
            sequence += 1
        stamp = sei.Stamp(stream.name, stream.next_counter(), stream.wall(at), template.crc)
        text = sei.fields(stamp)
        work[template.stamp_at : template.stamp_at + len(text)] = text
        count = len(template.packet_at)
        batch = PatchedBatch(bytes(work), template.packet_at)
        stream.publish_batch(0, batch, count, len(work) - 4 * count, key=template.key)


class _Call(Protocol):
    def __call__(self, due: int, late: int) -> None: ...


@dataclass(slots=True)
class _Entry:
    interval: int
    due: int
    call: _Call
    gone: bool = False


class Beat:
    """One timer for all load cameras: a tick each millisecond that serves whoever is due."""

    _TICK = 1_000_000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots: dict[int, list[_Entry]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0
        self.count = 0
        self.worst_lateness = 0

    def add(self, interval: int, offset: int, call: _Call) -> _Entry:
        """Call `call(due)` every `interval`, shifted by `offset`."""
        now = self._clock.monotonic()
        due = (now // interval + 1) * interval + offset
        entry = _Entry(interval, due, call)
        if self.count == 0:
            self._next = now // self._TICK
            self._tick()
        self.count += 1
        self._put(entry)
        return entry

    def remove(self, entry: _Entry) -> None:
        entry.gone = True
        self.count -= 1
        if self.count == 0:
            self._slots.clear()
            if self._timer is not None:
                self._timer.cancel()

    def _put(self, entry: _Entry) -> None:
        slot = max(entry.due // self._TICK, self._next)
        self._slots.setdefault(slot, []).append(entry)

    def _tick(self) -> None:
        now = self._clock.monotonic()
        self._timer = asyncio.get_running_loop().call_later(self._TICK / SECOND, self._tick)
        while self._next * self._TICK <= now:
            entries = self._slots.pop(self._next, ())
            self._next += 1
            for entry in entries:
                if entry.gone:
                    continue
                late = now - entry.due
                self.worst_lateness = max(self.worst_lateness, late)
                entry.call(entry.due, late)
                entry.due += entry.interval
                self._put(entry)


def coded_loop(spec: VideoSpec, cache: Path) -> list[CodedPicture]:
    """The loop's pictures, from the cache or coded now and kept there."""
    what = json.dumps([_LOOP_FORMAT, dataclasses.asdict(spec)], sort_keys=True)
    path = cache / f"loop-{hashlib.sha256(what.encode()).hexdigest()[:16]}.bin"
    try:
        return _unpack(path.read_bytes())
    except (OSError, ValueError, struct.error):
        pictures = _code_loop(spec)
        _keep(path, _pack(pictures))
        return pictures


def _code_loop(spec: VideoSpec) -> list[CodedPicture]:
    """A street with the grain of a night camera, so that the bit rate is really needed."""
    spec = dataclasses.replace(spec, bframes=0)
    encoder = PictureEncoder(spec, "rate")
    scene = Scene(encoder.planes, 7, f"{spec.width}x{spec.height}", ZoneInfo("UTC"))
    rng = np.random.default_rng(1)
    grain = rng.integers(0, 8, (spec.height * 2, spec.width * 2), np.uint8)
    pictures: list[CodedPicture] = []
    luma = encoder.planes[0]
    for number in range(spec.gop * _GOPS):
        scene.draw(number, number * SECOND // spec.fps)
        clean = luma.copy()
        y, x = rng.integers(0, spec.height), rng.integers(0, spec.width)
        luma += grain[y : y + spec.height, x : x + spec.width]
        key = number % spec.gop == 0
        pictures += encoder.encode(number * 90_000 // spec.fps, key=key)
        luma[:] = clean
    return pictures + encoder.flush()


def _pack(pictures: list[CodedPicture]) -> bytes:
    parts = [struct.pack("!I", len(pictures))]
    for picture in pictures:
        parts.append(struct.pack("!Q?I", picture.pts, picture.key, len(picture.units)))
        parts += [struct.pack("!I", len(unit)) + unit for unit in picture.units]
    body = b"".join(parts)
    return hashlib.sha256(body).digest() + body


def _unpack(data: bytes) -> list[CodedPicture]:
    body = data[32:]
    if hashlib.sha256(body).digest() != data[:32]:
        raise ValueError("the cached loop is damaged")
    (count,), at, pictures = struct.unpack_from("!I", body), 4, []
    for _ in range(count):
        pts, key, units_count = struct.unpack_from("!Q?I", body, at)
        at += 13
        units = []
        for _ in range(units_count):
            (size,) = struct.unpack_from("!I", body, at)
            units.append(body[at + 4 : at + 4 + size])
            at += 4 + size
        pictures.append(CodedPicture(units, pts, key))
    return pictures


def _keep(path: Path, data: bytes) -> None:
    """Write whole or not at all: several simulators may code the same loop at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(name).replace(path)
