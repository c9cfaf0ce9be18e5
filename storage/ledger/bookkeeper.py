"""The ledger before the index: what goes into the index gets its leaf first, and knows its place.

A leaf that is there twice does no harm, so a crash in between needs no undoing. A ledger that
can't be written stops nothing: the rows go without a place, and the custodian adds their leaves
later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from storage.ledger.leaves import BadLeaf, GapLeaf, Leaf, SegmentLeaf
from storage.ledger.log import Ledger
from storage.rows import DropGap, DropSegment, IndexChange, PutSegment
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause

log = get_logger(__name__)


class Bookkeeper:
    """Gives index changes their places. `ledger` None: there is none, all go without."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._failing = False

    def booked(self, changes: Sequence[IndexChange]) -> list[IndexChange]:
        """The same changes in the same order; those that need a leaf with its place."""
        done = list(changes)
        if self._ledger is None:
            return done
        wanted = [(at, leaf) for at, change in enumerate(done) if (leaf := leaf_of(change))]
        if not wanted:
            return done
        try:
            first = self._ledger.append([leaf for _, leaf in wanted])
        except StorageError as error:
            if not self._failing:
                log.error("the ledger can't be written; recording goes on", error=str(error))
            self._failing = True
            return done
        if self._failing:
            log.info("the ledger can be written again")
            self._failing = False
        for place, (at, _) in enumerate(wanted, first):
            change = done[at]
            assert not isinstance(change, DropSegment)
            done[at] = replace(change, leaf=place)
        return done


def leaf_of(change: IndexChange) -> Leaf | None:
    """The leaf a change still needs.

    A gap gets its leaf when it has ended. A deletion's gap has none: the deleted segments' leaves
    say it. A gap that had one and is taken back gets another, of no length. A segment whose file is
    gone by no rule keeps its leaf: that is how a check knows of it.
    """
    if isinstance(change, DropSegment) or change.leaf is not None:
        return None
    if isinstance(change, PutSegment):
        leaf: Leaf = SegmentLeaf.of(change)
    elif isinstance(change, DropGap):
        if change.was is None or change.was.cause is Cause.DELETED:
            return None
        leaf = GapLeaf.of(replace(change.was, end=change.start))
    elif change.gap.end is None or change.gap.cause is Cause.DELETED:
        return None
    else:
        leaf = GapLeaf.of(change.gap)
    try:
        leaf.line()
    except BadLeaf as error:
        log.error("a change that fits no leaf", error=str(error))
        return None
    return leaf
