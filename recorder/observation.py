"""What a few seconds of a stream show of it: rates, sizes, keyframes, its clock. Pure."""

from __future__ import annotations

from recorder.source import Element, Hole
from vms.cameras.trial import Pictures
from vms.core.clock import SECOND, Mono, Span
from vms.core.media import AccessUnit, SenderReport, StreamFormat, Track


class Observation:
    """Fed what a source brings. `began`: when it was dialled; `wall`: UTC minus monotonic, ns."""

    def __init__(self, began: Mono, wall: int) -> None:
        self._began, self._wall = began, wall
        self.format: StreamFormat | None = None
        self.keyframe: bytes | None = None
        self.sounds = self.reports = 0
        self.clock_offset: Span | None = None
        # One entry a picture: a trial lasts seconds, and its caller ends it.
        self._pts: list[int] = []
        self._arrivals: list[Mono] = []
        self._sizes: list[int] = []
        self._keys: list[int] = []

    @property
    def keys(self) -> int:
        """Keyframes so far."""
        return len(self._keys)

    def feed(self, units: list[Element]) -> None:
        """Look at what a sweep brought."""
        for unit in units:
            if isinstance(unit, StreamFormat):
                self.format = unit
            elif isinstance(unit, SenderReport):
                self._report(unit)
            elif isinstance(unit, Hole):
                continue  # a trial counts what comes
            elif unit.track is Track.AUDIO:
                self.sounds += 1
            else:
                self._picture(unit)

    def pictures(self) -> Pictures | None:
        """What is known of the pictures; None before the first."""
        if not self._pts or self.format is None:
            return None
        key_sizes = [self._sizes[at] for at in self._keys]
        return Pictures(
            count=len(self._pts),
            keys=len(self._keys),
            fps=_rate(len(self._pts) - 1, self._arrivals[-1] - self._arrivals[0], SECOND),
            fps_of_camera=_rate(
                len(self._pts) - 1,
                max(self._pts) - min(self._pts),
                self.format.video.clock_rate,
            ),
            declared=self.format.video.frame_rate_hint / 1000,
            first_key=Span(self._arrivals[self._keys[0]] - self._began) if self._keys else None,
            key_distance=self._key_distance(self.format.video.clock_rate),
            key_size=sum(key_sizes) // max(1, len(key_sizes)),
            size=sum(self._sizes) // len(self._sizes),
            size_max=max(self._sizes),
            bitrate=round(self._bitrate()),
        )

    def _picture(self, unit: AccessUnit) -> None:
        if unit.key:
            self._keys.append(len(self._pts))
            self.keyframe = unit.data
        self._pts.append(unit.pts)
        self._arrivals.append(unit.arrival)
        self._sizes.append(len(unit.data))

    def _report(self, report: SenderReport) -> None:
        """A report is sent at the time it tells; what the way takes is small beside a second."""
        self.reports += 1
        if report.track is Track.VIDEO:
            self.clock_offset = Span(report.camera_time - (report.arrival + self._wall))

    def _key_distance(self, clock_rate: int) -> tuple[int, Span] | None:
        pairs = zip(self._keys, self._keys[1:], strict=False)
        found = [
            (later - earlier, Span((self._pts[later] - self._pts[earlier]) * SECOND // clock_rate))
            for earlier, later in pairs
        ]
        return max(found, key=lambda one: one[1], default=None)

    def _bitrate(self) -> float:
        """Bits a second. The first picture's bytes came before the time that is measured."""
        return 8 * _rate(sum(self._sizes[1:]), self._arrivals[-1] - self._arrivals[0], SECOND)


def _rate(count: int, span: int, second: int) -> float:
    return round(count * second / span, 2) if span > 0 else 0.0
