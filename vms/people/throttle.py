"""Slows down guessing of passwords: a growing delay per account and address, and a bound per
account over all addresses. Pure but for its own tables, which are bounded; time comes in as an
argument.

A delay, never a lock-out: whoever guesses from one address holds up that address alone. Only
when many addresses guess at one account does the account itself slow down, and then not for the
addresses its owner has lately signed in from.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from vms.core.clock import MINUTE, SECOND, Mono, Span

FREE_TRIES = 4  # a person mistypes
ADDRESS_FREE_TRIES = 20  # many people can sit behind one address
LONGEST_DELAY = Span(5 * MINUTE)
FORGET_AFTER = Span(15 * MINUTE)
ACCOUNT_TRIES = 60  # from all strange addresses together, before the account slows down
ACCOUNT_EVERY = Span(MINUTE)  # and then one try per minute
TABLE_MAX = 4_096  # full: the entry untouched for longest is forgotten


def source(address: str) -> str:
    """What counts as one address: an IPv6 host commands its whole /64, so that is one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a socket file has none
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))


def _unmarked(account: str) -> str:
    """A folded name without accents, which a directory may overlook: each way to write a name
    would have tries of its own."""
    parts = unicodedata.normalize("NFKD", account)
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


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
        self._full: OrderedDict[str, Mono] = OrderedDict()  # account → when its tries are repaid
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def admit(self, account: str, address: str, now: Mono) -> Span:
        """Count a try; how long it must wait (0: go ahead, a refused try is not counted)."""
        account, address = _unmarked(account), source(address)
        keys = (((account, address), FREE_TRIES), (("", address), ADDRESS_FREE_TRIES))
        strange = (account, address) not in self._known
        wait = max(self._wait(key, now) for key, _ in keys)
        if strange:
            wait = max(wait, self._account_wait(account, now))
        if wait == 0:
            for key, free in keys:
                self._count(key, free, now)
            if strange:
                self._charge(account, now)
        return Span(wait)

    def forget(self, account: str, address: str) -> None:
        """The password was right: the account's count goes, the address gets this one try back.
        No more, or one own account would buy tries on others. The address is its owner's now."""
        account, address = _unmarked(account), source(address)
        self._records.pop((account, address), None)
        self.right_so_far(address)
        self._known[(account, address)] = None
        self._known.move_to_end((account, address))
        _bound(self._known)

    def right_so_far(self, address: str) -> None:
        """The password was right and a code is asked: the address gets this one try back, the
        account not, or codes could be guessed for ever."""
        shared = self._records.get(("", source(address)))
        if shared is not None:
            shared.tries -= 1
            shared.blocked_until = shared.last

    def __len__(self) -> int:
        return max(len(self._records), len(self._full), len(self._known))

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
        _bound(self._records)

    def _account_wait(self, account: str, now: Mono) -> int:
        """A bucket of ACCOUNT_TRIES that empties by one each ACCOUNT_EVERY. One address alone,
        held to LONGEST_DELAY, never fills it."""
        repaid = self._full.get(account, now)
        return max(0, repaid - now - (ACCOUNT_TRIES - 1) * ACCOUNT_EVERY)

    def _charge(self, account: str, now: Mono) -> None:
        repaid = max(self._full.pop(account, now), now)
        self._full[account] = Mono(repaid + ACCOUNT_EVERY)
        _bound(self._full)


def _bound(table: OrderedDict[Any, Any]) -> None:
    while len(table) > TABLE_MAX:
        table.popitem(last=False)
