"""What is kept and what must go, for people: rules shown, tried, changed; days kept; what would go.

Where a person changes a rule it is looked at first: one that would empty a camera, or nearly all of
the archive, is refused with a sentence until the person says that it is meant. Nothing here
deletes; that is the custodian's.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from storage.clock_hands import ClockHands
from storage.custody import Memory
from storage.forecast import (
    CameraKept,
    DiskForecast,
    Room,
    cameras_kept,
    disk_forecast,
    measured_since,
    rates,
)
from storage.holds.held import HeldSpans
from storage.ledger.leaves import RuleLeaf
from storage.patterns import Groups, rule_of
from storage.retention import Deletion, emptied, held_bytes, plan
from storage.rule_changes import RuleChange, StoredRule, in_order, rule_difference, with_declared
from storage.rules import Rules
from storage.stock import SqlStock
from storage.volume import find_volume
from vms.core.clock import DAY, HOUR, Clock, Instant, Span, rfc3339, span_text
from vms.core.config_camera import CameraSettings
from vms.core.config_storage import RetentionRule, VolumeSettings
from vms.core.errors import Harmful
from vms.core.log import get_logger
from vms.core.model import StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine


log = get_logger(__name__)

# More than this share of everything at once is no daily business.
_MOST = 0.9


class Registered(Protocol):
    """A camera of the registry."""

    @property
    def settings(self) -> CameraSettings: ...


class Cameras(Protocol):
    """The registry, as far as rules name cameras and groups; `groups`: of removed ones too."""

    def list(self) -> Sequence[Registered]: ...
    def groups(self) -> Groups: ...


class Holds(Protocol):
    """What nothing deletes."""

    def spans(self) -> HeldSpans: ...


class RuleLedger(Protocol):
    """Where changes of rules are written down; durable when it returns. Raises StorageError."""

    def append(self, leaves: Sequence[RuleLeaf]) -> int: ...


@dataclass(frozen=True, slots=True)
class CameraEffect:
    """What would go of a camera at once. `oldest`: where it begins then; `fits`: see CameraKept."""

    camera: str
    segments: int
    bytes: int
    span: Span
    oldest: Instant | None
    fits: Span | None


class Keeping:
    """The rules of a site and what they mean for its footage. Calls block for the database.

    `spared`: what rules leave alone beside what is held.
    """

    def __init__(
        self,
        engine: Engine,
        registry: Cameras,
        volumes: Sequence[VolumeSettings],
        clock: Clock,
        holds: Holds,
        ledger: RuleLedger,
        spared: Callable[[], HeldSpans] = HeldSpans,
    ) -> None:
        self._registry, self._volumes, self._clock = registry, volumes, clock
        self._holds, self._ledger, self._spared = holds, ledger, spared
        self.rules = Rules(engine)
        self._stock = SqlStock(engine)
        self._hands = ClockHands(Memory(engine), clock)

    # -- showing --------------------------------------------------------------------------

    def stored(self) -> tuple[StoredRule, ...]:
        """All rules as they are matched: the last that fits a camera wins."""
        return self.rules.list()

    def matches(self, rules: Sequence[RetentionRule]) -> dict[str, list[str]]:
        """Rule name → the cameras it holds for."""
        found: dict[str, list[str]] = {rule.name: [] for rule in rules}
        for camera, rule in self.by_camera(rules).items():
            if rule is not None:
                found[rule.name].append(camera)
        return found

    def by_camera(
        self, rules: Sequence[RetentionRule] | None = None
    ) -> dict[str, RetentionRule | None]:
        """The rule of each camera: those registered, and those that left footage."""
        rules = in_order(self.stored()) if rules is None else rules
        registered = [one.settings.id for one in self._registry.list()]
        groups = self._registry.groups()
        left = {stream.camera for stream, _ in self._stock.totals()}
        cameras = [*registered, *sorted(left - set(registered))]
        return {camera: rule_of(rules, camera, groups) for camera in cameras}

    def kept(self, rules: Sequence[RetentionRule] | None = None) -> list[CameraKept]:
        """For each camera what is kept against what is promised."""
        by_camera = self.by_camera(rules)
        now = self._clock.now()
        sizes: dict[str, int] = defaultdict(int)
        totals = self._stock.totals()
        for (stream, _), size in totals.items():
            sizes[stream.camera] += size
        held: dict[str, int] = defaultdict(int)
        for stream, size in self._held({uuid for _, uuid in totals}).items():
            held[stream.camera] += size
        oldest = self._stock.oldest()
        begins: dict[str, Instant] = {}
        for stream, start in oldest.items():
            begins[stream.camera] = min(start, begins.get(stream.camera, start))
        rate = rates(self._stock.written_since(measured_since(now)), oldest, now)
        room = self._room()
        return cameras_kept(list(by_camera), by_camera, sizes, begins, rate, room, now, held)

    def forecast(self) -> DiskForecast:
        """When the volumes will be full, and how much fits on them."""
        by_camera = self.by_camera()
        return disk_forecast(self.kept(), by_camera, self._room(), self._clock.now())

    def due(self, rules: Sequence[RetentionRule] | None = None) -> list[Deletion]:
        """What goes at once by these rules, those that hold if none are given."""
        wanted = in_order(self.stored()) if rules is None else rules
        return plan(
            self._stock,
            self.by_camera(wanted),
            self._holds.spans().joined(self._spared()),
            self._clock.now(),
            self._reachable(),
        )

    def effect(self, people: Sequence[RetentionRule]) -> list[CameraEffect]:
        """What would go at once of each camera if the people's rules, all of them, were these."""
        wanted = self._with_people(people)
        due = self.due(wanted)
        per: dict[str, list[Deletion]] = defaultdict(list)
        for deletion in due:
            per[deletion.stream.camera].append(deletion)
        kept = {one.camera: one for one in self.kept(wanted)}
        gone = {camera: _until(deletions) for camera, deletions in per.items()}
        begins: dict[str, Instant] = {}
        for stream, start in self._stock.oldest().items():
            begins[stream.camera] = min(start, begins.get(stream.camera, start))
        return [
            CameraEffect(
                camera,
                sum(one.segments for one in per.get(camera, ())),
                sum(one.bytes for one in per.get(camera, ())),
                Span(sum(one.span for one in per.get(camera, ()))),
                gone.get(camera, begins.get(camera)),
                one.fits,
            )
            for camera, one in kept.items()
        ]

    # -- changing -------------------------------------------------------------------------

    def put(self, rule: RetentionRule, by: str, *, meant: bool = False) -> None:
        """Add a person's rule or change it. Raises AlreadyExists for the file's, and Harmful."""
        self.check_put(rule, meant=meant)
        self._write_down([(rule.name, rule)], by)
        self.rules.put(rule)

    def check_put(self, rule: RetentionRule, *, meant: bool = False) -> None:
        """Raise what `put` would."""
        people = [one.rule for one in self.stored() if one.origin == "database"]
        names = [one.name for one in people]
        if rule.name in names:
            people[names.index(rule.name)] = rule
        else:
            people.append(rule)
        self._refuse_harm(self._with_people(people), meant=meant)
        self.rules.check_people(rule.name)

    def check_delete(self, name: str, *, meant: bool = False) -> None:
        """Raise what `delete` would."""
        self.rules.check_people(name, known=True)
        people = [
            one.rule for one in self.stored() if one.origin == "database" and one.rule.name != name
        ]
        self._refuse_harm(self._with_people(people), meant=meant)

    def delete(self, name: str, by: str, *, meant: bool = False) -> None:
        """Take a person's rule away; another may then hold. Raises NotFound, AlreadyExists."""
        self.check_delete(name, meant=meant)
        self._write_down([(name, None)], by)
        self.rules.delete(name)

    def difference(self, declared: Sequence[RetentionRule]) -> tuple[RuleChange, ...]:
        """What `apply` would change. Raises Harmful where `apply` would."""
        changes = rule_difference(self.stored(), declared)
        if changes:
            self._refuse_harm(with_declared(self.stored(), declared), meant=False)
        return changes

    def apply(
        self, declared: Sequence[RetentionRule], by: str, *, meant: bool = False
    ) -> tuple[RuleChange, ...]:
        """Bring the rules to what the file declares. Raises Harmful; then nothing was changed."""
        changes = rule_difference(self.stored(), declared)
        if changes:
            self._refuse_harm(with_declared(self.stored(), declared), meant=meant)
            wanted = {rule.name: rule for rule in declared}
            self._write_down([(one.rule, wanted.get(one.rule)) for one in changes], by)
        return self.rules.apply(declared)  # without changes: perhaps another order

    # -- the clock ------------------------------------------------------------------------

    def clock_doubt(self) -> str | None:
        """Why nothing goes by age just now; None if all is well."""
        newest = max((one.end for one in self._stock.newest()), default=None)
        return self._hands.doubt(self._hands.read(), newest)

    def confirm_clock(self, by: str) -> Instant:
        """A person says that the clock is right; returns what it says."""
        reading = self._hands.read()
        log.warning("the clock was confirmed", by=by, clock=rfc3339(reading.wall))
        self._hands.believe(reading)
        return reading.wall

    def _write_down(self, changes: Iterable[tuple[str, RetentionRule | None]], by: str) -> None:
        """In the ledger before it holds: no deletion names a rule the ledger does not know."""
        now = self._clock.now()
        self._ledger.append(
            [
                RuleLeaf(name, None if rule is None else rule.model_dump_json(), by, now)
                for name, rule in changes
            ]
        )

    # -- inside ---------------------------------------------------------------------------

    def _with_people(self, people: Sequence[RetentionRule]) -> tuple[RetentionRule, ...]:
        file = tuple(one.rule for one in self.stored() if one.origin == "file")
        return (*file, *people)

    def _reachable(self) -> set[str]:
        return self._attached() | self._stock.buckets()

    def _attached(self) -> set[str]:
        uuids = (find_volume(volume.path) for volume in self._volumes)
        return {uuid for uuid in uuids if uuid is not None}

    def _room(self) -> Room:
        totals = self._stock.totals()
        used_on: dict[str, int] = defaultdict(int)
        for (_, uuid), size in totals.items():
            used_on[uuid] += size
        used = free = 0
        for volume in self._volumes:
            there = used_on.get(find_volume(volume.path) or "", 0)
            left = max(0, _free(volume.path) - volume.reserve)
            if volume.quota is not None:
                left = min(left, max(0, volume.quota - there))
            used, free = used + there, free + left
        return Room(max(0, used - sum(self._held(self._attached()).values())), free)

    def _held(self, volumes: Collection[str]) -> dict[StreamKey, int]:
        """Bytes on these volumes that are held, of each stream that has some."""
        streams = {stream for stream, _ in self._stock.totals()}
        return held_bytes(self._stock, self._holds.spans(), streams, volumes)

    def _refuse_harm(self, wanted: Sequence[RetentionRule], *, meant: bool) -> None:
        """Raise Harmful if the change would empty a camera or delete nearly everything at once."""
        if meant:
            return
        before, after = self.due(), self.due(wanted)
        emptied_now = set(emptied(after, self._stock)) - set(emptied(before, self._stock))
        if emptied_now:
            named = ", ".join(sorted(emptied_now)[:5])
            more = f" and {len(emptied_now) - 5} more" if len(emptied_now) > 5 else ""
            raise Harmful(
                f"this would delete everything there is of {named}{more}, {_amount(after)}; "
                "nothing was changed. Keep more, or say that it is meant"
            )
        goes_anyhow = sum(one.bytes for one in before)
        kept = sum(self._stock.totals().values()) - goes_anyhow
        going = sum(one.bytes for one in after) - goes_anyhow
        if going > _MOST * kept and sum(one.span for one in after) > DAY:
            raise Harmful(
                f"this would delete {100 * going // kept} % of the footage at once, "
                f"{_amount(after)}; nothing was changed. Keep more, or say that it is meant"
            )


def _until(deletions: Iterable[Deletion]) -> Instant:
    return Instant(max(min(one.before, one.hour + HOUR) for one in deletions))


def _amount(deletions: Sequence[Deletion]) -> str:
    span = sum(one.span for one in deletions) // HOUR * HOUR
    size = sum(one.bytes for one in deletions)
    return f"{sum(one.segments for one in deletions):,} segments, {size / 1e9:,.1f} GB" + (
        f", {span_text(span)} of footage" if span else ""
    )


def _free(path: Path) -> int:
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return 0
