"""Live fragmented MP4: one picture a fragment, with the sound that came before it. Pure.

The boxes are `storage.fmp4`'s; here only times are made: decode times, and durations that can't
be known before the next picture and are therefore the last one's. They matter: a player that finds
the next picture more than twice as far away as announced takes it for a jump and drops pictures up
to the next keyframe (Media Source Extensions, coded frame processing).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from storage.facts import Fragment, Sample
from storage.fmp4.init import init_section
from storage.fmp4.moof import build_fragment
from vms.core.media import StreamFormat
from web.live.decodetime import DecodeClock
from web.live.source import TimedUnit

_SOUND_MAX = 64  # frames waiting for a picture; beyond, they leave alone
_AAC_FRAME = 1_024
_PICTURES_A_SECOND = 25  # assumed where nothing is known yet


@dataclass(frozen=True, slots=True)
class LiveFormat:
    """What a viewer is told before the first fragment."""

    mime: str
    init: bytes


class LiveMuxer:
    """Units of one format in, fragments out.

    `depth`: the reordering known so far; `step`: about how far pictures lie apart, in ticks.
    """

    def __init__(self, stream_format: StreamFormat, depth: int = 0, step: int = 0) -> None:
        audio = stream_format.audio
        if audio is not None and audio.mime_codec is None:
            audio = None  # browsers play no G.711 from MP4
        self._format = replace(stream_format, audio=audio)
        rate = stream_format.video.clock_rate
        self._duration = self._step = step or rate // _PICTURES_A_SECOND
        self._decode = DecodeClock(self._duration, depth)
        self._rate = rate
        self._last: int | None = None
        self._sound: list[TimedUnit] = []  # bounded by _SOUND_MAX
        self._sequence = 0

    @property
    def depth(self) -> int:
        return self._decode.depth

    @property
    def step(self) -> int:
        """How far pictures lie apart, as far as known, in ticks."""
        return self._duration

    def format(self) -> LiveFormat:
        video, audio = self._format.video, self._format.audio
        codecs = [video.mime_codec]
        if audio is not None and audio.mime_codec is not None:
            codecs.append(audio.mime_codec)
        return LiveFormat(f'video/mp4; codecs="{",".join(codecs)}"', init_section(self._format))

    def picture(self, unit: TimedUnit) -> bytes:
        """The fragment of a picture and of the sound since the last one."""
        decode = self._decode.stamp(unit.time)
        if self._last is not None and decode > self._last:
            step, before = decode - self._last, self._step
            self._step = step
            # One long pause is not the rate: it would announce the next picture seconds long.
            self._duration = step if step < self._rate else min(step, before)
        self._last = decode
        sample = Sample(unit.data, self._duration, unit.time - decode, unit.key)
        return self._fragment([sample], decode)

    def sound(self, unit: TimedUnit) -> bytes | None:
        """Keep a sound frame for the next picture; a fragment when too many wait."""
        if self._format.audio is None:
            return None
        self._sound.append(unit)
        return self._fragment([], 0) if len(self._sound) >= _SOUND_MAX else None

    def _fragment(self, video: list[Sample], video_time: int) -> bytes:
        sound, self._sound = self._sound, []
        times = [unit.time for unit in sound]
        lengths = [max(1, b - a) for a, b in itertools.pairwise(times)] + [_AAC_FRAME]
        audio = [Sample(unit.data, length) for unit, length in zip(sound, lengths, strict=False)]
        self._sequence += 1
        return build_fragment(
            Fragment(video, audio, max(0, video_time), max(0, times[0]) if times else 0),
            self._sequence,
        )
