"""Sound waiting to be written beside the pictures. Pure.

A sound unit lasts until the next one begins, so the last one always waits. Where a camera's
sound and pictures lie to each other is the source's business: both count from the same origin.
"""

from __future__ import annotations

from collections.abc import Callable

from storage.facts import Sample
from vms.core.clock import SECOND
from vms.core.media import AccessUnit, AudioFormat

UNITS_MAX = 400  # about 9 s of AAC; beyond, sound is written without waiting for pictures

Place = Callable[[int], int]
"""Ticks of sound since the segment's start, for nanoseconds of media time."""


class SoundQueue:
    """Units in order of arrival, and where the open segment's sound ends."""

    def __init__(self, audio: AudioFormat | None) -> None:
        self.audio = audio
        self.rate = audio.clock_rate if audio is not None else 8_000
        self._units: list[AccessUnit] = []
        self._end = 0  # ticks since the open segment's start
        self._typical = 1_024 if audio is not None and audio.codec == "aac" else self.rate // 50

    @property
    def full(self) -> bool:
        return len(self._units) > UNITS_MAX

    def add(self, unit: AccessUnit) -> None:
        self._units.append(unit)

    def clear(self) -> int:
        """Forget what waits; says how many units."""
        count = len(self._units)
        self._units = []
        return count

    def begin(self) -> None:
        """A new segment: its sound begins at zero."""
        self._end = 0

    def take(
        self, place: Place, until: int | None = None, *, last: bool = False
    ) -> tuple[list[Sample], int]:
        """What can be written, and where in the segment it begins.

        `until`: only units that begin before this tick. `last`: nothing comes behind, so the
        last unit gets a typical length.
        """
        units = self._units
        if not units or (len(units) < 2 and not last and until is None):
            return [], self._end
        starts = self._starts(place)
        count = len(units) if last or until is not None else len(units) - 1
        if until is not None:
            count = sum(1 for start in starts[:-1] if start < until)
        samples = [
            Sample(unit.data, max(1, after - at), 0, False)
            for unit, at, after in zip(units[:count], starts, starts[1:], strict=False)
        ]
        if count:
            self._end = starts[count]
        del units[:count]
        return samples, starts[0]

    def _starts(self, place: Place) -> list[int]:
        """Where each unit begins and the last one ends; never before what is written already."""
        starts, least = [], self._end
        for unit in self._units:
            least = max(place(unit.pts * SECOND // self.rate), least)
            starts.append(least)
            least += 1
        return [*starts, starts[-1] + self._typical]
