"""The second factor of each account: the repository of secrets and recovery codes.

The secret is sealed with a key outside the database, recovery codes are kept as hashes: a copy of
the database makes no code. What a code is stands in `totp`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from storage.database import writing
from vms.core.clock import Clock, Instant
from vms.core.errors import Denied, Refused
from vms.core.secret import Secret
from vms.people.accounts import Account
from vms.people.schema import login_session, recovery_code, second_factor
from vms.people.totp import (
    address_of_secret,
    matching_step,
    new_recovery_codes,
    new_secret,
    plain_code,
)


class Vault(Protocol):
    """Seals with a key outside the database: `vms.cameras.vault.Vault`."""

    def seal(self, secret: Secret, owner: str) -> bytes: ...
    def open(self, sealed: bytes, owner: str) -> Secret: ...


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a person's telephone is told, this once: `address` is otpauth://…, for the picture."""

    secret: Secret
    address: Secret


@dataclass(frozen=True, slots=True)
class SecondFactorState:
    """`since`: None without a second factor; `recovery_left`: how many codes are unused."""

    since: Instant | None
    recovery_left: int


class SecondFactors:
    """The tables of second factors. Each method is one transaction and blocks while it runs."""

    def __init__(self, engine: Engine, clock: Clock, vault: Vault, site: str) -> None:
        self._engine, self._clock, self._vault, self._site = engine, clock, vault, site

    def state(self, who: Account) -> SecondFactorState:
        """Whether an account has one."""
        mine = recovery_code.c.account_id == who.id
        with self._engine.connect() as connection:
            row = _row(connection, who.id)
            left = connection.scalar(select(func.count()).select_from(recovery_code).where(mine))
        since = row.confirmed if row is not None else None
        return SecondFactorState(None if since is None else Instant(since), left or 0)

    def begin(self, who: Account) -> Enrolment:
        """A new secret; it counts from `confirm` on. Raises Refused if there is one already."""
        secret = new_secret()
        with writing(self._engine) as connection:
            row = _row(connection, who.id)
            if row is not None and row.confirmed is not None:
                raise Refused(f"{who.name} has a second factor already; remove it first")
            connection.execute(delete(second_factor).where(second_factor.c.account_id == who.id))
            connection.execute(
                insert(second_factor).values(
                    account_id=who.id,
                    sealed=self._vault.seal(Secret(secret), _owner(who.id)),
                    created=self._clock.now(),
                    last_step=0,
                )
            )
        return Enrolment(Secret(secret), Secret(address_of_secret(secret, who.name, self._site)))

    def confirm(self, who: Account, code: str, keep: bytes | None = None) -> tuple[str, ...]:
        """The telephone shows the right code: it is asked from now on. The recovery codes, once.

        Sign-ins that were let in by a password alone end, but for `keep`, the hash of this one.
        Raises Refused if nothing was begun, Denied for a wrong code.
        """
        codes = new_recovery_codes()
        with writing(self._engine) as connection:
            row = _row(connection, who.id)
            if row is None or row.confirmed is not None:
                raise Refused("no second factor is being set up; begin again")
            if not self._step_taken(connection, row, code):
                raise Denied("The code is wrong or too old; use the one that is shown now.")
            connection.execute(
                update(second_factor)
                .where(second_factor.c.account_id == who.id)
                .values(confirmed=self._clock.now())
            )
            connection.execute(delete(recovery_code).where(recovery_code.c.account_id == who.id))
            hashes = [{"account_id": who.id, "code_hash": _hash(who.id, one)} for one in codes]
            connection.execute(insert(recovery_code), hashes)
            others = login_session.c.account_id == who.id
            if keep is not None:
                others &= login_session.c.token_hash != keep
            connection.execute(delete(login_session).where(others))
        return codes

    def is_asked(self, who: Account) -> bool:
        """Whether the password alone does not let this account in."""
        with self._engine.connect() as connection:
            row = _row(connection, who.id)
        return row is not None and row.confirmed is not None

    def accepts(self, who: Account, code: str) -> bool:
        """Whether this is a code of now, or an unused recovery code; it is used up by this."""
        with writing(self._engine) as connection:
            row = _row(connection, who.id)
            if row is None or row.confirmed is None:
                return False
            if self._step_taken(connection, row, code):
                return True
            mine = recovery_code.c.account_id == who.id
            same = recovery_code.c.code_hash == _hash(who.id, code)
            return connection.execute(delete(recovery_code).where(mine, same)).rowcount == 1

    def remove(self, who: Account) -> bool:
        """Ask this account for no code any more and end its sign-ins; whether there was one."""
        with writing(self._engine) as connection:
            gone = connection.execute(
                delete(second_factor).where(second_factor.c.account_id == who.id)
            )
            connection.execute(delete(recovery_code).where(recovery_code.c.account_id == who.id))
            connection.execute(delete(login_session).where(login_session.c.account_id == who.id))
        return gone.rowcount > 0

    def _step_taken(self, connection: Connection, row: Any, code: str) -> bool:
        """Whether the code is right; of two requests with one code only one is."""
        secret = self._vault.open(row.sealed, _owner(row.account_id)).reveal()
        step = matching_step(secret, plain_code(code), self._clock.now(), row.last_step)
        if step is None:
            return False
        mine = second_factor.c.account_id == row.account_id
        unused = second_factor.c.last_step < step
        taken = update(second_factor).where(mine, unused).values(last_step=step)
        return connection.execute(taken).rowcount == 1


def has_second_factor(connection: Connection, account_id: int) -> bool:
    """Whether an account has set one up."""
    row = _row(connection, account_id)
    return row is not None and row.confirmed is not None


def _row(connection: Connection, account_id: int) -> Any:
    query = select(second_factor).where(second_factor.c.account_id == account_id)
    return connection.execute(query).one_or_none()


def _owner(account_id: int) -> str:
    return f"second-factor:{account_id}"


def _hash(account_id: int, code: str) -> bytes:
    """49 random bits, tried at most as often as the throttle lets: SHA-256 with the account."""
    return hashlib.sha256(f"{account_id}:{plain_code(code)}".encode()).digest()
