"""A camera that sends pictures but no keyframe: nothing can be kept, and it must be said. Pure."""

from __future__ import annotations

from vms.core.clock import MINUTE, SECOND, Mono, Span
from vms.core.errors import CameraError
from vms.core.model import Cause

TOLD_AFTER = Span(20 * SECOND)
"""Most cameras begin with a keyframe or send one every few seconds, the thriftiest every ten."""

ASKED_AGAIN_AFTER = Span(10 * MINUTE)
"""Connecting anew asks for a keyframe. Not sooner: one with rare keyframes is to be caught."""


class KeyframeWatch:
    """Since when pictures come of which none can be the first. `over`: connect anew."""

    def __init__(self) -> None:
        self._since: Mono | None = None

    def look(self, now: Mono, *, waiting: bool) -> CameraError | None:
        """Once a second: whether a keyframe is waited for. What is to be said about it, if so."""
        if not waiting:
            self._since = None
            return None
        self._since = now if self._since is None else self._since
        if now - self._since < TOLD_AFTER:
            return None
        return CameraError(
            Cause.BROKEN_STREAM,
            f"The camera has sent pictures for {(now - self._since) // SECOND} s, but no keyframe "
            "to begin with. Set its interval of keyframes (I-frames) to a few seconds.",
        )

    def over(self, now: Mono) -> bool:
        """Whether waiting has lasted so long that connecting anew is better."""
        return self._since is not None and now - self._since >= ASKED_AGAIN_AFTER
