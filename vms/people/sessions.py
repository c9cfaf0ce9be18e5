"""Sign-ins that last, and who is let in by one or by an API token: the repository of doors.

A token is 256 random bits and kept only as its SHA-256, so a copy of the database signs nobody
in. Passwords do not belong here; how tokens are made stands in `tokens`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from storage.database import writes_to, writing
from vms.core.clock import HOUR, MINUTE, Clock, Instant, Span, rfc3339
from vms.core.errors import NotFound, StorageError
from vms.core.log import get_logger
from vms.people.accounts import Account, Origin
from vms.people.approval import Action
from vms.people.approvals import heard_by
from vms.people.block import Named
from vms.people.blocks import hidden_from
from vms.people.permissions import Identity, Narrowed
from vms.people.roles import Roles
from vms.people.schema import account, api_token, login_session
from vms.people.second_factor import has_second_factor
from vms.people.tokens import TokenOrder, Tokens, digest_of, narrowed_of

LIFETIME = Span(12 * HOUR)
SLIDE_STEP = Span(10 * MINUTE)  # a use moves the end at most this often: one write, not many

_OF_SESSION = (
    login_session.c.csrf,
    login_session.c.expires,
    login_session.c.factor_proved,
    login_session.c.created.label("began"),
)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewSession:
    """What the browser gets: the cookie's value, and what unsafe requests must show."""

    token: str
    csrf: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A living sign-in. `csrf` is None for an API token: no browser sends that by itself.

    `permit`: names the sign-in or token, for `Sessions.permitted`; it opens nothing by itself.
    """

    identity: Identity
    csrf: str | None
    permit: str = ""


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """A sign-in or an API token of an account. `id` names it and opens nothing.

    `address`: where the sign-in came from, or the token was last used from, which was `used`;
    `label`: what the token is for, `narrowed`: to what, None for all its person may.
    """

    id: str
    kind: Literal["session", "token"]
    created: Instant
    expires: Instant
    address: str
    label: str = ""
    used: Instant | None = None
    narrowed: Narrowed | None = None

    def as_json(self) -> dict[str, object]:
        """For the API and the command line."""
        narrowed = self.narrowed
        return {
            "id": self.id,
            "kind": self.kind,
            "created": rfc3339(self.created),
            "expires": rfc3339(self.expires),
            "address": self.address,
            "label": self.label,
            "used": None if self.used is None else rfc3339(self.used),
            "permissions": None if narrowed is None else sorted(narrowed.permissions),
            "cameras": None if narrowed is None else list(narrowed.cameras),
        }


class Sessions:
    """The tables of sign-ins and tokens. Each method blocks while it runs."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        roles: Roles | None = None,
        ages: Mapping[Origin, Span] | None = None,
    ) -> None:
        """`ages`: how long sign-ins of people from elsewhere last at most, however they are used:
        only at the next one are their groups asked again."""
        self._engine, self._clock, self._ages = engine, clock, ages or {}
        self._roles = roles if roles is not None else Roles(engine, "UTC")
        self._tokens = Tokens(engine, clock)

    def start(self, who: Account, address: str, *, factor_proved: bool = False) -> NewSession:
        """Begin a sign-in; sweeps out what has ended. `factor_proved`: the provider asked for a
        second factor."""
        session = NewSession(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        now = self._clock.now()
        with writing(self._engine) as connection:
            connection.execute(delete(login_session).where(login_session.c.expires <= now))
            connection.execute(
                insert(login_session).values(
                    token_hash=digest_of(session.token),
                    account_id=who.id,
                    csrf=session.csrf,
                    created=now,
                    expires=self._end(who.origin, now, now),
                    address=address,
                    factor_proved=factor_proved,
                )
            )
        return session

    def find(self, token: str) -> SignedIn | None:
        """Whose cookie this is, if it still holds; a use moves its end."""
        digest = digest_of(token)
        query = select(*_OF_SESSION, account).where(
            login_session.c.token_hash == digest, account.c.id == login_session.c.account_id
        )
        now = self._clock.now()
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
            if row is None or row.expires <= now:
                return None
            identity = self._identity(connection, row, "session", proved=row.factor_proved)
        end = self._end(row.origin, Instant(row.began), now)
        if row.expires < end - SLIDE_STEP:
            self._slide(digest, end)
        return SignedIn(identity, row.csrf, f"session:{digest.hex()}")

    def writes(self) -> int:
        """How often this process has written to the database: what was found before may be old."""
        return writes_to(self._engine)

    def end(self, token: str) -> None:
        """Sign out. An unknown token is no error."""
        with writing(self._engine) as connection:
            connection.execute(
                delete(login_session).where(login_session.c.token_hash == digest_of(token))
            )

    def doors(self, who: Account) -> list[OpenDoor]:
        """By what an account is let in now: its sign-ins, then its tokens, the newest first."""
        now = self._clock.now()
        signed = select(login_session).where(
            login_session.c.account_id == who.id, login_session.c.expires > now
        )
        tokens = select(api_token).where(
            api_token.c.account_id == who.id, api_token.c.expires > now
        )
        with self._engine.connect() as connection:
            sessions = connection.execute(signed.order_by(login_session.c.created.desc())).all()
            programs = connection.execute(tokens.order_by(api_token.c.created.desc())).all()
        return [
            *(
                OpenDoor(
                    *(_door(row.token_hash), "session", Instant(row.created)),
                    *(Instant(row.expires), row.address),
                )
                for row in sessions
            ),
            *(
                OpenDoor(
                    *(_door(row.token_hash), "token", Instant(row.created), Instant(row.expires)),
                    *(row.used_from, row.label, row.used, narrowed_of(row.narrowed)),
                )
                for row in programs
            ),
        ]

    def shut(self, who: Account, door: str) -> None:
        """End a sign-in or token of an account, by its id. Raises NotFound."""
        with writing(self._engine) as connection:
            for table in (login_session, api_token):
                mine = select(table.c.token_hash).where(table.c.account_id == who.id)
                for digest in connection.scalars(mine).all():
                    if _door(digest) == door:
                        connection.execute(delete(table).where(table.c.token_hash == digest))
                        return
        raise NotFound(f"{who.name!r} has no such sign-in or token; it may have ended")

    def identity(self, who: Account) -> Identity:
        """What an account may now, as if it had just signed in."""
        with self._engine.connect() as connection:
            return self._identity(connection, who, "session")

    def make_token(self, who: Account, order: TokenOrder | str) -> str:
        """An API token for programs, shown this once; it ends with a change of password too.

        `order`: what is wished for, or only what it is for.
        """
        wanted = TokenOrder(order) if isinstance(order, str) else order
        return self._tokens.make(who, wanted)

    def find_token(self, token: str, address: str = "") -> SignedIn | None:
        """Whose API token this is, if it still holds. Its use is kept: when, and from where."""
        digest = digest_of(token)
        with self._engine.connect() as connection:
            found = self._tokens.find(connection, digest)
            if found is None:
                return None
            identity = self._identity(connection, found.who, "token", found.narrowed)
        self._tokens.note_use(digest, found, address)
        return SignedIn(identity, None, f"token:{digest.hex()}")

    def permitted(self, permit: str) -> Identity | None:
        """Who a permit stands for now, if it still holds; no use of it, so its end stays."""
        kind, _, text = permit.partition(":")
        try:
            digest = bytes.fromhex(text)
        except ValueError:
            return None
        with self._engine.connect() as connection:
            if kind == "token":
                found = self._tokens.find(connection, digest)
                if found is None:
                    return None
                return self._identity(connection, found.who, "token", found.narrowed)
            if kind != "session":
                return None
            query = select(*_OF_SESSION, account).where(
                login_session.c.token_hash == digest,
                account.c.id == login_session.c.account_id,
                login_session.c.expires > self._clock.now(),
            )
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            return self._identity(connection, row, "session", proved=row.factor_proved)

    def _identity(
        self,
        connection: Connection,
        who: Account | Row[Any],
        via: Literal["session", "token"],
        narrowed: Narrowed | None = None,
        *,
        proved: bool = False,
    ) -> Identity:
        """A token stands for a machine, which has no telephone: only sign-ins must enrol."""
        grants = self._roles.grants_of(connection, who.id)
        asked = via == "session" and any(one.role.second_factor for one in grants)
        must_enrol = asked and not proved and not has_second_factor(connection, who.id)
        must_change = via == "session" and who.must_change
        hears_by_two = any(Action.SOUND in one.role.approval for one in grants)
        me, now = Named(who.id, who.name), self._clock.now()
        return Identity(
            *(who.id, who.name, who.display_name, grants, via),
            must_enrol=must_enrol,
            must_change=must_change,
            narrowed=narrowed,
            blocks=hidden_from(connection, who.id, who.name),
            heard=heard_by(connection, self._roles, me, now) if hears_by_two else (),
        )

    def _end(self, origin: Origin, began: Instant, now: Instant) -> Instant:
        end = now + LIFETIME
        age = self._ages.get(origin)
        return Instant(end if age is None else min(end, began + age))

    def began(self, permit: str) -> Instant | None:
        """When the sign-in that a permit names began."""
        kind, _, text = permit.partition(":")
        if kind != "session":
            return None
        mine = login_session.c.token_hash == bytes.fromhex(text)
        with self._engine.connect() as connection:
            found = connection.scalar(select(login_session.c.created).where(mine))
        return None if found is None else Instant(found)

    def _slide(self, digest: bytes, expires: Instant) -> None:
        try:
            with writing(self._engine) as connection:
                connection.execute(
                    update(login_session)
                    .where(login_session.c.token_hash == digest)
                    .values(expires=expires)
                )
        except StorageError as error:
            # The database is busy: the sign-in still holds, and the next use tries again.
            _log.warning("session_not_prolonged", error=str(error))


def _door(digest: bytes) -> str:
    """Names a sign-in for people: of its hash's hash, so that not even the hash is told."""
    return hashlib.sha256(digest).hexdigest()[:16]
