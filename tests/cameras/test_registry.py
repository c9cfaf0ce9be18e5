"""The registry says what the file says, and forgets nothing people added."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from vms.cameras.dump import dump_cameras
from vms.cameras.provisioning import explained
from vms.cameras.registry import Registry
from vms.cameras.schema import camera, metadata
from vms.cameras.vault import Vault
from vms.core.config import CameraSettings
from vms.core.errors import ConfigError, NotFound
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
