"""Following cameras.toml: good files are applied, bad ones change nothing."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from vms.app.reload import Reloader
from vms.app.site import Site, open_site
from vms.core.clock import SECOND
from vms.core.config_camera import ScheduleSettings
from vms.core.errors import StorageError

CAMERA = '[[cameras]]\nid = "{id}"\nsource = "rtsp://127.0.0.1:1/{id}"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "cameras.toml"
    file.write_text(CAMERA.format(id="a"))
    return file


@pytest.fixture
def site(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr("storage.database.BUSY_TIMEOUT_MS", 200)
    with open_site(file) as site:
        site.registry.apply(site.settings.cameras)
        yield site


def rewrite(file: Path, text: str) -> None:
    """As an editor does it: a new file takes the old one's place; and then some time passes."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(file)
    rest(file)


def rest(file: Path) -> None:
    """The last write was a second ago."""
    written = file.stat().st_mtime_ns - SECOND
    os.utime(file, ns=(written, written))


def test_an_unchanged_file_brings_nothing(site: Site) -> None:
    looked = Reloader(site).look()
    assert (looked.changes, looked.registry_changed) == ((), False)


def test_an_added_camera_is_applied_once(site: Site, file: Path) -> None:
    reloader = Reloader(site)
    rewrite(file, CAMERA.format(id="a") + CAMERA.format(id="b"))
    looked = reloader.look()
    assert [(change.kind, change.camera) for change in looked.changes] == [("added", "b")]
    assert looked.registry_changed
    assert not reloader.look().registry_changed


def test_a_bad_file_changes_nothing(site: Site, file: Path) -> None:
    reloader = Reloader(site)
    rewrite(file, CAMERA.format(id="b") + "sorce = 1\n")
    looked = reloader.look()
    assert (looked.changes, looked.registry_changed) == ((), False)
    assert [camera.settings.id for camera in site.registry.list()] == ["a"]
    rewrite(file, CAMERA.format(id="c"))
    assert {change.kind for change in reloader.look().changes} == {"added", "removed"}


def test_a_file_that_is_gone_for_a_moment_changes_nothing(site: Site, file: Path) -> None:
    reloader = Reloader(site)
    file.unlink()
    assert reloader.look().changes == ()


def test_a_file_that_is_being_written_in_place_takes_no_camera_away(site: Site, file: Path) -> None:
    """Emptied first, as nano and cp do it: for a moment that is a good file without cameras."""
    reloader = Reloader(site)
    reloader.look()
    with file.open("w") as out:
        assert reloader.look().changes == ()
        out.write(CAMERA.format(id="a") + CAMERA.format(id="b"))
    assert reloader.look().changes == ()
    rest(file)
    assert [(one.kind, one.camera) for one in reloader.look().changes] == [("added", "b")]


def test_a_file_from_the_future_is_taken(site: Site, file: Path) -> None:
    """Copied from a machine whose clock is ahead."""
    reloader = Reloader(site)
    file.write_text(CAMERA.format(id="b"))
    os.utime(file, (2**32, 2**32))
    assert {one.camera for one in reloader.look().changes} == {"a", "b"}


def test_sections_that_need_a_restart_are_named(site: Site, file: Path) -> None:
    reloader = Reloader(site)
    rewrite(file, '[web]\nlisten = "127.0.0.1:9"\n' + CAMERA.format(id="a"))
    assert reloader.look().waiting == ("web",)


@pytest.mark.parametrize("text", ['[ptz]\npurpose = "required"\n', "[onvif]\nnetworks = []\n"])
def test_no_section_is_passed_over_in_silence(site: Site, file: Path, text: str) -> None:
    reloader = Reloader(site)
    rewrite(file, text + CAMERA.format(id="a"))
    assert reloader.look().waiting == (text[1 : text.index("]")],)


def test_workers_for_cameras_that_people_added_are_no_difference(site: Site, file: Path) -> None:
    reloader = Reloader(dataclasses.replace(site, settings=site.settings.for_cameras(100_000)))
    rewrite(file, CAMERA.format(id="a") + CAMERA.format(id="b"))
    assert reloader.look().waiting == ()


def test_another_process_changing_the_registry_is_seen(site: Site) -> None:
    reloader = Reloader(site)
    with open_site(site.settings) as other:
        other.registry.apply(())
    assert reloader.look().registry_changed


def test_a_change_before_the_first_look_is_seen(site: Site, file: Path) -> None:
    rewrite(file, CAMERA.format(id="b"))
    assert {change.camera for change in Reloader(site).look().changes} == {"a", "b"}


def test_a_change_met_by_a_locked_database_is_applied_by_the_next_look(
    site: Site, file: Path
) -> None:
    reloader = Reloader(site)
    reloader.look()
    rewrite(file, CAMERA.format(id="b"))
    other = sqlite3.connect(site.settings.system.data / "gozcu.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked"):
        reloader.look()
    other.execute("ROLLBACK")
    other.close()
    assert {change.camera for change in reloader.look().changes} == {"a", "b"}


def test_a_schedule_of_the_console_survives_the_file_and_is_followed(
    site: Site, file: Path
) -> None:
    evening = ScheduleSettings(name="evening", spans=("daily 18:00-22:00",))
    reloader = Reloader(site)
    reloader.look()
    site.schedules.add(evening, "ayse")
    assert reloader.look().registry_changed
    rewrite(file, CAMERA.format(id="a") + CAMERA.format(id="b"))
    reloader.look()
    assert [(one.settings, one.origin) for one in site.schedules.list()] == [(evening, "database")]
    later = evening.model_copy(update={"spans": ("daily 19:00-22:00",)})
    site.schedules.change(later, "ayse")
    assert reloader.look().registry_changed  # recorders read again
    rewrite(
        file,
        CAMERA.format(id="a") + '[[schedules]]\nname = "evening"\nspans = ["daily 18:00-22:00"]\n',
    )
    assert reloader.look().registry_changed
    assert [(one.settings, one.origin) for one in site.schedules.list()] == [(evening, "file")]
