"""How far a camera's own clock is from ours, by its sender reports. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from vms.core.clock import SECOND, Instant, Span

KEEP = 12  # reports, about a minute
PLAUSIBLE = Span(366 * 86_400 * SECOND)  # what is recorded keeps no offset beyond
# The seconds of NTP begin anew then: what is later, and not plausible, counts from the camera's own
# start. What is earlier is a clock: most that were never set say 1970 or 2000.
_ERA_1 = Instant(2_085_978_496 * SECOND)


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """`offset`: the camera's clock minus ours; `error`: the truth lies within that of it."""

    offset: Span
    error: Span


class CameraClock:
    """The best of the last reports: the one that was the shortest time under way."""

    def __init__(self) -> None:
        self._reports: list[ClockOffset] = []
        self._absurd: ClockOffset | None = None  # by the last report, if it was so

    def report(self, camera_time: Instant, taken: Instant, arrived: Instant, blur: int) -> None:
        """A report: `camera_time` is what the camera says of the instant we call `taken`.

        `taken` rests on arrivals, which are late by the way and the coder, and blurred by `blur`.
        """
        error = max(0, arrived - taken) + blur
        found = ClockOffset(Span(camera_time - taken), Span(error))
        if abs(found.offset) > PLAUSIBLE:
            self._absurd = found if camera_time < _ERA_1 else None
            return
        self._absurd = None
        self._reports = [*self._reports, found][-KEEP:]

    @property
    def offset(self) -> ClockOffset | None:
        """None while the camera has sent no plausible report."""
        return min(self._reports, key=lambda report: report.error, default=None)

    @property
    def told(self) -> ClockOffset | None:
        """The same for people, who also want to know of a clock that was never set."""
        return self._absurd or self.offset
