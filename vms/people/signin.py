"""Signing in and out: throttle, password, session and log line, in this order."""

from __future__ import annotations

import threading

from vms.core.clock import SECOND, Clock, Span
from vms.core.errors import Denied
from vms.core.log import get_logger
from vms.people.accounts import Account, Accounts, fold_name
from vms.people.sessions import NewSession, Sessions
from vms.people.throttle import Throttle

_log = get_logger(__name__)


class TooManyTries(Denied):
    """Guessing: `wait` is how long until the next try counts."""

    def __init__(self, wait: Span) -> None:
        self.wait = wait
        super().__init__(f"Too many tries; wait {self.seconds} s and try again.")

    @property
    def seconds(self) -> int:
        """Whole seconds, rounded up: a client that waits them is let in."""
        return -(-self.wait // SECOND)


class SignIn:
    """The door of one web process. The throttle's table is this process's own."""

    def __init__(self, accounts: Accounts, sessions: Sessions, clock: Clock) -> None:
        self._accounts, self._sessions, self._clock = accounts, sessions, clock
        self._throttle = Throttle()
        self._lock = threading.Lock()  # around the table only, never around the password check

    def sign_in(self, name: str, password: str, address: str) -> tuple[Account, NewSession]:
        """Raises TooManyTries, or Denied without saying whether name or password was wrong."""
        key = fold_name(name)
        with self._lock:
            wait = self._throttle.admit(key, address, self._clock.monotonic())
        if wait:
            account = self._loggable(key)
            _log.warning(
                "sign_in_throttled", account=account, address=address, wait_s=wait // SECOND
            )
            raise TooManyTries(wait)
        who = self._accounts.check(name, password)
        if who is None:
            _log.warning("sign_in_refused", account=self._loggable(key), address=address)
            raise Denied("The user name or the password is wrong.")
        with self._lock:
            self._throttle.forget(key, address)
        session = self._sessions.start(who, address)
        _log.info("signed_in", account=who.name, address=address)
        return who, session

    def sign_out(self, token: str, name: str, address: str) -> None:
        self._sessions.end(token)
        _log.info("signed_out", account=name, address=address)

    def _loggable(self, key: str) -> str:
        """People type passwords into the name's field: only a known name goes into the log."""
        return key if self._accounts.knows(key) else "(unknown)"
