"""The custodian looks at stored pictures: what is wrong is told once, kept, and taken back."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from storage.decoding import RoughDecoder
from storage.facts import Fragment, RunFacts
from storage.findings import Findings
from storage.key_picture import KeyPicture
from storage.recording import Store
from tests.cameras.streets import Street, planted
from tests.storage.encoded import still
from tests.storage.house import fresh_database, key
from vms.app.custodian import duties
from vms.app.health_duty import HealthDuty, is_due
from vms.app.site import Site, open_site
from vms.cameras.ailments import Ailments
from vms.cameras.charts import read_charts
from vms.cameras.checkups import Checkups
from vms.cameras.health.checks import PICTURE, Change, Check, CheckState
from vms.cameras.health.looks import Fault, Luma
from vms.cameras.reception import Heard, Reception, SaidTime
from vms.cameras.usual_files import UsualFiles
from vms.core.clock import HOUR, MINUTE, SECOND, FakeClock, Instant, Span
from vms.core.config import Settings
from vms.core.errors import StorageError
from vms.core.media import StreamFormat
from vms.core.model import Cause, State, StreamKey
from vms.core.status import StreamStatus, WorkerStatus, status_path, write_status

GATE = key("gate")
BEGIN = Instant(1_763_800_000 * SECOND // MINUTE * MINUTE)
STOP = threading.Event()


class Run:
    """A camera that writes a picture a minute, and the duty that looks at them."""

    def __init__(self, site: Site, store: Store, clock: FakeClock) -> None:
        self.site, self.store, self.clock = site, store, clock
        self.street, self.minute, self.before = Street(1), 0, Street(1).picture(0)
        self.ailments = Ailments(site.engine)
        self.findings = Findings(site.engine, clock)
        self.moved: dict[str, Instant] = {}
        self.live: Luma | None = None  # what the recorder holds
        self.glances = 0
        self.reception = Reception()
        self.start()

    def start(self) -> None:
        self.duty = HealthDuty(self.site, self, self.reception, self)

    def last(self) -> dict[str, Instant]:
        """As `vms.app.health_duty.Steering`."""
        return self.moved

    def of(self, stream: StreamKey) -> KeyPicture | None:
        """As `vms.app.health_duty.Live`."""
        assert stream == GATE
        self.glances += 1
        if self.live is None:
            return None
        form, sample = still(self.live)
        return KeyPicture(StreamFormat(form, None), [sample], [0], 0, self.clock.now())

    def waits(self, minutes: int, cause: Cause, fault: Fault | None = None) -> None:
        """So many minutes in which its pictures come and none is recorded."""
        self.store.open_gap(GATE, self.clock.now(), cause)
        self.store.pump()
        for _ in range(minutes):
            self.minute += 1
            seen = self.street.picture(self.minute)
            self.live = planted(self.street, fault, seen, self.before) if fault else seen
            self.before = self.live
            self.passes(sending(state=State.WAITING, cause=cause))
        self.live = None

    def goes_on(
        self, minutes: int, fault: Fault | None = None, street: Street | None = None
    ) -> None:
        """So many minutes pass; each has a picture, and the duty is asked each ten seconds."""
        for _ in range(minutes):
            self.minute += 1
            seen = (street or self.street).picture(self.minute)
            shown = seen if fault is None else planted(self.street, fault, seen, self.before)
            self.before = shown
            self._write(shown)
            self.passes()

    def stops(self, minutes: int, cause: Cause) -> None:
        """So many minutes without a picture."""
        self.store.open_gap(GATE, self.clock.now(), cause)
        self.store.pump()
        for _ in range(minutes):
            self.passes(StreamStatus(State.FAILED, self.clock.now(), cause, "no route to host"))

    def passes(self, status: StreamStatus | None = None) -> None:
        known = status or StreamStatus(State.RECORDING, BEGIN, fps=25.0, bitrate=4_000_000)
        for _ in range(6):
            self.clock.advance(10 * SECOND)
            self.store.pump()  # a sign of life
            worker = WorkerStatus(0, 1, 7, self.clock.now(), {GATE: known})
            write_status(status_path(self.site.settings.run_dir, 0), worker)
            self.duty.work(STOP)

    def _write(self, picture: Luma) -> None:
        form, sample = still(picture)
        start = self.clock.now()
        segment = self.store.open_segment(GATE, start, StreamFormat(form, None), RunFacts(1, start))
        segment.append(Fragment([sample._replace(duration=60 * 90_000)], [], 0))
        segment.close(Instant(start + MINUTE))
        self.store.pump()

    def changes(self) -> list[tuple[str, str, Instant, Instant | None]]:
        """Kind, detail, start and end of the camera's events."""
        found = self.site.events.between(GATE.camera, BEGIN, Instant(self.clock.now() + SECOND))
        return [(one.kind, one.detail, one.start, one.end) for one in found]

    def sick(self) -> dict[str, str]:
        charts = read_charts(self.site.settings.run_dir, self.clock.now())
        checks = charts.cameras["gate"].checks
        return {c: one.detail for c, one in checks.items() if one.state is CheckState.SICK}

    def state(self, check: Check) -> CheckState:
        charts = read_charts(self.site.settings.run_dir, self.clock.now())
        return charts.cameras["gate"].checks[check].state


def settings(folder: Path, **camera: object) -> Settings:
    return Settings.model_validate(
        {
            "file": folder / "cameras.toml",
            "system": {"data": folder},
            "volumes": [{"path": folder / "video", "reserve": 0}],
            "cameras": [{"id": "gate", "source": "rtsp://10.0.0.5/main", **camera}],
        }
    )


@pytest.fixture
def run(tmp_path: Path, template: Path) -> Iterator[Run]:
    fresh_database(tmp_path, template)
    clock, house = FakeClock(now=BEGIN), settings(tmp_path)
    with Store(house, clock, threads=False) as store, open_site(house, clock) as site:
        store.recover([])
        site.registry.apply(house.cameras)
        yield Run(site, store, clock)


def test_a_covered_camera_is_told_with_its_last_good_picture_and_taken_back(run: Run) -> None:
    run.goes_on(6)
    assert run.sick() == {}
    assert run.state(Check.TURNED) is CheckState.WELL
    begun = run.clock.now()
    run.goes_on(6, Fault.COVERED)
    assert run.sick() == {"covered": "something covers the lens"}
    (finding,) = run.findings.open()
    assert (finding.kind, finding.subject) == ("camera_covered", "gate")
    (ailment,) = run.ailments.open()
    assert begun <= ailment.start <= begun + 3 * MINUTE
    assert ailment.good is not None
    assert begun - 4 * MINUTE < ailment.good < begun  # two pictures may go undecoded
    run.goes_on(5)
    assert run.sick() == {}
    assert run.findings.open() == []
    (ailment,) = run.ailments.of("gate", BEGIN)
    assert ailment.end is not None


def test_each_change_is_an_event_that_makes_no_camera_record(run: Run) -> None:
    run.goes_on(6)
    run.goes_on(6, Fault.COVERED)
    (ailment,) = run.ailments.open()
    assert run.changes() == [("sick", "covered", ailment.start, ailment.start)]
    assert run.site.events.active(BEGIN) == []
    run.goes_on(5)
    (ailment,) = run.ailments.of("gate", BEGIN)
    assert run.changes()[1:] == [("well", "covered", ailment.end, ailment.end)]
    run.stops(80, Cause.UNREACHABLE)
    assert [kind for kind, *_ in run.changes()[2:]] == ["sick"]  # but for the day's lost minutes
    assert "gaps" in run.sick()


def test_a_change_that_the_database_refused_is_one_event_all_the_same(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.goes_on(6)

    def refuse(_: Ailments, camera: str, changes: list[Change], good: Instant | None) -> None:
        if changes:
            raise StorageError(Cause.DISK_FULL, f"no room for {camera}, {good}")

    with monkeypatch.context() as broken:
        broken.setattr(Ailments, "note", refuse)
        with pytest.raises(StorageError):
            run.goes_on(6, Fault.BLACK)
    run.clock.advance(MINUTE)  # what was written already reaches so far
    run.goes_on(3, Fault.BLACK)
    assert [one.check for one in run.ailments.open()] == ["black"]
    assert [(kind, check) for kind, check, *_ in run.changes()] == [("sick", "black")]


def test_what_is_usual_and_what_is_sick_outlive_the_process(run: Run) -> None:
    run.goes_on(6)
    run.goes_on(5, Fault.BLACK)
    assert set(run.sick()) == {"black"}
    run.start()
    run.goes_on(2, Fault.TURNED)
    assert run.state(Check.TURNED) is CheckState.WELL  # known at once, told only after five
    assert set(run.sick()) == {"black"}
    run.goes_on(6, Fault.TURNED)
    assert set(run.sick()) == {"turned"}
    assert [one.check for one in run.ailments.of("gate", BEGIN)] == ["turned", "black"]


def test_a_camera_whose_events_are_not_heard_is_told_after_a_minute(run: Run) -> None:
    run.passes()
    assert run.sick() == {}
    why = Heard(False, "10.0.0.5:80: refused", trouble="refused")
    run.reception.tell(GATE.camera, why)
    run.passes()
    run.passes()
    assert run.sick() == {"heard": "10.0.0.5:80: refused"}
    charts = read_charts(run.site.settings.run_dir, run.clock.now())
    assert charts.cameras["gate"].checks[Check.HEARD].trouble == "refused"
    assert [one.kind for one in run.findings.open()] == ["camera_unheard"]
    run.reception.tell(GATE.camera, Heard(True))
    run.passes()
    run.passes()
    assert run.sick() == {}
    assert run.findings.open() == []


def test_a_clock_that_only_onvif_tells_is_looked_at(run: Run) -> None:
    run.passes()
    behind = Span(HOUR - run.clock.now())
    for _ in range(2):
        said = SaidTime(behind, Span(SECOND), run.clock.now())
        run.reception.tell_time(GATE.camera, said)
        run.passes()
    assert run.sick().keys() == {"clock"}
    assert run.sick()["clock"].startswith("its clock says 1970-01-01, 56 years behind")
    for _ in range(40):  # nobody was told any more: sick is what was seen last
        run.passes()
    assert run.sick().keys() == {"clock"}
    run.reception.tell_time(GATE.camera, SaidTime(Span(0), Span(SECOND), run.clock.now()))
    for _ in range(2):
        run.passes()
    assert run.sick() == {}


def test_events_of_a_camera_that_has_none_or_does_not_send_are_no_trouble(run: Run) -> None:
    run.reception.tell(GATE.camera, Heard(False, "no event service", offered=False))
    run.goes_on(2)
    assert run.sick() == {}
    run.reception.tell(GATE.camera, Heard(False, "no route to host"))
    run.stops(2, Cause.UNREACHABLE)
    assert run.sick().keys() == {"reachable"}


def test_a_person_says_that_the_view_is_the_new_one(run: Run) -> None:
    run.goes_on(6)
    other = Street(2)
    run.goes_on(8, street=other)
    assert set(run.sick()) == {"turned"}
    Checkups(run.site.engine, run.site.settings.run_dir, run.clock).begin_view("gate", "ayse")
    run.goes_on(1, street=other)
    assert run.sick() == {}
    run.goes_on(6, street=other)
    assert run.state(Check.TURNED) is CheckState.WELL
    run.goes_on(8)  # the old view is the wrong one now
    assert set(run.sick()) == {"turned"}


SLOW = {"fps": 8.0, "bitrate": 4_000_000}


def sending(**rates: Any) -> StreamStatus:
    known = StreamStatus(State.RECORDING, BEGIN, fps=25.0, bitrate=4_000_000)
    return dataclasses.replace(known, **rates)


def test_usual_rates_outlive_the_process(run: Run) -> None:
    for _ in range(12):
        run.passes(sending())
    run.start()
    for _ in range(2):
        run.passes(sending(**SLOW))
    assert set(run.sick()) == {"fps"}
    run.start()
    for _ in range(20):
        run.passes(sending(**SLOW))
    assert set(run.sick()) == {"fps"}
    (run.site.settings.system.data / "health" / "gate.json").write_bytes(b"{")
    run.start()  # learnt anew; what was sick is, until it is known better
    run.passes(sending(**SLOW))
    assert set(run.sick()) == {"fps"}


def test_rates_that_can_t_be_kept_stop_no_check(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(UsualFiles, "write_rates", refuse)
    for _ in range(12):
        run.passes(sending())
    run.passes(sending(**SLOW))
    run.passes(sending(**SLOW))
    assert set(run.sick()) == {"fps"}


def test_a_person_says_that_the_rates_are_the_new_ones(run: Run) -> None:
    for _ in range(12):
        run.passes(sending())
    for _ in range(2):
        run.passes(sending(**SLOW))
    assert set(run.sick()) == {"fps"}
    Checkups(run.site.engine, run.site.settings.run_dir, run.clock).begin_view("gate", "ayse")
    for _ in range(12):
        run.passes(sending(**SLOW))
        assert run.sick() == {}
    assert run.state(Check.FPS) is CheckState.WELL
    run.start()
    for _ in range(2):
        run.passes(sending(fps=3.0))
    assert run.sick()["fps"].startswith("3.0 pictures a second; usual are 8")


def test_another_address_has_rates_of_its_own(run: Run) -> None:
    for _ in range(12):
        run.passes(sending())
    other = settings(run.site.settings.system.data, source="rtsp://10.0.0.5/small")
    run.site.registry.apply(other.cameras)
    for _ in range(14):
        run.passes(sending(**SLOW))
    assert run.sick() == {}
    assert run.state(Check.FPS) is CheckState.WELL


def test_a_camera_that_a_person_moved_is_not_turned(run: Run) -> None:
    run.goes_on(6)
    run.moved["gate"] = run.clock.now()
    run.goes_on(9, street=Street(2))
    assert run.sick() == {}
    run.goes_on(9)  # back to where it was
    assert run.sick() == {}
    run.goes_on(8, street=Street(3))  # and now nobody moved it
    assert set(run.sick()) == {"turned"}


def test_a_camera_that_is_gone_or_silent_says_nothing_of_its_picture(run: Run) -> None:
    run.goes_on(6)
    run.stops(8, Cause.UNREACHABLE)
    assert run.sick() == {"reachable": "no route to host", "gaps": "290 s of today were lost"}
    assert run.state(Check.BLACK) is CheckState.UNKNOWN
    run.goes_on(3)
    assert set(run.sick()) == {"gaps"}


@pytest.mark.parametrize("cause", [Cause.PRIVACY, Cause.NOT_SCHEDULED, Cause.RECORDING_OFF])
def test_hours_that_are_not_recorded_by_choice_alarm_nobody(run: Run, cause: Cause) -> None:
    run.goes_on(4)
    run.store.open_gap(GATE, run.clock.now(), cause)
    run.store.pump()
    for _ in range(20):
        run.passes(StreamStatus(State.WAITING, run.clock.now(), cause))
    assert run.sick() == {}


@pytest.mark.parametrize("cause", [Cause.NO_EVENT, Cause.NOT_SCHEDULED])
def test_a_camera_that_waits_is_looked_at_live(run: Run, cause: Cause) -> None:
    run.waits(8, cause)  # its view is learnt so, too
    assert run.state(Check.TURNED) is CheckState.WELL
    run.waits(6, cause, Fault.BLACK)
    assert set(run.sick()) == {"black"}
    chart = read_charts(run.site.settings.run_dir, run.clock.now()).cameras["gate"]
    assert (chart.good, chart.looked) == (None, None)  # nothing of it is kept
    assert run.site.archive.covering(GATE, run.clock.now()) is None
    run.waits(5, cause)
    assert run.sick() == {}
    run.goes_on(4)  # and then something happens
    run.goes_on(6, Fault.COVERED)
    assert set(run.sick()) == {"covered"}


def test_no_live_picture_is_asked_for_where_one_is_recorded_or_none_may_be_seen(run: Run) -> None:
    run.goes_on(6)
    run.stops(3, Cause.UNREACHABLE)
    run.waits(4, Cause.PRIVACY)
    assert run.glances == 0
    run.site.registry.apply(settings(run.site.settings.system.data, record="off").cameras)
    run.waits(4, Cause.RECORDING_OFF)
    assert run.glances == 0


def test_a_camera_switched_off_or_taken_out_has_no_ailment(run: Run) -> None:
    run.goes_on(6)
    run.goes_on(5, Fault.BLACK)
    run.site.registry.apply(settings(run.site.settings.system.data, record="off").cameras)
    run.clock.advance(30 * SECOND)
    run.duty.work(STOP)
    assert run.ailments.open() == []
    run.site.registry.apply(())
    run.clock.advance(MINUTE)
    run.duty.work(STOP)
    assert run.findings.open() == []
    assert not list((run.site.settings.system.data / "health").iterdir())


def test_each_camera_is_looked_at_once_a_minute_and_not_all_at_once() -> None:
    names = [f"camera-{number}" for number in range(300)]
    moments = [Instant(BEGIN + second * SECOND) for second in range(61)]
    seen = [
        [name for name in names if is_due(name, since, now)]
        for since, now in itertools.pairwise(moments)
    ]
    assert sorted(name for some in seen for name in some) == sorted(names)
    assert max(len(some) for some in seen) < 20
    assert all(is_due(name, BEGIN, Instant(BEGIN + 300 * SECOND)) for name in names)


def test_the_custodian_has_the_duty(run: Run) -> None:
    assert any(isinstance(duty, HealthDuty) for duty in duties(run.site))


def test_pictures_that_can_t_be_decoded_are_no_fault_of_the_camera(run: Run) -> None:
    run.goes_on(4)
    form, sample = still(np.zeros((360, 640), np.uint8))
    for _ in range(5):
        start = run.clock.now()
        segment = run.store.open_segment(GATE, start, StreamFormat(form, None), RunFacts(1, start))
        torn = sample._replace(data=b"\0\0\0\4\x65abc", duration=60 * 90_000)
        segment.append(Fragment([torn], [], 0))
        segment.close(Instant(start + MINUTE))
        run.store.pump()
        run.passes()
    assert run.sick() == {}


def test_of_a_quiet_camera_each_third_picture_is_decoded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    decode = RoughDecoder.decode

    def counted(self: RoughDecoder, *args: Any) -> av.VideoFrame:
        decoded.append(run.minute)
        return decode(self, *args)

    monkeypatch.setattr(RoughDecoder, "decode", counted)
    run.goes_on(18)
    assert decoded[:4] == [2, 3, 4, 5]  # its view is learnt from three and held against the next
    assert set(np.diff(decoded[3:]).tolist()) == {3}
    assert run.sick() == {}
    assert all(run.state(check) is CheckState.WELL for check in PICTURE.values())
    begun = run.minute
    run.goes_on(4, Fault.BLACK)
    assert set(run.sick()) == {"black"}
    assert decoded[-3:] == [begun + 2, begun + 3, begun + 4]  # from the first black one on


def test_a_turned_camera_is_known_after_seven_minutes_at_most(run: Run) -> None:
    for quiet in (6, 7, 8):  # wherever among its three pictures it is turned
        run.goes_on(quiet)
        assert run.sick() == {}
        run.goes_on(8, Fault.TURNED)  # a picture is looked at a minute later
        assert set(run.sick()) == {"turned"}
        run.goes_on(5)
        assert run.sick() == {}


def test_a_camera_on_patrol_is_never_turned(run: Run) -> None:
    run.goes_on(6)
    for minute in range(16):
        run.moved["gate"] = run.clock.now()
        run.goes_on(1, street=Street(10 + minute % 8))
    assert run.sick() == {}
