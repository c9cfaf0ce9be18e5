"""The ledger against its own heads: checkpoints, stamps, kept heads, keys, and replicas.

A head that does not fit says that leaves were changed, taken or put in after it was signed; which,
a replica that was not changed too tells. Reads only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from storage.findings import Finding, Kind
from storage.ledger.log import Ledger
from storage.ledger.merkle import CompactRange
from storage.ledger.note import BadNote, Checkpoint, Verifier, open_note
from storage.ledger.replica import replica_folder
from storage.ledger.stamps import Stamps
from vms.core.clock import rfc3339

SUBJECT = "ledger"
_READ = 1 << 20
_TOLD = 20  # heads told one by one: a rewritten ledger fits none of a million


@dataclass(frozen=True, slots=True)
class Head:
    """A size and root that some note signs."""

    size: int
    root: bytes
    told: str


def heads_of(
    ledger: Ledger, stamps: Stamps | None, kept: Iterable[str] = ()
) -> tuple[list[Head], list[Finding]]:
    """All heads, by size, and what is wrong with the notes themselves."""
    found: list[Finding] = []
    heads: list[Head] = []
    verifiers = ledger.keys.verifiers()
    unsigned = _Unsigned()
    previous = 0
    for number, note in enumerate(ledger.checkpoints(), 1):
        try:
            head = _head(note, verifiers, f"checkpoint {number}")
        except BadNote as error:
            unsigned.add(number, str(error))
            continue
        if head.size <= previous:
            found.append(_damaged(f"{head.told} signs no more leaves than the one before it"))
        previous = head.size
        heads.append(head)
    found += unsigned.findings()
    if ledger.torn_checkpoints():
        found.append(_damaged("the last checkpoint is not whole"))
    for stamp in stamps.stamps() if stamps is not None else ():
        if isinstance(stamp, str):
            found.append(_damaged(f"a stamp is not right: {stamp}"))
        elif good := _opened(stamp.note, verifiers, f"stamp of {rfc3339(stamp.at)}", found):
            heads.append(good)
    opened = [_opened(note, verifiers, "kept head", found) for note in kept]
    heads += [head for head in opened if head is not None]
    heads.sort(key=lambda head: head.size)
    return heads, found


class HeadCheck:
    """Takes leaves' hashes in order, and holds the growing root against each head."""

    def __init__(self, heads: list[Head]) -> None:
        self._heads, self._next = heads, 0
        self._growing = CompactRange()
        self.fits = 0  # leaves up to the newest head that fits
        self._wrong: list[Head] = []

    def take(self, hash_: bytes) -> None:
        """The next leaf."""
        self._growing.push(hash_)
        while self._next < len(self._heads) and self._heads[self._next].size <= self._growing.size:
            head = self._heads[self._next]
            if head.size == self._growing.size and self._growing.root() != head.root:
                self._wrong.append(head)
            elif head.size == self._growing.size:
                self.fits = head.size
            self._next += 1

    def findings(self) -> Iterator[Finding]:
        """After the last leaf: heads that do not fit, heads of leaves that are gone."""
        for head in self._wrong[:_TOLD]:
            between = f"some of leaves {self.fits if self.fits < head.size else 0} to "
            yield _damaged(
                f"the ledger was rewritten: the first {head.size} leaves are not those of "
                f"{head.told}; {between}{head.size - 1} are others than were signed"
            )
        size = self._growing.size
        for head in self._heads[self._next :][:_TOLD]:
            yield _damaged(
                f"the ledger was cut: {head.told} signs {head.size} leaves, and there are {size}"
            )
        more = len(self._wrong) + len(self._heads) - self._next - 2 * _TOLD
        if more > 0:
            yield _damaged(f"and about {more} more heads do not fit")


def check_keys(ledger: Ledger, recorded: Iterable[str]) -> Iterator[Finding]:
    """The keys that sign against those whose leaves stand in the ledger."""
    ours, known = {str(key) for key in ledger.keys.verifiers()}, set(recorded)
    for key in sorted(known - ours):
        yield _damaged(f"a leaf introduces a key that is none of this site's: {key}")
    waiting = ledger.keys.waiting()
    for key in sorted(ours - known - ({str(waiting.verifier)} if waiting else set())):
        yield _damaged(f"no leaf introduces the key {key}")


def check_replicas(ledger: Ledger, roots: Iterable[Path]) -> Iterator[Finding]:
    """Each volume's replica, byte for byte, as far as it goes."""
    for root in roots:
        folder = replica_folder(root)
        for path in sorted([*folder.glob("leaves/*.jsonl"), *folder.glob("checkpoints")]):
            file = str(path.relative_to(folder))
            with contextlib.suppress(FileNotFoundError):
                told = _different(ledger.folder / file, path)
                if told is not None:
                    yield Finding(
                        Kind.LEDGER_DAMAGED, str(path), f"{ledger.folder / file} and {path} {told}"
                    )


def _different(ours: Path, theirs: Path) -> str | None:
    line = 0
    if not ours.exists():
        return "differ: the first is gone"
    with theirs.open("rb") as other, ours.open("rb") as file:
        while data := other.read(_READ):
            mine = file.read(len(data))
            if mine == data:
                line += data.count(b"\n")
                continue
            at = next(
                (n for n in range(len(mine)) if mine[n : n + 1] != data[n : n + 1]), len(mine)
            )
            line += data.count(b"\n", 0, at)
            if at == len(mine) and b"\n" not in data[at:]:
                return None  # a torn line of a replica, or one we are just writing
            return f"differ from line {line + 1} on"
    return None


class _Unsigned:
    """Checkpoints that no key of ours signed: neighbours alike are told as one. Without the keys
    there is one each minute of the site's life."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int, str]] = []  # first, last, why; at most _TOLD
        self._more = 0  # beyond them

    def add(self, number: int, why: str) -> None:
        if self._spans and self._spans[-1][1:] == (number - 1, why):
            self._spans[-1] = (self._spans[-1][0], number, why)
        elif len(self._spans) < _TOLD:
            self._spans.append((number, number, why))
        else:
            self._more += 1

    def findings(self) -> Iterator[Finding]:
        for first, last, why in self._spans:
            one = f"checkpoint {first} is not signed as it should be"
            many = f"checkpoints {first} to {last} are not signed as they should be"
            yield _damaged(f"{one if first == last else many}: {why}")
        if self._more:
            yield _damaged(f"and {self._more} more checkpoints are not signed as they should be")


def _opened(note: str, verifiers: list[Verifier], what: str, found: list[Finding]) -> Head | None:
    try:
        return _head(note, verifiers, what)
    except BadNote as error:
        found.append(_damaged(f"{what} is not signed as it should be: {error}"))
        return None


def _head(note: str, verifiers: list[Verifier], what: str) -> Head:
    """Raises BadNote."""
    text, _ = open_note(note, verifiers)
    head = Checkpoint.parse(text)
    when = "" if head.at is None else f", signed {rfc3339(head.at)}"
    return Head(head.size, head.root, f"the {what} (leaves: {head.size}{when})")


def _damaged(detail: str) -> Finding:
    return Finding(Kind.LEDGER_DAMAGED, SUBJECT, detail)
