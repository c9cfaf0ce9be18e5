"""What the ledger says of holds: its leaves of them, read once and then only what is new."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from storage.holds.held import Hold, Lift, Told
from storage.ledger.leaves import BadLeaf, HoldLeaf, Leaf, LiftLeaf, parse
from vms.core.log import get_logger

log = get_logger(__name__)

# Canonical lines hold their kind in exactly these bytes; a quote within a text is escaped.
_OURS = (b'"kind":"hold"', b'"kind":"lift"')


class Leaves(Protocol):
    """The part of `storage.ledger.Ledger` that is needed. All raise StorageError."""

    def append(self, leaves: Sequence[Leaf]) -> int: ...
    def size(self) -> int: ...
    def leaves(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]: ...


class HoldLeaves:
    """A `storage.holds.repository.HoldLedger` over a ledger. Thread-safe.

    Of several leaves for one hold the first counts: a later one can't make it smaller.
    """

    def __init__(self, ledger: Leaves) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._read = 0
        self._holds: dict[str, Hold] = {}
        self._lifts: dict[str, Lift] = {}

    def held(self, hold: Hold) -> None:
        """Append the leaf of a new hold."""
        self._ledger.append(
            [
                HoldLeaf(
                    hold.id,
                    hold.camera,
                    hold.start,
                    hold.end,
                    hold.reason,
                    hold.made_by,
                    hold.made,
                    hold.until,
                )
            ]
        )

    def lifted(self, hold: Hold) -> None:
        """Append the leaf of a lift."""
        assert hold.lifted is not None
        by, reason = hold.lifted_by or "", hold.lift_reason or ""
        self._ledger.append([LiftLeaf(hold.id, by, hold.lifted, reason)])

    def told(self, hold_id: str) -> Told:
        """What the ledger knows of a hold."""
        with self._lock:
            self._take_up()
            return Told(self._holds.get(hold_id), self._lifts.get(hold_id))

    def open_ids(self) -> list[str]:
        """Of all holds that no leaf lifts."""
        with self._lock:
            self._take_up()
            return sorted(self._holds.keys() - self._lifts.keys())

    def _take_up(self) -> None:
        size = self._ledger.size()
        if size < self._read:  # an older one was put in its place
            self._read, self._holds, self._lifts = 0, {}, {}
        for place, line in self._ledger.leaves(self._read, size):
            if _OURS[0] in line or _OURS[1] in line:
                self._take(place, line)
            self._read = place + 1

    def _take(self, place: int, line: bytes) -> None:
        try:
            leaf = parse(line)
        except BadLeaf as error:  # `vms verify` names it; nothing is lifted by it
            log.error("a leaf of the ledger can't be read", place=place, error=str(error))
            return
        if isinstance(leaf, HoldLeaf):
            span = (leaf.start, leaf.end, leaf.reason, leaf.until)
            self._holds.setdefault(leaf.id, Hold(leaf.id, leaf.camera, *span, leaf.at, leaf.by))
        elif isinstance(leaf, LiftLeaf):
            self._lifts.setdefault(leaf.id, Lift(leaf.at, leaf.by, leaf.reason))
