"""Sign-ins that last, and API tokens: the repository of who is signed in.

A token is 256 random bits and kept only as its SHA-256, so a copy of the database signs nobody
in. Passwords do not belong here.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select, update

from storage.database import writing
from vms.core.clock import HOUR, MINUTE, Clock, Instant, Span
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.people.accounts import Account
from vms.people.permissions import Identity, Role
from vms.people.schema import account, api_token, login_session

LIFETIME = Span(12 * HOUR)
SLIDE_STEP = Span(10 * MINUTE)  # a use moves the end at most this often: one write, not many
TOKEN_PREFIX = "vms_"  # noqa: S105  # so that a scanner for leaked secrets can know ours

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewSession:
    """What the browser gets: the cookie's value, and what unsafe requests must show."""

    token: str
    csrf: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A living sign-in. `csrf` is None for an API token: no browser sends that by itself."""

    identity: Identity
    csrf: str | None


class Sessions:
    """The tables of sign-ins and tokens. Each method blocks while it runs."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def start(self, who: Account, address: str) -> NewSession:
        """Begin a sign-in; sweeps out what has ended."""
        session = NewSession(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
        now = self._clock.now()
        with writing(self._engine) as connection:
            connection.execute(delete(login_session).where(login_session.c.expires <= now))
            connection.execute(
                insert(login_session).values(
                    token_hash=_digest(session.token),
                    account_id=who.id,
                    csrf=session.csrf,
                    created=now,
                    expires=now + LIFETIME,
                    address=address,
                )
            )
        return session

    def find(self, token: str) -> SignedIn | None:
        """Whose cookie this is, if it still holds; a use moves its end."""
        digest = _digest(token)
        query = select(login_session.c.csrf, login_session.c.expires, account).where(
            login_session.c.token_hash == digest, account.c.id == login_session.c.account_id
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        now = self._clock.now()
        if row is None or row.expires <= now:
            return None
        if row.expires < now + LIFETIME - SLIDE_STEP:
            self._slide(digest, Instant(now + LIFETIME))
        identity = Identity(row.id, row.name, row.display_name, Role(row.role), "session")
        return SignedIn(identity, row.csrf)

    def end(self, token: str) -> None:
        """Sign out. An unknown token is no error."""
        with writing(self._engine) as connection:
            connection.execute(
                delete(login_session).where(login_session.c.token_hash == _digest(token))
            )

    def make_token(self, who: Account, label: str) -> str:
        """An API token for programs, shown this once; it ends with a change of password."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        with writing(self._engine) as connection:
            connection.execute(
                insert(api_token).values(
                    token_hash=_digest(token),
                    account_id=who.id,
                    label=label,
                    created=self._clock.now(),
                )
            )
        return token

    def find_token(self, token: str) -> SignedIn | None:
        """Whose API token this is."""
        query = select(account).where(
            api_token.c.token_hash == _digest(token), account.c.id == api_token.c.account_id
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return SignedIn(Identity(row.id, row.name, row.display_name, Role(row.role), "token"), None)

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


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
