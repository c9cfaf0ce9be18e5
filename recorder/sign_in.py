"""How a device takes our user and password, as all streams that use them know it together.

Devices lock an account, or our address, after 5 to 7 refusals within half an hour (Hikvision);
some then begin the half hour anew with each try. They count over all their channels, so we do.
"""

from __future__ import annotations

import random
import weakref
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from recorder.rtsp.address import DEFAULT_PORTS
from recorder.source import Target
from vms.core.change import Change
from vms.core.clock import MILLISECOND, MINUTE, SECOND, Clock, Mono, Span
from vms.core.model import StreamKey

# Four within the first half hour, and two in each that follows. The quick tries are for a camera
# that was just switched on and does not yet know its users; more of them for one that has let us
# in with this very password.
_REFUSED = (Span(10 * SECOND), Span(MINUTE), Span(15 * MINUTE))
_KNOWN = (Span(10 * SECOND), Span(MINUTE), Span(2 * MINUTE), Span(15 * MINUTE))
_LOCKED = Span(31 * MINUTE)
_TRYING = Span(MINUTE)  # how long one stream's try keeps the others from theirs, after a refusal
_HEAD_START = Span(500 * MILLISECOND)
"""Before the next may try too: most devices have answered, and one that is gone is not waited for
by each of its streams in turn."""
_ABREAST = 4  # streams never let in that try at once, while others are in
_BEHIND = Span(SECOND)  # what was refused already leaves the try to what was not
_SECOND_BEST = Span(3 * SECOND)  # a sub stream leaves it to the main ones
_USUAL_PORTS = {**DEFAULT_PORTS, "http": 80, "https": 443}


class SignIn:
    """Says which stream may try now. Once the device refused one while none was in, one at a time
    tries, and ever more seldom. Used from one event loop.

    A stream that was let in the last time waits for none while another is in. One that is refused
    while another is in is refused by itself (some users may see some streams only): such streams
    share a pace of their own, and hold none of the others up. `change` tells when something may be
    otherwise.
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock, self._random = clock, rng
        self._inside: set[StreamKey] = set()
        self._welcome: set[StreamKey] = set()  # let in at their last try
        self._trying: dict[StreamKey, Mono] = {}  # since when
        self._all, self._alone = _Series(), _Series()
        self._lonely: set[StreamKey] = set()  # refused by themselves
        self._known = False  # it has let us in with this password
        self.change = Change()

    def left(self, key: StreamKey) -> Span:
        """How long a stream has to wait before it tries."""
        now = self._clock.monotonic()
        until = max([self._turn(key, now), *(one.begins_for(key) for one in self._series(key))])
        return Span(max(0, until - now))

    def refused_all(self) -> bool:
        """Whether none is in, and the last that tried was refused."""
        return self._all.count > 0

    def begin(self, key: StreamKey) -> None:
        """A stream tries."""
        now = self._clock.monotonic()
        self._trying[key] = now
        for series in self._series(key):
            series.until = Mono(now + _TRYING)

    def taken(self, key: StreamKey) -> None:
        """A stream was let in. If some were refused, something changed: they may try too."""
        self._trying.pop(key, None)
        self._welcome.add(key)
        self._inside.add(key)
        self._known = True
        if key in self._lonely or self._all.count:
            self._lonely.clear()
            self._alone = _Series()
        self._all = _Series()
        self.change.tell()

    def refused(self, key: StreamKey, *, locked: bool) -> None:
        """A stream was refused, `locked`: because too many were."""
        before = key in self._welcome
        self._out(key)
        self._welcome.discard(key)
        # One that never was let in tells nothing of those that were the last time.
        alone = bool(self._inside or (self._welcome and not before and not locked))
        series = self._alone if alone else self._all
        row = (_LOCKED,) if locked else _KNOWN if self._known and not alone else _REFUSED
        series.refused(key, self._clock.monotonic(), row, self._random)
        if alone:
            self._lonely.add(key)
        self.change.tell()

    def failed(self, key: StreamKey) -> None:
        """A stream's try, or its connection, ended, and not by the password."""
        if key in self._trying:
            for series in self._series(key):
                series.until = Mono(0)
        self._out(key)
        self.change.tell()

    def leave(self, key: StreamKey) -> None:
        """A stream is given up."""
        self.failed(key)
        self._welcome.discard(key)
        self._lonely.discard(key)

    def forget(self, key: StreamKey) -> None:
        """A stream's user or password may be others: it is as if none had been refused."""
        self.leave(key)
        self._all, self._alone = _Series(), _Series()
        self._known = self._known and bool(self._inside)

    def _series(self, key: StreamKey) -> list[_Series]:
        """Those whose turn a stream has to wait for."""
        found = [self._alone] if key in self._lonely else []
        return found if self._inside or not self._all.count else [*found, self._all]

    def _turn(self, key: StreamKey, now: Mono) -> int:
        """When those that try now leave room for one more."""
        if self._inside and key in self._welcome:
            return now
        room = _ABREAST if self._inside else 1
        young = sorted(began for began in self._trying.values() if now - began < _HEAD_START)
        return now if len(young) < room else young[-room] + _HEAD_START

    def _out(self, key: StreamKey) -> None:
        self._trying.pop(key, None)
        self._inside.discard(key)


class _Series:
    """Refusals one after the other: their count, of which streams, when the next may follow."""

    def __init__(self) -> None:
        self.count = 0
        self.until = Mono(0)
        self._of: dict[StreamKey, int] = {}

    def begins_for(self, key: StreamKey) -> int:
        """When a stream may try: first those that have not, and main streams before sub ones."""
        behind = _BEHIND * min(self._of.get(key, 0), 2)
        return self.until + behind + (0 if key.name == "main" else _SECOND_BEST)

    def refused(self, key: StreamKey, now: Mono, row: Sequence[Span], rng: random.Random) -> None:
        self.count += 1
        self._of[key] = self._of.get(key, 0) + 1
        wait = row[min(self.count, len(row)) - 1]
        self.until = Mono(now + wait + int(wait * 0.2 * rng.random()))


class _Account(NamedTuple):
    """Where and as whom; `stream` only where nobody is named, who could be locked out."""

    place: str
    username: str
    stream: str


class SignIns:
    """The sign-ins of a worker's streams: one for each user of each device. Used from one event
    loop; those that no stream holds any longer are gone."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock, self._random = clock, rng
        self._known: weakref.WeakValueDictionary[_Account, SignIn] = weakref.WeakValueDictionary()

    def of(self, target: Target) -> SignIn:
        """That of a stream's device and user."""
        return self._known.setdefault(_account(target), SignIn(self._clock, self._random))


def _account(target: Target) -> _Account:
    """A device behind another port of one address is another device."""
    try:
        parts = urlsplit(target.url)
    except ValueError:  # no address at all; whoever dials it says so
        return _Account(target.url, "", str(target.stream.camera))
    within, _, place = parts.netloc.lower().rpartition("@")
    usual = f":{_USUAL_PORTS.get(parts.scheme)}"
    username = target.username or within.partition(":")[0]
    nobody = not (username or target.password)
    stream = str(target.stream.camera) if nobody else ""
    return _Account(place.removesuffix(usual), username, stream)
