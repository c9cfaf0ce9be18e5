"""A feed's way to its WebRTC viewers: packets cut once, paced once, sent to each.

A picture of many packets leaves over several slots of 5 ms, not as a burst that overruns a
switch or a viewer's socket. A viewer that starts catches up at a higher, bounded pace.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from vms.core.clock import SECOND, Clock
from vms.core.live import StreamDown
from vms.core.media import StreamFormat, Track
from web.live.mediaclock import RTP_RATE
from web.live.packetiser import audio_payloads, h264_payloads
from web.live.refusal import RefusalCode
from web.live.ring import CHUNK_PACKETS, PacketRing
from web.live.source import TimedUnit

SLOT = 0.005
_SLOTS_A_PICTURE = 8  # 40 ms: a picture is out before the next one at 25 a second
_CATCH_UP = 48  # packets a slot and viewer: 92 Mbit/s, a GOP of 1 MB in 90 ms


class RtpViewer(Protocol):
    """A viewer's sending side."""

    def advance(self, released: int, budget: int) -> bool: ...

    def sound(self, payload: bytes, timestamp: int) -> None: ...

    def refuse(self, code: RefusalCode) -> None:
        """The stream can't be shown over WebRTC any more: "codec" or "b_frames"."""


class RtpOutlet:
    """The packets of one stream and who gets them."""

    def __init__(self, clock: Clock) -> None:
        self.ring = PacketRing()
        self.format: StreamFormat | None = None
        self._clock = clock
        self._viewers: set[RtpViewer] = set()
        self._released = 0
        self._per_slot = CHUNK_PACKETS
        self._timer: asyncio.TimerHandle | None = None
        self._highest: int | None = None
        self._newest_wall = 0

    def add(self, viewer: RtpViewer) -> None:
        self._viewers.add(viewer)
        self._wake()

    def remove(self, viewer: RtpViewer) -> None:
        self._viewers.discard(viewer)

    @property
    def empty(self) -> bool:
        return not self._viewers

    def now(self) -> tuple[int, int] | None:
        """A pair of capture time (UTC ns) and 90 kHz time for sender reports."""
        newest = self.ring.newest
        if newest is None:
            return None
        wall = self._clock.now()
        return wall, newest.timestamp + (wall - newest.wall) * RTP_RATE // SECOND

    def format_changed(self, stream_format: StreamFormat) -> None:
        self.format = stream_format
        self._highest = None
        if stream_format.video.codec != "h264":
            self._refuse_all("codec")

    def down(self, state: StreamDown) -> None:
        """Viewers stay: their browser shows the last picture until more come."""

    def unit(self, unit: TimedUnit) -> None:
        if self.format is None or self.format.video.codec != "h264":
            return
        if unit.track == Track.VIDEO:
            self._picture(unit, self.format)
        elif not unit.cached and self.format.audio is not None:
            self._sound(unit)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _picture(self, unit: TimedUnit, stream_format: StreamFormat) -> None:
        video = stream_format.video
        if self._highest is not None and unit.time < self._highest:
            self._refuse_all("b_frames")
            return
        self._highest = unit.time
        payloads = h264_payloads(unit.data, unit.key, video.sps, video.pps)
        if not payloads:
            return
        time = unit.time * RTP_RATE // video.clock_rate
        count = self.ring.append(payloads, time, unit.key, unit.wall)
        self._per_slot = max(self._per_slot, -(-count // _SLOTS_A_PICTURE))
        if unit.cached:
            self._released = self.ring.end
        self._wake()

    def _sound(self, unit: TimedUnit) -> None:
        for index, payload in enumerate(audio_payloads(unit.data)):
            time = unit.time + index * len(payload)
            for viewer in tuple(self._viewers):
                viewer.sound(payload, time)

    def _wake(self) -> None:
        if self._timer is None:
            self._tick()

    def _tick(self) -> None:
        """One slot: release some packets, send to everyone what they may have."""
        self._timer = None
        self._release()
        behind = False
        for viewer in tuple(self._viewers):
            if viewer.advance(self._released, _CATCH_UP):
                behind = True
        if self._released < self.ring.end or behind:
            self._timer = asyncio.get_running_loop().call_later(SLOT, self._tick)
        else:
            self._per_slot = CHUNK_PACKETS

    def _release(self) -> None:
        self._released = max(self._released, self.ring.start)
        budget = self._per_slot
        while self._released < self.ring.end and budget > 0:
            budget -= self.ring[self._released].count
            self._released += 1

    def _refuse_all(self, code: RefusalCode) -> None:
        for viewer in tuple(self._viewers):
            viewer.refuse(code)
