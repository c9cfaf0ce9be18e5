"""Signing in and out: throttle, password, second factor, session and log line, in this order."""

from __future__ import annotations

import threading
from typing import Protocol

from vms.core.clock import SECOND, Clock, Span
from vms.core.errors import Denied
from vms.core.log import get_logger
from vms.people.accounts import Account, Accounts, fold_name
from vms.people.externals import External, Externals, ProviderDown
from vms.people.second_factor import SecondFactors
from vms.people.sessions import NewSession, Sessions
from vms.people.throttle import Throttle, source

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


class Directory(Protocol):
    """Proves people by name and password: `vms.people.ldap.LdapDirectory`."""

    def prove(self, name: str, password: str) -> External | None:
        """None: the name or the password is wrong. Raises ProviderDown."""
        ...


class SignIn:
    """The door of one web process. The throttle's table is this process's own.

    `directory`: asked for names that are no local account's.
    """

    def __init__(
        self,
        accounts: Accounts,
        sessions: Sessions,
        factors: SecondFactors,
        clock: Clock,
        externals: Externals | None = None,
        directory: Directory | None = None,
    ) -> None:
        self._accounts, self._sessions, self._clock = accounts, sessions, clock
        self._factors, self._externals, self._directory = factors, externals, directory
        self._throttle = Throttle()
        self._lock = threading.Lock()  # around the table only, never around the password check

    def sign_in(
        self, name: str, password: str, address: str, code: str | None = None
    ) -> tuple[Account, NewSession]:
        """Raises TooManyTries, CodeAsked, WrongCode, or Denied without saying whether name or
        password was wrong; of somebody in a directory NoGroup, NameTaken, ProviderDown."""
        who = self.prove(name, password, address, code)
        return who, self._start(who, address)

    def knock(self, address: str) -> None:
        """Somebody comes back from a provider, and nobody knows yet who. Raises TooManyTries."""
        self._admit(_stranger(address), address)

    def sign_in_proved(self, external: External, address: str) -> tuple[Account, NewSession]:
        """Let in who was proved elsewhere, after `knock`. Raises NoGroup, NameTaken, ProviderDown,
        CodeAsked."""
        assert self._externals is not None
        who = self._externals.admit(external)
        with self._lock:
            self._throttle.forget(_stranger(address), address)
        if not external.factor_proved and self._factors.is_asked(who):
            raise CodeAsked
        return who, self._start(who, address, factor_proved=external.factor_proved)

    def sign_in_by_code(self, name: str, code: str, address: str) -> tuple[Account, NewSession]:
        """Let in who was proved elsewhere and owed the code. Raises TooManyTries, WrongCode."""
        who = self._accounts.get(name)
        self.prove_code(who, code, address)
        return who, self._start(who, address)

    def prove_code(self, who: Account, code: str, address: str) -> None:
        """That the second factor is there. Raises TooManyTries, WrongCode."""
        key = fold_name(who.name)
        self._admit(key, address)
        self._prove_code(who, key, address, code)
        with self._lock:
            self._throttle.forget(key, address)

    def _start(self, who: Account, address: str, *, factor_proved: bool = False) -> NewSession:
        session = self._sessions.start(who, address, factor_proved=factor_proved)
        _log.info("signed_in", account=who.name, address=address, origin=who.origin)
        return session

    def prove(self, name: str, password: str, address: str, code: str | None = None) -> Account:
        """Who this is, without signing them in; raises as `sign_in` does."""
        key = fold_name(name)
        self._admit(key, address)
        who = self._accounts.check(name, password) or self._from_directory(name, password, address)
        if who is None:
            _log.warning("sign_in_refused", account=self._loggable(key), address=address)
            raise Denied("The user name or the password is wrong.")
        if self._factors.is_asked(who):
            self._prove_code(who, key, address, code)
        with self._lock:
            self._throttle.forget(key, address)
        return who

    def _admit(self, key: str, address: str) -> None:
        with self._lock:
            wait = self._throttle.admit(key, address, self._clock.monotonic())
        if wait:
            account = self._loggable(key)
            _log.warning(
                "sign_in_throttled", account=account, address=address, wait_s=wait // SECOND
            )
            raise TooManyTries(wait)

    def _from_directory(self, name: str, password: str, address: str) -> Account | None:
        """Of names that are no local account's: those are not told to anybody else."""
        if self._directory is None or self._externals is None:
            return None
        if self._accounts.origin_of(name) not in (None, "ldap"):
            return None
        try:
            found = self._directory.prove(name, password)
        except ProviderDown as error:
            # Whoever sits behind the same address is not kept out by it.
            with self._lock:
                self._throttle.right_so_far(address)
            _log.error("directory_down", error=str(error))
            raise
        return None if found is None else self._externals.admit(found)

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


def _stranger(address: str) -> str:
    """The throttle's account of who is not known yet: of each address its own, or strangers could
    keep everybody out. No account's name has a space in it."""
    return f"at {source(address)}"
