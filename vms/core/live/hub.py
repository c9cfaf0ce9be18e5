"""The fan-out inside a recorder's worker: one stream in, any number of receivers out.

Publishing to a stream nobody watches costs one look into a dict. The hub keeps of each stream
only its last format or outage; pictures from before a subscription come from `backlog`, which
for recorded streams is the open segment on disk and for others a `GopCache`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vms.core.live.messages import FormatChanged, LiveMessage, LiveUnit, StreamDown
from vms.core.media import Track
from vms.core.model import StreamKey

Receive = Callable[[LiveMessage], None]
"""Takes a message at once, without blocking, and never raises."""


class LiveHub:
    """Who watches what. Used from the worker's event loop only.

    `backlog(stream)`: the units from the last keyframe to now, marked cached.
    `watched(stream, on)`: told when a stream gets its first viewer and loses its last. A receiver
    that is none (what looks for motion) has the pictures when the recorder comes by them.
    """

    def __init__(
        self,
        backlog: Callable[[StreamKey], Sequence[LiveUnit]],
        watched: Callable[[StreamKey, bool], None],
    ) -> None:
        self._backlog, self._watched = backlog, watched
        self._state: dict[StreamKey, FormatChanged | StreamDown] = {}
        self._receivers: dict[StreamKey, list[Receive]] = {}
        self._viewers: dict[StreamKey, list[Receive]] = {}  # those of the receivers who view

    def publish(self, stream: StreamKey, message: LiveMessage) -> None:
        """Hand `message` to every receiver of `stream`."""
        if type(message) is not LiveUnit:
            assert isinstance(message, FormatChanged | StreamDown)
            self._state[stream] = message
        for receive in self._receivers.get(stream, ()):
            receive(message)

    def is_received(self, stream: StreamKey) -> bool:
        """Whether anybody takes its pictures."""
        return stream in self._receivers

    def is_watched(self, stream: StreamKey) -> bool:
        """Whether one of them views it, and wants each picture as soon as it is there."""
        return stream in self._viewers

    def viewers(self, stream: StreamKey) -> int:
        return len(self._viewers.get(stream, ()))

    def subscribe(self, stream: StreamKey, receive: Receive, *, views: bool = True) -> None:
        """Give `receive` the stream's state, its cached pictures, and all that comes."""
        if views and stream not in self._viewers:
            # Before the backlog is read: being told, the worker may take in what lies in the
            # socket, and that belongs to the backlog.
            self._watched(stream, True)
        state = self._state.get(stream, StreamDown(None, None))
        receive(state)
        if isinstance(state, FormatChanged):
            for message in self._backlog(stream):
                receive(message)
        self._receivers.setdefault(stream, []).append(receive)
        if views:
            self._viewers.setdefault(stream, []).append(receive)

    def unsubscribe(self, stream: StreamKey, receive: Receive) -> None:
        """Take `receive` off; nothing happens if it is not on."""
        _take_off(self._receivers, stream, receive)
        if _take_off(self._viewers, stream, receive) and stream not in self._viewers:
            self._watched(stream, False)

    def glimpse(self, stream: StreamKey) -> tuple[LiveMessage, ...]:
        """Its format and the last keyframe that is held; or an outage, which privacy is too."""
        state = self._state.get(stream, StreamDown(None, None))
        held = self._backlog(stream)[:1] if isinstance(state, FormatChanged) else ()
        if isinstance(state, FormatChanged) and not held:
            return (StreamDown(None, None),)
        return (state, *held)

    def forget(self, stream: StreamKey, last: StreamDown) -> None:
        """The stream is gone for good; its receivers are told and stay subscribed."""
        self.publish(stream, last)
        if not self.is_received(stream):
            self._state.pop(stream, None)


def _take_off(lists: dict[StreamKey, list[Receive]], stream: StreamKey, receive: Receive) -> bool:
    """Whether it was on."""
    receivers = lists.get(stream, [])
    if receive not in receivers:
        return False
    receivers.remove(receive)
    if not receivers:
        del lists[stream]
    return True


class GopCache:
    """The units since the last keyframe, for streams that are not stored.

    Bounded: when a group of pictures is larger than `limit` bytes it is forgotten and viewers
    wait for the next keyframe.
    """

    def __init__(self, limit: int = 4 << 20) -> None:
        self._limit = limit
        self._units: list[LiveUnit] = []
        self._bytes = 0

    def add(self, unit: LiveUnit) -> None:
        if unit.unit.key and unit.unit.track == Track.VIDEO:
            self.clear()
        elif not self._units:
            return
        self._bytes += len(unit.unit.data)
        if self._bytes > self._limit:
            self.clear()
            return
        self._units.append(unit)

    def clear(self) -> None:
        self._units, self._bytes = [], 0

    def units(self) -> list[LiveUnit]:
        """Copies marked as cached, in decode order; empty or beginning with a keyframe."""
        return [LiveUnit(unit.unit, unit.wall, True) for unit in self._units]
