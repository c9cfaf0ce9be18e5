"""The last seconds of a stream in memory, from a keyframe on: what an event's footage begins with.

Whole groups of pictures, the oldest in front. Bounded in bytes, for one camera and for all of a
worker together; what is cut is said. Pure, but for the memory it counts.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from recorder.source import Element, Hole
from vms.core.clock import SECOND, Mono, Span
from vms.core.media import AccessUnit, StreamFormat, Track

OF_ONE = 64 << 20  # bytes; 60 s of 8 Mbit/s
SLACK = Span(2 * SECOND)
"""Held beyond what is promised: an event is known a second late, and a sweep blurs arrival."""


class PreRollMemory:
    """Bytes that the pre-rolls of a worker's cameras take, and may take, together."""

    def __init__(self, limit: int, of_one: int = OF_ONE) -> None:
        self.limit, self.of_one = limit, of_one
        self.used = 0


@dataclass(slots=True)
class _Group:
    """A keyframe and what comes before the next; `format`: what holds for its first picture."""

    format: StreamFormat
    began: Mono
    elements: deque[Element] = field(default_factory=deque)
    size: int = 0


class PreRoll:
    """Units in the order they came. `seconds`: how far back it must reach while it is trimmed.

    `cut`: since the memory was full it reaches less far back than it should.
    """

    def __init__(self, span: Span, memory: PreRollMemory) -> None:
        self._memory = memory
        self.reach(span)
        self._groups: deque[_Group] = deque()  # bounded by `trim` in time and bytes
        self.size = 0
        self.cut = False

    def reach(self, span: Span) -> None:
        """From now on it must reach so far back."""
        self._span = Span(span + SLACK) if span else Span(0)

    def __bool__(self) -> bool:
        return bool(self._groups)

    @property
    def began(self) -> Mono | None:
        """When its first keyframe came."""
        return self._groups[0].began if self._groups else None

    @property
    def format(self) -> StreamFormat | None:
        """What holds for its first picture."""
        return self._groups[0].format if self._groups else None

    def add(self, element: Element, stream: StreamFormat, *, goes_on: bool = False) -> None:
        """Take the next element; `stream` is the format that holds.

        Nothing is taken before a keyframe, unless it `goes_on` where `take` left off.
        """
        if type(element) is AccessUnit:
            starts = element.key and element.track is Track.VIDEO
            if starts or (goes_on and not self._groups):
                self._groups.append(_Group(stream, element.arrival))
            if not self._groups:
                return
            size = len(element.data)
            self._groups[-1].size += size
            self.size += size
            self._memory.used += size
            self._groups[-1].elements.append(element)
        elif isinstance(element, StreamFormat | Hole) and self._groups:
            self._groups[-1].elements.append(element)

    def trim(self, now: Mono) -> None:
        """Let go of groups that are older than promised, and of what there is no room for."""
        while len(self._groups) > 1 and self._groups[1].began <= now - self._span:
            self._drop()
            self.cut = False
        while self._groups and self._is_over():
            self._drop()
            self.cut = True

    def take(self) -> Element:
        """Remove the first."""
        group = self._groups[0]
        element = group.elements.popleft()
        if type(element) is AccessUnit:
            size = len(element.data)
            group.size -= size
            self.size -= size
            self._memory.used -= size
        if not group.elements:
            self._groups.popleft()
        return element

    def first(self) -> Element | None:
        """What `take` would give next."""
        return self._groups[0].elements[0] if self._groups else None

    def clear(self) -> None:
        """Forget all."""
        while self._groups:
            self._drop()
        self.cut = False

    def _drop(self) -> None:
        size = self._groups.popleft().size
        self.size -= size
        self._memory.used -= size

    def _is_over(self) -> bool:
        return self.size > self._memory.of_one or self._memory.used > self._memory.limit
