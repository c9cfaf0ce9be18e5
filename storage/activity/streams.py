"""Activity of all streams of one writer: each segment on its way into the index gets its levels.

One per indexer or rebuild, called from its one thread with segments in their order. What is
remembered of a stream is lost with the process: the first segment after a start is measured
against itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from storage.activity.meter import Meter
from storage.fmp4 import read_init
from storage.rows import IndexChange, PutSegment
from vms.core.log import get_logger
from vms.core.model import StreamKey

log = get_logger(__name__)


class Activities:
    """Measures segments. One `Meter` per stream; streams are as few as the settings say."""

    def __init__(self) -> None:
        self._meters: dict[StreamKey, Meter] = {}
        self._rates: dict[bytes, int] = {}

    def measured(self, changes: Sequence[IndexChange]) -> list[IndexChange]:
        """The same changes in the same order; segments whose pictures are known with levels."""
        return [
            self._with_levels(change)
            if isinstance(change, PutSegment) and change.pictures is not None
            else change
            for change in changes
        ]

    def _with_levels(self, row: PutSegment) -> PutSegment:
        pictures, row = row.pictures, replace(row, pictures=None)
        assert pictures is not None
        try:
            meter = self._meters.setdefault(row.stream, Meter())
            return replace(row, activity=meter.measure(pictures, self._clock_rate(row.init)))
        except Exception:  # derived data: the row itself must not wait for a fault of ours
            log.exception("activity is not known", segment=f"{row.stream} {row.start}")
            return row

    def _clock_rate(self, init: bytes) -> int:
        known = self._rates.get(init)
        if known is None:
            if len(self._rates) > 4_096:  # a camera whose parameter sets flap must not grow us
                self._rates.clear()
            known = self._rates[init] = read_init(init).video.clock_rate
        return known
