"""Schedules in the database: brought to what the file declares, printed to be read back."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings

from storage.database import migrate, open_database
from tests.cameras.everything import cameras
from vms.cameras.dump import dump_schedules, export_cameras
from vms.cameras.history import history
from vms.cameras.importing import cameras_sent
from vms.cameras.provisioning import RegisteredCamera
from vms.cameras.registry import Registry
from vms.cameras.schedule_change import (
    RegisteredSchedule,
    entered_schedule,
    schedule_difference,
    use_of,
)
from vms.cameras.schedules import Schedules
from vms.cameras.schema import camera_revision, metadata
from vms.cameras.sheet import write_sheet
from vms.cameras.vault import Vault
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.config_file import parse_settings
from vms.core.errors import AlreadyExists, BadFields, ConfigError, NotFound, Refused

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
    assert schedules.settings() == ()
    schedules.apply([OFFICE, NIGHT])
    assert schedules.settings() == (NIGHT, OFFICE)
    before = revision(engine)
    assert schedules.apply([NIGHT, OFFICE]) == ()
    assert revision(engine) == before
    later = OFFICE.model_copy(update={"spans": ("mon-fri 09:00-18:00",)})
    said = [str(one) for one in schedules.apply([later])]
    assert said == [
        "~ schedule office: changed\n    spans: mon-fri 08:00-18:00 → mon-fri 09:00-18:00",
        "- schedule night: removed",
    ]
    assert schedules.settings() == (later,)
    assert revision(engine) == before + 1


LATER = OFFICE.model_copy(update={"spans": ("mon-fri 09:00-18:00",)})


@pytest.fixture
def registry(engine: sa.Engine, tmp_path: Path) -> Registry:
    return Registry(engine, Vault.at(tmp_path))


def on_console(registry: Registry, **more: str) -> None:
    values = {"id": "gate", "source": "rtsp://10.0.0.5/", **more}
    registry.add(CameraSettings.model_validate(values), "ayse")


def test_a_schedule_that_a_camera_of_the_console_names_stays_and_is_the_consoles(
    engine: sa.Engine, registry: Registry
) -> None:
    schedules = Schedules(engine)
    schedules.apply([OFFICE, NIGHT])
    on_console(registry, record="schedule:office")
    said = [str(one) for one in schedules.apply([])]
    assert said == [
        "- schedule night: removed",
        "~ schedule office: left to the console",
    ]
    assert schedules.list() == (RegisteredSchedule(OFFICE, "database"),)
    assert schedules.apply([]) == ()
    schedules.change(LATER, "ayse")
    (again,) = schedules.apply([OFFICE])
    assert str(again) == (
        "~ schedule office: taken over\n    spans: mon-fri 09:00-18:00 → mon-fri 08:00-18:00"
    )
    assert schedules.list() == (RegisteredSchedule(OFFICE, "file"),)


def test_what_people_make_survives_the_file_and_recorders_look_again(engine: sa.Engine) -> None:
    schedules = Schedules(engine)
    schedules.apply([OFFICE])
    before = revision(engine)
    assert str(schedules.add(NIGHT, "ayse")) == "+ schedule night: added"
    assert revision(engine) == before + 1
    assert schedules.apply([OFFICE]) == ()
    assert [(one.name, one.origin) for one in schedules.list()] == [
        ("night", "database"),
        ("office", "file"),
    ]
    longer = NIGHT.model_copy(update={"spans": ("daily 21:00-06:00",)})
    change = schedules.change(longer, "ayse")
    assert change is not None
    assert change.detail() == "changed: daily 22:00-06:00 → daily 21:00-06:00"
    assert schedules.get("night").settings == longer
    assert revision(engine) == before + 2
    assert schedules.change(longer, "ayse") is None
    assert revision(engine) == before + 2
    assert schedules.remove("night", "ayse").detail() == "removed: daily 21:00-06:00"
    assert (schedules.settings(), revision(engine)) == ((OFFICE,), before + 3)


def test_those_of_the_file_are_changed_there_and_names_are_taken_once(engine: sa.Engine) -> None:
    schedules = Schedules(engine)
    schedules.apply([OFFICE])
    before = revision(engine)
    for refused in (lambda: schedules.change(LATER, "a"), lambda: schedules.remove("office", "a")):
        with pytest.raises(Refused, match=r"declared in cameras\.toml.*change it there"):
            refused()
    with pytest.raises(AlreadyExists, match="'office' already; choose another name"):
        schedules.add(OFFICE, "ayse")
    for unknown in (lambda: schedules.change(NIGHT, "a"), lambda: schedules.remove("night", "a")):
        with pytest.raises(NotFound, match="no schedule 'night'"):
            unknown()
    assert (schedules.settings(), revision(engine)) == ((OFFICE,), before)


def test_none_is_removed_while_cameras_go_by_it_and_they_are_named(
    engine: sa.Engine, registry: Registry
) -> None:
    schedules = Schedules(engine)
    schedules.add(NIGHT, "ayse")
    on_console(registry, id="gate", record="schedule:night")
    on_console(registry, id="park", record="schedule:night", privacy="night")
    before = revision(engine)
    with pytest.raises(Refused) as refused:
        schedules.remove("night", "ayse")
    assert str(refused.value) == (
        "night can't be removed while cameras go by it: gate, park recorded in its hours; "
        "park hidden in them; choose other hours for them first"
    )
    assert (schedules.settings(), revision(engine)) == ((NIGHT,), before)
    for slug in ("gate", "park"):
        registry.remove(slug, "ayse")
    schedules.remove("night", "ayse")
    assert schedules.list() == ()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_camera_ever_goes_by_one_that_is_removed_at_the_same_moment(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    lite = f"sqlite:///{tmp_path / 'a.db'}"
    engine = open_database(request.getfixturevalue(database) if database != "sqlite" else lite)
    migrate(engine)
    schedules, registry = Schedules(engine), Registry(engine, Vault.at(tmp_path))
    for turn in range(12):
        schedules.add(NIGHT, "ayse")
        said: list[str] = []

        def tell(what: str, act: Callable[[], object], said: list[str] = said) -> None:
            try:
                act()
            except (Refused, BadFields):
                return
            said.append(what)

        acts = {
            "removed": lambda: schedules.remove("night", "ayse"),
            "added": lambda: on_console(registry, privacy="night"),
        }
        threads = [threading.Thread(target=tell, args=one, name=one[0]) for one in acts.items()]
        for thread in threads if turn % 2 else threads[::-1]:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(said) == 1, said  # the other one was refused
        if said == ["added"]:
            registry.remove("gate", "ayse")
            schedules.remove("night", "ayse")
    engine.dispose()


@pytest.mark.parametrize("of_file", [True, False])
def test_other_hours_stand_in_the_history_of_each_camera_that_goes_by_them(
    engine: sa.Engine, registry: Registry, of_file: bool
) -> None:
    schedules = Schedules(engine)
    if of_file:
        schedules.apply([OFFICE])
    else:
        schedules.add(OFFICE, "ayse")
    on_console(registry, id="gate", record="schedule:office", privacy="office")
    on_console(registry, id="park")
    if of_file:
        schedules.apply([LATER])
    else:
        schedules.change(LATER, "veli")
    with engine.connect() as connection:
        newest = history(connection, "gate")[0]
        assert newest.fields == (("schedule office", "mon-fri 08:00-18:00", "mon-fri 09:00-18:00"),)
        assert newest.by == ("cameras.toml" if of_file else "veli")
        assert [one.kind for one in history(connection, "park")] == ["added"]


def test_use_tells_what_a_camera_does_with_the_hours() -> None:
    use = use_of("night", [GATE, PARK])
    assert (use.recorded, use.hidden, use.cameras) == ((), ("gate",), ("gate",))
    assert use_of("office", [GATE, PARK]).recorded == ("gate", "park")


def test_a_long_change_is_told_with_both_sides() -> None:
    many = [f"{day} {hour:02}:00-{hour:02}:20" for day in ("mon", "tue") for hour in range(24)]
    old = ScheduleSettings(name="fine", spans=tuple(many))
    new = ScheduleSettings(name="fine", spans=("daily 22:00-06:00",))
    (change,) = schedule_difference([RegisteredSchedule(old, "file")], [new], ())
    told = change.detail()
    assert len(told) < 400
    assert told.startswith("changed: mon 00:00-00:20")
    assert told.endswith(" … → daily 22:00-06:00")


def test_what_is_entered_is_checked_in_words() -> None:
    assert entered_schedule({"name": "office", "spans": list(OFFICE.spans)}) == OFFICE
    wrong = (
        ({"name": "Mesai", "spans": ["daily 08:00-18:00"]}, "name", "lower-case letters"),
        ({"name": "a", "spans": []}, "spans", "write at least one"),
        ({"name": "a", "spans": ["mon 8-18"]}, "spans", "is not a span such as"),
        ({"name": "a", "spans": ["mon 08:00-18:00", "daily 09:00-10:00"]}, "spans", "overlaps"),
        ({"name": "a"}, "spans", "is missing"),
        ({"name": "a", "spans": ["daily 00:00-24:00"] * 400}, "spans", "at most 336"),
    )
    for values, field, said in wrong:
        with pytest.raises(BadFields) as refused:
            entered_schedule(values)
        (finding,) = refused.value.findings
        assert finding.path == (field,)
        assert said in str(finding)


def test_what_is_printed_is_read_back() -> None:
    printed = dump_schedules(
        [RegisteredSchedule(OFFICE, "file"), RegisteredSchedule(NIGHT, "database")]
    )
    assert printed.startswith("# declared in cameras.toml\n[[schedules]]\n")
    assert "# declared in the console\n[[schedules]]\n" in printed
    read = tomllib.loads(printed)["schedules"]
    assert [ScheduleSettings.model_validate(one) for one in read] == [OFFICE, NIGHT]
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
    return export_cameras(
        found, [RegisteredSchedule(one, "database") for one in (NIGHT, OFFICE, OTHER)]
    )


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
    stored = [RegisteredSchedule(one, "database") for one in site]
    text = export_cameras([RegisteredCamera(camera, "database")], stored)
    assert cameras_sent(text, "cameras.toml", {}, site) == [camera]


def test_another_site_is_told_which_schedules_are_missing_and_for_whom() -> None:
    with pytest.raises(Refused) as refused:
        taken(exported(GATE, PARK), NIGHT)
    first, *said = str(refused.value).split("\n")
    assert first == "nothing was imported:"
    assert said == [
        "there is no schedule 'office' on this site, by which gate, park would go (make it on "
        "the site's console or by `vms schedules add office 'mon-fri 08:00-18:00'`; or add it "
        "under [[schedules]] of the site's cameras.toml, with ['mon-fri 08:00-18:00'], and vms "
        "apply)"
    ]
    sheet = write_sheet([GATE])
    with pytest.raises(Refused, match="there is no schedule 'night' on this site, by which gate"):
        cameras_sent(sheet, "cameras.csv", {}, [OFFICE])


def test_another_site_whose_schedule_has_other_hours_is_told_so() -> None:
    later = OFFICE.model_copy(update={"spans": ("mon-fri 09:00-18:00",)})
    with pytest.raises(Refused, match="mon-fri 09:00-18:00"):
        taken(exported(PARK), later)
    spans = ("fri 08:00-12:00", "mon-thu 08:00-18:00", "fri 12:00-18:00")
    same = OFFICE.model_copy(update={"spans": spans})
    assert taken(exported(PARK), same) == [PARK]


def test_a_file_of_cameras_alone_may_name_schedules_of_the_site() -> None:
    text = '[[cameras]]\nid = "park"\nsource = "rtsp://10.0.0.6/"\nrecord = "schedule:office"\n'
    assert taken(text, OFFICE) == [PARK]
    with pytest.raises(Refused, match="did you mean 'office'"):
        taken(text.replace("office", "ofice"), OFFICE)
    with pytest.raises(ConfigError, match="there is no schedule 'office'"):
        parse_settings(text, Path("cameras.toml"), {})  # what vms apply reads stands alone
