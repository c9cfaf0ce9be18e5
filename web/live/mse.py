"""A feed's way to its MSE viewers: fragments muxed once, framed once, written to each.

What a viewer receives, in order: a text message with the MIME type, a binary message with the
init section, then binary fragments, beginning with the last keyframe. After a new run or format
MIME and init come again and media time may have jumped ahead.

Who asks to be informed gets text messages of JSON as well: `{"clock": {"wall_ms", "media"}}` says
which capture time (UTC, ms) a media time (seconds) is, at each keyframe; `{"down": {"cause",
"detail"}}` that the camera does not deliver.

The player need not play the cached group of pictures: it appends all and seeks to the end of
what is buffered. Media time never goes back.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from websockets.frames import Frame, Opcode

from vms.core.clock import MILLISECOND
from vms.core.live import StreamDown
from vms.core.media import StreamFormat, Track
from web.live.mux import LiveMuxer
from web.live.source import TimedUnit

_GROUP_BYTES = 16_000_000
_UNITS_HELD = 64  # sound while the second picture is awaited; beyond, a rate is assumed


class MseViewer(Protocol):
    """A viewer's WebSocket. `state` must arrive; `media` may be skipped up to a keyframe.
    `informed`: wants what is said of the stream besides."""

    @property
    def informed(self) -> bool: ...

    def state(self, frames: bytes) -> None: ...

    def media(self, frames: bytes, key: bool) -> None: ...


class _Framed(NamedTuple):
    """A fragment as a WebSocket message, and what is said of it to whoever wants to know."""

    said: bytes
    fragment: bytes

    def to(self, viewer: MseViewer) -> bytes:
        return self.said + self.fragment if self.said and viewer.informed else self.fragment


class MseOutlet:
    """The fragments of one stream and who gets them."""

    def __init__(self) -> None:
        self._viewers: set[MseViewer] = set()
        self._format: StreamFormat | None = None
        self._muxer: LiveMuxer | None = None
        self._greeting = self._outage = b""  # at most one of them is there
        # Both hold what came since the last keyframe, and nothing once that is over _GROUP_BYTES.
        self._units: list[TimedUnit] = []
        self._frames: list[_Framed] = []
        self._kept = 0
        self._caching = self._started = False
        # How far pictures lie apart (ticks), kept over runs; 0 until two have been seen. Until
        # then the first is held back, at most _UNITS_HELD units: its length is not yet known.
        self._step = 0
        self._held: list[TimedUnit] = []

    @property
    def empty(self) -> bool:
        return not self._viewers

    def add(self, viewer: MseViewer) -> None:
        """Tell the viewer where the stream stands, at once from the last keyframe."""
        self._viewers.add(viewer)
        if self._greeting:
            viewer.state(self._greeting)
        elif self._outage and viewer.informed:
            viewer.state(self._outage)
        if self._frames:
            viewer.media(b"".join(one.to(viewer) for one in self._frames), True)

    def remove(self, viewer: MseViewer) -> None:
        self._viewers.discard(viewer)

    def format_changed(self, stream_format: StreamFormat) -> None:
        if self._format is None or _rate(stream_format) != _rate(self._format):
            self._step = 0
        self._format = stream_format
        self._started = False
        self._held = []
        self._forget()
        self._announce(LiveMuxer(stream_format, step=self._step))

    def down(self, state: StreamDown) -> None:
        cause = None if state.cause is None else state.cause.value
        self._muxer = None
        self._held = []
        self._forget()
        self._greeting, self._outage = (
            b"",
            text_frame(
                json.dumps({"down": {"cause": cause, "detail": state.detail}}, ensure_ascii=False)
            ),
        )
        for viewer in tuple(self._viewers):
            if viewer.informed:
                viewer.state(self._outage)

    def unit(self, unit: TimedUnit) -> None:
        if self._muxer is None:
            return
        if unit.key:
            self._forget()
            self._started = self._caching = True
        elif not self._started:
            return
        self._keep(unit)
        if self._step == 0 and not self._measured(unit):
            return
        muxer, depth = self._muxer, self._muxer.depth
        for ready in self._take_held() or [unit]:
            self._mux(muxer, ready)
        self._step = muxer.step
        if muxer.depth > depth and self._caching:
            self._begin_again(muxer.depth)

    def stop(self) -> None:
        """Nothing of an MSE outlet runs by itself."""

    def _measured(self, unit: TimedUnit) -> bool:
        """Hold the unit back; whether it is known by now how far pictures lie apart."""
        assert self._format is not None
        self._held.append(unit)
        step = picture_step(self._held)
        if step == 0 and len(self._held) < _UNITS_HELD:
            return False
        self._muxer = LiveMuxer(self._format, step=step)
        return True

    def _take_held(self) -> list[TimedUnit]:
        held, self._held = self._held, []
        return held

    def _mux(self, muxer: LiveMuxer, unit: TimedUnit) -> None:
        sound = unit.track == Track.AUDIO
        fragment = muxer.sound(unit) if sound else muxer.picture(unit)
        if fragment is None:
            return
        framed = _Framed(self._clock_frame(unit) if unit.key else b"", binary_frame(fragment))
        if self._caching:
            self._frames.append(framed)
        for viewer in tuple(self._viewers):
            viewer.media(framed.to(viewer), unit.key)

    def _begin_again(self, depth: int) -> None:
        """B-frames turned up: the times sent so far were wrong, so the stream begins again."""
        assert self._format is not None
        self._frames = []
        self._step = picture_step(self._units) or self._step
        muxer = LiveMuxer(self._format, depth, self._step)
        self._announce(muxer)
        for unit in self._units:
            self._mux(muxer, unit)

    def _announce(self, muxer: LiveMuxer) -> None:
        self._muxer = muxer
        stated = muxer.format()
        self._greeting, self._outage = text_frame(stated.mime) + binary_frame(stated.init), b""
        for viewer in tuple(self._viewers):
            viewer.state(self._greeting)

    def _clock_frame(self, unit: TimedUnit) -> bytes:
        assert self._format is not None
        clock = {
            "wall_ms": unit.wall // MILLISECOND,
            "media": round(unit.time / self._format.video.clock_rate, 6),
        }
        return text_frame(json.dumps({"clock": clock}))

    def _keep(self, unit: TimedUnit) -> None:
        self._kept += len(unit.data)
        if self._kept > _GROUP_BYTES:  # new viewers then start at the next keyframe
            self._forget()
        if self._caching:
            self._units.append(unit)

    def _forget(self) -> None:
        self._units, self._frames, self._kept = [], [], 0
        self._caching = False


class SilentMseOutlet(MseOutlet):
    """The same for viewers who may not hear: sound never enters its fragments."""

    def format_changed(self, stream_format: StreamFormat) -> None:
        super().format_changed(replace(stream_format, audio=None))

    def unit(self, unit: TimedUnit) -> None:
        if unit.track != Track.AUDIO:
            super().unit(unit)


def picture_step(units: Sequence[TimedUnit]) -> int:
    """The smallest distance in time between two pictures, in ticks; 0 with fewer than two."""
    times = sorted({unit.time for unit in units if unit.track == Track.VIDEO})
    return min((b - a for a, b in itertools.pairwise(times)), default=0)


def _rate(stream_format: StreamFormat) -> int:
    return stream_format.video.clock_rate


def text_frame(text: str) -> bytes:
    """A whole unmasked WebSocket message, the same for every viewer (RFC 6455 §5.2)."""
    return bytes(Frame(Opcode.TEXT, text.encode()).serialize(mask=False))


def binary_frame(data: bytes) -> bytes:
    return bytes(Frame(Opcode.BINARY, data).serialize(mask=False))
