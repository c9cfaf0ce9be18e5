"""What is known of the cameras' health, for those who show it. Reads files and database: blocks."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from vms.cameras.ailments import Ailment, Ailments, Views
from vms.cameras.charts import Charts, read_charts
from vms.core.clock import DAY, Clock, Instant, Span

HISTORY = Span(30 * DAY)


class Checkups:
    """The read side of the health checks, and the one thing a person may say about them."""

    def __init__(self, engine: sa.Engine, run_dir: Path, clock: Clock) -> None:
        self._ailments, self._views = Ailments(engine), Views(engine)
        self._run_dir, self._clock = run_dir, clock

    def charts(self) -> Charts:
        """How all checks stand; empty when nobody looks."""
        return read_charts(self._run_dir, self._clock.now())

    def history(self, camera: str) -> list[Ailment]:
        """What was wrong with a camera in the last 30 days, the newest first."""
        return self._ailments.of(camera, Instant(self._clock.now() - HISTORY))

    def begin_view(self, camera: str, by: str) -> Instant:
        """What the camera shows from now on is what it is to show; returns the moment."""
        now = self._clock.now()
        self._views.begin(camera, now, by)
        return now
