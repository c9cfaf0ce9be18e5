"""Fleets as settings: what is read, what is refused and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from vms.core.errors import BadRequest, ConfigError
from vms.simulator.faults import KINDS, Faults, check_fault
from vms.simulator.spec import DEMO_FLEET, check_fleet, load_fleet


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "fleet.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_fleet_is_read(tmp_path: Path) -> None:
    settings = load_fleet(
        write(
            tmp_path,
            """
            load = 3
            [[cameras]]
            id = "kapi"
            name = "Kapı"
            audio = "aac"
            sub = false
            video = { codec = "h265", width = 640, height = 360 }
            faults = [{ name = "drop", every = 60, args = { rate = 0.1 } }]
            [[cameras]]
            id = "arka"
            sub = { fps = 5 }
            """,
        )
    )
    first, second = settings.cameras
    assert (settings.load, first.video.codec, first.sub) == (3, "h265", None)
    assert first.faults[0].args == {"rate": 0.1}
    assert second.sub is not None
    assert (second.sub.fps, second.sub.width) == (5, 320)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour = 1", "colour"),
        ("load = 1001", "load"),
        ("[[cameras]]\nid='a'\nvideo={codek='h264'}", "cameras.a.video.codek"),
        ("[[cameras]]\nid='a'\n[[cameras]]\nid='a'", "twice"),
        ("[[cameras]]\nid='A b'", "slug"),
        ("[[cameras]]\nid='a'\nvideo={width=333}", "not even"),
        ("[[cameras]]\nid='a'\nvideo={codec='mpeg2'}", "codec"),
        ("[[cameras]]\nid='a'\nfile='/no/such.mp4'", "no file"),
        ("[[cameras]]\nname='a'", "id"),
        ("cameras = [", "TOML"),
    ],
)
def test_a_wrong_fleet_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_fleet(write(tmp_path, text))
    with pytest.raises(ConfigError, match="can't be read"):
        load_fleet(tmp_path / "none.toml")


def test_the_demo_has_what_it_promises() -> None:
    check_fleet(DEMO_FLEET)
    cameras = DEMO_FLEET.cameras
    assert len(cameras) == 6
    assert {(one.video.codec, one.video.height) for one in cameras} >= {
        ("h264", 1080),
        ("h264", 720),
    }
    assert any(one.video.codec == "h265" for one in cameras)
    assert {one.audio for one in cameras} >= {"aac", "pcma"}
    assert sum(bool(one.faults) for one in cameras) == 1
    assert all(one.sub is not None for one in cameras)


def test_faults_are_checked() -> None:
    assert check_fault("drop", {"rate": 1}) == {"rate": 1.0}
    for name, args in (("fire", {}), ("drop", {"much": 1}), ("drop", {"rate": "x"})):
        with pytest.raises(BadRequest):
            check_fault(name, args)
    with pytest.raises(BadRequest, match="too small"):
        check_fault("resolution", {"width": 2})


def test_faults_are_told_and_cleared() -> None:
    faults, told = Faults(), []
    faults.changed = lambda: told.append(sorted(faults.as_dict()))
    faults.set("hang")
    faults.set("jump-clock", seconds=-5)
    assert (faults.jump, faults.rtp_jump) == (-5_000_000_000, 0)
    faults.set("jump-clock", seconds=2, rtp=True)
    assert faults.rtp_jump == 2_000_000_000
    faults.clear("hang")
    faults.clear()
    assert told[0] == ["hang"]
    assert told[-1] == []
    assert faults.jump == 0
    assert {name for name in KINDS if not name.startswith(("onvif-", "quirk-"))} == {
        "stop", "hang", "freeze", "drop", "jump-clock", "resolution", "garbage", "password",
    }  # fmt: skip
