"""How long to wait before a camera is tried again."""

from __future__ import annotations

import random

from vms.core.clock import MINUTE, SECOND, Clock, Mono, Span
from vms.core.model import Cause, StreamName
from vms.core.supervise import Backoff

FLOOR = Span(5 * SECOND)

# Cameras lock an account, or our address, after 5 to 7 refusals within half an hour (Hikvision);
# some then begin the half hour anew with each try. Two streams that are refused at once make four
# within the first half hour, and two in each that follows. The quick tries are for a camera that
# was just switched on and does not yet know its users.
_REFUSED = (Span(10 * SECOND), Span(MINUTE), Span(15 * MINUTE))
_LOCKED = Span(31 * MINUTE)
_TRYING = Span(MINUTE)  # how long one stream's try keeps the other from its own


class SignIn:
    """How a camera takes our user and password, as its streams know it together: once it refused
    one of them, one at a time tries, and ever more seldom. Used from one event loop.

    A stream that was let in the last time waits for no other: some users may see one stream only.
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock, self._random = clock, rng
        self._welcome: set[StreamName] = set()  # let in at their last try
        self._refusals: dict[StreamName, int] = {}  # in a row
        self._until = Mono(0)
        self._trying: StreamName | None = None

    def forget(self) -> None:
        """User, password or address may be others: it is as if nobody had tried."""
        self._welcome.clear()
        self._refusals.clear()
        self._until, self._trying = Mono(0), None

    def left(self, name: StreamName) -> Span:
        """How long a stream has to wait before it tries."""
        if not self._refusals or name in self._welcome:
            return Span(0)
        return Span(max(0, self._until - self._clock.monotonic()))

    def begin(self, name: StreamName) -> None:
        """A stream tries."""
        if self._refusals and name not in self._welcome:
            self._trying, self._until = name, Mono(self._clock.monotonic() + _TRYING)

    def taken(self, name: StreamName) -> None:
        """A stream was let in. If it had been refused, something changed: the other may try too."""
        self._welcome.add(name)
        if self._refusals.pop(name, 0):
            self._until = Mono(0)

    def refused(self, name: StreamName, *, locked: bool) -> None:
        """A stream was refused, `locked`: because too many were."""
        self._welcome.discard(name)
        self._refusals[name] = self._refusals.get(name, 0) + 1
        tries = min(sum(self._refusals.values()), len(_REFUSED))
        wait = _LOCKED if locked else _REFUSED[tries - 1]
        late = int(wait * 0.2 * self._random.random())
        self._trying, self._until = None, Mono(self._clock.monotonic() + wait + late)

    def failed(self, name: StreamName) -> None:
        """A stream's try came to nothing, and not by the password."""
        if self._trying == name:
            self._trying, self._until = None, Mono(0)


class Patience(Backoff):
    """5 s and a jitter for every camera, so that one that comes back is recorded at once.

    After a refused password `SignIn` says how much longer. `cause` of the try that just failed, and
    whether the camera says that the account is `locked`, are set before `after`.
    """

    def __init__(self, rng: random.Random, sign_in: SignIn, name: StreamName) -> None:
        self.cause: Cause | None = None
        self.locked = False
        self._sign_in, self._name = sign_in, name
        super().__init__(floor=FLOOR, ceiling=FLOOR, rng=rng)

    def after(self, lasted: int) -> Span:
        if self.cause is Cause.REFUSED:
            self._sign_in.refused(self._name, locked=self.locked)
        else:
            self._sign_in.failed(self._name)
        return super().after(lasted)
