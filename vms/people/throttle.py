"""Slows down guessing of passwords: a growing delay per account and address. Pure but for its
own table, which is bounded; time comes in as an argument.

A delay, never a lock-out: whoever knows the password gets in after at most five minutes, so
nobody can shut another person out of the control room for good.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from vms.core.clock import MINUTE, SECOND, Mono, Span

FREE_TRIES = 4  # a person mistypes
ADDRESS_FREE_TRIES = 20  # many people can sit behind one address
LONGEST_DELAY = Span(5 * MINUTE)
FORGET_AFTER = Span(15 * MINUTE)
TABLE_MAX = 4_096  # full: the entry untouched for longest is forgotten


@dataclass(slots=True)
class _Record:
    tries: int
    last: Mono
    blocked_until: Mono


class Throttle:
    """Counts tries per key. A try is counted before the password is checked, so that a burst of
    parallel guesses gains nothing; a success forgets the key."""

    def __init__(self) -> None:
        self._records: OrderedDict[tuple[str, str], _Record] = OrderedDict()

    def admit(self, account: str, address: str, now: Mono) -> Span:
        """Count a try; how long it must wait (0: go ahead, a refused try is not counted)."""
        keys = (((account, address), FREE_TRIES), (("", address), ADDRESS_FREE_TRIES))
        wait = max(self._wait(key, now) for key, _ in keys)
        if wait == 0:
            for key, free in keys:
                self._count(key, free, now)
        return Span(wait)

    def forget(self, account: str, address: str) -> None:
        """The password was right: the account's count goes, the address gets this one try back.
        No more, or one own account would buy tries on others."""
        self._records.pop((account, address), None)
        self.right_so_far(address)

    def right_so_far(self, address: str) -> None:
        """The password was right and a code is asked: the address gets this one try back, the
        account not, or codes could be guessed for ever."""
        shared = self._records.get(("", address))
        if shared is not None:
            shared.tries -= 1
            shared.blocked_until = shared.last

    def __len__(self) -> int:
        return len(self._records)

    def _wait(self, key: tuple[str, str], now: Mono) -> int:
        record = self._records.get(key)
        return max(0, record.blocked_until - now) if record is not None else 0

    def _count(self, key: tuple[str, str], free: int, now: Mono) -> None:
        record = self._records.pop(key, None)
        if record is None or now - record.last > FORGET_AFTER:
            record = _Record(0, now, now)
        record.tries += 1
        record.last = now
        over = record.tries - free
        if over >= 0:
            record.blocked_until = Mono(now + min(LONGEST_DELAY, SECOND << min(over, 20)))
        self._records[key] = record
        while len(self._records) > TABLE_MAX:
            self._records.popitem(last=False)
