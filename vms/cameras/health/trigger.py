"""When something that looks bad is told to a person, and when it is taken back. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Trigger:
    """Hysteresis: sick after `rises` bad looks in a row, well after `falls` good ones.

    A look that could not be taken says nothing and counts for neither.
    """

    rises: int
    falls: int
    sick: bool = False
    _against: int = 0  # looks in a row that speak against what is told

    def take(self, bad: bool) -> bool:
        """One look more; returns whether it is sick now."""
        self._against = self._against + 1 if bad != self.sick else 0
        if self._against >= (self.falls if self.sick else self.rises):
            self.sick, self._against = not self.sick, 0
        return self.sick
