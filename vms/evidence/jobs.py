"""Exports that people asked for on the console: kept in the database, so that they survive us.

    waiting ─take→ running ─→ done | failed
       │              └─ the custodian ended: waiting again, begun anew
       └──────cancel──┴→ cancelled

Who asks writes rows; the custodian alone takes them and writes the packages. A password lies
sealed in the row until the package is written.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import sqlalchemy as sa

from storage.database import writing
from storage.schema import job
from vms.core.clock import Clock, Instant, rfc3339
from vms.core.errors import NotFound
from vms.core.secret import Secret
from vms.evidence.order import Order, Refused
from vms.evidence.ordered import COMMAND, Undeleting

JobState = Literal["waiting", "running", "done", "failed", "cancelled"]

WAITING_MAX = 50  # of all people together
_KIND = "export"


class Seals(Protocol):
    """Keeps a password where others may read: the vault."""

    def seal(self, secret: Secret, owner: str) -> bytes: ...
    def open(self, sealed: bytes, owner: str) -> Secret: ...


@dataclass(frozen=True, slots=True)
class ExportJob:
    """One export. `done`, `total`: bytes of footage read; `size`: bytes of the package."""

    order: Order
    state: JobState
    changed: Instant
    done: int
    total: int
    size: int | None
    error: str | None

    @property
    def id(self) -> str:
        return self.order.id

    def as_json(self) -> dict[str, Any]:
        """As the HTTP API tells it."""
        order = self.order
        return {
            "id": order.id,
            "state": self.state,
            "cameras": list(order.cameras),
            "start": rfc3339(order.start),
            "end": rfc3339(order.end),
            "reason": order.reason,
            "language": order.language,
            "made": rfc3339(order.made),
            "made_by": order.by,
            "done": self.done,
            "total": self.total,
            "size": self.size,
            "error": self.error,
        }


class Jobs:
    """The table of jobs, as far as they are exports. Thread-safe; every call blocks.

    `check`: refuses an order at once rather than an hour later. `undeleting`: from its end on
    rules spare what was ordered within (`vms.evidence.ordered`).
    """

    def __init__(
        self,
        engine: sa.Engine,
        clock: Clock,
        vault: Seals,
        check: Callable[[Order], object],
        undeleting: Undeleting = contextlib.nullcontext,
    ) -> None:
        self._engine, self._clock, self._vault, self._check = engine, clock, vault, check
        self._undeleting = undeleting

    # -- who asks -----------------------------------------------------------------------------

    def add(
        self, order: Order, password: Secret | None = None, *, account: int | None = None
    ) -> ExportJob:
        """Put an order in line, of the account of that number. Raises Refused or NotFound."""
        self._check(order)
        facts = json.loads(order.to_json())
        if password is not None:
            sealed = self._vault.seal(password, order.id)
            facts["password"] = base64.b64encode(sealed).decode()
        with self._undeleting(), writing(self._engine) as connection:
            waiting = connection.scalar(
                sa.select(sa.func.count()).where(job.c.kind == _KIND, job.c.state == "waiting")
            )
            if waiting is not None and waiting >= WAITING_MAX:
                raise Refused("bad_order", f"{waiting} exports wait already; ask again later")
            connection.execute(
                sa.insert(job),
                {
                    "id": order.id,
                    "kind": _KIND,
                    "state": "waiting",
                    "made": order.made,
                    "made_by": order.by,
                    "account": account,
                    "changed": order.made,
                    "order": json.dumps(facts, ensure_ascii=False),
                    "done": 0,
                    "total": 0,
                },
            )
        return self.get(order.id)

    def list(self, account: int | None = None) -> list[ExportJob]:
        """All, or one account's; the newest first."""
        query = sa.select(job).where(job.c.kind == _KIND)
        if account is not None:
            query = query.where(job.c.account == account)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(job.c.made.desc(), job.c.id.desc())).all()
        return [_job(row) for row in rows]

    def get(self, id_: str, account: int | None = None) -> ExportJob:
        """One; with `account` only if it is that one's. Raises NotFound."""
        with self._engine.connect() as connection:
            row = connection.execute(_one(id_)).first()
        if row is None or account not in (None, row.account):
            raise NotFound(f"there is no export {id_[:80]!r}")
        return _job(row)

    def cancel(self, id_: str) -> None:
        """Stop it if it waits or runs; forget it if it has ended. Raises NotFound."""
        with writing(self._engine) as connection:
            row = connection.execute(_one(id_)).first()
            if row is None:
                raise NotFound(f"there is no export {id_[:80]!r}")
            if row.state in ("waiting", "running"):
                self._set(connection, id_, state="cancelled", order=_unsealed(row.order))
            else:
                connection.execute(sa.delete(job).where(job.c.id == id_))

    # -- the custodian ------------------------------------------------------------------------

    def resume(self) -> tuple[str, ...]:
        """What ran when the custodian ended waits again. Their ids."""
        with writing(self._engine) as connection:
            query = sa.select(job.c.id).where(job.c.kind == _KIND, job.c.state == "running")
            ids = tuple(connection.scalars(query))
            for id_ in ids:
                self._set(connection, id_, state="waiting", done=0, total=0)
        return ids

    def take(self) -> ExportJob | None:
        """The longest waiting one, now running; None if none waits."""
        waits = sa.select(job.c.id).where(job.c.kind == _KIND, job.c.state == "waiting").limit(1)
        with self._engine.connect() as connection:  # asked each second: it must not lock the index
            if connection.execute(waits).first() is None:
                return None
        with writing(self._engine) as connection:
            row = connection.execute(
                sa.select(job)
                .where(job.c.kind == _KIND, job.c.state == "waiting")
                .order_by(job.c.made, job.c.id)
                .limit(1)
            ).first()
            if row is None:
                return None
            self._set(connection, row.id, state="running", done=0, total=0)
        return self.get(row.id)

    def password(self, id_: str) -> Secret | None:
        """What its package is to be locked with. Raises ConfigError if the key it was sealed with
        is no more, NotFound."""
        with self._engine.connect() as connection:
            row = connection.execute(_one(id_)).first()
        if row is None:
            raise NotFound(f"there is no export {id_[:80]!r}")
        sealed = json.loads(row.order).get("password")
        return None if sealed is None else self._vault.open(base64.b64decode(sealed), id_)

    def progress(self, id_: str, done: int, total: int) -> bool:
        """Note how far it is; False once somebody cancelled it."""
        with writing(self._engine) as connection:
            changed = connection.execute(
                sa.update(job)
                .where(job.c.id == id_, job.c.state == "running")
                .values(done=done, total=total, changed=self._clock.now())
            )
        return bool(changed.rowcount)

    def finish(self, id_: str, size: int, total: int) -> bool:
        """It is done; False if somebody cancelled it in the last moment."""
        return self._end(id_, "done", result=json.dumps({"size": size}), done=total, total=total)

    def fail(self, id_: str, error: str) -> None:
        self._end(id_, "failed", error=error)

    def again(self, id_: str) -> None:
        """It waits again: the custodian ends."""
        with writing(self._engine) as connection:
            row = connection.execute(_one(id_)).first()
            if row is not None and row.state == "running":
                self._set(connection, id_, state="waiting", done=0, total=0)

    def forget(self, before: Instant) -> None:
        """Rows of exports that ended before a time go, and what crashed commands left."""
        ended = job.c.kind == _KIND, job.c.state.in_(("done", "failed", "cancelled"))
        with writing(self._engine) as connection:
            connection.execute(
                sa.delete(job).where(
                    sa.or_(sa.and_(*ended), job.c.kind == COMMAND), job.c.changed < before
                )
            )

    def _end(self, id_: str, state: JobState, **values: object) -> bool:
        with writing(self._engine) as connection:
            row = connection.execute(_one(id_)).first()
            if row is None or row.state != "running":
                return False
            self._set(connection, id_, state=state, order=_unsealed(row.order), **values)
            return True

    def _set(self, connection: sa.Connection, id_: str, **values: object) -> None:
        changed = {**values, "changed": self._clock.now()}
        connection.execute(sa.update(job).where(job.c.id == id_).values(changed))


def _one(id_: str) -> sa.Select[Any]:
    return sa.select(job).where(job.c.kind == _KIND, job.c.id == id_)


def _unsealed(order: str) -> str:
    """The order without the password: nobody needs it any more."""
    facts = json.loads(order)
    facts.pop("password", None)
    return json.dumps(facts, ensure_ascii=False)


def _job(row: sa.Row[Any]) -> ExportJob:
    made = Instant(row.made)
    order = Order.from_json(row.order, id_=row.id, by=row.made_by, made=made)
    size = json.loads(row.result)["size"] if row.result is not None else None
    state = cast(JobState, row.state)
    changed = Instant(row.changed)
    return ExportJob(order, state, changed, row.done, row.total, size, row.error)
