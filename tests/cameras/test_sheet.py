"""Cameras as CSV: a spreadsheet's habits are understood, and it is handed nothing to run."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cameras.everything import cameras
from vms.cameras.dump import export_cameras
from vms.cameras.entry import entered
from vms.cameras.importing import cameras_sent
from vms.cameras.provisioning import RegisteredCamera
from vms.cameras.sheet import COLUMNS, read_sheet, write_sheet
from vms.core.config_camera import CameraSettings, Location
from vms.core.config_file import parse_settings
from vms.core.errors import Refused
from vms.core.inventory import Inventory
from vms.core.secret import Secret

_WHOLES = ("location", "inventory")  # each part in a column of its own

FULL = entered(
    {
        "id": "park-1",
        "name": 'İğdır, "Park"',
        "groups": ["parklar", "göl"],
        "source": "rtsp://10.0.0.7/main",
        "username": "vms",
        "password": "kanarya",
        "location": {"lat": -39.9, "lon": 32.85, "heading": 120, "fov": 70},
        "inventory": {
            "make": "Axis",
            "mac": "AC-CC-8E-C1-23-45",
            "installed": "2026-05-31",
            "notes": "a\nb",
        },
    }
)


@pytest.mark.parametrize("excel", [False, True])
def test_what_is_written_reads_back_as_it_was(excel: bool) -> None:
    text = write_sheet([FULL], excel=excel)
    assert "kanarya" not in text
    assert read_sheet(text, "x.csv", {"park-1": RegisteredCamera(FULL, "database")}) == [FULL]
    (fresh,) = read_sheet(text, "x.csv", {})
    assert fresh == FULL.model_copy(update={"password": None})


def test_a_turkish_excel_is_understood() -> None:
    text = (
        "\ufeffID;name;source;lat;lon;mac;installed;password\r\n"
        "a;Kapı;rtsp://10.0.0.1/x;39,9;32,8;accc.8ec1.2345;31.05.2026;gizli\r\n;;;;;;;\r\n"
    )
    (camera,) = read_sheet(text, "x.csv", {})
    assert camera.location is not None
    assert (camera.location.lat, camera.location.lon) == (39.9, 32.8)
    assert camera.inventory is not None
    assert str(camera.inventory.installed) == "2026-05-31"
    assert camera.inventory.mac == "ac:cc:8e:c1:23:45"
    assert camera.password == Secret("gizli")


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\r\nid;name;source;lat;lon\r\na;x;rtsp://10.0.0.1/x;39,9;32,8\r\n",
        "id,name,source,lat,lon,,\na,x,rtsp://10.0.0.1/x,39.9,32.8,,\n",  # a sheet that was wider
        "\n\n;;;;\nid;name;source;lat;lon\na;x;rtsp://10.0.0.1/x;39.9;32.8\n",
        'id,name,source,lat,lon\na,x,rtsp://10.0.0.1/x,"39,9","32,8"\n',
        "İD,NAME,SOURCE,LAT,LON\na,x,rtsp://10.0.0.1/x,39.9,32.8\n",
    ],
)
def test_other_habits_of_spreadsheets_are_understood(text: str) -> None:
    (camera,) = read_sheet(text, "x.csv", {})
    assert camera.id == "a"
    assert camera.location is not None
    assert (camera.location.lat, camera.location.lon) == (39.9, 32.8)


def test_a_mistake_below_the_line_of_the_separator_is_told_in_its_line() -> None:
    with pytest.raises(Refused, match=r"x\.csv:3: column 1 id"):
        read_sheet("sep=,\nid,source\nA,rtsp://10.0.0.1/x\n", "x.csv", {})


@pytest.mark.parametrize("name", ["Kapı ${HOME}", "$${HOME}", "$$${HOME} ${x", "${GATE_PASSWORD}"])
def test_a_name_that_looks_like_a_variable_comes_back_from_toml_as_it_was(name: str) -> None:
    """And tells nobody what the server's environment holds."""
    camera = RegisteredCamera(FULL.model_copy(update={"name": name}), "database")
    text = export_cameras([camera], [])
    (read,) = cameras_sent(text, "x.toml", {"park-1": camera}, [])
    assert read == camera.settings
    settings = parse_settings(text, Path("x.toml"), {"HOME": "/root"}, alone=False)
    assert settings.cameras[0].name == name


def test_columns_that_are_not_there_leave_what_is_registered() -> None:
    (camera,) = read_sheet(
        "id,name\npark-1,Yeni\n", "x.csv", {"park-1": RegisteredCamera(FULL, "database")}
    )
    assert camera == FULL.model_copy(update={"name": "Yeni"})


def test_every_mistake_is_told_with_line_column_and_remedy() -> None:
    text = (
        'id,source,lat,lon,notes\na,rtsp://10.0.0.1/x,1,2,"two\nlines"\n'
        "B,rtsp://10.0.0.1/x,1,2,\nc,10.0.0.1,99,2,\na,rtsp://10.0.0.1/x,1,2,\n"
    )
    with pytest.raises(Refused) as refused:
        read_sheet(text, "x.csv", {})
    said = str(refused.value).splitlines()[1:]
    assert [one.partition(": ")[0] for one in said] == ["x.csv:4", "x.csv:5", "x.csv:5", "x.csv:6"]
    assert "column 1 id: 'B'" in said[0]
    assert "column 2 source: has the scheme" in said[1]
    assert "column 3 lat" in said[2]
    assert said[3].endswith("twice (remove a row)")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "id: is missing"),
        ("name\nx\n", "id: is missing"),
        ("id,sorce\n", "column 2 sorce: is no column"),
        ("id,id\n", "twice"),
        ('id,source\n"a,b\n', "is not CSV"),
        ("id,source\na,rtsp://10.0.0.1/x,more\n", "more cells than columns"),
    ],
)
def test_what_is_no_sheet_is_refused(text: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        read_sheet(text, "x.csv", {})


@pytest.mark.parametrize("name", ["=cmd|'/C calc'!A0", "+1", "-1+1", "@SUM(A1)", "'=x"])
def test_a_spreadsheet_is_handed_nothing_to_run_and_it_reads_back(name: str) -> None:
    camera = FULL.model_copy(update={"name": name, "password": None})
    text = write_sheet([camera])
    row = dict(zip(COLUMNS, list(csv.reader(io.StringIO(text)))[1], strict=True))
    assert row["name"] == "'" + name
    assert row["lat"] == "-39.9"  # a number is none
    assert read_sheet(text, "x.csv", {}) == [camera]


def test_every_setting_but_a_password_has_a_column() -> None:
    paths = {
        (name, part)
        for name, whole in (("location", Location), ("inventory", Inventory))
        for part in whole.model_fields
    }
    paths |= {(name,) for name in CameraSettings.model_fields if name not in _WHOLES}
    assert set(COLUMNS.values()) == paths - {("password",), ("secret",)}


@settings(deadline=None)
@given(camera=cameras(), excel=st.booleans())
def test_a_camera_with_any_settings_comes_back_equal_on_a_fresh_site(
    camera: CameraSettings, excel: bool
) -> None:
    assert read_sheet(write_sheet([camera], excel=excel), "x.csv", {}) == [camera]


@settings(deadline=None)
@given(before=cameras(), camera=cameras(), excel=st.booleans())
def test_what_a_file_says_takes_the_place_of_all_that_is_registered(
    before: CameraSettings, camera: CameraSettings, excel: bool
) -> None:
    known = before.model_copy(update={"id": camera.id, "password": Secret("kanarya")})
    text = write_sheet([camera], excel=excel)
    (read,) = read_sheet(text, "x.csv", {camera.id: RegisteredCamera(known, "database")})
    assert read == camera.model_copy(update={"password": Secret("kanarya")})


@settings(deadline=None)
@given(camera=cameras())
def test_an_older_sheet_leaves_privacy_rolls_and_motion_as_they_are(camera: CameraSettings) -> None:
    new = ("privacy", "pre_roll", "post_roll", "motion")
    rows = list(csv.DictReader(io.StringIO(write_sheet([camera]), newline="")))
    old = io.StringIO(newline="")
    writer = csv.DictWriter(
        old, [name for name in COLUMNS if name not in new], extrasaction="ignore"
    )
    writer.writeheader()
    writer.writerows(rows)
    known = {camera.id: RegisteredCamera(camera, "database")}
    assert read_sheet(old.getvalue(), "x.csv", known) == [camera]


@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("motion", "kapı", "column 4 motion: is not JSON (leave the cell"),
        ("motion", '{"zones": 3}', "column 4 motion: must be a list"),
        ("motion", "{}", "add sub, or take motion away"),
        ("pre_roll", "10", "column 4 pre_roll: '10' is not a length of time such as"),
        ("privacy", "Mesai", "column 4 privacy: 'Mesai' can't name a schedule"),
    ],
)
def test_a_mistake_in_the_newer_columns_is_told(column: str, cell: str, says: str) -> None:
    sub = "" if cell == "{}" else "rtsp://10.0.0.1/y"
    out = io.StringIO(newline="")
    csv.writer(out).writerows(
        [["id", "source", "sub", column], ["a", "rtsp://10.0.0.1/x", sub, cell]]
    )
    with pytest.raises(Refused) as refused:
        read_sheet(out.getvalue(), "x.csv", {})
    assert says in str(refused.value)


def test_a_group_that_no_cell_can_hold_is_told_with_its_camera() -> None:
    camera = FULL.model_copy(update={"groups": ("a|b",)})
    with pytest.raises(Refused, match=r"'a\|b' of park-1 can't stand in CSV"):
        write_sheet([camera])


def test_blanks_around_addresses_and_groups_named_twice_are_tidied() -> None:
    camera = entered(
        {
            "id": "a",
            "source": " rtsp://10.0.0.1/x ",
            "onvif": " 10.0.0.1\u00a0",
            "groups": ["göl", " göl", "park"],
        }
    )
    assert (camera.source, camera.groups) == ("rtsp://10.0.0.1/x", ("göl", "park"))
    assert camera.onvif == "http://10.0.0.1/onvif/device_service"
