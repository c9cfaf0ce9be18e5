"""Counts what became of a simulated camera's access units, from the stamps they carry.

Reading files or streams does not belong here: give it each access unit's NAL units with 4-byte
lengths, in stored order, of one stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vms.core.clock import Instant
from vms.simulator import sei
from vms.simulator.nal import split_lengths

_EXAMPLES = 20  # findings kept by counter; the rest is only counted


@dataclass(slots=True)
class AuditReport:
    """What an audit found. `clean` only if every unit is there once, unchanged and in order.

    `lost` counts counters missing between the first and the last seen; `longest_hole` is the
    longest capture time between neighbours across a loss.
    """

    units: int = 0
    lost: int = 0
    duplicated: int = 0
    changed: int = 0
    out_of_order: int = 0
    unstamped: int = 0
    streams: set[str] = field(default_factory=set)
    first: sei.Stamp | None = None
    last: sei.Stamp | None = None
    longest_hole: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        bad = self.lost + self.duplicated + self.changed + self.out_of_order + self.unstamped
        return self.units > 0 and bad == 0 and len(self.streams) == 1

    @property
    def captured(self) -> tuple[Instant, Instant] | None:
        """Capture times of the first and the last unit."""
        if self.first is None or self.last is None:
            return None
        return self.first.time, self.last.time

    def note(self, text: str) -> None:
        if len(self.examples) < _EXAMPLES:
            self.examples.append(text)


def audit_units(units: Iterable[bytes]) -> AuditReport:
    """Audit access units (NAL units behind 4-byte lengths) of one stream, in stored order."""
    report = AuditReport()
    seen: set[int] = set()
    for unit in units:
        report.units += 1
        stamp = _checked_stamp(unit, report)
        if stamp is not None:
            _place(stamp, report, seen)
    if seen:
        report.lost = max(seen) - min(seen) + 1 - len(seen)
    return report


def stamps(units: Iterable[bytes]) -> Iterator[sei.Stamp | None]:
    """The stamp of each access unit, without any check."""
    for unit in units:
        found = (sei.parse(nal) for nal in split_lengths(unit))
        yield next((stamp for stamp in found if stamp is not None), None)


def _checked_stamp(unit: bytes, report: AuditReport) -> sei.Stamp | None:
    try:
        nals = list(split_lengths(unit))
    except ValueError as error:
        report.changed += 1
        report.note(f"unit {report.units}: {error}")
        return None
    stamps = [stamp for nal in nals if (stamp := sei.parse(nal)) is not None]
    if not stamps:
        report.unstamped += 1
        report.note(f"unit {report.units}: no stamp")
        return None
    if len(stamps) > 1 or sei.crc_of(nals) != stamps[0].crc:
        report.changed += 1
        report.note(f"counter {stamps[0].counter}: {len(stamps)} stamps, bytes differ from sent")
    return stamps[0]


def _place(stamp: sei.Stamp, report: AuditReport, seen: set[int]) -> None:
    report.streams.add(stamp.stream)
    if stamp.counter in seen:
        report.duplicated += 1
        report.note(f"counter {stamp.counter}: again")
        return
    seen.add(stamp.counter)
    last = report.last
    if last is not None and stamp.counter < last.counter:
        report.out_of_order += 1
        report.note(f"counter {stamp.counter}: after {last.counter}")
        return
    if last is not None and stamp.counter > last.counter + 1:
        report.longest_hole = max(report.longest_hole, stamp.time - last.time)
        report.note(f"counter {last.counter + 1} to {stamp.counter - 1}: missing")
    report.first = report.first or stamp
    report.last = stamp
