"""Schedules in the database: brought to what the file declares, printed to be read back."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings

from storage.database import open_database
from tests.cameras.everything import cameras
from vms.cameras.dump import export_cameras
from vms.cameras.importing import cameras_sent
from vms.cameras.provisioning import RegisteredCamera
from vms.cameras.schedules import Schedules, dump_schedules
from vms.cameras.schema import camera, camera_revision, metadata
from vms.cameras.sheet import write_sheet
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.config_file import parse_settings
from vms.core.errors import ConfigError, Refused

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


GATE = CameraSettings.model_validate(
    {
        "id": "gate",
        "source": "rtsp://10.0.0.5/",
        "record": "schedule:office",
        "privacy": "night",
        "username": "vms",
        "password": "kanarya",
    }
)
PARK = CameraSettings(id="park", source="rtsp://10.0.0.6/", record="schedule:office")
OTHER = ScheduleSettings(name="other", spans=("sun 00:00-24:00",))


def exported(*cameras: CameraSettings) -> str:
    found = [RegisteredCamera(one, "database") for one in cameras]
    return export_cameras(found, [NIGHT, OFFICE, OTHER])


def taken(
    text: str, *schedules: ScheduleSettings, known: CameraSettings | None = None
) -> list[CameraSettings]:
    registered = {known.id: RegisteredCamera(known, "database")} if known is not None else {}
    return cameras_sent(text, "cameras.toml", registered, schedules)


def test_an_export_holds_the_schedules_it_names_and_comes_back_as_it_was() -> None:
    text = exported(GATE, PARK)
    assert [one["name"] for one in tomllib.loads(text)["schedules"]] == ["night", "office"]
    assert "kanarya" not in text
    assert taken(text, NIGHT, OFFICE, OTHER, known=GATE) == [GATE, PARK]
    assert parse_settings(text, Path("cameras.toml"), {}).schedules == (NIGHT, OFFICE)
    assert "schedules" not in exported(GATE.model_copy(update={"record": "off", "privacy": None}))


@settings(deadline=None)
@given(camera=cameras())
def test_a_camera_with_any_settings_comes_back_equal_from_toml(camera: CameraSettings) -> None:
    site = [ScheduleSettings(name=name, spans=OFFICE.spans) for name in camera.schedules]
    text = export_cameras([RegisteredCamera(camera, "database")], site)
    assert cameras_sent(text, "cameras.toml", {}, site) == [camera]


def test_another_site_is_told_which_schedules_are_missing_and_for_whom() -> None:
    with pytest.raises(Refused) as refused:
        taken(exported(GATE, PARK), NIGHT)
    first, *said = str(refused.value).split("\n")
    assert first == "nothing was imported:"
    assert said == [
        "there is no schedule 'office' on this site, by which gate, park would go (add it under "
        "[[schedules]] of the site's cameras.toml, with ['mon-fri 08:00-18:00']; vms apply)"
    ]
    sheet = write_sheet([GATE])
    with pytest.raises(Refused, match="there is no schedule 'night' on this site, by which gate"):
        cameras_sent(sheet, "cameras.csv", {}, [OFFICE])


def test_another_site_whose_schedule_has_other_hours_is_told_so() -> None:
    later = OFFICE.model_copy(update={"spans": ("mon-fri 09:00-18:00",)})
    with pytest.raises(Refused, match="mon-fri 09:00-18:00"):
        taken(exported(PARK), later)
    same = OFFICE.model_copy(update={"spans": ("fri 08:00-18:00", "mon-thu 08:00-18:00")})
    assert taken(exported(PARK), same) == [PARK]


def test_a_file_of_cameras_alone_may_name_schedules_of_the_site() -> None:
    text = '[[cameras]]\nid = "park"\nsource = "rtsp://10.0.0.6/"\nrecord = "schedule:office"\n'
    assert taken(text, OFFICE) == [PARK]
    with pytest.raises(Refused, match="did you mean 'office'"):
        taken(text.replace("office", "ofice"), OFFICE)
    with pytest.raises(ConfigError, match="there is no schedule 'office'"):
        parse_settings(text, Path("cameras.toml"), {})  # what vms apply reads stands alone
