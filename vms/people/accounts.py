"""Accounts: the repository of who exists, and what `vms users` does.

Signing in and staying signed in stand in `sessions` and `signin`; what an account may do in
`permissions`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage.database import writing
from vms.core.clock import Clock, Instant, rfc3339
from vms.core.errors import AlreadyExists, BadRequest, NotFound, Refused, StorageError
from vms.people.passwords import (
    check_password,
    hash_password,
    make_password,
    needs_rehash,
    password_matches,
)
from vms.people.permissions import ADMIN, OPERATOR
from vms.people.roles import Granted, Roles, grant, granted, is_administrator
from vms.people.schema import (
    account,
    account_number,
    api_token,
    login_session,
    recovery_code,
    second_factor,
)

FIRST_ADMIN = "admin"
NAME_MAX = 64

Origin = Literal["local", "oidc", "ldap"]
"""Who proves an account: this site, a provider of OpenID Connect, or a directory."""

# On a Turkish keyboard the upper case of `admin` is ADMİN, elsewhere ADMIN: all are one name.
_I = str.maketrans({"İ": "i", "I": "i", "ı": "i"})


def fold_name(name: str) -> str:
    """The form in which two names are compared."""
    return unicodedata.normalize("NFKC", name).strip().translate(_I).casefold()


class FromElsewhere(Refused):
    """What is asked of an account is kept where the account comes from."""

    def __init__(self, name: str, origin: Origin) -> None:
        self.origin = origin
        told = {"oidc": "the OpenID provider", "ldap": "the directory"}.get(origin, origin)
        super().__init__(
            f"{name!r} comes from {told}: password, name and roles are kept there, "
            "and changed there"
        )


@dataclass(frozen=True, slots=True)
class Account:
    """One person, or one machine with an API token. `grants`: the first names what they are.

    `must_change`: somebody else chose the password; nothing is allowed until it is changed.
    """

    id: int
    name: str
    display_name: str
    grants: tuple[Granted, ...]
    created: Instant
    password_changed: Instant
    must_change: bool = False
    origin: Origin = "local"

    @property
    def role(self) -> str:
        """The name of the first role; empty for who holds none."""
        return self.grants[0].role if self.grants else ""

    def as_json(self) -> dict[str, object]:
        """For `vms users list --json`."""
        return {
            "name": self.name,
            "display_name": self.display_name,
            "origin": self.origin,
            "role": self.role,
            "grants": [one.as_json() for one in self.grants],
            "created": rfc3339(self.created),
            "password_changed": rfc3339(self.password_changed),
        }


def put_account(connection: Connection, values: Mapping[str, object]) -> int:
    """Write a new row of accounts; its number, which nobody had before. Raises IntegrityError.

    What was hidden from all but somebody, and what they asked for, is told by the number: SQLite
    would give that of the account removed last once more.
    """
    last = account_number.c.last
    given = update(account_number).values(last=last + 1).returning(last)
    number: int = connection.execute(given).scalar_one()
    connection.execute(insert(account).values(id=number, **values))
    return number


class Accounts:
    """The table of accounts. Each method is one transaction and blocks while it runs."""

    def __init__(self, engine: Engine, clock: Clock, roles: Roles | None = None) -> None:
        self._engine, self._clock = engine, clock
        self._roles = roles if roles is not None else Roles(engine, "UTC")

    def list(self) -> tuple[Account, ...]:
        """Everybody, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(account).order_by(account.c.name_key)).all()
            held = granted(connection)
        return tuple(account_of(row, held.get(row.id, ())) for row in rows)

    def answers(self) -> bool:
        """Whether the database can be reached right now."""
        try:
            with self._engine.connect() as connection:
                connection.execute(select(account.c.id).limit(1))
        except StorageError:
            return False
        return True

    def get(self, name: str) -> Account:
        """Raises NotFound."""
        with self._engine.connect() as connection:
            row = connection.execute(_named(name)).one_or_none()
            if row is None:
                raise NotFound(f"there is no account {name!r}; `vms users list` shows all")
            return account_of(row, granted(connection, row.id).get(row.id, ()))

    def knows(self, name: str) -> bool:
        """Whether there is such an account."""
        with self._engine.connect() as connection:
            return connection.execute(_named(name)).first() is not None

    def add(
        self,
        name: str,
        password: str,
        *,
        role: str = OPERATOR,
        display_name: str = "",
        grants: Sequence[Granted] = (),
        must_change: bool = False,
    ) -> Account:
        """Make an account. `grants`: else `role` on all cameras.

        `must_change`: its person chooses another password before anything else.

        Raises BadRequest (name, role, password) or AlreadyExists.
        """
        grants = grants or (Granted(role),)
        name = name.strip()
        check_name(name)
        check_password(password, name)
        now = self._clock.now()
        values = {
            "name": name,
            "name_key": fold_name(name),
            "display_name": display_name.strip() or name,
            "password_hash": hash_password(password),
            "created": now,
            "password_changed": now,
            "must_change": must_change,
        }
        try:
            with writing(self._engine) as connection:
                self._roles.check(connection, grants)
                grant(connection, put_account(connection, values), grants)
        except IntegrityError:
            raise AlreadyExists(f"there is already an account {name!r}") from None
        return self.get(name)

    def set_password(
        self, name: str, password: str, *, must_change: bool = False, keep: bytes | None = None
    ) -> None:
        """Change the password and end every sign-in and token made with the old one.

        `keep`: the hash of the sign-in that stays, of who changes their own. Raises WeakPassword.
        """
        who = self._local(name)
        check_password(password, who.name)
        values = {
            "password_hash": hash_password(password),
            "password_changed": self._clock.now(),
            "must_change": must_change,
        }
        ended = login_session.c.account_id == who.id
        if keep is not None:
            ended &= login_session.c.token_hash != keep
        with writing(self._engine) as connection:
            connection.execute(update(account).where(account.c.id == who.id).values(values))
            connection.execute(delete(login_session).where(ended))
            connection.execute(delete(api_token).where(api_token.c.account_id == who.id))

    def grant(self, name: str, grants: Sequence[Granted]) -> Account:
        """Let an account hold these roles and no others, from its next request on.

        The last administrator stays one: raises BadRequest. Raises FromElsewhere for who gets
        roles by groups.
        """
        who = self._local(name)
        with writing(self._engine) as connection:
            self._roles.check(connection, grants)
            if not is_administrator(grants):
                _keep_an_administrator(connection, who)
            grant(connection, who.id, grants)
        return self.get(name)

    def rename(self, name: str, display_name: str) -> Account:
        """Change how screens show a person."""
        who = self._local(name)
        values = {"display_name": display_name.strip() or who.name}
        with writing(self._engine) as connection:
            connection.execute(update(account).where(account.c.id == who.id).values(values))
        return self.get(name)

    def remove(self, name: str) -> None:
        """Remove an account with its sign-ins. The last administrator stays: raises BadRequest."""
        who = self.get(name)
        with writing(self._engine) as connection:
            _keep_an_administrator(connection, who)
            grant(connection, who.id, ())
            connection.execute(delete(login_session).where(login_session.c.account_id == who.id))
            connection.execute(delete(api_token).where(api_token.c.account_id == who.id))
            connection.execute(delete(recovery_code).where(recovery_code.c.account_id == who.id))
            connection.execute(delete(second_factor).where(second_factor.c.account_id == who.id))
            connection.execute(delete(account).where(account.c.id == who.id))

    def ensure_admin(self) -> str | None:
        """At the first start, make the administrator and give its password, this once."""
        with self._engine.connect() as connection:
            if connection.scalar(select(func.count()).select_from(account)):
                return None
        password = make_password()
        try:
            self.add(FIRST_ADMIN, password, role=ADMIN)
        except AlreadyExists:  # another process was faster: the password is its to print
            return None
        return password

    def origin_of(self, name: str) -> Origin | None:
        """Who proves this account; None: there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(_named(name)).one_or_none()
        return None if row is None else row.origin

    def _local(self, name: str) -> Account:
        who = self.get(name)
        if who.origin != "local":
            raise FromElsewhere(who.name, who.origin)
        return who

    def check(self, name: str, password: str) -> Account | None:
        """Whose name and password these are, of the local accounts. Takes the same time for an
        unknown name."""
        with self._engine.connect() as connection:
            row = connection.execute(_named(name)).one_or_none()
            held = granted(connection, row.id).get(row.id, ()) if row is not None else ()
        stored = row.password_hash if row is not None and row.origin == "local" else None
        if not password_matches(stored, password) or row is None:
            return None
        if needs_rehash(row.password_hash):
            with writing(self._engine) as connection:
                connection.execute(
                    update(account)
                    .where(account.c.id == row.id)
                    .values(password_hash=hash_password(password))
                )
        return account_of(row, held)


def check_name(name: str) -> None:
    """Raise BadRequest for what can't name an account."""
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable() or " " in name:
        raise BadRequest(
            f"{name!r} can't be an account's name; use 1 to {NAME_MAX} letters, digits and "
            "signs without spaces"
        )


def _named(name: str) -> Select[Any]:
    return select(account).where(account.c.name_key == fold_name(name))


def _keep_an_administrator(connection: Connection, who: Account) -> None:
    """Raise BadRequest if no other local account administers the site: a directory may be down,
    or take a group away."""
    held = granted(connection)
    local = set(connection.scalars(select(account.c.id).where(account.c.origin == "local")))
    others = [grants for one, grants in held.items() if one in local - {who.id}]
    if (
        who.origin == "local"
        and is_administrator(held.get(who.id, ()))
        and not any(map(is_administrator, others))
    ):
        raise BadRequest(f"{who.name!r} is the only administrator; make another one first")


def account_of(row: Row[Any], grants: tuple[Granted, ...]) -> Account:
    """Of a row of the table."""
    return Account(
        row.id,
        row.name,
        row.display_name,
        grants,
        Instant(row.created),
        Instant(row.password_changed),
        row.must_change,
        row.origin,
    )
