"""API tokens: what may be asked of one, and the repository that makes and finds them.

A program has a token in place of a sign-in. It ends, it may be narrowed to a part of what its
person may, and it never may more. The token itself is shown once and kept as its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update

from storage.database import writing
from vms.core.clock import DAY, MINUTE, Clock, Instant, Span
from vms.core.errors import BadRequest, Refused, StorageError
from vms.core.log import get_logger
from vms.people.accounts import Account
from vms.people.permissions import WHOLE_SITE, Narrowed, Permission
from vms.people.roles import check_scope
from vms.people.schema import account, api_token

TOKEN_PREFIX = "vms_"  # noqa: S105  # so that a scanner for leaked secrets can know ours
LIFETIME = Span(90 * DAY)
LIFETIME_MAX = Span(366 * DAY)
TOKENS_MAX = 50  # of one account
LABEL_MAX = 100
USE_STEP = Span(MINUTE)  # a use is written at most this often

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TokenOrder:
    """A token that is wished for. `narrowed` None: it may all that its person may.

    Raises BadRequest for one that can't be.
    """

    label: str
    lifetime: Span = LIFETIME
    narrowed: Narrowed | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.label.strip()) <= LABEL_MAX or not self.label.isprintable():
            raise BadRequest(f"say in 1 to {LABEL_MAX} signs what the token is for")
        if not DAY <= self.lifetime <= LIFETIME_MAX:
            raise BadRequest(f"a token lives for 1 to {LIFETIME_MAX // DAY} days")
        if self.narrowed is not None:
            if not self.narrowed.permissions:
                raise BadRequest("a token without a permission opens nothing; name one")
            check_scope(self.narrowed.cameras)

    def __str__(self) -> str:
        """For the audit."""
        told = f"{self.label.strip()}, {self.lifetime // DAY} d"
        if self.narrowed is None:
            return told
        permissions = " ".join(sorted(self.narrowed.permissions))
        return f"{told}, only {permissions} on {' '.join(self.narrowed.cameras)}"


def narrowing(permit: Sequence[str] | None, cameras: Sequence[str] | None) -> Narrowed | None:
    """To what people narrow a token: None leaves it wide. Raises BadRequest."""
    if permit is None and cameras is None:
        return None
    try:
        permissions = frozenset(Permission if permit is None else map(Permission, permit))
    except ValueError as error:
        known = ", ".join(sorted(Permission))
        raise BadRequest(f"{error}; use {known}") from None
    return Narrowed(permissions, (WHOLE_SITE,) if cameras is None else tuple(cameras))


class Found(NamedTuple):
    """A living token: whose (a row of accounts), to what it is narrowed, its last use as kept."""

    who: Row[Any]
    narrowed: Narrowed | None
    used: Instant | None


class Tokens:
    """The table of tokens. Each method blocks while it runs."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def make(self, who: Account, order: TokenOrder) -> str:
        """A new token, shown this once; sweeps out what has ended. Raises Refused for too many,
        and for who comes from elsewhere: a token would outlive their groups there."""
        if who.origin != "local":
            raise Refused(
                f"{who.name} comes from elsewhere and makes no API tokens; make a local account "
                "for the program"
            )
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = self._clock.now()
        mine = select(func.count()).where(api_token.c.account_id == who.id)
        with writing(self._engine) as connection:
            connection.execute(delete(api_token).where(api_token.c.expires <= now))
            if (connection.scalar(mine) or 0) >= TOKENS_MAX:
                raise Refused(f"{who.name} has {TOKENS_MAX} tokens already; revoke one first")
            connection.execute(
                insert(api_token).values(
                    token_hash=digest_of(token),
                    account_id=who.id,
                    label=order.label.strip(),
                    created=now,
                    expires=now + order.lifetime,
                    narrowed=_text(order.narrowed),
                )
            )
        return token

    def find(self, connection: Connection, digest: bytes) -> Found | None:
        """Whose token this is, if it still holds."""
        columns = (api_token.c.expires, api_token.c.narrowed, api_token.c.used, account)
        query = select(*columns).where(
            api_token.c.token_hash == digest, account.c.id == api_token.c.account_id
        )
        row = connection.execute(query).one_or_none()
        if row is None or row.expires <= self._clock.now():
            return None
        return Found(row, narrowed_of(row.narrowed), row.used)

    def note_use(self, digest: bytes, found: Found, address: str) -> None:
        """Keep when and from where a token was last used, to the minute."""
        now = self._clock.now()
        if found.used is not None and found.used > now - USE_STEP:
            return
        this = api_token.c.token_hash == digest
        try:
            with writing(self._engine) as connection:
                values = {"used": now, "used_from": address}
                connection.execute(update(api_token).where(this).values(values))
        except StorageError as error:
            # The database is busy: the token still holds, and the next use tries again.
            _log.warning("use_of_token_not_kept", error=str(error))


def digest_of(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def narrowed_of(text: str | None) -> Narrowed | None:
    """Of the column. A permission that this version does not know opens nothing."""
    if text is None:
        return None
    kept = json.loads(text)
    known = frozenset(one for one in Permission if one in kept["permissions"])
    return Narrowed(known, tuple(kept["cameras"]))


def _text(narrowed: Narrowed | None) -> str | None:
    if narrowed is None:
        return None
    return json.dumps(
        {"permissions": sorted(narrowed.permissions), "cameras": list(narrowed.cameras)}
    )
