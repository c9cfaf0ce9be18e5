"""What libav demuxed, as access units like the native source's: one NAL framing, one time base.

Pure: packets come as bytes and integers, nothing here imports libav.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recorder.rtp.aac import config_facts, is_adts, lc_config, split_adts
from recorder.rtp.clock import RtpClock
from recorder.rtp.nal import (
    NalRules,
    Role,
    is_annex_b,
    join_lengths,
    split_annex_b,
    split_lengths,
)
from recorder.rtp.parameters import ParameterSets
from recorder.rtp.picture import UNIT_MAX
from recorder.source import Element, SourceStats
from vms.core.clock import Mono
from vms.core.media import AccessUnit, AudioFormat, StreamFormat, Track

VIDEO_RATE = 90_000
_HELD_MAX = 16
_TIMED_MIN = 5  # pictures: a pyramid of B-frames brings the earliest time only fourth
_MASK = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Packet:
    """One demuxed packet; `pts` in ticks of its track, None when libav has no time for it."""

    track: Track
    data: bytes
    pts: int | None
    arrival: Mono


@dataclass(frozen=True, slots=True)
class Framing:
    """How NAL units stand in packets: behind lengths of `length` bytes, or Annex B when 0."""

    length: int
    sets: list[bytes]


def read_extradata(rules: NalRules, extra: bytes) -> Framing:
    """The framing and parameter sets of avcC, hvcC (ISO/IEC 14496-15) or Annex B extradata."""
    if len(extra) < 7 or extra[0] != 1 or is_annex_b(extra):
        return Framing(0, split_annex_b(extra))
    if rules.codec == "h264":
        return Framing((extra[4] & 3) + 1, list(_avcc_sets(extra)))
    if len(extra) < 23:
        return Framing(4, [])
    return Framing((extra[21] & 3) + 1, list(_hvcc_sets(extra)))


def _avcc_sets(extra: bytes) -> Iterator[bytes]:
    position = 5
    for mask in (0x1F, 0xFF):
        count = extra[position] & mask if position < len(extra) else 0
        position += 1
        for _ in range(count):
            size = int.from_bytes(extra[position : position + 2], "big")
            yield extra[position + 2 : position + 2 + size]
            position += 2 + size


def _hvcc_sets(extra: bytes) -> Iterator[bytes]:
    position = 23
    for _ in range(extra[22]):
        count = int.from_bytes(extra[position + 1 : position + 3], "big")
        position += 3
        for _ in range(count):
            if position + 2 > len(extra):
                return
            size = int.from_bytes(extra[position : position + 2], "big")
            yield extra[position + 2 : position + 2 + size]
            position += 2 + size


class Converter:
    """Packets in, elements out; begins with the first keyframe whose parameter sets are known."""

    def __init__(
        self,
        rules: NalRules,
        framing: Framing,
        frame_ticks: int,
        audio: AudioFormat | None,
        stats: SourceStats,
    ) -> None:
        self._rules, self._framing, self._stats = rules, framing, stats
        self._frame_ticks = frame_ticks
        self._sets = ParameterSets(rules, VIDEO_RATE)
        self._sets.take(framing.sets)
        self._audio = audio
        self._clock = RtpClock(VIDEO_RATE, stats)
        self._audio_clock = RtpClock(audio.clock_rate, stats) if audio else None
        self._held: list[Packet] = []  # until the first picture's time is known; _HELD_MAX
        self._started = False
        self._next = 0  # the time of a picture that comes without one
        self.format: StreamFormat | None = None

    def take(self, packet: Packet) -> list[Element]:
        """The elements a packet makes, in order."""
        out: list[Element] = []
        if not self._started:
            self._start(packet, out)
        else:
            self._convert(packet, out)
        return out

    def _start(self, packet: Packet, out: list[Element]) -> None:
        """Find the first picture's time: libav's RTSP demuxer gives it none, we stamp it."""
        if packet.track is Track.AUDIO and not self._held:
            return
        self._held.append(packet)
        videos = [p for p in self._held if p.track is Track.VIDEO]
        times = [p.pts for p in videos if p.pts is not None]
        first = videos[0].pts
        if first is None and len(times) < _TIMED_MIN and len(self._held) < _HELD_MAX:
            return
        if first is None:
            first = min(times) - self._frame_ticks if times else 0
        self._started, self._next = True, first
        arrival = self._held[0].arrival
        self._clock.origin = arrival
        self._clock.anchor(first & _MASK, 0)
        if self._audio_clock is not None:
            rate = self._audio_clock.rate
            self._audio_clock.origin = arrival
            self._audio_clock.anchor(first * rate // VIDEO_RATE & _MASK, 0)
        held, self._held = self._held, []
        for waiting in held:
            self._convert(waiting, out)

    def _convert(self, packet: Packet, out: list[Element]) -> None:
        self._stats.packets += 1
        self._stats.bytes += len(packet.data)
        if packet.track is Track.VIDEO:
            self._picture(packet, out)
        elif self.format is not None:
            self._sound(packet, out)

    def _picture(self, packet: Packet, out: list[Element]) -> None:
        if len(packet.data) > UNIT_MAX:
            self._stats.damaged += 1
            return
        nals = self._nals(packet.data)
        roles = [self._rules.roles[self._rules.type_of(nal[0])] for nal in nals]
        if not any(role & Role.PICTURE for role in roles):
            self._stats.malformed += 1
            return
        if any(role & Role.PARAMETERS for role in roles):
            self._sets.take(nals)
        key = any(role & Role.KEY for role in roles)
        at = self._next if packet.pts is None else packet.pts
        self._next = at + self._frame_ticks
        pts = self._clock.pts(at & _MASK, packet.arrival)
        video = self._sets.format if key else None
        if video is not None and (self.format is None or self.format.video != video):
            self.format = StreamFormat(video, self._audio)
            out.append(self.format)
        if self.format is not None:
            data = packet.data if self._framing.length == 4 else join_lengths(nals)
            out.append(AccessUnit(Track.VIDEO, data, pts, packet.arrival, key))
            self._stats.units += 1

    def _nals(self, data: bytes) -> list[bytes]:
        if self._framing.length and not is_annex_b(data):
            return list(split_lengths(data, self._framing.length))
        return split_annex_b(data)

    def _sound(self, packet: Packet, out: list[Element]) -> None:
        if self._audio_clock is None or packet.pts is None:
            return
        pts = self._audio_clock.pts(packet.pts & _MASK, packet.arrival)
        frames = list(split_adts(packet.data)) if is_adts(packet.data) else [packet.data]
        for index, frame in enumerate(frames):
            out.append(AccessUnit(Track.AUDIO, frame, pts + 1024 * index, packet.arrival, True))
            self._stats.units += 1


def audio_format(codec: str, rate: int, channels: int, extra: bytes) -> AudioFormat | None:
    """What libav's names for an audio track mean to us; None for what we can't store."""
    if codec in ("pcm_alaw", "pcm_mulaw"):
        return AudioFormat("pcma" if codec == "pcm_alaw" else "pcmu", rate, channels)
    config = extra or lc_config(rate, channels)  # ADTS, as in MPEG-TS, brings no extradata
    if codec != "aac" or not config:
        return None
    return AudioFormat("aac", rate, config_facts(config)[1] or channels, config)
