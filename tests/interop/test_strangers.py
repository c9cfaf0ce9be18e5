"""The simulated device is found, read, steered and heard by clients that are not ours, from another
machine: libonvif's onvif-util (Debian) and npm's onvif. onvif-zeep-async: tests/simulator/onvif."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.neighbour import Neighbour, neighbour
from tests.ui_script import NODE, npm
from vms.simulator.fleet import CameraSpec, Fleet, FleetSettings
from vms.simulator.onvif.device import Device

HERE = Path(__file__).parent / "strangers"
GATE = CameraSpec("gate", auth="digest")


@pytest.fixture
def other() -> Iterator[Neighbour]:
    with neighbour() as there:
        yield there


@pytest.fixture(scope="module")
def strangers() -> Path:
    """Where npm's onvif is installed: once, as the lock file says."""
    if not (HERE / "node_modules" / "onvif").is_dir():
        assert npm("ci", "--no-audit", "--no-fund", "--ignore-scripts", folder=HERE) == 0
    return HERE


def _beside(other: Neighbour, visit: Callable[[], str]) -> tuple[str, Device, str]:
    """What a visit prints while a camera is on the network, in which something moves again and
    again; the camera's device; its stream's address."""

    async def scene() -> tuple[str, Device, str]:
        settings = FleetSettings((GATE,), onvif=True)
        async with Fleet(settings, other.address) as fleet:
            device = fleet.device("gate")
            moving = asyncio.create_task(_move(device))
            try:
                printed = await asyncio.to_thread(visit)
            finally:
                moving.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await moving
            return printed, device, fleet.url("gate")

    return asyncio.run(scene())


async def _move(device: Device) -> None:
    while True:
        for on in (True, False):
            device.happen("motion", on=on)
            await asyncio.sleep(0.5)


def test_libonvif_finds_the_device_on_the_network(other: Neighbour) -> None:
    printed, _, _ = _beside(other, lambda: other.run("onvif-util", "-a"))
    assert f"{other.address} gate(Gozcu gate Simulated PTZ)" in printed


_SESSION = """get rtsp
get time
get profiles
get profile 1
get video options
get imaging
get imaging options
get network
set brightness 61
sync_time
reboot
yes
quit
"""


def test_libonvif_reads_and_sets_the_device(other: Neighbour) -> None:
    def visit() -> str:
        command = ("onvif-util", "-u", GATE.username, "-p", GATE.password, other.address)
        return other.run(*command, text=_SESSION)

    printed, device, uri = _beside(other, visit)
    told = dict(re.findall(r"^ *(\w[\w ]*\w) *: +(\S.*?) *$", printed, re.MULTILINE))
    assert "ERROR" not in printed
    assert told["serial"] == device.serial
    assert told["Time Set By"] == "NTP"
    assert told["NTP Server"] == "192.0.2.123"
    assert uri in printed
    assert (told["Token 0"], told["Token 1"]) == ("profile-main", "profile-sub")
    assert (told["Width"], told["Height"]) == ("320", "180")
    assert "1280 x 720" in printed
    assert told["Max Brightness"] == "100"
    assert told["IP Address"] == other.address
    assert device.imaging.brightness == 61
    assert not device.time_from_ntp  # its time was set by hand
    assert device.reboots == 1


def test_npm_onvif_finds_reads_steers_and_hears_the_device(
    other: Neighbour, strangers: Path
) -> None:
    def visit() -> str:
        node = str(NODE / "bin" / "node")
        return other.run(node, str(strangers / "ask.js"), GATE.username, GATE.password)

    printed, device, uri = _beside(other, visit)
    told: dict[str, Any] = json.loads(printed)
    assert told["address"] == device.url("device_service")
    assert told["information"]["serialNumber"] == device.serial
    assert told["profiles"] == ["profile-main", "profile-sub"]
    assert "http://www.onvif.org/ver20/media/wsdl" in told["services"]
    assert told["uri"] == uri
    assert told["snapshot"] == device.url("snapshot/main.jpg")
    assert told["imaging"]["brightness"] == 50
    assert told["nodes"] == ["head"]
    assert told["presets"] == {"door": "preset-1"}
    assert told["status"]["position"]["x"] == pytest.approx(0.5, abs=0.02)
    place = device.head.view
    assert (place.pan, place.tilt, place.zoom) == pytest.approx((0.5, -0.25, 0.5), abs=0.02)
    assert told["event"] == {"topic": "tns1:VideoSource/MotionAlarm", "operation": "Changed"}
