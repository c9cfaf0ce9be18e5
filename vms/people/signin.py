"""Signing in and out: throttle, password, second factor, session and log line, in this order."""

from __future__ import annotations

import threading

from vms.core.clock import SECOND, Clock, Span
from vms.core.errors import Denied
from vms.core.log import get_logger
from vms.people.accounts import Account, Accounts, fold_name
from vms.people.second_factor import SecondFactors
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


class CodeAsked(Denied):
    """The password is right and the account has a second factor: ask again with its code."""

    def __init__(self) -> None:
        super().__init__("Give the code of the second factor too.")


class WrongCode(Denied):
    """The password is right, the code of the second factor is not."""

    def __init__(self) -> None:
        super().__init__("The code is wrong, too old or used already.")


class SignIn:
    """The door of one web process. The throttle's table is this process's own."""

    def __init__(
        self, accounts: Accounts, sessions: Sessions, factors: SecondFactors, clock: Clock
    ) -> None:
        self._accounts, self._sessions, self._clock = accounts, sessions, clock
        self._factors = factors
        self._throttle = Throttle()
        self._lock = threading.Lock()  # around the table only, never around the password check

    def sign_in(
        self, name: str, password: str, address: str, code: str | None = None
    ) -> tuple[Account, NewSession]:
        """Raises TooManyTries, CodeAsked, WrongCode, or Denied without saying whether name or
        password was wrong."""
        who = self.prove(name, password, address, code)
        session = self._sessions.start(who, address)
        _log.info("signed_in", account=who.name, address=address)
        return who, session

    def prove(self, name: str, password: str, address: str, code: str | None = None) -> Account:
        """Who this is, without signing them in; raises as `sign_in` does."""
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
        if self._factors.is_asked(who):
            self._prove_code(who, key, address, code)
        with self._lock:
            self._throttle.forget(key, address)
        return who

    def _prove_code(self, who: Account, key: str, address: str, code: str | None) -> None:
        if code is None:
            with self._lock:
                self._throttle.right_so_far(address)
            raise CodeAsked
        if not self._factors.accepts(who, code):
            _log.warning("second_factor_refused", account=key, address=address)
            raise WrongCode

    def sign_out(self, token: str, name: str, address: str) -> None:
        self._sessions.end(token)
        _log.info("signed_out", account=name, address=address)

    def _loggable(self, key: str) -> str:
        """People type passwords into the name's field: only a known name goes into the log."""
        return key if self._accounts.knows(key) else "(unknown)"
