"""Footage that was ordered and is not handed out yet: rules spare it until then.

Exports of the console stand in the table of jobs anyway; one of the command line stands there
while it runs, as a job of another kind, which nobody takes. Nothing is kept beside these rows: what
is done, fails or is cancelled is spared no longer, and what a crash left is spared until its time
is over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import sqlalchemy as sa

from storage.database import writing
from storage.holds.held import HeldSpans
from storage.schema import job
from vms.core.clock import DAY, HOUR, MINUTE, Clock, Instant, Mono
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.evidence.order import Order

log = get_logger(__name__)

SPARED_FOR = 7 * DAY
"""Since it was ordered. The longest order takes hours; what takes longer will never be done."""

COMMAND = "command"
"""The kind of a job that somebody carries out at the command line."""

_TOLD_EACH = MINUTE  # a command says this often that it still runs
_DEAD = HOUR  # after it last said so; it is silent while a page is drawn or a disk hangs

Undeleting = Callable[[], AbstractContextManager[object]]
"""Makes a turn in which nothing is deleted."""


class Ordered:
    """Orders that wait or are carried out. Thread-safe; every call blocks for the database.

    `undeleting`: what is ordered within is spared by whoever deletes after it.
    """

    def __init__(
        self,
        engine: sa.Engine,
        clock: Clock,
        undeleting: Undeleting = contextlib.nullcontext,
    ) -> None:
        self._engine, self._clock, self._undeleting = engine, clock, undeleting

    def orders(self) -> list[Order]:
        """Those whose footage is spared now, the oldest first."""
        now = self._clock.now()
        query = sa.select(job).where(
            job.c.state.in_(("waiting", "running")),
            job.c.made > now - SPARED_FOR,
            sa.or_(job.c.kind != COMMAND, job.c.changed > now - _DEAD),
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(job.c.made, job.c.id)).all()
        return [
            Order.from_json(row.order, id_=row.id, by=row.made_by, made=Instant(row.made))
            for row in rows
        ]

    def spans(self) -> HeldSpans:
        """What rules spare now."""
        return spans_of(self.orders())

    @contextlib.contextmanager
    def running(self, order: Order) -> Iterator[Callable[[], None]]:
        """Spare an order's footage while it is carried out here. Yields what must be called from
        time to time, cheap, as long as it goes on. Raises StorageError, but not from then on."""
        made = self._clock.now()
        values = {"id": order.id, "kind": COMMAND, "state": "running", "made": order.made}
        values |= {"made_by": order.by, "changed": made, "order": order.to_json()}
        with self._undeleting(), writing(self._engine) as connection:
            connection.execute(sa.insert(job), {**values, "done": 0, "total": 0})
        told = self._clock.monotonic()

        def still() -> None:
            nonlocal told
            if self._clock.monotonic() - told >= _TOLD_EACH:
                told = Mono(self._clock.monotonic())
                self._change(sa.update(job).values(changed=self._clock.now()), order)

        try:
            yield still
        finally:
            self._change(sa.delete(job), order)

    def _change(self, statement: sa.Update | sa.Delete, order: Order) -> None:
        try:
            with writing(self._engine) as connection:
                connection.execute(statement.where(job.c.id == order.id, job.c.kind == COMMAND))
        except StorageError as error:  # the package is worth more; the row ends by its age
            log.warning("an export's state is not noted", export=order.id, error=str(error))


def spans_of(orders: list[Order]) -> HeldSpans:
    """All that some orders ask for; of both streams, as a hold would."""
    return HeldSpans.of(
        (camera, order.start, order.end) for order in orders for camera in order.cameras
    )
