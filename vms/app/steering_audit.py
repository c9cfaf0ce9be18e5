"""Movements of cameras in the audit: an entry when one begins and one when it has ended, as of a
viewing. The last one says all of it, and holds the hash of its line in steering's log, where each
single move stands: so that the log can't be changed unseen either (`SteeringCheck`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlalchemy import Engine

from storage.findings import Finding, Kind
from vms.cameras.steering.lease import Operator
from vms.cameras.steering.logbook import Logbook, Logged
from vms.cameras.steering.records import DONE
from vms.cameras.steering.scribe import CRASHED, Ending
from vms.core.clock import Clock, Instant, Span, rfc3339
from vms.people.audit.entry import Entry, Outcome, Phase, Via, What
from vms.people.audit.records import Records
from vms.people.audit.trail import Trail

_VIAS: Mapping[str, Via] = {"session": "session", "token": "token"}
_PROOF = re.compile(r"; line ([0-9]{1,18}) sha256 ([0-9a-f]{64})(?:; |$)")
_AT_ONCE = 500


class SteeringAudit:
    """A `vms.cameras.steering.scribe.MovementAudit`."""

    def __init__(self, trail: Trail, audit: Records, clock: Clock) -> None:
        self._trail, self._audit, self._clock = trail, audit, clock

    def begun(self, line: Logged, by: Operator) -> None:
        """A movement has begun, and stands in the log."""
        self._tell(line, by, [], "opened", "done")

    def ended(self, line: Logged, by: Operator, ending: Ending) -> None:
        """It has ended, and this is all of it."""
        proof = f"line {line.number} sha256 {line.sha256()}"
        told = [
            f"{line.commands} commands",
            "ended: " + _ended(ending, line.operator),
            proof if ending.kept else f"line {line.number} could not be written",
        ]
        failed = ending.result != DONE or not ending.kept
        self._tell(line, by, told, "closed", "failed" if failed else "done")

    def untold(self, lines: Sequence[Logged]) -> Mapping[int, Operator]:
        """Of which lines the audit does not know the end; who began them, and from where."""
        self._trail.flush()  # what a crash left in the journal is told
        known = self._audit.viewings([_name(one) for one in lines])
        begun = {
            one.viewing: Operator(one.who, 0, via=one.via, address=one.address) for one in known
        }
        ended = {one.viewing for one in known if one.phase == "closed"}
        return {
            one.number: begun.get(_name(one), Operator(one.operator, 0))
            for one in lines
            if _name(one) not in ended
        }

    def _tell(
        self, line: Logged, by: Operator, told: list[str], phase: Phase, outcome: Outcome
    ) -> None:
        purpose = [f"purpose: {line.purpose}"] if line.purpose else []
        self._trail.tell(
            Entry(
                *(self._clock.now(), What.STEER, line.operator),
                *(_VIAS.get(by.via, "none"), by.address, line.camera),
                detail="; ".join([f"{line.command} {line.detail}", *told, *purpose]),
                outcome=outcome,
                start=line.at,
                end=line.until,
                viewing=_name(line),
                phase=phase,
            )
        )


class SteeringCheck:
    """Is steering's log what the audit says? A part of `vms verify`. Reads only.

    `keep`: how long lines are kept; older ones may be gone, and of a log that was full the first.
    """

    def __init__(self, engine: Engine, keep: Span, clock: Clock) -> None:
        self._audit, self._logbook = Records(engine), Logbook(engine)
        self._keep, self._clock = keep, clock

    def findings(self) -> Iterator[Finding]:
        """Every movement whose line was changed or taken away since it ended."""
        some: list[Entry] = []
        for entry in self._audit.closed(What.STEER):
            some.append(entry)
            if len(some) == _AT_ONCE:
                yield from self._judged(some)
                some = []
        yield from self._judged(some)

    def _judged(self, entries: Iterable[Entry]) -> Iterator[Finding]:
        proofs = [(one, found) for one in entries if (found := _PROOF.search(one.detail))]
        lines = self._logbook.lines([int(found[1]) for _, found in proofs])
        for entry, found in proofs:
            number, sha256 = int(found[1]), found[2]
            line = lines.get(number)
            wrong = self._gone(entry, number) if line is None else _changed(line, entry, sha256)
            if wrong:
                told = f"{wrong}; {entry.who} moved {entry.camera} at {_when(entry)}"
                yield Finding(Kind.PTZ_LOG_CHANGED, f"steering's log, line {number}", told)

    def _gone(self, entry: Entry, number: int) -> str:
        """What is wrong with a line that is not there: younger than `keep`, and older ones are."""
        first, last = self._logbook.first(), entry.end or entry.at
        young = last >= self._clock.now() - self._keep
        return "it was taken away" if young and first is not None and first < number else ""


def _changed(line: Logged, entry: Entry, sha256: str) -> str:
    same = line.sha256() == sha256 and _name(line) == entry.viewing
    return "" if same else "it was changed after the movement had ended"


def _ended(ending: Ending, operator: str) -> str:
    if ending.word == CRASHED.word:
        return "not known, the system stopped before"
    by = "" if ending.by == operator else f" by {ending.by or 'the system'}"
    result = "" if ending.result == DONE else f" ({ending.result})"
    return f"{ending.word}{by}{result}"


def _name(line: Logged) -> str:
    """Names a movement, unlike any other: a number alone may come again in an emptied log."""
    return f"ptz-{line.number}-{line.at}"


def _when(entry: Entry) -> str:
    return rfc3339(Instant(entry.start if entry.start is not None else entry.at))
