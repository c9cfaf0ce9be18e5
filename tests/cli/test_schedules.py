"""`vms schedules`: listed, made, changed and removed; what the file declares is its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.house import SETTINGS, Vms
from vms.app.site import open_site
from vms.core.config_camera import CameraSettings
from vms.people.audit.entry import What
from vms.people.audit.records import Query, Records


@pytest.fixture
def vms(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    config = tmp_path / "cameras.toml"
    config.write_text(SETTINGS)
    found = Vms(config, capsys, monkeypatch)
    assert found("apply").returncode == 0
    return found


def test_schedules_are_listed_with_hours_and_cameras(vms: Vms) -> None:
    assert json.loads(vms("schedules", "list", "--json").stdout) == []
    hours = '[[schedules]]\nname = "office"\nspans = ["mon-fri 08:00-18:00"]\n'
    vms.config.write_text(SETTINGS + 'record = "schedule:office"\nprivacy = "office"\n' + hours)
    assert vms("apply").returncode == 0
    assert json.loads(vms("schedules", "list", "--json").stdout) == [
        {
            "name": "office",
            "spans": ["mon-fri 08:00-18:00"],
            "origin": "file",
            "recorded": ["gate-north"],
            "hidden": ["gate-north"],
        }
    ]
    assert "mon-fri 08:00-18:00" in vms("schedules", "list").stdout


def test_a_schedule_is_made_changed_and_removed_on_the_command_line(vms: Vms) -> None:
    made = vms("schedules", "add", "night", "daily 22:00-06:00", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout) == {
        "name": "night",
        "spans": ["daily 22:00-06:00"],
        "origin": "database",
        "recorded": [],
        "hidden": [],
    }
    with open_site(vms.config) as site:
        values = {"id": "park-1", "source": "rtsp://10.255.255.3/x", "privacy": "night"}
        site.registry.add(CameraSettings.model_validate(values), "ayse")
    changed = vms("schedules", "set", "night", "mon-fri 21:00-06:00", "sat,sun 22:00-08:15")
    assert changed.stdout == (
        "~ schedule night: changed\n"
        "    spans: daily 22:00-06:00 → mon-fri 21:00-06:00, sat,sun 22:00-08:15\n"
    )
    again = vms("schedules", "set", "night", "mon-fri 21:00-06:00", "sat,sun 22:00-08:15")
    assert again.stdout == "Nothing to change.\n"
    refused = vms("schedules", "remove", "night")
    assert refused.returncode == 1
    assert "park-1 hidden in them" in refused.stderr
    assert vms("apply").stdout == "Nothing to change.\n"  # the file has no say in it
    with open_site(vms.config) as site:
        site.registry.remove("park-1", "ayse")
    assert vms("schedules", "remove", "night").stdout == "- schedule night: removed\n"
    with open_site(vms.config) as site:
        told = [one.entry for one in Records(site.engine).all(Query(what=(What.CAMERAS,)))][::-1]
    assert [(one.camera, one.subject, one.detail, one.outcome) for one in told] == [
        ("", "", "vms apply", "done"),
        ("", "night", "added: daily 22:00-06:00 · vms schedules add", "done"),
        (
            *("park-1", "night"),
            "changed: daily 22:00-06:00 → mon-fri 21:00-06:00, sat,sun 22:00-08:15 "
            "· vms schedules set",
            "done",
        ),
        ("", "night", "vms schedules set", "done"),
        ("", "night", "vms schedules remove", "failed"),
        ("", "", "vms apply", "done"),
        ("", "night", "removed: mon-fri 21:00-06:00, sat,sun 22:00-08:15 · vms schedules remove",
         "done"),
    ]  # fmt: skip


def test_a_schedule_that_the_file_declares_too_is_taken_over_and_said(vms: Vms) -> None:
    vms("schedules", "add", "office", "daily 08:00-18:00")
    vms.config.write_text(
        SETTINGS + '[[schedules]]\nname = "office"\nspans = ["mon-fri 08:00-18:00"]\n'
    )
    said = vms("apply").stdout
    assert "~ schedule office: taken over" in said
    assert "daily 08:00-18:00 → mon-fri 08:00-18:00" in said
    refused = vms("schedules", "set", "office", "daily 08:00-18:00")
    assert refused.returncode == 1
    assert "declared in cameras.toml, under [[schedules]], and read-only here" in refused.stderr
    wrong = vms("schedules", "add", "mesai", "mon-fri", "08:00-18:00")
    assert wrong.returncode == 2
    assert "'mon-fri' is not a span such as 'mon-fri 08:00-18:00'" in wrong.stderr


def test_a_dump_with_schedules_of_both_origins_is_a_file_to_apply(vms: Vms) -> None:
    vms.config.write_text(SETTINGS + '[[schedules]]\nname = "a"\nspans = ["mon 08:00-18:00"]\n')
    assert vms("apply").returncode == 0
    vms("schedules", "add", "b", "tue 08:00-18:00")
    dumped = vms("dump").stdout
    assert '# declared in the console\n[[schedules]]\nname = "b"' in dumped
    hours = dumped[dumped.index("# declared in cameras.toml\n[[schedules]]") :]
    vms.config.write_text(SETTINGS + hours[: hours.index("[[cameras]]")])
    assert "~ schedule b: taken over" in vms("apply").stdout
    known = json.loads(vms("schedules", "list", "--json").stdout)
    assert [(one["name"], one["origin"]) for one in known] == [("a", "file"), ("b", "file")]
