"""`vms cameras test`: the report of a camera that is well, and of one that is not."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cameras.onvif.house import beside
from tests.cli.house import Vms
from vms.simulator.fleet import CameraSpec, Fleet
from vms.simulator.spec import VideoSpec

SMALL = VideoSpec(width=320, height=180, fps=12, bitrate=300_000, gop=12, profile="baseline")
CANARY = "kanarya-51b"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    camera = CameraSpec("gate", "Kapı", SMALL, None, "aac", "digest", password=CANARY)
    with beside((camera,)) as found:
        yield found


@pytest.fixture
def vms(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    return Vms(tmp_path / "cameras.toml", capsys, monkeypatch)


def _settings(fleet: Fleet, password: str) -> str:
    onvif = fleet.device("gate").url("device_service")
    return (
        f'[system]\ndata = "data"\n[[cameras]]\nid = "gate"\nsource = "{fleet.url("gate")}"\n'
        f'onvif = "{onvif}"\nusername = "vms"\npassword = "{password}"\n'
    )


def test_a_camera_that_is_well_is_told_with_its_conversation(vms: Vms, fleet: Fleet) -> None:
    vms.config.write_text(_settings(fleet, CANARY))
    vms("apply")
    done = vms("cameras", "test", "gate", "--brief")
    assert done.returncode == 0, done.stderr
    for told in (
        "main: can be recorded.",
        "h264 (avc1.",
        "320×180",
        "by our clock, 12.0 by the camera's times",
        "keyframes         every 12 pictures, 1.00 s",
        "sound             aac",
        "keep-alive        answered",
        "> PLAY rtsp://127.0.0.1",
        "device            Gozcu",
    ):
        assert told in done.stdout
    assert CANARY not in done.stdout


def test_a_camera_that_refuses_is_told_in_one_sentence_and_asked_no_further(
    vms: Vms, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    vms.config.write_text('[system]\ndata = "data"\n[network]\nallow = ["127.0.0.0/8"]\n')
    monkeypatch.setattr("sys.stdin", io.StringIO("falsch-falsch\n"))
    address = (fleet.url("gate"), "--username", "vms", "--password-stdin")
    done = vms("cameras", "test", *address, "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["camera"], found["well"], found["onvif"]) == (None, False, None)
    (stream,) = found["streams"]
    assert stream["problem"] == "refused"
    assert "falsch" not in done.stdout
    assert fleet.device("gate").signin.refusals == 0


def test_a_camera_nobody_knows_is_an_error(vms: Vms) -> None:
    vms.config.write_text('[system]\ndata = "data"\n[network]\nallow = ["127.0.0.0/8"]\n')
    done = vms("cameras", "test", "nobody")
    assert (done.returncode, done.stderr) == (1, "vms: there is no camera 'nobody'\n")
