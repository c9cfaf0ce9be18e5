"""One audio track: RTP packets in, timed frames out. Pure."""

from __future__ import annotations

from typing import Protocol

from recorder.rtp.clock import RtpClock
from recorder.rtp.flow import Flow, Packet, Verdict, parse_rtp
from recorder.rtp.newcomer import Doubtful
from recorder.source import SourceStats
from vms.core.clock import Mono
from vms.core.media import AccessUnit, Track


class AudioDepacketiser(Protocol):
    """Payloads in, frames with their distance in ticks out; ValueError for what can't be read."""

    def gap(self) -> None: ...
    def packet(self, payload: bytes) -> list[tuple[int, bytes]]: ...


class SoundTrack:
    """Follows the flow and the clock of one audio track."""

    def __init__(
        self, depacketiser: AudioDepacketiser, flow: Flow, clock: RtpClock, stats: SourceStats
    ) -> None:
        self._depacketiser, self._flow, self._stats = depacketiser, flow, stats
        self.clock = clock

    def packet(
        self, buffer: bytearray, start: int, stop: int, arrival: Mono
    ) -> list[AccessUnit] | None:
        """The frames in a packet; None if it isn't RTP."""
        parsed = parse_rtp(buffer, start, stop)
        if parsed is None:
            return None
        _, payload_type, sequence, timestamp, ssrc, begin, finish = parsed
        verdict = self._flow.judge(payload_type, sequence, ssrc)
        if verdict is Verdict.DOUBTFUL:
            return self._weigh(parsed, bytes(buffer[start:stop]), arrival)
        if verdict is not Verdict.NEXT:
            self._depacketiser.gap()
        self._stats.packets += 1
        try:
            frames = self._depacketiser.packet(bytes(memoryview(buffer)[begin:finish]))
        except ValueError:
            self._stats.malformed += 1
            return []
        if not frames:
            return []
        pts = self.clock.pts(timestamp, arrival)
        return [AccessUnit(Track.AUDIO, data, pts + at, arrival, True) for at, data in frames]

    def _weigh(self, parsed: Packet, packet: bytes, arrival: Mono) -> list[AccessUnit]:
        """Hold the packet; the frames of all that were held, when the sound began anew."""
        _, payload_type, sequence, _, ssrc, _, _ = parsed
        doubtful = Doubtful(payload_type, sequence, ssrc, packet, arrival, opens=True, again=False)
        newcomer = self._flow.weigh(doubtful)
        if newcomer is None:
            return []
        self._depacketiser.gap()
        if not newcomer.renumbered:
            self.clock.restart()
        units: list[AccessUnit] = []
        for held, came in newcomer.packets:
            units += self.packet(bytearray(held), 0, len(held), came) or []
        return units
