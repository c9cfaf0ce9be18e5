"""How long to wait before a camera is tried again."""

from __future__ import annotations

import random

from recorder.sign_in import SignIn
from vms.core.clock import MILLISECOND, Span
from vms.core.model import Cause, StreamKey
from vms.core.supervise import Backoff

FLOOR = Span(5_050 * MILLISECOND)
"""A camera is dialled once in 5 s at most, as it counts itself: a network delays one try more than
the next."""


class Patience(Backoff):
    """5 s and a jitter for every camera, so that one that comes back is recorded at once.

    After a refused password `SignIn` says how much longer. `cause` of the try that just failed, and
    whether the camera says that the account is `locked`, are set before `after`.
    """

    def __init__(self, rng: random.Random, sign_in: SignIn, key: StreamKey) -> None:
        self.cause: Cause | None = None
        self.locked = False
        self._sign_in, self._key = sign_in, key
        super().__init__(floor=FLOOR, ceiling=FLOOR, rng=rng)

    def after(self, lasted: int) -> Span:
        if self.cause is Cause.REFUSED:
            self._sign_in.refused(self._key, locked=self.locked)
        else:
            self._sign_in.failed(self._key)
        return super().after(lasted)
