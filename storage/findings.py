"""Findings: what is not as it should be with stored footage, until it is well again.

Checks yield `Finding`s; `Findings` keeps those that a person must hear of, in the database, so that
screens, metrics and the command line tell the same. Each is logged once when it begins and once
when it ends, however often it is reported in between. Until there are alarms this is how a person
is told.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from storage.database import writing
from storage.schema import finding
from storage.upsert import insert_into
from vms.core.clock import DAY, MINUTE, Clock, Instant, rfc3339
from vms.core.log import get_logger
from vms.core.plain import plain

log = get_logger(__name__)

OPEN_MAX = 1_000
"""Findings of one kind that are kept open; a dead disk is one fact, not four million."""

REST = "*"
"""The subject that stands for all findings of its kind beyond `OPEN_MAX`."""

_GONE_KEPT = 90 * DAY
_GONE_MAX = 10_000
_DETAIL_MAX = 1_000
# A duty reports what lasts each round; `last` need not be truer than this.
_AGAIN = MINUTE


class Kind(enum.StrEnum):
    """What is the matter. The words stand in SQL, JSON and metrics; a new one is added here."""

    FOOTAGE_MISSING = "footage_missing"  # a row, and no file, and no rule that deleted it
    FOOTAGE_DAMAGED = "footage_damaged"  # not the bytes that were written, or not readable
    FOOTAGE_UNKNOWN = "footage_unknown"  # a file, and no row
    FOOTAGE_ABANDONED = "footage_abandoned"  # put away: could not be made durable or be read
    ROW_CHANGED = "row_changed"  # the index says something else than the ledger
    ROW_MISSING = "row_missing"  # a leaf and a file, and no row
    ROWS_LET_GO = "rows_let_go"  # files without rows: the database was away for too long
    ROW_UNKNOWN = "row_unknown"  # a row that the ledger does not know
    TIME_UNEXPLAINED = "time_unexplained"  # neither segment nor gap, or two at once
    VOLUME_MISSING = "volume_missing"
    VOLUME_FAILED = "volume_failed"
    VOLUME_FOREIGN = "volume_foreign"  # another disk stands where this one should
    VOLUME_FULL = "volume_full"
    ONLY_HELD_LEFT = "only_held_left"  # a volume fills, and all on it is held
    CLOCK_JUMPED = "clock_jumped"  # a mass deletion by age was refused
    RULES_REFUSED = "rules_refused"  # retention rules of the file that would delete too much
    PROMISE_BROKEN = "promise_broken"  # footage goes sooner than its rule says
    HOLD_DAMAGED = "hold_damaged"  # database and volume do not tell the same of it
    LEDGER_DAMAGED = "ledger_damaged"
    LEDGER_STOPPED = "ledger_stopped"  # it can't be written; recording goes on
    AUDIT_CHANGED = "audit_changed"  # entries of who did what: changed, removed, invented
    STAMP_LATE = "stamp_late"
    TIER_UNREACHABLE = "tier_unreachable"
    SCRUB_LATE = "scrub_late"  # not everything was read again in its time
    CAMERA_UNHEARD = "camera_unheard"  # what it notices is not heard: docs/onvif.md
    CAMERA_BLACK = "camera_black"  # what its pictures show is no use: docs/health.md
    CAMERA_WHITE = "camera_white"
    CAMERA_COVERED = "camera_covered"
    CAMERA_BLURRED = "camera_blurred"
    CAMERA_FROZEN = "camera_frozen"
    CAMERA_TURNED = "camera_turned"
    PTZ_LOG_CHANGED = "ptz_log_changed"  # a movement's line: not what the audit says, or gone
    PTZ_LOG_FULL = "ptz_log_full"  # lines go, or soon will, before [ptz] keep has passed
    MOTION_SELDOM = "motion_seldom"  # looked for in few pictures: the machine can't bear more


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not well. `subject`: a segment's id, or the path, volume, camera."""

    kind: Kind
    subject: str
    detail: str

    def as_json(self) -> dict[str, str]:
        """The contract of `vms verify --json`: what is found is named by its segment."""
        return {"segment": self.subject, "kind": self.kind.value, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class KeptFinding:
    """A finding with its times. `gone`: since when it is well again; None while it lasts."""

    kind: str
    subject: str
    detail: str
    first: Instant
    last: Instant
    gone: Instant | None = None

    def as_json(self) -> dict[str, str | None]:
        """The contract of GET /api/storage and `vms storage findings --json`."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "detail": self.detail,
            "first": rfc3339(self.first),
            "last": rfc3339(self.last),
            "gone": None if self.gone is None else rfc3339(self.gone),
        }


class Findings:
    """The table of findings, for any process. Every call blocks for a database access."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def report(self, kind: Kind, subject: str, detail: str) -> None:
        """Something is not well, or still is not: cheap to say again and again."""
        detail, now = plain(detail, _DETAIL_MAX), self._clock.now()
        with self._engine.connect() as connection:
            known = self._row(connection, kind, subject)
        if known is not None and known.gone is None:
            if known.detail == detail and known.last <= now < known.last + _AGAIN:
                return
            values = {"detail": detail, "last": now}
            with writing(self._engine) as connection:
                connection.execute(_only(sa.update(finding), kind, subject).values(values))
            return
        if subject != REST and self._count(kind) >= OPEN_MAX:
            self.report(kind, REST, f"more than {OPEN_MAX} at once; the others are not listed")
            return
        self._begin(kind, subject, detail, now)

    def well(self, kind: Kind, subject: str) -> None:
        """It is as it should be; costs one look when there was no finding."""
        with self._engine.connect() as connection:
            known = self._row(connection, kind, subject)
        if known is None or known.gone is not None:
            return
        now = self._clock.now()
        with writing(self._engine) as connection:
            ended = connection.execute(
                _only(sa.update(finding), kind, subject)
                .where(finding.c.gone.is_(None))
                .values(gone=now)
            )
            _forget_old(connection, now)
        if ended.rowcount:  # otherwise another process said so in the same moment
            log.info("finding ended", kind=str(kind), subject=subject)

    def settle(self, kind: Kind, still: Mapping[str, str]) -> None:
        """A kind looked at anew: report `still` (subject to detail), all else of it is well."""
        for known in self.open(kind):
            if known.subject not in still and not (known.subject == REST and len(still) > OPEN_MAX):
                self.well(kind, known.subject)
        for subject, detail in still.items():
            self.report(kind, subject, detail)

    def open(self, kind: Kind | None = None) -> list[KeptFinding]:
        """What is not well now, the longest first."""
        query = sa.select(finding).where(finding.c.gone.is_(None))
        if kind is not None:
            query = query.where(finding.c.kind == kind.value)
        return self._listed(query.order_by(finding.c.first, finding.c.subject))

    def recent(self, limit: int = 1_000) -> list[KeptFinding]:
        """Open ones and those that ended, the newest first."""
        order = (finding.c.last.desc(), finding.c.subject)
        return self._listed(sa.select(finding).order_by(*order).limit(limit))

    def counts(self) -> dict[str, int]:
        """How many are open, by kind; each known kind is there, for metrics that begin at 0."""
        query = sa.select(finding.c.kind, sa.func.count().label("number")).where(
            finding.c.gone.is_(None)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.group_by(finding.c.kind)).all()
        known = {kind.value: 0 for kind in Kind}
        return known | {row.kind: row.number for row in rows}

    def _begin(self, kind: Kind, subject: str, detail: str, now: Instant) -> None:
        values = {"detail": detail, "first": now, "last": now, "gone": None}
        with writing(self._engine) as connection:
            row = insert_into(connection, finding).values(
                kind=kind.value, subject=subject, **values
            )
            begun = connection.execute(
                row.on_conflict_do_update(
                    index_elements=["subject", "kind"],
                    set_=values,
                    where=finding.c.gone.isnot(None),
                )
            )
        if begun.rowcount:
            log.error("finding", kind=str(kind), subject=subject, detail=detail)

    def _row(self, connection: sa.Connection, kind: Kind, subject: str) -> sa.Row[Any] | None:
        return connection.execute(_only(sa.select(finding), kind, subject)).one_or_none()

    def _count(self, kind: Kind) -> int:
        query = sa.select(sa.func.count()).where(
            finding.c.kind == kind.value, finding.c.gone.is_(None), finding.c.subject != REST
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def _listed(self, query: sa.Select[Any]) -> list[KeptFinding]:
        with self._engine.connect() as connection:
            return [
                KeptFinding(
                    row.kind,
                    row.subject,
                    row.detail,
                    Instant(row.first),
                    Instant(row.last),
                    None if row.gone is None else Instant(row.gone),
                )
                for row in connection.execute(query)
            ]


def _only(statement: Any, kind: Kind, subject: str) -> Any:
    return statement.where(finding.c.subject == subject, finding.c.kind == kind.value)


def _forget_old(connection: sa.Connection, now: Instant) -> None:
    """What ended long ago, and the oldest where too many did."""
    ended = finding.c.gone.isnot(None)
    connection.execute(sa.delete(finding).where(ended, finding.c.gone < now - _GONE_KEPT))
    newest = sa.select(finding.c.gone).where(ended).order_by(finding.c.gone.desc())
    limit = connection.execute(newest.offset(_GONE_MAX).limit(1)).scalar()
    if limit is not None:
        connection.execute(sa.delete(finding).where(ended, finding.c.gone <= limit))
