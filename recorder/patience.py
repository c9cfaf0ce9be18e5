"""How long to wait before a camera is tried again."""

from __future__ import annotations

import random
from collections.abc import Sequence

from vms.core.clock import MINUTE, SECOND, Clock, Mono, Span
from vms.core.model import Cause, StreamName
from vms.core.supervise import Backoff

FLOOR = Span(5 * SECOND)

# Cameras lock an account, or our address, after 5 to 7 refusals within half an hour (Hikvision);
# some then begin the half hour anew with each try. Two streams that are refused at once make four
# within the first half hour, and two in each that follows. The quick tries are for a camera that
# was just switched on and does not yet know its users; more of them for one that has let us in
# with this very password.
_REFUSED = (Span(10 * SECOND), Span(MINUTE), Span(15 * MINUTE))
_KNOWN = (Span(10 * SECOND), Span(MINUTE), Span(2 * MINUTE), Span(15 * MINUTE))
_LOCKED = Span(31 * MINUTE)
_TRYING = Span(MINUTE)  # how long one stream's try keeps the other from its own
_SECOND_BEST = Span(3 * SECOND)  # the sub stream leaves the try to the main one


class SignIn:
    """How a camera takes our user and password, as its streams know it together: once it refused
    one of them, one at a time tries, and ever more seldom. Used from one event loop.

    A stream that was let in the last time waits for no other. One that is refused while another is
    let in is refused by itself (some users may see one stream only), and counts for no other.
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock, self._random = clock, rng
        self._welcome: set[StreamName] = set()  # let in at their last try
        self._alone: dict[StreamName, tuple[int, Mono]] = {}  # refused by themselves; until when
        self._refusals = 0  # of the camera, since it let somebody in
        self._known = False  # it has let us in with this password
        self._until = Mono(0)
        self._trying: StreamName | None = None

    def forget(self) -> None:
        """User, password or address may be others: it is as if nobody had tried."""
        self._welcome.clear()
        self._alone.clear()
        self._refusals, self._known = 0, False
        self._until, self._trying = Mono(0), None

    def left(self, name: StreamName) -> Span:
        """How long a stream has to wait before it tries."""
        if name in self._welcome:
            return Span(0)
        until = self._alone.get(name, (0, 0))[1]
        if self._refusals:
            until = max(until, self._until + (0 if name == "main" else _SECOND_BEST))
        return Span(max(0, until - self._clock.monotonic()))

    def begin(self, name: StreamName) -> None:
        """A stream tries."""
        if self._refusals and name not in self._welcome:
            self._trying, self._until = name, Mono(self._clock.monotonic() + _TRYING)

    def taken(self, name: StreamName) -> None:
        """A stream was let in. If it had been refused, something changed: the other may try too."""
        self._welcome.add(name)
        self._known = True
        if self._refusals or name in self._alone:
            self._alone.clear()
        self._refusals, self._until, self._trying = 0, Mono(0), None

    def refused(self, name: StreamName, *, locked: bool) -> None:
        """A stream was refused, `locked`: because too many were."""
        self._welcome.discard(name)
        if self._welcome and not locked:
            count = self._alone.get(name, (0, 0))[0] + 1
            self._alone[name] = count, self._after(_REFUSED, count)
            return
        self._refusals += 1
        row = (_LOCKED,) if locked else _KNOWN if self._known else _REFUSED
        self._trying, self._until = None, self._after(row, self._refusals)

    def failed(self, name: StreamName) -> None:
        """A stream's try came to nothing, and not by the password."""
        if self._trying == name:
            self._trying, self._until = None, Mono(0)

    def _after(self, row: Sequence[Span], count: int) -> Mono:
        wait = row[min(count, len(row)) - 1]
        return Mono(self._clock.monotonic() + wait + int(wait * 0.2 * self._random.random()))


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
