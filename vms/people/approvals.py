"""Approvals: the repository of who asked for a second person's yes, and who said what.

What makes a yes safe stands here: another person's, for exactly what was asked, and used by one at
a time. Who may say it on which camera is asked of `vms.people.permissions.decide` by the web.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, insert, select, update

from storage.database import writing
from vms.core.clock import DAY, Clock, Instant, Span
from vms.core.errors import BadRequest, Denied, NotFound, Refused, StorageError, VmsError
from vms.core.plain import plain
from vms.people.accounts import fold_name
from vms.people.approval import LAPSE, Action, Approval, State, Wanted, lasts, parse_wanted
from vms.people.block import Named
from vms.people.duties import is_held_still
from vms.people.permissions import Grant, Heard, Identity
from vms.people.roles import Roles
from vms.people.schema import account
from vms.people.schema import approval as table

WAITING_MAX = 50  # of one person; more are refused
LISTED_MAX = 500  # the oldest are left out
LISTED = Span(30 * DAY)
REASON_MAX = 1_000

Groups = Mapping[str, Sequence[str]]


class NotUsable(Refused):
    """A yes that does not count for what is to be done; `why` is for programs."""

    def __init__(self, why: str, text: str) -> None:
        self.why = why
        super().__init__(text)


class Approvals:
    """The table of approvals. Each method blocks."""

    def __init__(self, engine: Engine, clock: Clock, roles: Roles) -> None:
        self._engine, self._clock, self._roles = engine, clock, roles

    # -- asking ---------------------------------------------------------------------------

    def ask(self, wanted: Wanted, by: Identity, reason: str) -> Approval:
        """Ask for a yes to it; the same asked twice is one request. Raises BadRequest, Refused."""
        if not plain(reason):
            raise BadRequest("say why: a second person decides by it")
        now = self._clock.now()
        with writing(self._engine) as connection:
            waiting = _waiting_of(connection, by, now)
            same = next((one for one in waiting if one.wanted == wanted), None)
            if same is not None:
                return same
            if len(waiting) >= WAITING_MAX:
                raise Refused(f"{WAITING_MAX} of your requests wait already; take one back first")
            why = plain(reason, REASON_MAX)
            id_ = secrets.token_hex(6)
            made = Approval(id_, wanted, by.named, now, Instant(now + LAPSE), why)
            connection.execute(insert(table).values(_values(made)))
        return made

    def take_back(self, id_: str, by: Identity) -> Approval:
        """Its asker wants it no more. Raises NotFound, Refused."""
        now = self._clock.now()
        with writing(self._engine) as connection:
            found = _get(connection, id_, changing=True)
            if found.asker != by.named:
                raise _unknown(id_)
            _require(found, now, State.WAITING, State.APPROVED)
            _set(connection, id_, taken_back=now)
            return _get(connection, id_)

    # -- reading --------------------------------------------------------------------------

    def get(self, id_: str) -> Approval:
        """Raises NotFound."""
        with self._engine.connect() as connection:
            return _get(connection, id_)

    def all(self) -> list[Approval]:
        """Those asked in the last `LISTED`, the newest first, at most `LISTED_MAX`."""
        query = select(table).where(table.c.asked >= self._clock.now() - LISTED)
        query = query.order_by(table.c.asked.desc(), table.c.id).limit(LISTED_MAX)
        with self._engine.connect() as connection:
            return [_approval(row) for row in connection.execute(query)]

    def used_for(self, subject: str) -> Approval | None:
        """By whose yes something was made, such as an export."""
        query = select(table).where(table.c.used_for == subject, table.c.used.is_not(None))
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
            return None if row is None else _approval(row)

    # -- deciding -------------------------------------------------------------------------

    def approve(self, id_: str, by: Identity) -> Approval:
        """Say yes. Raises NotFound, Denied (to oneself, by a token), Refused."""
        return self._decide(id_, by, True, "")

    def refuse(self, id_: str, by: Identity, reason: str) -> Approval:
        """Say no, and why."""
        if not plain(reason):
            raise BadRequest("say why not; who asked is told")
        return self._decide(id_, by, False, plain(reason, REASON_MAX))

    def _decide(self, id_: str, by: Identity, yes: bool, refusal: str) -> Approval:
        if by.via != "session":
            raise Denied("A person decides, signed in; an API token does not.")
        now = self._clock.now()
        with writing(self._engine) as connection:
            found = _get(connection, id_, changing=True)
            if found.asker.account == by.account or _folded(found.asker) == fold_name(by.name):
                raise Denied("Nobody decides what they asked for themselves; ask a second person.")
            _require(found, now, State.WAITING)
            expires = Instant(now + lasts(found.wanted.action)) if yes else found.expires
            who = {"decided": now, "decided_by": by.name, "decider_id": by.account}
            _set(connection, id_, yes=yes, refusal=refusal, expires=expires, **who)
            return _get(connection, id_)

    # -- carrying out ---------------------------------------------------------------------

    @contextlib.contextmanager
    def using(
        self, id_: str, by: Identity, wanted: Wanted, groups: Groups, used_for: str = ""
    ) -> Iterator[Approval]:
        """While something is done by a yes. It counts for nothing else, nobody else and not twice.

        What was refused was not done: the yes is there again. Where that is in doubt, it is used
        up. Raises NotUsable.
        """
        claimed = self._claim(id_, by, wanted, groups, used_for)
        try:
            yield claimed
        except StorageError:
            raise
        except VmsError:
            with writing(self._engine) as connection:
                _set(connection, id_, used=None, used_for="")
            raise

    def _claim(
        self, id_: str, by: Identity, wanted: Wanted, groups: Groups, used_for: str
    ) -> Approval:
        now = self._clock.now()
        with writing(self._engine) as connection:
            row = _row(connection, id_, changing=True)
            found = None if row is None else _approval(row)
            if row is None or found is None or found.asker != by.named:
                raise NotUsable("unknown", f"You asked for no request {plain(id_, 80)!r}.")
            state = found.state(now)
            if state is not State.APPROVED:
                raise NotUsable(state, f"The request {id_} is {_SAID[state]}.")
            if found.wanted != wanted or row.digest != wanted.digest:
                text = f"The yes to the request {id_} was for something else; ask for this one."
                raise NotUsable("differs", text)
            # An account that was made anew under an old name has not asked for it.
            asker = _still(connection, found.asker, found.asked)
            by_now = _grants_of(connection, self._roles, found.decider, found.decided)
            if not asker or not is_held_still(by_now, wanted, groups):
                text = f"Who said yes to the request {id_} may not do so any more; ask again."
                raise NotUsable("void", text)
            unused = and_(table.c.id == id_, table.c.used.is_(None))
            taken = connection.execute(
                update(table).where(unused).values(used=now, used_for=used_for)
            )
            if not taken.rowcount:
                raise NotUsable(State.USED, f"The request {id_} is {_SAID[State.USED]}.")
            return _get(connection, id_)


def heard_by(connection: Connection, roles: Roles, who: Named, now: Instant) -> tuple[Heard, ...]:
    """What an account may hear by a second person's yes."""
    mine = and_(table.c.asker_id == who.account, table.c.asked_by == who.name)
    living = and_(table.c.yes.is_(True), table.c.taken_back.is_(None), table.c.expires > now)
    found = []
    for row in connection.execute(select(table).where(mine, living)):
        one = _approval(row)
        wanted, since = one.wanted, one.decided
        if wanted.action is not Action.SOUND or wanted.start is None or since is None:
            continue
        by = _grants_of(connection, roles, one.decider, since)
        if wanted.digest == row.digest and by and _still(connection, who, one.asked):
            span = (wanted.start, wanted.end, since, one.expires)
            found += [Heard(camera, *span, by) for camera in wanted.cameras]
    return tuple(found)


_SAID = {
    State.WAITING: "not decided yet",
    State.REFUSED: "refused",
    State.TAKEN_BACK: "taken back",
    State.LAPSED: "lapsed; ask again",
    State.USED: "carried out already; ask again to do it once more",
    State.APPROVED: "approved already",
}


def _require(found: Approval, now: Instant, *states: State) -> None:
    state = found.state(now)
    if state not in states:
        raise Refused(f"The request {found.id} is {_SAID[state]}.")


def _folded(who: Named) -> str:
    return fold_name(who.name)


def _still(connection: Connection, who: Named, since: Instant) -> bool:
    """Whether it is the same account still, not another under its number or name."""
    same = and_(account.c.id == who.account, account.c.name == who.name)
    return (
        connection.execute(select(account.c.id).where(same, account.c.created <= since)).first()
        is not None
    )


def _grants_of(
    connection: Connection, roles: Roles, who: Named | None, since: Instant | None
) -> tuple[Grant, ...]:
    """What who decided holds now; nothing if that account is gone."""
    if who is None or since is None or not _still(connection, who, since):
        return ()
    return roles.grants_of(connection, who.account)


def _waiting_of(connection: Connection, who: Identity, now: Instant) -> list[Approval]:
    mine = and_(table.c.asker_id == who.account, table.c.asked_by == who.name)
    undecided = and_(table.c.yes.is_(None), table.c.taken_back.is_(None), table.c.expires > now)
    return [_approval(row) for row in connection.execute(select(table).where(mine, undecided))]


def _get(connection: Connection, id_: str, *, changing: bool = False) -> Approval:
    row = _row(connection, id_, changing=changing)
    if row is None:
        raise _unknown(id_)
    return _approval(row)


def _row(connection: Connection, id_: str, *, changing: bool) -> Row[Any] | None:
    """`changing`: nobody else changes it till the transaction ends; SQLite has one writer only."""
    query = select(table).where(table.c.id == id_)
    return connection.execute(query.with_for_update() if changing else query).one_or_none()


def _unknown(id_: str) -> NotFound:
    return NotFound(f"there is no request {plain(id_, 80)!r} for a second person's yes")


def _set(connection: Connection, id_: str, **values: object) -> None:
    connection.execute(update(table).where(table.c.id == id_).values(values))


def _values(one: Approval) -> dict[str, Any]:
    return {
        "id": one.id,
        "wanted": one.wanted.to_json(),
        "digest": one.wanted.digest,
        "asked": one.asked,
        "asked_by": one.asker.name,
        "asker_id": one.asker.account,
        "expires": one.expires,
        "reason": one.reason,
    }


def _approval(row: Row[Any]) -> Approval:
    decided = row.decided is not None
    return Approval(
        row.id,
        parse_wanted(row.wanted),
        Named(row.asker_id, row.asked_by),
        Instant(row.asked),
        Instant(row.expires),
        row.reason,
        row.yes,
        Named(row.decider_id, row.decided_by) if decided else None,
        Instant(row.decided) if decided else None,
        row.refusal,
        None if row.taken_back is None else Instant(row.taken_back),
        None if row.used is None else Instant(row.used),
        row.used_for,
    )
