"""The bytes of a playing RTSP connection, turned into units, reports and messages.

Pure: the owner of the socket feeds what it read and keeps the unread tail. Nothing here grows:
the tail is at most one frame or message, the open picture at most UNIT_MAX.
"""

from __future__ import annotations

from dataclasses import dataclass

from recorder.rtp.clock import Alignment, RtpClock
from recorder.rtp.flow import Flow
from recorder.rtp.interleaved import DOLLAR, PREFIX, may_be_frame, resync, skip_blanks
from recorder.rtp.nal import NalRules
from recorder.rtp.newcomer import Newcomer
from recorder.rtp.parameters import ParameterSets
from recorder.rtp.rtcp import Received, Reported, parse_rtcp
from recorder.rtp.sound import AudioDepacketiser, SoundTrack
from recorder.rtp.video import VideoDepacketiser
from recorder.rtsp.messages import (
    HEAD_MAX,
    MESSAGE_MAX,
    EndlessHead,
    MalformedMessage,
    Message,
    may_open,
    parse,
)
from recorder.source import Element, Hole, SourceStats
from vms.core.clock import SECOND, Mono
from vms.core.errors import CameraError
from vms.core.media import AccessUnit, AudioFormat, SenderReport, StreamFormat, Track
from vms.core.model import Cause

GARBAGE_MAX = 1024 * 1024
_SETS_PATIENCE = 10 * SECOND
_KEYFRAME_PATIENCE = 10 * SECOND  # of a stream that began anew; connecting anew is faster
_SOUND_AHEAD = 8 * SECOND  # of its pictures: more than sender reports may move it
_MESSAGES_MAX = 32
_VIDEO = Track.VIDEO  # an enum's member costs 0.16 µs each time it is looked up


@dataclass(frozen=True, slots=True)
class TrackSetup:
    """What SETUP agreed on for one track."""

    channel: int
    control_channel: int
    payload_type: int
    clock_rate: int
    ssrc: int | None = None


class _Reporting:
    """What one track's receiver reports need, and the clock its sender reports speak of."""

    def __init__(self, track: Track, flow: Flow, clock: RtpClock) -> None:
        self.track, self.flow, self.clock = track, flow, clock
        self.last: Reported | None = None
        self.last_arrival = Mono(0)

    def received(self, now: Mono) -> Received | None:
        """The report block to send now; None before the first packet."""
        if self.flow.ssrc is None:
            return None
        middle = self.last.ntp_middle if self.last else 0
        delay = (now - self.last_arrival) * 65_536 // SECOND if self.last else 0
        return Received(self.flow.ssrc, self.flow.highest, self.flow.lost, middle, delay)


class Demuxer:
    """One connection's media. `messages` are left for the owner."""

    def __init__(
        self, rules: NalRules, video: TrackSetup, sets: ParameterSets, stats: SourceStats
    ) -> None:
        self._sets, self._stats = sets, stats
        self._flow = Flow(video.payload_type, video.ssrc, stats)
        self._clock = RtpClock(video.clock_rate, stats)
        self._video = VideoDepacketiser(rules, video.channel, self._flow, stats)
        self._sound: SoundTrack | None = None
        self._audio_format: AudioFormat | None = None
        self._alignment: Alignment | None = None
        self._media = {video.channel: Track.VIDEO}
        self._control = {video.control_channel: _Reporting(Track.VIDEO, self._flow, self._clock)}
        self._channels = {video.channel, video.control_channel}
        self._early: list[SenderReport] = []  # at most one a track, until the first keyframe
        self._skipped = 0
        self._without_sets: Mono | None = None
        self._anew: Mono | None = None  # since the stream began anew there was no keyframe
        self._withheld = False  # pictures, since then
        self._in_band = False  # keyframes bring their parameter sets
        self._bare = False  # since the stream began anew one came without
        self.format: StreamFormat | None = None
        self.messages: list[Message] = []  # at most _MESSAGES_MAX: more are dropped
        self.goodbye = False

    @property
    def video_arrival(self) -> Mono | None:
        """When the last video packet that is ours came."""
        return self._video.arrival

    @property
    def newest(self) -> int:
        """The highest media time of a picture so far; it rises while whole pictures come."""
        return self._clock.highest

    def add_audio(
        self, setup: TrackSetup, audio: AudioFormat, depacketiser: AudioDepacketiser
    ) -> None:
        """Take sound too; before the first `feed`."""
        flow = Flow(setup.payload_type, setup.ssrc, self._stats)
        clock = RtpClock(setup.clock_rate, self._stats)
        self._sound = SoundTrack(depacketiser, flow, clock, self._stats)
        self._audio_format = audio
        self._video.sound = setup.payload_type
        self._alignment = Alignment(self._clock.rate, clock.rate)
        self._media[setup.channel] = Track.AUDIO
        self._control[setup.control_channel] = _Reporting(Track.AUDIO, flow, clock)
        self._channels |= {setup.channel, setup.control_channel}

    def reports(self, now: Mono) -> list[tuple[int, Received]]:
        """What to tell the camera, with the channel to tell it on."""
        blocks = ((c, reporting.received(now)) for c, reporting in self._control.items())
        return [(channel, block) for channel, block in blocks if block is not None]

    def feed(self, buffer: bytearray, end: int, arrival: Mono, out: list[Element]) -> int:
        """Take all whole frames before `end`; returns how many bytes are done with.

        Raises CameraError when the bytes make no sense for GARBAGE_MAX, or no parameter sets
        come for 10 s of pictures.
        """
        video, builder, channel = self._video, self._video.builder, self._video.channel
        position = 0
        while end - position >= PREFIX:
            if taken := video.take_run(buffer, position, end, arrival):
                position += taken
                if builder.done:
                    self._pictures(arrival, out)
                continue
            if buffer[position] != DOLLAR:
                step = self._between_frames(buffer, position, end)
                if not step:
                    break
                position += step
                continue
            stop = position + PREFIX + (buffer[position + 2] << 8 | buffer[position + 3])
            # The common case first; what follows decides on all else, packet by packet.
            if (
                stop <= end
                and buffer[position + 1] == channel
                and video.packet(buffer, position + PREFIX, stop, arrival)
            ):
                if builder.done:
                    self._pictures(arrival, out)
                position = stop
                continue
            if not self._credible(buffer, position, stop, end):
                position += self._lost_framing(buffer, position, end)
                continue
            if stop > end:
                break
            if self._frame(buffer, position, stop, arrival, out):
                self._skipped = 0
            position = stop
        self._stats.bytes += position
        return position

    def finish(self, arrival: Mono, out: list[Element]) -> None:
        """Nothing more will come: a picture whose last packet had the marker is whole."""
        self._video.builder.gap()
        self._pictures(arrival, out)

    def _credible(self, buffer: bytearray, position: int, stop: int, end: int) -> bool:
        """A frame of our channels, or of a stranger's with a further frame behind it."""
        if may_be_frame(buffer, position, end, self._channels):
            return True
        return stop >= end or buffer[stop] == DOLLAR or may_open(bytes(buffer[stop : stop + 16]))

    def _frame(
        self, buffer: bytearray, position: int, stop: int, arrival: Mono, out: list[Element]
    ) -> bool:
        channel, start = buffer[position + 1], position + PREFIX
        track = self._media.get(channel)
        if track is Track.VIDEO:  # a readable packet was taken before
            newcomer = self._video.newcomer()
            if newcomer is None:
                self._stats.malformed += 1
                return False
            self._begin_anew(newcomer, arrival, out)
            return True
        if track is Track.AUDIO and self._sound is not None:
            if self._clock.origin is None:
                self._start_clocks(arrival)
            units = self._sound.packet(buffer, start, stop, arrival)
            if units is None:
                self._stats.malformed += 1
                return False
            if self.format is not None and self._anew is None:
                out.extend(units)
                self._stats.units += len(units)
            if units:
                self._lay_beside_pictures(units[-1], self._sound.clock)
        elif (reporting := self._control.get(channel)) is not None:
            self._rtcp(reporting, bytes(buffer[start:stop]), arrival, out)
        else:
            self._stats.foreign += 1
        return True

    def _lay_beside_pictures(self, unit: AccessUnit, clock: RtpClock) -> None:
        """Sound whose clock runs away (16 kHz called 8 kHz) would lie minutes from its picture."""
        assert self._clock.origin is not None
        lag = unit.arrival - self._clock.origin - unit.pts * SECOND // clock.rate
        if lag < self._clock.least_lag - _SOUND_AHEAD:
            clock.lay(unit.arrival, self._clock.least_lag)

    def _start_clocks(self, arrival: Mono) -> None:
        """Both tracks count from the run's first picture or sound."""
        self._clock.origin = arrival
        if self._sound is not None:
            self._sound.clock.origin = arrival

    def _begin_anew(self, newcomer: Newcomer, arrival: Mono, out: list[Element]) -> None:
        """Play the packets with which the stream begins anew, each as of when it came.

        Nothing is handed on before a keyframe: what came before may be missing, and what it said.
        """
        video = self._video
        if video.builder.done:
            self._pictures(video.arrival or arrival, out)
        if newcomer.again or not newcomer.renumbered:
            self._clock.restart()
        self.goodbye = False
        if self.format is not None and self._anew is None:
            self._anew = newcomer.packets[0][1]
            self._withheld = newcomer.missed > 0
        for packet, came in newcomer.packets:
            if not video.packet(bytearray(packet), 0, len(packet), came):
                further = video.newcomer()
                if further is not None:
                    self._begin_anew(further, came, out)
            if video.builder.done:
                self._pictures(came, out)

    def _pictures(self, arrival: Mono, out: list[Element]) -> None:
        ended, self._video.ended = self._video.ended, None
        if ended is not None and ended != arrival:
            # Ended by what follows it: it had come by then, a second before at 1 picture a second.
            builder = self._video.builder
            rest, builder.done = builder.done[1:], builder.done[:1]
            self._hand_on(ended, out)
            builder.done, builder.news = rest, True
            if not rest:
                return
        self._hand_on(arrival, out)

    def _hand_on(self, arrival: Mono, out: list[Element]) -> None:
        self._skipped = 0
        clock, video = self._clock, self._video
        if clock.origin is None:
            self._start_clocks(arrival)
        anew = self._anew is not None
        plain = not (video.builder.news or anew or self._early) and self.format
        pictures = video.builder.finished()
        times = clock.pts_of([picture[1] for picture in pictures], arrival)
        if plain:
            out += [
                AccessUnit(_VIDEO, picture[0], pts, arrival)
                for picture, pts in zip(pictures, times, strict=True)
            ]
            self._stats.units += len(pictures)
            return
        for (data, _, key, parameters), pts in zip(pictures, times, strict=True):
            if parameters:
                self._sets.take(parameters)
                self._in_band = self._in_band or self._sets.are_whole(parameters)
            if self._anew is not None:
                if self._withholds(self._anew, arrival, key=key, parameters=parameters):
                    continue
                if self._withheld:
                    out.append(Hole(Cause.BROKEN_STREAM))
                self._anew, self._withheld, self._bare = None, False, False
            if key:
                self._announce(arrival, out)
            if self.format is not None:
                out.append(AccessUnit(_VIDEO, data, pts, arrival, key))
                self._stats.units += 1
                if self._early:
                    out.extend(self._early)
                    self._early = []

    def _withholds(self, since: Mono, arrival: Mono, *, key: bool, parameters: list[bytes]) -> bool:
        """Whether a picture is left out, as its stream began anew and had no keyframe yet.

        Where keyframes bring their parameter sets, those of one without were lost, and the ones
        known may be of before; not when the next one has none either.
        """
        if key and (self._bare or not self._in_band or self._sets.are_whole(parameters)):
            return False
        self._bare = self._bare or key
        self._stats.damaged += 1
        self._withheld = True
        if arrival - since > _KEYFRAME_PATIENCE:
            raise CameraError(
                Cause.BROKEN_STREAM,
                "The camera began its stream anew on the same connection and has sent no keyframe "
                f"for {(arrival - since) // SECOND} s; connecting anew asks for one.",
            )
        return True

    def _announce(self, arrival: Mono, out: list[Element]) -> None:
        """Say what is coming, if this keyframe's sets differ from the last keyframe's."""
        video = self._sets.format
        if video is None:
            self._without_sets = self._without_sets or arrival
            if arrival - self._without_sets > _SETS_PATIENCE:
                raise CameraError(
                    Cause.BROKEN_STREAM,
                    "The camera sends pictures, but neither its description nor the stream holds "
                    "the parameter sets (SPS, PPS) that are needed to show them.",
                )
            return
        if self.format is None or self.format.video != video:
            self.format = StreamFormat(video, self._audio_format)
            if self._sets.facts is not None:
                self._video.builder.progressive = self._sets.facts.progressive
            out.append(self.format)

    def _rtcp(self, reporting: _Reporting, data: bytes, arrival: Mono, out: list[Element]) -> None:
        reports, goodbye = parse_rtcp(data)
        self.goodbye = self.goodbye or (goodbye and reporting.track is Track.VIDEO)
        if goodbye:
            reporting.flow.goodbye()
        for reported in reports:
            if reporting.flow.is_stranger(reported.ssrc):
                continue  # of another clock
            reporting.last, reporting.last_arrival = reported, arrival
            pts = reporting.clock.at(reported.timestamp)
            if pts is None:
                continue
            report = SenderReport(reporting.track, reported.camera_time, pts, arrival)
            self._align(report)
            if self.format is not None:
                out.append(report)
            else:
                self._early = [r for r in self._early if r.track is not report.track] + [report]

    def _align(self, report: SenderReport) -> None:
        if self._alignment is not None and self._sound is not None:
            restarts = self._clock.restarts + self._sound.clock.restarts
            self._sound.clock.shift(self._alignment.take(report, restarts))

    def _between_frames(self, buffer: bytearray, position: int, end: int) -> int:
        """Skip blanks, read a message, or search on; 0 when more bytes are needed."""
        blanks = skip_blanks(buffer, position, end) - position
        if blanks:
            return blanks
        data = bytes(buffer[position : min(end, position + MESSAGE_MAX)])
        if not may_open(data):
            return self._lost_framing(buffer, position, end)
        try:
            found = parse(data)
        except EndlessHead:
            # Not from each word that looks like a beginning anew: a stretch of them would cost
            # the event loop, and so every other camera, half a minute a megabyte.
            return self._lost_framing(buffer, position, end, position + HEAD_MAX // 2)
        except MalformedMessage:
            return self._lost_framing(buffer, position, end)
        if found is None:
            return 0
        if len(self.messages) < _MESSAGES_MAX:
            self.messages.append(found[0])
        return found[1]

    def _lost_framing(
        self, buffer: bytearray, position: int, end: int, messages_from: int = 0
    ) -> int:
        """Skip to the next plausible frame, within reason."""
        step = resync(buffer, position + 1, end, self._channels, messages_from) - position
        if not self._skipped:
            self._stats.resyncs += 1
        self._skipped += step
        self._stats.garbage += step
        if self._skipped > GARBAGE_MAX:
            raise CameraError(
                Cause.BROKEN_STREAM,
                f"The camera sent {self._skipped} bytes in a row that are not RTSP.",
            )
        return step


__all__ = ["Demuxer", "TrackSetup"]
