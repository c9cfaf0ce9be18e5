"""The registry says what the file says, and forgets nothing people added."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from vms.cameras.dump import dump_cameras
from vms.cameras.history import KEPT
from vms.cameras.provisioning import explained
from vms.cameras.registry import Registry
from vms.cameras.schedules import Schedules
from vms.cameras.schema import camera, metadata
from vms.cameras.vault import Vault
from vms.core.clock import SECOND, FakeClock
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.errors import AlreadyExists, BadFields, ConfigError, NotFound, Refused
from vms.core.secret import Secret

PASSWORD = "gizli-parola"


def settings(camera_id: str, **more: object) -> CameraSettings:
    return CameraSettings.model_validate(
        {"id": camera_id, "source": f"rtsp://10.0.0.5/{camera_id}", **more}
    )


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def registry(engine: sa.Engine) -> Registry:
    return Registry(engine, Vault(b"k" * 32))


def test_apply_adds_changes_and_removes(registry: Registry) -> None:
    changes = registry.apply([settings("a"), settings("b")])
    assert [(c.kind, c.camera) for c in changes] == [("added", "a"), ("added", "b")]
    changes = registry.apply([settings("b", name="Kapı"), settings("c")])
    assert {(c.kind, c.camera) for c in changes} == {
        ("changed", "b"),
        ("added", "c"),
        ("removed", "a"),
    }
    assert "name: b → Kapı" in explained(changes)
    assert [c.settings.id for c in registry.list()] == ["b", "c"]


def test_applying_the_same_file_changes_nothing(registry: Registry) -> None:
    declared = [settings("a", password=PASSWORD), settings("b")]
    registry.apply(declared)
    revision = registry.revision()
    assert registry.apply(declared) == ()
    assert registry.revision() == revision
    assert explained(()) == "Nothing to change."


def test_the_order_of_the_file_is_kept(registry: Registry) -> None:
    registry.apply([settings("a"), settings("b")])
    registry.apply([settings("b"), settings("a")])
    assert [c.settings.id for c in registry.list()] == ["b", "a"]


def test_passwords_are_sealed_at_rest_and_come_back(engine: sa.Engine, registry: Registry) -> None:
    registry.apply([settings("a", username="u", password=PASSWORD)])
    with engine.connect() as connection:
        stored = repr(connection.execute(sa.select(camera)).all())
    assert PASSWORD not in stored
    assert registry.get("a").settings.password == Secret(PASSWORD)
    changes = registry.apply([settings("a", username="u", password="anders")])
    assert "password: *** → ***" in explained(changes)


def test_a_lost_key_is_a_clear_error() -> None:
    sealed = Vault(b"k" * 32).seal(Secret(PASSWORD), "a")
    with pytest.raises(ConfigError, match="sealed with another key"):
        Vault(b"x" * 32).open(sealed, "a")


def test_unknown_ids_are_not_found(registry: Registry) -> None:
    with pytest.raises(NotFound):
        registry.get("nobody")


def test_a_dump_reads_back_without_its_password(registry: Registry) -> None:
    registry.apply([settings("gate-north", username="u", password=PASSWORD, groups=["meydan"])])
    text = dump_cameras(registry.list())
    assert PASSWORD not in text
    table = tomllib.loads(text)["cameras"][0]
    assert table["password"] == "${GATE_NORTH_PASSWORD}"
    assert CameraSettings.model_validate(table).groups == ("meydan",)


def test_a_dump_of_several_cameras_reads_back_as_they_are(registry: Registry) -> None:
    place = {"lat": 39.9, "lon": 32.8, "heading": 120, "fov": 70}
    declared = [settings("a"), settings("b", location=place, name='"Kapı" 2'), settings("c")]
    registry.apply(declared)
    tables = tomllib.loads(dump_cameras(registry.list()))["cameras"]
    assert [CameraSettings.model_validate(table) for table in tables] == declared


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    first = Vault.at(tmp_path / "keys")
    sealed = first.seal(Secret(PASSWORD), "a")
    assert Vault.at(tmp_path / "keys").open(sealed, "a").reveal() == PASSWORD
    assert (tmp_path / "keys" / "secrets.key").stat().st_mode & 0o777 == 0o600


def test_a_lost_key_costs_no_other_camera_and_is_mended_by_applying(engine: sa.Engine) -> None:
    declared = [settings("a", password=PASSWORD), settings("b")]
    Registry(engine, Vault(b"k" * 32)).apply(declared)
    registry = Registry(engine, Vault(b"n" * 32))
    assert [camera.password for camera in registry.settings()] == [None, None]
    assert [(c.kind, c.camera) for c in registry.apply(declared)] == [("changed", "a")]
    assert registry.settings()[0].password == Secret(PASSWORD)


def test_a_password_that_can_not_be_read_outlives_a_change_and_no_other_device(
    engine: sa.Engine,
) -> None:
    """The key comes back from a backup after somebody renamed the camera."""
    right, lost = (Registry(engine, Vault(key * 32)) for key in (b"k", b"n"))
    for camera_id in ("a", "b"):
        right.add(settings(camera_id, password=PASSWORD, username="vms"), "ayse")
    lost.change("a", lambda before: before.model_copy(update={"name": "Kapı"}), "ayse")
    lost.change("b", lambda before: before.model_copy(update={"source": "rtsp://10.0.0.9/x"}), "me")
    passwords = {one.settings.id: one.settings.password for one in right.list()}
    assert passwords == {"a": Secret(PASSWORD), "b": None}


def test_people_s_cameras_stand_beside_the_file_s(registry: Registry) -> None:
    registry.apply([settings("a")])
    registry.add(settings("b", password=PASSWORD), "ayse")
    with pytest.raises(AlreadyExists):
        registry.add(settings("a"), "ayse")
    with pytest.raises(Refused, match=r"cameras\.toml"):
        registry.remove("a", "ayse")
    assert registry.apply([settings("a")]) == ()
    assert [(c.settings.id, c.origin) for c in registry.list()] == [
        ("a", "file"),
        ("b", "database"),
    ]


def test_a_removed_camera_keeps_the_groups_by_which_rules_match_it(registry: Registry) -> None:
    registry.add(settings("a", groups=["parklar"]), "ayse")
    registry.remove("a", "ayse")
    assert registry.list() == ()
    assert registry.groups() == {"a": ("parklar",)}
    registry.add(settings("a", groups=["meydan"]), "ayse")
    assert registry.groups() == {"a": ("meydan",)}


def test_a_schedule_that_is_not_there_is_refused_however_it_is_entered(
    engine: sa.Engine, registry: Registry
) -> None:
    """As the file refuses it: else the camera would be recorded at other hours than was asked."""
    Schedules(engine).apply([ScheduleSettings(name="office", spans=("daily 08:00-18:00",))])
    registry.add(settings("a", record="schedule:office"), "ayse")
    wrong = settings("b", record="schedule:offise"), settings("c", privacy="night")
    with pytest.raises(BadFields, match=r"record: .*'offise'.*did you mean 'office'"):
        registry.add(wrong[0], "ayse")
    with pytest.raises(BadFields, match="privacy: there is no schedule 'night'"):
        registry.change("a", lambda before: before.model_copy(update={"privacy": "night"}), "ayse")
    for take in (registry.additions, lambda wanted: registry.take(wanted, "ayse")):
        with pytest.raises(BadFields, match=r"b\.record: .*c\.privacy: "):
            take(wrong)
    assert [one.settings.id for one in registry.list()] == ["a"]


def test_taking_cameras_is_all_or_nothing(registry: Registry) -> None:
    registry.apply([settings("a")])
    registry.add(settings("b"), "ayse")
    wanted = [settings("b", name="Kapı"), settings("c"), settings("a", name="other")]
    revision = registry.revision()
    with pytest.raises(Refused):
        registry.take(wanted, "ayse")
    assert (registry.revision(), len(registry.list())) == (revision, 2)
    assert registry.additions(wanted[:2]) == registry.take(wanted[:2], "ayse")
    assert [c.settings.id for c in registry.list()] == ["a", "b", "c"]


def test_the_history_is_bounded_and_tells_who_and_when(engine: sa.Engine) -> None:
    clock = FakeClock()
    registry = Registry(engine, Vault(b"k" * 32), clock)
    registry.add(settings("a", password=PASSWORD), "ayse")
    for number in range(KEPT + 5):
        clock.advance(SECOND)
        name = f"n{number}"
        registry.change("a", lambda one, name=name: one.model_copy(update={"name": name}), "ali")
    found = registry.history("a")
    assert len(found) == KEPT
    assert (found[0].at, found[0].by) == (clock.now(), "ali")
    assert found[0].fields == (("name", f"n{KEPT + 3}", f"n{KEPT + 4}"),)
    assert PASSWORD not in repr(found)


def test_a_dump_of_what_people_added_is_taken_over_as_it_is(registry: Registry) -> None:
    inventory = {"make": "Axis", "installed": "31.05.2026", "notes": 'lens\ncleaned "twice"'}
    registry.add(settings("a", inventory=inventory, groups=["meydan"]), "ayse")
    tables = tomllib.loads(dump_cameras(registry.list()))["cameras"]
    (change,) = registry.apply([CameraSettings.model_validate(table) for table in tables])
    assert (change.kind, change.fields) == ("taken over", ())
