"""Holds: kept in the database and beside the footage, either of which suffices (invariant 4).

Adding: files on the volumes → row → leaf in the ledger. Lifting: leaf → row → files. So a crash
leaves more held than was promised, never less, and `repair` brings every place to what
`storage.holds.held.settle` says. Who deletes does so inside `deleting`, which no new hold can
overtake.
"""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from storage.disk import Disk
from storage.findings import Finding, Kind
from storage.holds.files import HoldFiles, holds_folder
from storage.holds.held import Copy, Damaged, HeldSpans, Hold, Told, settle
from storage.holds.order import HoldOrder
from storage.holds.rows import HoldRows
from storage.volume import find_volume, translated
from vms.core.clock import Clock, Instant, rfc3339
from vms.core.config_storage import VolumeSettings
from vms.core.errors import NotFound, Refused, StorageError
from vms.core.log import get_logger
from vms.core.model import Cause, StreamKey
from vms.core.plain import plain

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = get_logger(__name__)

_PATIENCE = 30.0  # seconds to wait for another's turn; a batch of deletions takes less than one
_LOOK = 0.02


class HoldLedger(Protocol):
    """What the ledger keeps of holds. `held` and `lifted` are durable when they return.

    All raise StorageError.
    """

    def held(self, hold: Hold) -> None: ...
    def lifted(self, hold: Hold) -> None: ...
    def told(self, hold_id: str) -> Told: ...
    def open_ids(self) -> Sequence[str]:
        """Of all holds it knows and no lift of."""
        ...


@dataclass(slots=True)
class _Seen:
    """All places at one moment. `copies`: by volume root, then by id; `open`: by the ledger."""

    rows: dict[str, Hold]
    copies: dict[Path, dict[str, Copy]] = field(default_factory=dict)
    open: frozenset[str] = frozenset()
    unreadable: dict[Path, str] = field(default_factory=dict)  # volumes, and why
    findings: list[Finding] = field(default_factory=list)

    def ids(self) -> list[str]:
        filed = {one for known in self.copies.values() for one in known}
        return sorted({*self.rows, *filed, *self.open})

    def copies_of(self, hold_id: str) -> list[Copy]:
        return [known[hold_id] for known in self.copies.values() if hold_id in known]


class Holds:
    """The holds of a site. `lock`: a file whose lock is a turn to add, lift or delete.

    Thread-safe; every call blocks for disk and database.
    """

    def __init__(
        self,
        engine: Engine,
        volumes: Sequence[VolumeSettings],
        disk: Disk,
        clock: Clock,
        ledger: HoldLedger | None = None,
        *,
        lock: Path | None = None,
        make_id: Callable[[], str] = lambda: secrets.token_hex(6),
    ) -> None:
        self._rows, self._files = HoldRows(engine), HoldFiles(disk)
        self._volumes, self._clock, self._ledger = tuple(volumes), clock, ledger
        self._lock, self._make_id = lock, make_id
        self._own = threading.Lock()

    # -- reading --------------------------------------------------------------------------

    def all(self) -> list[Hold]:
        """Every hold, lifted ones too, as `settle` says, the oldest first."""
        return self._settled(self._see(anew=True))

    def active(self) -> list[Hold]:
        """What is held, the oldest first."""
        return [hold for hold in self.all() if hold.active]

    def spans(self) -> HeldSpans:
        """What is held at this moment, to be asked many times.

        A volume whose holds can't be read holds everything until a person has looked at it.
        """
        seen = self._see(anew=False, ledger=True)
        doubts = [Damaged(str(root), detail).as_hold() for root, detail in seen.unreadable.items()]
        return HeldSpans([*self._settled(seen), *doubts])

    def covers(self, stream: StreamKey, start: Instant, end: Instant) -> bool:
        """Whether any part of [start, end) is held now. For many questions: `spans`."""
        return self.spans().covers(stream, start, end)

    def check(self) -> list[Finding]:
        """Where database, volumes and ledger disagree; changes nothing."""
        with self._turn():
            seen = self._see(anew=True, ledger=True)
        return seen.findings + [
            problem for hold_id in seen.ids() for problem in self._doubts(seen, hold_id)
        ]

    # -- changing -------------------------------------------------------------------------

    @contextlib.contextmanager
    def deleting(self) -> Iterator[HeldSpans]:
        """A turn to delete: what is held now, and nothing more until the turn is over.

        Keep it short. Raises StorageError: if the holds can't be read, nothing may be deleted.
        """
        with self._turn():
            yield self.spans()

    @contextlib.contextmanager
    def undeleting(self) -> Iterator[None]:
        """A turn in which nobody deletes, for who says what is to stay. Keep it short.

        Raises StorageError.
        """
        with self._turn():
            yield

    def add(self, order: HoldOrder, by: str) -> Hold:
        """Hold a span from now on. Raises Refused, or StorageError if no place took it.

        A place that refused for now is logged; `repair` brings it up.
        """
        reason, who = plain(order.reason), plain(by)
        if not reason:
            raise Refused("a hold needs a reason: the request, the case, who asked for it")
        span = (order.start, order.end)
        hold = Hold(
            self._make_id(), order.camera, *span, reason, order.until, self._clock.now(), who
        )
        with self._turn():
            stands = self._put_files(hold)
            try:
                self._rows.put([hold])
            except StorageError as error:
                if not stands:
                    raise
                raise StorageError(error.cause, _half_way(hold, error)) from error
            self._enter(hold)
        return hold

    def lift(self, hold_id: str, by: str, reason: str) -> Hold:
        """End a hold. Raises NotFound, Refused, or StorageError: then it holds on."""
        why = plain(reason)
        if not why:
            raise Refused("lifting a hold needs a reason, which the ledger keeps")
        with self._turn():
            found = self._settled(self._see(anew=True))
            known = next((hold for hold in found if hold.id == hold_id), None)
            if known is None:
                raise NotFound(f"there is no hold {plain(hold_id, 40)!r}")
            if not known.active:
                raise Refused(f"the hold {hold_id} was lifted before, by {known.lifted_by}")
            lifted = replace(known, lifted=self._clock.now(), lifted_by=plain(by), lift_reason=why)
            if self._ledger is not None:
                self._ledger.lifted(lifted)
            self._rows.put([lifted])
            self._put_files(lifted)
        return lifted

    def lift_due(self) -> list[Hold]:
        """Lift what was to be held until a time that has come. Only where the clock is trusted."""
        now = self._clock.now()
        due = [one for one in self.active() if one.until is not None and one.until <= now]
        for hold in due:
            self.lift(hold.id, "the hold itself", "it was to be held until then")
        return due

    def repair(self) -> list[Finding]:
        """Bring rows, files and ledger to what holds; says what was not as it should be.

        Twice is the same as once. A crash or a volume that was away leaves something to do too.
        """
        with self._turn():
            seen = self._see(anew=True, ledger=True)
            for hold_id in seen.ids():
                seen.findings += self._doubts(seen, hold_id)
                self._bring_up(seen, hold_id)
        for root in self._roots():
            with contextlib.suppress(OSError):
                self._files.sweep(root, self._clock.now())
        return seen.findings

    # -- the places -----------------------------------------------------------------------

    def _roots(self) -> list[Path]:
        """Where volumes are attached. A folder without identity may be an empty mount point."""
        return [one.path for one in self._volumes if find_volume(one.path) is not None]

    def _see(self, *, anew: bool, ledger: bool = False) -> _Seen:
        seen = _Seen({hold.id: hold for hold in self._rows.all()})
        for root in self._roots():
            try:
                seen.copies[root] = self._files.read(root, anew=anew)
            except OSError as error:
                seen.unreadable[root] = f"the holds in {holds_folder(root)} can't be read: {error}"
        seen.findings += [_finding(str(root), why) for root, why in seen.unreadable.items()]
        if ledger and self._ledger is not None:
            try:
                seen.open = frozenset(self._ledger.open_ids())
            except StorageError as error:
                seen.findings.append(_finding("ledger", f"its holds can't be read: {error}"))
        return seen

    def _settled(self, seen: _Seen) -> list[Hold]:
        found = [self._settle(seen, hold_id) for hold_id in seen.ids()]
        return sorted(found, key=lambda hold: (hold.made, hold.id))

    def _settle(self, seen: _Seen, hold_id: str) -> Hold:
        return settle(seen.rows.get(hold_id), seen.copies_of(hold_id), lambda: self._told(hold_id))

    def _told(self, hold_id: str) -> Told | None:
        if self._ledger is None:
            return None
        try:
            return self._ledger.told(hold_id)
        except StorageError as error:
            log.error("the ledger can't be asked about a hold", hold=hold_id, error=str(error))
            return Told(None, None)

    def _put_files(self, hold: Hold) -> int:
        """Write the hold's file on each volume; how many took it."""
        stands = 0
        for root in self._roots():
            try:
                self._files.put(root, hold)
                stands += 1
            except OSError as error:
                log.error("a hold's file was refused", hold=hold.id, error=str(error))
        return stands

    def _enter(self, hold: Hold) -> None:
        """Give the hold its leaf; where that fails, `repair` tries again."""
        if self._ledger is None:
            return
        try:
            self._ledger.held(hold.without_lift())
        except StorageError as error:
            log.error("a hold is not yet in the ledger", hold=hold.id, error=str(error))

    # -- repairing ------------------------------------------------------------------------

    def _doubts(self, seen: _Seen, hold_id: str) -> list[Finding]:
        """What contradicts or is missing where this hold should be known."""
        wanted = self._settle(seen, hold_id)
        row = seen.rows.get(hold_id)
        said = []
        if row is None:
            said.append((hold_id, "the database does not know this hold"))
        elif not _agree(row, wanted):
            said.append((hold_id, f"the database says of this hold: {_said(row)}"))
        for root, copies in seen.copies.items():
            copy = copies.get(hold_id)
            path = str(holds_folder(root) / f"{hold_id}.json")
            if copy is None:
                said.append((path, "the file of this hold is missing"))
            elif isinstance(copy, Damaged):
                said.append((path, f"the file of this hold is damaged: {copy.detail}"))
            elif not _agree(copy, wanted):
                said.append((path, f"the file says of this hold: {_said(copy)}"))
        return [_finding(subject, detail) for subject, detail in said]

    def _bring_up(self, seen: _Seen, hold_id: str) -> None:
        wanted = self._settle(seen, hold_id)
        if wanted.unreadable and wanted.active:
            return  # nobody knows what it holds: its file stays as it is, and holds everything
        word = self._told(hold_id)
        if word is not None and word.hold is None:
            self._enter(wanted)
        row = seen.rows.get(hold_id)
        if row is None or not _agree(row, wanted):
            self._rows.put([wanted])
            log.info("a hold's row was brought up", hold=hold_id)
        for root, copies in seen.copies.items():
            copy = copies.get(hold_id)
            if isinstance(copy, Hold) and _agree(copy, wanted):
                continue
            try:
                self._files.put(root, wanted)
                log.info("a hold's file was brought up", hold=hold_id, volume=str(root))
            except OSError as error:
                detail = f"its file can't be written on {root}: {error}"
                seen.findings.append(_finding(hold_id, detail))
                log.error("a hold's file was refused", hold=hold_id, error=str(error))

    # -- turns ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """One adds, lifts, repairs or deletes at a time, in all processes of the site."""
        if not self._own.acquire(timeout=_PATIENCE):
            raise _busy("this process")
        try:
            with _locked(self._lock):
                yield
        finally:
            self._own.release()


@contextlib.contextmanager
def _locked(path: Path | None) -> Iterator[None]:
    if path is None:
        yield
        return
    try:
        file = path.open("a")
    except OSError as error:
        raise translated(error, f"the turns of holds at {path} can't be taken") from error
    with file:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise _busy(str(path)) from None
                time.sleep(_LOOK)
        yield


def _busy(where: str) -> StorageError:
    detail = f"holds or deletions that go on ({where}) did not end within {_PATIENCE:.0f} s"
    return StorageError(Cause.DISK_SLOW, f"{detail}; try again")


def _finding(subject: str, detail: str) -> Finding:
    """`subject`: the file, or the hold's id."""
    return Finding(Kind.HOLD_DAMAGED, subject, detail)


def _agree(one: Hold, wanted: Hold) -> bool:
    """Whether a row or a file says what is wanted; a row knows no reason of a lift."""
    return replace(one, lift_reason=None) == replace(wanted, lift_reason=None)


def _said(hold: Hold) -> str:
    """In short what a place says, for a finding."""
    state = "active" if hold.active else f"lifted by {hold.lifted_by}"
    return f"{hold.camera}, {rfc3339(hold.start)} to {rfc3339(hold.end)}, {state}"


def _half_way(hold: Hold, error: StorageError) -> str:
    return (
        f"the hold {hold.id} stands on the volumes and holds, but the database did not take it "
        f"and will be brought up by itself: {error}"
    )
