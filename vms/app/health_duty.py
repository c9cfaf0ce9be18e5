"""The custodian's eye on the cameras: their streams each ten seconds, a picture of each a minute.

A shell: what is wrong is decided by `vms.cameras.health`. The pictures are keyframes, spread over
the minute, and decoded where their coded form may tell something new: those that were recorded, and
of a camera that waits for its hours or an event the last that the recorder holds.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping
from typing import Protocol

from storage.archive import Archive
from storage.days import last_days, lost_of
from storage.decoding import RoughDecoder, planes_of
from storage.findings import Findings
from storage.forecast import CameraKept
from storage.key_picture import KeyPicture
from vms.app.health_events import HealthEvents
from vms.app.site import Site
from vms.app.ward import Looked, Patient, Ward
from vms.cameras.ailments import Ailments, Views
from vms.cameras.charts import write_charts
from vms.cameras.condition import state_of_camera
from vms.cameras.health.checks import (
    GAPS_EVERY,
    KEEPING_EVERY,
    PICTURE,
    STREAM_EVERY,
    Check,
    Reading,
)
from vms.cameras.health.connection import connection, hearing
from vms.cameras.health.flow import keyframes
from vms.cameras.health.looks import Fault, Look, Measure, faults, is_coloured, look_at
from vms.cameras.health.pace import Coded, tells_nothing_new
from vms.cameras.health.usual import Usual
from vms.cameras.reception import Reception
from vms.cameras.usual_files import UsualFiles
from vms.core.clock import DAY, MINUTE, SECOND, Instant, Span
from vms.core.errors import NotFound, StorageError
from vms.core.model import Cause, State, StreamKey
from vms.core.status import read_statuses

# A segment is closed and in the index by then: reading it costs one look at its end.
_BEHIND = Span(65 * SECOND)
_AGAIN_LEAST, _AGAIN_MOST = 20 * SECOND, 5 * MINUTE  # between two pictures that can be compared
_GAPS_MOST = 60.0  # s a day
_NEVER = Instant(0)
_OF_VIEW = (Check.COVERED, Check.BLURRED, Check.TURNED)
_WAITS = (Cause.NOT_SCHEDULED, Cause.NO_EVENT)
_OF_RATES = (Check.FPS, Check.BITRATE)

_SENTENCES: dict[Fault, str] = {
    Fault.BLACK: "the picture is black",
    Fault.WHITE: "the picture is white",
    Fault.COVERED: "something covers the lens",
    Fault.BLURRED: "the picture is blurred: out of focus, or the lens is dirty",
    Fault.FROZEN: "the picture stands still",
    Fault.TURNED: "the camera shows another view than usual",
}


class Steering(Protocol):
    """When people last moved cameras, by camera."""

    def last(self) -> Mapping[str, Instant]: ...


class Live(Protocol):
    """The newest keyframe of a stream, not recorded; None where there is none to be had."""

    def of(self, stream: StreamKey) -> KeyPicture | None: ...


class HealthDuty:
    """A `vms.app.custodian.Duty`. `steering`: who moved which camera; `reception`: whether
    their events are heard; `live`: what cameras show that are not recorded now."""

    name = "health"
    every = Span(SECOND)
    urgent = False

    def __init__(self, site: Site, steering: Steering, reception: Reception, live: Live) -> None:
        self._reception, self._live = reception, live
        self._site, self._clock, self._steering = site, site.clock, steering
        files = UsualFiles(site.settings.system.data)
        findings = Findings(site.engine, site.clock)
        events = HealthEvents(site.events, site.clock)
        self._ward = Ward(Ailments(site.engine), events, findings, files)
        self._views = Views(site.engine)
        self._decoder = RoughDecoder()
        self._revision: int | None = None
        self._moved: Mapping[str, Instant] = {}
        self._seen = self._clock.now()
        self._next: dict[str, Instant] = {}  # of what is not done each second

    def work(self, stopping: threading.Event) -> None:
        """What is due. Raises StorageError, OSError."""
        now = self._clock.now()
        if self._is_time("stream", STREAM_EVERY, now):
            self._round(now)
        since, self._seen = self._seen, now
        midnight = last_days(self._site.settings.system.timezone, now, 1)[0].start
        for patient in self._ward.patients():
            if stopping.is_set():
                return
            if is_due(patient.id, since, now) and patient.settings.record != "off":
                self._look(patient, midnight, now)

    def _is_time(self, what: str, every: Span, now: Instant) -> bool:
        """Whether `what` is due; a clock that was set back delays nothing."""
        due = self._next.get(what, now)
        if now < due <= now + every:
            return False
        self._next[what] = Instant(now + every)
        return True

    # -- streams --------------------------------------------------------------------------

    def _round(self, now: Instant) -> None:
        self._admit(now)
        if self._is_time("people", MINUTE, now):  # before any picture of after it is looked at
            self._heed_people(now)
        statuses = read_statuses(self._site.settings.run_dir, now)
        for patient in self._ward.patients():
            if patient.settings.record == "off":
                self._ward.note(patient, patient.chart.rest(now))
                continue
            status = state_of_camera(patient, statuses, "main")
            patient.waits = status.state is State.WAITING and status.cause in _WAITS
            said = self._reception.time_of(patient.id, now)
            flow = patient.flow.take(status, now, patient.settings.source, said)
            readings = [*connection(status), *flow]
            readings += hearing(patient.settings, status, self._reception.of(patient.id))
            self._ward.hear(patient, readings, now)
            self._ward.keep_rates(patient, now)
        if self._is_time("kept", KEEPING_EVERY, now):
            self._compare_kept(now)
        if self._is_time("tell", MINUTE, now):
            self._ward.tell()
        write_charts(self._site.settings.run_dir, self._ward.charts(), now)

    def _admit(self, now: Instant) -> None:
        revision = self._site.registry.revision()
        if revision != self._revision:
            self._ward.admit(self._site.registry.settings(), now)
            self._revision = revision

    def _heed_people(self, now: Instant) -> None:
        """Views and rates that a person says are new; cameras that a person moved."""
        views = self._views.all()
        for patient in self._ward.patients():
            since = views.get(patient.id, _NEVER)
            if since > patient.usual.since:
                self._ward.learn(patient, Usual(since=since))
                self._ward.note(patient, patient.chart.rest(now, _OF_VIEW))
            if since > patient.flow.usual.since:
                self._ward.begin_rates(patient, since)
                self._ward.note(patient, patient.chart.rest(now, _OF_RATES))
        self._moved = self._steering.last()

    def _compare_kept(self, now: Instant) -> None:
        kept = {one.camera: one for one in self._site.keeping.kept()}
        for patient in self._ward.patients():
            if patient.settings.record != "off" and patient.id in kept:
                self._ward.hear(patient, [_kept(kept[patient.id])], now)

    # -- pictures -------------------------------------------------------------------------

    def _look(self, patient: Patient, midnight: Instant, now: Instant) -> None:
        stream = StreamKey(patient.id, "main")
        readings = []
        if patient.counted is None or not 0 <= now - patient.counted < GAPS_EVERY:
            gaps = self._site.archive.gaps(stream, midnight, now)
            readings.append(_lost(lost_of(gaps, midnight, now) / SECOND))
            patient.counted = now
        found = _keyframe(self._site.archive, stream, Instant(now - _BEHIND))
        stored = found is not None
        if found is None and patient.waits:
            found = self._live.of(stream)
        before = patient.before
        if found is not None and (before is None or found.time != before.time):
            readings.append(keyframes(found.spacing))
            if not _tells_nothing_new(patient, found):
                readings += self._judge(patient, found, stored=stored)
        self._ward.hear(patient, readings, now)

    def _judge(self, patient: Patient, picture: KeyPicture, *, stored: bool) -> list[Reading]:
        """What a picture shows. Of one that is not `stored` nothing can be shown to a person."""
        look = _look_of(picture, self._decoder)
        if look is None or picture.time < patient.usual.since:
            return []
        moved = self._moved.get(patient.id, _NEVER)
        patient.steered = patient.steered or _is_new(moved, patient, picture.time)
        told = patient.usual.judged(look, _comparable(patient, picture), steered=patient.steered)
        if Fault.TURNED in told and moved <= picture.time:
            patient.steered = False  # it shows a view that is known
        wrong = faults(told)
        usual = patient.usual.taught(look, wrong)
        taught = usual.looks != patient.usual.looks
        self._ward.learn(patient, usual)
        patient.before = Looked(picture.time, look, _coded(picture), taught)
        if stored:
            patient.chart.looked = picture.time
            patient.chart.good = patient.chart.good if wrong else picture.time
        return [_reading(*one) for one in told.items()]


def is_due(camera: str, since: Instant, now: Instant) -> bool:
    """Whether a camera's moment in the minute lies in (since, now]: each has its own."""
    phase = zlib.crc32(camera.encode()) % 60_000 * (MINUTE // 60_000)
    return (now - phase) // MINUTE > (since - phase) // MINUTE


def _keyframe(archive: Archive, stream: StreamKey, at: Instant) -> KeyPicture | None:
    """None where nothing was recorded or nothing can be read: checks of footage tell of that."""
    try:
        return archive.keyframe_before(stream, at)
    except (NotFound, StorageError):
        return None


def _look_of(picture: KeyPicture, decoder: RoughDecoder) -> Look | None:
    try:
        video = picture.format.video
        frame = decoder.decode(video, picture.samples, picture.pts, picture.target)
    except (NotFound, StorageError):
        return None
    planes = planes_of(frame)
    if min(planes.luma.shape) < 32:
        return None
    return look_at(planes.luma, coloured=is_coloured(planes.u, planes.v), inter=picture.inter)


def _tells_nothing_new(patient: Patient, picture: KeyPicture) -> bool:
    if patient.before is None or patient.in_balance:
        return False
    since = Span(picture.time - patient.before.time)
    return tells_nothing_new(_coded(picture), patient.before.coded, since)


def _coded(picture: KeyPicture) -> Coded:
    return Coded(picture.format.video, len(picture.samples[0].data), picture.inter)


def _comparable(patient: Patient, picture: KeyPicture) -> Look | None:
    """The look before, if it is a minute or a few older."""
    before = patient.before
    if before is None or not _AGAIN_LEAST <= picture.time - before.time <= _AGAIN_MOST:
        return None
    return before.look


def _is_new(moved: Instant, patient: Patient, shown: Instant) -> bool:
    """Whether the camera was moved since the last look, by a person or on its patrol."""
    return moved > (patient.before.time if patient.before is not None else shown - DAY)


def _reading(fault: Fault, told: Measure) -> Reading:
    detail = _SENTENCES[fault] if told.bad else ""
    return Reading(PICTURE[fault], told.bad, round(told.value, 3), told.limit, detail)


def _lost(seconds: float) -> Reading:
    bad = seconds > _GAPS_MOST
    text = f"{seconds:.0f} s of today were lost" if bad else ""
    return Reading(Check.GAPS, bad, round(seconds, 1), _GAPS_MOST, text)


def _kept(one: CameraKept) -> Reading:
    """Days kept against days promised; a camera that is new keeps less and is well."""
    if one.promised is None:
        return Reading(Check.KEPT, None)
    kept, promised = one.kept / DAY, one.promised / DAY
    fits = one.fits / DAY if one.fits is not None else 0.0
    text = f"{fits:.1f} days fit on the disks; {promised:.1f} are promised" if one.short else ""
    return Reading(Check.KEPT, one.short, round(kept, 2), round(promised, 2), text)
