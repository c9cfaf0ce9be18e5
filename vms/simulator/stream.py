"""One RTSP resource of a simulated camera: its tracks, who receives it, and what goes wrong.

A producer makes access units while somebody receives; the stream cuts them into RTP, applies
the faults of the wire, and hands them to every receiver. Sockets do not belong here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from vms.core.clock import SECOND, Clock, Instant
from vms.core.log import get_logger
from vms.simulator import packets, quirks
from vms.simulator.faults import Faults

log = get_logger(__name__)

_REPORT_EVERY = 5 * SECOND
_CLOSE_READING = 50_000  # ns between two readings of the clocks


@dataclass(frozen=True, slots=True)
class Medium:
    """One `m=` section of the SDP."""

    kind: Literal["video", "audio"]
    payload_type: int
    clock_rate: int
    encoding: str
    fmtp: str = ""
    size: tuple[int, int] | None = None


class Batch:
    """The RTP packets of one access unit; framed for TCP once per channel, not per receiver."""

    __slots__ = ("_framed", "packets")

    def __init__(self, rtp: list[bytes]) -> None:
        self.packets = rtp
        self._framed: dict[int, bytes] = {}

    def framed(self, channel: int) -> bytes:
        data = self._framed.get(channel)
        if data is None:
            data = self._framed[channel] = packets.interleaved(self.packets, channel)
        return data


class Receiver(Protocol):
    """Somebody who plays the stream: a TCP or UDP session."""

    def send(self, track: int, batch: Batch) -> bool:
        """Send one access unit, whole or not at all; False if the receiver is too slow."""

    def send_report(self, track: int, packet: bytes) -> None: ...
    def send_garbage(self, data: bytes) -> None: ...


class Producer(Protocol):
    """Makes the access units of a stream."""

    async def media(self) -> Sequence[Medium]:
        """The tracks; may take long the first time."""

    async def run(self, stream: Stream) -> None:
        """Publish until cancelled; started by the first receiver, cancelled after the last."""


@dataclass(slots=True)
class TrackState:
    """Where a track's RTP stands. `base`: the random RTP time of the camera's zero."""

    medium: Medium
    ssrc: int
    sequence: int
    base: int
    packets: int = 0
    octets: int = 0
    reported: int = 0


@dataclass(slots=True)
class StreamStats:
    """Counted since the start. `slow_drops`: units a receiver was too slow for; `late`: units
    that left more than one picture's time after their moment."""

    units: int = 0
    packets: int = 0
    bytes: int = 0
    slow_drops: int = 0
    late: int = 0
    by_fault: int = 0
    receivers: int = 0


@dataclass(slots=True)
class _Receivers:
    playing: set[Receiver] = field(default_factory=set)
    waiting: set[Receiver] = field(default_factory=set)


class Stream:
    """`camera/main` or `camera/sub`. All methods belong to the event loop's thread."""

    def __init__(
        self, name: str, producer: Producer, faults: Faults, clock: Clock, rng: random.Random
    ) -> None:
        self.name, self.faults, self.clock = name, faults, clock
        self.stats = StreamStats()
        self.tracks: list[TrackState] = []
        self.key_wanted = False
        self._producer, self._rng = producer, rng
        self._receivers = _Receivers()
        self._task: asyncio.Task[None] | None = None
        self._garbage_at = 0
        self._counter = 0

    # -- for the server

    async def media(self) -> Sequence[Medium]:
        """The tracks as the SDP tells them; RTP numbers are made once."""
        media = await self._producer.media()
        for medium in media[len(self.tracks) :]:
            bits = self._rng.getrandbits
            self.tracks.append(TrackState(medium, bits(32), bits(16), bits(32)))
        return media

    def attach(self, receiver: Receiver) -> None:
        """Send to this receiver from the next keyframe on."""
        self._receivers.waiting.add(receiver)
        self.stats.receivers += 1
        self.key_wanted = True
        for track in self.tracks:
            track.reported = 0
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"producer {self.name}")
            self._task.add_done_callback(self._ended)

    def detach(self, receiver: Receiver) -> None:
        for group in (self._receivers.playing, self._receivers.waiting):
            if receiver in group:
                group.remove(receiver)
                self.stats.receivers -= 1
        if not self._receivers.playing | self._receivers.waiting and self._task is not None:
            self._task.cancel()
            self._task = None

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A producer ends only by cancelling; anything else is a fault of the simulator's."""
        if not task.cancelled() and task.exception() is not None:
            log.error("no more pictures", stream=self.name, error=repr(task.exception()))
            if self._task is task:
                self._task = None

    async def _run(self) -> None:
        await self.media()
        await self._producer.run(self)

    # -- for producers

    def next_counter(self) -> int:
        """Numbers access units of video in sending order."""
        self._counter += 1
        return self._counter - 1

    def wall(self, at: int) -> Instant:
        """What the camera's clock shows at a monotonic time."""
        return Instant(at + self._offset() + self.faults.jump)

    def _offset(self) -> int:
        """UTC minus monotonic time; read again when the thread was held up between the two."""
        for _ in range(3):
            before, now, after = self.clock.monotonic(), self.clock.now(), self.clock.monotonic()
            if after - before < _CLOSE_READING:
                break
        return now - (before + after) // 2

    def ticks(self, track: TrackState, at: int) -> int:
        """The track's RTP time at a monotonic time, 32 bits."""
        moment = at + self.faults.rtp_jump
        return track.base + moment * track.medium.clock_rate // SECOND & 0xFFFFFFFF

    def publish(self, index: int, payloads: list[bytes], at: int, *, key: bool = True) -> None:
        """Send one access unit presented at monotonic time `at`; `key`: a decoder can start."""
        track = self.tracks[index]
        rtp = packets.rtp_packets(
            payloads, track.medium.payload_type, track.sequence, self.ticks(track, at), track.ssrc
        )
        self.publish_batch(index, Batch(rtp), len(rtp), sum(map(len, rtp)), key=key)

    def publish_batch(self, index: int, batch: Batch, count: int, size: int, *, key: bool) -> None:
        """Send ready RTP packets; `count` and `size` are theirs."""
        track, stats = self.tracks[index], self.stats
        track.sequence = track.sequence + count & 0xFFFF
        track.packets += count
        track.octets += size - 12 * count
        stats.units += 1
        stats.packets += count
        stats.bytes += size
        receivers = self._receivers
        if key and index == 0 and receivers.waiting:
            receivers.playing |= receivers.waiting
            receivers.waiting.clear()
        if "hang" in self.faults:
            stats.by_fault += count
            return
        lossy = self.faults.get("drop")
        if lossy is not None:
            kept = [packet for packet in batch.packets if self._rng.random() >= lossy["rate"]]
            stats.by_fault += count - len(kept)
            batch = Batch(kept)
        odd = quirks.sent(batch.packets, self.faults)
        if odd is not batch.packets:
            batch = Batch(odd)
        for receiver in receivers.playing:
            if not receiver.send(index, batch):
                stats.slow_drops += 1
        self._report(index)
        self._garbage()

    def _report(self, index: int) -> None:
        track, now = self.tracks[index], self.clock.monotonic()
        if track.reported and now - track.reported < _REPORT_EVERY:
            return
        if quirks.NO_REPORTS in self.faults:
            return
        track.reported = now
        cname = f"{self.name.partition('/')[0]}@simulator"
        report = packets.sender_report(
            track.ssrc,
            self.wall(now),
            self.ticks(track, now),
            track.packets,
            track.octets,
            cname,
        )
        for receiver in self._receivers.playing:
            receiver.send_report(index, report)

    def _garbage(self) -> None:
        args, now = self.faults.get("garbage"), self.clock.monotonic()
        if args is None or now < self._garbage_at:
            return
        self._garbage_at = now + int(args["every"] * SECOND)
        data = self._rng.randbytes(args["bytes"])
        for receiver in self._receivers.playing:
            receiver.send_garbage(data)
