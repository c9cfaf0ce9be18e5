"""Every camera's chart, and what follows when a check changes: the history, and what is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from storage.findings import Findings, Kind
from vms.app.health_events import HealthEvents
from vms.cameras.ailments import Ailments
from vms.cameras.health.checks import PICTURE, Change, Chart, Check, Checked, Reading
from vms.cameras.health.flow import FlowWatch
from vms.cameras.health.looks import Look
from vms.cameras.health.pace import Coded
from vms.cameras.health.usual import Usual
from vms.cameras.usual_files import UsualFiles
from vms.core.clock import MINUTE, Instant, Span
from vms.core.config_camera import CameraSettings
from vms.core.log import get_logger
from vms.core.model import CameraId

log = get_logger(__name__)

_KINDS = {check: Kind(f"camera_{check}") for check in PICTURE.values()}
_KINDS[Check.HEARD] = Kind.CAMERA_UNHEARD
_RATES_EVERY = Span(60 * MINUTE)  # what is usual of rates hardly changes within it
_ROUNDS = 10
"""Of so many tellings one also looks whether what nobody is sick of is told all the same."""


class Looked(NamedTuple):
    """The picture a camera's last look was taken from. `time`: when it was shown; `taught`: a view
    was learnt from it, which the next can be held against."""

    time: Instant
    look: Look
    coded: Coded
    taught: bool


@dataclass(slots=True)
class Patient:
    """A camera under observation. `before`: its last look.

    `waits`: its pictures come and are not recorded, by its schedule or as nothing happens.
    `steered`: since a person moved it, it has not yet shown a view that is known. `counted`: when
    its gaps were counted last. `kept`: when its usual rates were last kept.
    """

    settings: CameraSettings
    chart: Chart
    usual: Usual
    flow: FlowWatch = field(default_factory=FlowWatch)
    before: Looked | None = None
    waits: bool = False
    steered: bool = False
    counted: Instant | None = None
    kept: Instant | None = None

    @property
    def id(self) -> CameraId:
        return self.settings.camera_id

    @property
    def in_balance(self) -> bool:
        """Whether the next picture may decide something: a check is about to be told or taken
        back, or a view is being learnt."""
        learning = bool(self.usual.trial) or not self.usual.looks
        taught = self.before is not None and self.before.taught
        return learning or taught or self.steered or self.chart.in_balance(PICTURE.values())


class Ward:
    """All cameras of the registry. Calls block for the database when something changes."""

    def __init__(
        self, ailments: Ailments, events: HealthEvents, findings: Findings, files: UsualFiles
    ) -> None:
        self._ailments, self._events = ailments, events
        self._findings, self._files = findings, files
        self._patients: dict[str, Patient] = {}
        self._past: dict[str, dict[Check, tuple[bool, Instant]]] | None = None
        self._good: dict[str, Instant] = {}
        self._told: set[Kind] = set()
        self._round = -1  # the first telling ends what another process left

    def patients(self) -> Sequence[Patient]:
        """Those under observation."""
        return list(self._patients.values())

    def charts(self) -> Mapping[str, Chart]:
        """Their charts, by camera."""
        return {name: patient.chart for name, patient in self._patients.items()}

    def admit(self, cameras: Iterable[CameraSettings], now: Instant) -> None:
        """Bring the ward to the cameras there are; what was wrong with one that is gone is over."""
        if self._past is None:
            self._past = self._remembered()
        wanted = {settings.id: settings for settings in cameras}
        for name in {*self._patients, *self._past} - wanted.keys():
            if self._patients.pop(name, None) is not None or _any_sick(self._past.get(name, {})):
                self._ailments.end_all(name, now)
            self._past.pop(name, None)
        for name, settings in wanted.items():
            known = self._patients.get(name)
            if known is not None:
                known.settings = settings
                continue
            chart = Chart.remembering(self._past.pop(name, {}), self._good.pop(name, None))
            usual = self._files.read(settings.camera_id)
            flow = FlowWatch(self._files.read_rates(settings.camera_id))
            self._patients[name] = Patient(settings, chart, usual, flow)
        self._files.keep_only(wanted.keys())

    def hear(self, patient: Patient, readings: Iterable[Reading], now: Instant) -> None:
        """What a look found."""
        self.note(patient, patient.chart.take(readings, now))

    def note(self, patient: Patient, changes: list[Change]) -> None:
        """Keep what changed, and say so once. Raises StorageError; `tell` then makes up for it."""
        for change in changes:
            tell = log.warning if change.sick else log.info
            said = "camera is not well" if change.sick else "camera is well again"
            tell(said, camera=patient.id, check=str(change.check), detail=change.reading.detail)
        self._keep(patient, changes)

    def learn(self, patient: Patient, usual: Usual) -> None:
        """Keep what a camera usually looks like, if that is new."""
        if usual.looks != patient.usual.looks or usual.since != patient.usual.since:
            self._files.write(patient.id, usual)
        patient.usual = usual

    def keep_rates(self, patient: Patient, now: Instant) -> None:
        """Keep its usual rates once they are known, and then each hour."""
        due = patient.kept is None or not 0 <= now - patient.kept < _RATES_EVERY
        if not due or not patient.flow.usual.known:
            return
        patient.kept = now
        try:
            self._files.write_rates(patient.id, patient.flow.usual)
        except OSError as error:  # checks go on; in an hour it is tried again
            log.warning("usual rates can't be kept", camera=patient.id, error=str(error))

    def begin_rates(self, patient: Patient, since: Instant) -> None:
        """A person says that its rates are as they should be."""
        patient.flow.begin_anew(since)
        patient.kept = None

    def tell(self) -> None:
        """Bring findings and history to what the charts say; cheap to say again."""
        sick: dict[str, Mapping[Check, Checked]]
        sick = {patient.id: patient.chart.sick() for patient in self._patients.values()}
        self._make_up(sick)
        self._round = (self._round + 1) % _ROUNDS
        for check, kind in _KINDS.items():
            still = {name: found[check].detail for name, found in sick.items() if check in found}
            if still or kind in self._told or not self._round:
                self._findings.settle(kind, still)
        self._told = {
            kind for check, kind in _KINDS.items() if any(check in s for s in sick.values())
        }

    def _make_up(self, sicks: Mapping[str, Mapping[Check, Checked]]) -> None:
        """What the database refused when it happened, it gets now."""
        written: dict[str, dict[Check, Instant]] = {}
        for one in self._ailments.open():
            if one.check in list(Check):
                written.setdefault(one.camera, {})[Check(one.check)] = one.start
        for patient in self._patients.values():
            known, sick = written.get(patient.id, {}), sicks[patient.id]
            begun = [
                Change(
                    check, True, one.since, Reading(check, True, one.value, one.limit, one.detail)
                )
                for check, one in sick.items()
                if check not in known and one.since is not None
            ]
            over = [
                Change(
                    check,
                    False,
                    patient.chart.standing(check).since or start,
                    Reading(check, False),
                )
                for check, start in known.items()
                if check not in sick
            ]
            self._keep(patient, begun + over)

    def _keep(self, patient: Patient, changes: list[Change]) -> None:
        """The events first: told again, they are the same, so nothing is missing if one fails."""
        self._events.tell(patient.id, changes)
        self._ailments.note(patient.id, changes, patient.chart.good)

    def _remembered(self) -> dict[str, dict[Check, tuple[bool, Instant]]]:
        """What the last process knew: of each check whether it was sick, and since when."""
        past: dict[str, dict[Check, tuple[bool, Instant]]] = {}
        for one in self._ailments.latest():
            try:
                check = Check(one.check)
            except ValueError:  # of a newer release
                continue
            sick, since = one.end is None, one.start if one.end is None else one.end
            past.setdefault(one.camera, {})[check] = (sick, since)
            if sick and one.good is not None:
                self._good[one.camera] = max(one.good, self._good.get(one.camera, one.good))
        return past


def _any_sick(past: Mapping[Check, tuple[bool, Instant]]) -> bool:
    return any(sick for sick, _ in past.values())
