"""Which stored keyframes need not be decoded: their coded form says that nothing is new. Pure.

Decoding is nearly all that a look costs. How many bytes a keyframe takes beside the one that was
decoded last, and what comes between keyframes, costs nothing to know: a lens that is covered,
blurred, dark or dazzled takes half of the one, a picture that stands still ends the other. Only a
camera that was turned may show a view of the same size, so of three pictures one is decoded anyway.
"""

from __future__ import annotations

from typing import NamedTuple

from vms.core.clock import SECOND, Span
from vms.core.media import VideoFormat

_LEFT_OUT = Span(150 * SECOND)  # behind the one decoded last: two pictures of a minute each
_SIZE = 1.3  # clouds and headlights change a street's keyframes by less within a minute
_INTER = 3.0  # traffic comes and goes


class Coded(NamedTuple):
    """A keyframe before it is decoded. `size`: bytes; `inter`: bytes of a picture between
    keyframes beside it, None where that is not known."""

    video: VideoFormat
    size: int
    inter: float | None

    def is_like(self, other: Coded) -> bool:
        """Whether nothing speaks for another picture."""
        if self.video != other.video or (self.inter is None) != (other.inter is None):
            return False
        inters = self.inter or 0.0, other.inter or 0.0
        return _are_near((self.size, other.size), _SIZE) and _are_near(inters, _INTER)


def tells_nothing_new(coded: Coded, last: Coded, since: Span) -> bool:
    """Whether a picture may go undecoded. `last`: the one decoded last, `since` ago."""
    return 0 < since < _LEFT_OUT and coded.is_like(last)


def _are_near(pair: tuple[float, float], ratio: float) -> bool:
    return max(pair) <= ratio * min(pair)
