"""Schedules in the database: brought to what the file declares, printed to be read back."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from storage.database import open_database
from vms.cameras.schedules import Schedules, dump_schedules
from vms.cameras.schema import camera, camera_revision, metadata
from vms.core.config_camera import CameraSettings, ScheduleSettings

OFFICE = ScheduleSettings(name="office", spans=("mon-fri 08:00-18:00",))
NIGHT = ScheduleSettings(name="night", spans=("daily 22:00-06:00",))


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    engine = open_database("sqlite:///:memory:")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


def revision(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(sa.select(camera_revision.c.revision)) or 0


def test_the_file_decides_and_recorders_look_again_only_when_something_changed(
    engine: sa.Engine,
) -> None:
    schedules = Schedules(engine)
    assert [str(one) for one in schedules.difference([OFFICE])] == ["+ schedule office: added"]
    assert schedules.list() == ()
    schedules.apply([OFFICE, NIGHT])
    assert schedules.list() == (NIGHT, OFFICE)
    before = revision(engine)
    assert schedules.apply([NIGHT, OFFICE]) == ()
    assert revision(engine) == before
    later = OFFICE.model_copy(update={"spans": ("mon-fri 09:00-18:00",)})
    said = [str(one) for one in schedules.apply([later])]
    assert said == [
        "~ schedule office: changed\n    spans: mon-fri 08:00-18:00 → mon-fri 09:00-18:00",
        "- schedule night: removed",
    ]
    assert schedules.list() == (later,)
    assert revision(engine) == before + 1


def test_a_schedule_that_a_camera_of_the_console_names_stays(engine: sa.Engine) -> None:
    schedules = Schedules(engine)
    schedules.apply([OFFICE, NIGHT])
    added = CameraSettings.model_validate(
        {"id": "gate", "source": "rtsp://10.0.0.5/", "record": "schedule:office"}
    )
    with engine.begin() as connection:
        text = added.model_dump_json(exclude={"password", "secret"})
        row = {"id": "gate", "origin": "database", "position": 0, "settings": text}
        connection.execute(sa.insert(camera).values(row))
    schedules.apply([])
    assert schedules.list() == (OFFICE,)


def test_what_is_printed_is_read_back() -> None:
    printed = tomllib.loads(dump_schedules([OFFICE, NIGHT]))["schedules"]
    assert [ScheduleSettings.model_validate(one) for one in printed] == [OFFICE, NIGHT]
    assert dump_schedules([]) == ""
