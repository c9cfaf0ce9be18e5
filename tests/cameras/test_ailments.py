"""What was wrong with cameras is kept; how they stand is told from process to process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cameras.streets import BEGIN, Street
from vms.cameras import schema
from vms.cameras.ailments import Ailments, Views
from vms.cameras.charts import charts_path, read_charts, write_charts
from vms.cameras.health.checks import Change, Chart, Check, CheckState, Reading
from vms.cameras.health.looks import look_at
from vms.cameras.health.usual import Usual
from vms.cameras.usual_files import UsualFiles
from vms.core.clock import MINUTE, SECOND, Instant
from vms.core.model import CameraId

GATE = CameraId("gate")


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    schema.metadata.create_all(engine)
    yield engine
    engine.dispose()


def change(check: Check, minute: int, *, sick: bool = True) -> Change:
    at = Instant(BEGIN + minute * MINUTE)
    return Change(check, sick, at, Reading(check, sick, 0.3, 0.72, "it looks elsewhere"))


def test_an_ailment_has_its_beginning_its_end_and_its_last_good_picture(engine: sa.Engine) -> None:
    ailments = Ailments(engine)
    ailments.note(GATE, [change(Check.TURNED, 0), change(Check.CLOCK, 1)], BEGIN)
    ailments.note("other", [change(Check.TURNED, 0)], None)
    ailments.note(GATE, [change(Check.TURNED, 5, sick=False)], None)
    assert [(one.camera, one.check) for one in ailments.open()] == [
        ("other", "turned"),
        ("gate", "clock"),
    ]
    clock, turned = ailments.of(GATE, BEGIN)
    assert (clock.check, clock.end) == ("clock", None)
    assert (turned.end, turned.good) == (BEGIN + 5 * MINUTE, BEGIN)
    assert turned.as_json()["detail"] == "it looks elsewhere"
    assert ailments.of(GATE, Instant(BEGIN + 6 * MINUTE)) == [clock]
    ailments.end_all(GATE, Instant(BEGIN - MINUTE))  # a clock that was set back
    assert ailments.of(GATE, BEGIN)[0].end == clock.start
    assert {(one.camera, one.check) for one in ailments.latest()} == {
        ("gate", "clock"),
        ("gate", "turned"),
        ("other", "turned"),
    }


def test_the_newest_word_of_a_person_on_a_view_holds(engine: sa.Engine) -> None:
    views = Views(engine)
    views.begin(GATE, BEGIN, "ayse")
    views.begin(GATE, Instant(BEGIN + 1), "ali")
    assert views.all() == {GATE: BEGIN + 1}


def test_charts_are_read_as_they_were_written_while_somebody_looks(tmp_path: Path) -> None:
    chart = Chart(good=BEGIN, looked=Instant(BEGIN + 1))
    for _ in range(3):
        chart.take([Reading(Check.BLACK, True, 1.0, 0.97, "it is black")], BEGIN)
    chart.take([Reading(Check.FPS, False, 25.0, 15.0)], BEGIN)
    assert read_charts(tmp_path, BEGIN).at is None
    write_charts(tmp_path, {GATE: chart}, BEGIN)
    told = read_charts(tmp_path, Instant(BEGIN + 30 * SECOND))
    gate = told.cameras[GATE]
    assert (told.at, gate.good, gate.looked) == (BEGIN, BEGIN, BEGIN + 1)
    assert gate.checks == chart.told(BEGIN)
    assert gate.checks[Check.BLACK].state is CheckState.SICK
    assert read_charts(tmp_path, Instant(BEGIN + 2 * MINUTE)).cameras == {}
    charts_path(tmp_path).write_text('{"at": 7}')
    assert read_charts(tmp_path, BEGIN).cameras == {}


def test_usual_looks_are_files_that_go_with_their_camera(tmp_path: Path) -> None:
    files, look = UsualFiles(tmp_path), look_at(Street(1).picture(0))
    assert files.read(GATE) == Usual()
    files.keep_only({GATE})
    files.write(GATE, Usual((look,), since=BEGIN))
    files.write(CameraId("other"), Usual((look,)))
    assert files.read(GATE).since == BEGIN
    (tmp_path / "health" / "gate.12.tmp").write_bytes(b"half")
    files.keep_only({GATE})
    assert [path.name for path in (tmp_path / "health").iterdir()] == ["gate.npz"]
    (tmp_path / "health" / "gate.npz").write_bytes(b"torn")
    assert files.read(GATE) == Usual()
    files.write(GATE, Usual())
    assert list((tmp_path / "health").iterdir()) == []
