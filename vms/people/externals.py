"""People whom somebody else proves: what is known of them, and their accounts here.

Whoever comes is known again by what never changes there (`subject`), never by a name: an account
of this site is not taken over by who happens to be called so elsewhere. At each sign-in roles and
name become what is said there now.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.exc import IntegrityError

from storage.database import writing
from vms.core.clock import Clock
from vms.core.config_directory import MappedRole
from vms.core.errors import BadRequest, Denied, VmsError
from vms.core.log import get_logger
from vms.core.plain import plain
from vms.people.accounts import (
    Account,
    Origin,
    account_of,
    check_name,
    fold_name,
    put_account,
)
from vms.people.roles import Granted, Roles, grant, granted
from vms.people.schema import account, api_token, login_session

UNDER_WAY = 4
WAIT_S = 5

_log = get_logger(__name__)


class NoGroup(Denied):
    """Proved, and in no group that may come in."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{plain(name)} is in no group that has a role here.")


class NameTaken(Denied):
    """Proved, and an account of that name is somebody else's."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is an account {plain(name)!r} already that is somebody else's; an "
            "administrator removes one of them."
        )


class ProviderDown(VmsError):
    """Who should prove people can't be asked right now, or not as the settings have it."""


class Turns:
    """At most `UNDER_WAY` questions at once to who proves people; full: the next one waits
    `WAIT_S`, and is then refused. For threads."""

    def __init__(self) -> None:
        self._slots = threading.BoundedSemaphore(UNDER_WAY)

    @contextlib.contextmanager
    def one(self, whom: str) -> Iterator[None]:
        """While `whom` is asked. Raises ProviderDown."""
        if not self._slots.acquire(timeout=WAIT_S):
            raise ProviderDown(f"{whom} answers too slowly: others wait for it already")
        try:
            yield
        finally:
            self._slots.release()


@dataclass(frozen=True, slots=True)
class External:
    """Somebody who was proved elsewhere. `subject`: what never changes; `grants`: what their
    groups bring; `factor_proved`: a second factor was asked there."""

    origin: Origin
    subject: str
    name: str
    display_name: str
    grants: tuple[Granted, ...]
    factor_proved: bool = False


def grants_of(
    groups: Iterable[str], mapping: Mapping[str, Sequence[MappedRole]]
) -> tuple[Granted, ...]:
    """What groups bring: each role once, on the cameras of all groups that bring it, in the order
    of the settings."""
    held, found = set(groups), dict[str, dict[str, None]]()
    for group, roles in mapping.items():
        if group in held:
            for one in roles:
                found.setdefault(one.role, {}).update(dict.fromkeys(one.cameras))
    return tuple(Granted(role, tuple(cameras)) for role, cameras in found.items())


class Externals:
    """Their accounts. Each method is one transaction and blocks while it runs."""

    def __init__(self, engine: Engine, clock: Clock, roles: Roles) -> None:
        self._engine, self._clock, self._roles = engine, clock, roles

    def admit(self, who: External) -> Account:
        """The account of who was proved, made at the first time, with the roles of now.

        Raises NoGroup (what was granted before is taken), NameTaken, ProviderDown for groups that
        are mapped to what is not there.
        """
        if not who.grants:
            self._take_all(who)
            raise NoGroup(who.name)
        try:
            with writing(self._engine) as connection:
                self._check(connection, who)
                row = _row(connection, who) or self._made(connection, who)
                called = {"display_name": who.display_name[:200].strip() or row.name}
                mine = account.c.id == row.id
                connection.execute(update(account).where(mine).values(called))
                grant(connection, row.id, who.grants)
                row = _row(connection, who)
                return account_of(row, granted(connection, row.id).get(row.id, ()))
        except IntegrityError:  # another sign-in made an account of that name meanwhile
            raise NameTaken(who.name) from None

    def name_of(self, who: External) -> str:
        """What who was admitted is called here."""
        with self._engine.connect() as connection:
            row = _row(connection, who)
        return who.name if row is None else str(row.name)

    def _check(self, connection: Connection, who: External) -> None:
        try:
            self._roles.check(connection, who.grants)
        except BadRequest as error:
            raise ProviderDown(
                f"groups under [{who.origin}.groups] in cameras.toml: {error}"
            ) from None

    def _made(self, connection: Connection, who: External) -> Any:
        try:
            check_name(who.name)
        except BadRequest as error:
            raise ProviderDown(f"the person's name there: {error}") from None
        same = account.c.name_key == fold_name(who.name)
        if connection.execute(select(account.c.id).where(same)).first() is not None:
            raise NameTaken(who.name)
        now = self._clock.now()
        values = {
            "name": who.name,
            "name_key": fold_name(who.name),
            "display_name": who.name,
            "password_hash": "",  # no password has it
            "created": now,
            "password_changed": now,
            "origin": who.origin,
            "subject": who.subject,
        }
        put_account(connection, values)
        _log.info("account_added", account=who.name, by=who.origin)
        return _row(connection, who)

    def _take_all(self, who: External) -> None:
        with writing(self._engine) as connection:
            row = _row(connection, who)
            if row is None:
                return
            grant(connection, row.id, ())
            for table in (login_session, api_token):
                connection.execute(delete(table).where(table.c.account_id == row.id))


def _row(connection: Connection, who: External) -> Any:
    same = (account.c.origin == who.origin) & (account.c.subject == who.subject)
    return connection.execute(select(account).where(same)).one_or_none()
