"""How far a camera's own clock is from ours, by its sender reports. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from vms.core.clock import SECOND, Instant, Span

KEEP = 12  # reports, about a minute
PLAUSIBLE = Span(366 * 86_400 * SECOND)  # beyond, the camera counts from its own start, not 1970


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """`offset`: the camera's clock minus ours; `error`: the truth lies within that of it."""

    offset: Span
    error: Span


class CameraClock:
    """The best of the last reports: the one that was the shortest time under way."""

    def __init__(self) -> None:
        self._reports: list[ClockOffset] = []

    def report(self, camera_time: Instant, taken: Instant, arrived: Instant, blur: int) -> None:
        """A report: `camera_time` is what the camera says of the instant we call `taken`.

        `taken` rests on arrivals, which are late by the way and the coder, and blurred by `blur`.
        """
        offset = camera_time - taken
        if abs(offset) > PLAUSIBLE:
            return
        error = max(0, arrived - taken) + blur
        self._reports = [*self._reports, ClockOffset(Span(offset), Span(error))][-KEEP:]

    @property
    def offset(self) -> ClockOffset | None:
        """None while the camera has sent no plausible report."""
        return min(self._reports, key=lambda report: report.error, default=None)
