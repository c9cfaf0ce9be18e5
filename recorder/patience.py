"""How long to wait before a camera is tried again."""

from __future__ import annotations

import random

from vms.core.clock import SECOND, Span
from vms.core.model import Cause
from vms.core.supervise import Backoff

FLOOR = Span(5 * SECOND)
REFUSED_CEILING = Span(30 * SECOND)


class Patience(Backoff):
    """5 s and a jitter for every camera, so that one that comes back is recorded at once.

    Only refused passwords wait longer each time, to 30 s: many cameras lock an account, or the
    recorder's address, after a few wrong tries (Hikvision: 5 to 7 within minutes).
    """

    def __init__(self, rng: random.Random) -> None:
        self.cause: Cause | None = None  # of the try that just failed; set before `after`
        self._steady = Backoff(floor=FLOOR, ceiling=FLOOR, rng=rng)
        super().__init__(floor=FLOOR, ceiling=REFUSED_CEILING, rng=rng)

    def after(self, lasted: int) -> Span:
        if self.cause is Cause.REFUSED:
            return super().after(lasted)
        self._next = self._floor
        return self._steady.after(lasted)
