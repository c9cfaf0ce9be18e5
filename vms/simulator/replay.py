"""Any video file as a camera: its coded bytes in a loop, untouched but for the audit stamp."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from vms.core.clock import SECOND
from vms.core.errors import ConfigError
from vms.simulator import packets, rtsp, sei
from vms.simulator.faults import Faults
from vms.simulator.nal import Codec, is_keyframe, is_parameter_set, parameter_sets, split_annexb
from vms.simulator.stream import Medium, Stream

_VIDEO: dict[str, Codec] = {"h264": "h264", "hevc": "h265"}
_AUDIO = {"aac": "aac", "pcm_alaw": "pcma", "pcm_mulaw": "pcmu"}
_READ_AHEAD = 32  # packets read from the file at a time


@dataclass(frozen=True, slots=True)
class _Unit:
    """One packet of the file: times in nanoseconds since the file's first decode time."""

    track: int
    sent: int
    shown: int
    units: list[bytes]
    key: bool


class FileProducer:
    """Replays a file's video and, if a camera could send it, its sound."""

    def __init__(self, path: Path, faults: Faults, executor: Executor) -> None:
        self._path, self._faults, self._executor = path, faults, executor
        self._media: list[Medium] = []
        self._codec: Codec = "h264"
        self._sets: tuple[bytes, ...] = ()

    async def media(self) -> Sequence[Medium]:
        if not self._media:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._inspect)
        return self._media

    def _inspect(self) -> None:
        try:
            with av.open(str(self._path)) as container:
                self._read_media(container)
        except (OSError, av.FFmpegError) as error:
            raise ConfigError(f"can't be replayed: {error}", file=str(self._path)) from error

    def _read_media(self, container: Any) -> None:
        video = next(iter(container.streams.video), None)
        if video is None or video.codec_context.name not in _VIDEO:
            raise ConfigError("has no H.264 or H.265 video", file=str(self._path))
        self._codec = _VIDEO[video.codec_context.name]
        for packet in _annexb(container, video):
            units = split_annexb(bytes(packet))
            self._sets = parameter_sets(self._codec, units)
            if self._sets:
                break
        size = (video.codec_context.width, video.codec_context.height)
        media = [rtsp.video_medium(self._codec, self._sets, size)]
        audio = _sound(container)
        if audio is not None:
            context = audio.codec_context
            codec = _AUDIO[context.name]
            media.append(
                rtsp.audio_medium(
                    codec, context.sample_rate, context.channels, bytes(context.extradata or b"")
                )
            )
        self._media = media

    async def run(self, stream: Stream) -> None:
        loop = asyncio.get_running_loop()
        base, longest = int(stream.clock.monotonic()), 0
        while True:
            units = await loop.run_in_executor(self._executor, self._open)
            while batch := await loop.run_in_executor(self._executor, _take, units):
                for unit in batch:
                    due = base + unit.sent
                    await asyncio.sleep(max(0, due - stream.clock.monotonic()) / SECOND)
                    self._publish(stream, unit, base)
                    longest = max(longest, unit.sent)
            # One picture's time between the file's end and its beginning.
            base += longest + SECOND // 25

    def _open(self) -> Iterator[_Unit]:
        container: Any = av.open(str(self._path))
        return self._units(container)

    def _units(self, container: Any) -> Iterator[_Unit]:
        video, audio = container.streams.video[0], _sound(container)
        wanted = [video] if audio is None else [video, audio]
        zero: int | None = None
        with container:
            for packet in _annexb(container, video, wanted):
                if packet.dts is None or packet.size == 0:
                    continue
                tick = SECOND * packet.time_base
                sent, shown = int(packet.dts * tick), int((packet.pts or packet.dts) * tick)
                zero = sent if zero is None else zero
                if packet.stream_index != video.index:
                    yield _Unit(1, sent - zero, shown - zero, [bytes(packet)], key=False)
                    continue
                units = split_annexb(bytes(packet))
                key = is_keyframe(self._codec, units)
                yield _Unit(0, sent - zero, shown - zero, units, key)

    def _publish(self, stream: Stream, unit: _Unit, base: int) -> None:
        at = base + unit.shown
        if unit.track == 1:
            aac = self._media[1].encoding.startswith("MPEG4")
            payload = packets.aac_payload(unit.units[0]) if aac else unit.units[0]
            stream.publish(1, [payload], at)
            return
        units = unit.units
        if unit.key and not any(is_parameter_set(self._codec, one) for one in units):
            units = [*self._sets, *units]
        crc = sei.crc_of(units)
        stamp = sei.Stamp(stream.name, stream.next_counter(), stream.wall(at), crc)
        units = sei.stamped(self._codec, units, stamp)
        stream.publish(0, packets.video_payloads(self._codec, units), at, key=unit.key)


def _sound(container: Any) -> Any:
    audio = container.streams.audio
    return next((one for one in audio if one.codec_context.name in _AUDIO), None)


def _annexb(container: Any, video: Any, wanted: Sequence[Any] = ()) -> Iterator[Any]:
    """Packets, those of the video as Annex B with parameter sets at keyframes."""
    name = f"{video.codec_context.name}_mp4toannexb"
    bsf = av.bitstream.BitStreamFilterContext(name, video)
    for packet in container.demux(list(wanted) or [video]):
        if packet.stream_index == video.index and packet.size:
            yield from bsf.filter(packet)
        else:
            yield packet


def _take(units: Iterator[_Unit]) -> list[_Unit]:
    return list(itertools.islice(units, _READ_AHEAD))
