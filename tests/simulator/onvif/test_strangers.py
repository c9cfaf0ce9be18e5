"""The simulated device is understood by clients that are not ours."""

from __future__ import annotations

import asyncio
import datetime as dt
import warnings
from typing import Any

import pytest

from vms.simulator.fleet import CameraSpec, Fleet, FleetSettings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own dependencies
    from onvif import ONVIFCamera

CAMERA = CameraSpec("gate", auth="digest")


async def _ask(fleet: Fleet) -> dict[str, Any]:
    """What onvif-zeep-async reads and does, in the order of a person who adds a camera."""
    host, _, port = fleet.device("gate").address.rpartition(":")
    camera = ONVIFCamera(host, int(port), "vms", "gozcu")
    try:
        await camera.update_xaddrs()
        device = await camera.create_devicemgmt_service()
        media = await camera.create_media_service()
        ptz = await camera.create_ptz_service()
        imaging = await camera.create_imaging_service()
        profiles = await media.GetProfiles()
        token = profiles[0].token
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        uri = await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": token})
        await ptz.AbsoluteMove(
            {
                "ProfileToken": token,
                "Position": {"PanTilt": {"x": 0.1, "y": -0.1}, "Zoom": {"x": 0}},
            }
        )
        nodes = await ptz.GetNodes()
        await imaging.SetImagingSettings(
            {
                "VideoSourceToken": "vs",
                "ImagingSettings": {"IrCutFilter": "OFF", "Contrast": 60},
                "ForcePersistence": True,
            }
        )
        options = await imaging.GetOptions({"VideoSourceToken": "vs"})
        uris = await device.GetSystemUris()
        preset = await ptz.SetPreset({"ProfileToken": token, "PresetName": "door"})
        await asyncio.sleep(0.3)
        status = await ptz.GetStatus({"ProfileToken": token})
        settings = await imaging.GetImagingSettings({"VideoSourceToken": "vs"})
        pulls = await camera.create_pullpoint_manager(
            dt.timedelta(seconds=60), subscription_lost_callback=lambda: None
        )
        fleet.device("gate").happen("motion", on=True)
        messages = await pulls.get_service().PullMessages(
            {"MessageLimit": 10, "Timeout": dt.timedelta(seconds=1)}
        )
        await pulls.shutdown()
        return {
            "time": await device.GetSystemDateAndTime(),
            "information": await device.GetDeviceInformation(),
            "interfaces": await device.GetNetworkInterfaces(),
            "users": await device.GetUsers(),
            "ntp": await device.GetNTP(),
            "sizes": [p.VideoEncoderConfiguration.Resolution.Width for p in profiles],
            "uri": uri.Uri,
            "preset": preset,
            "status": status,
            "brightness": settings.Brightness,
            "ir_cut": (settings.IrCutFilter, options.IrCutFilterModes),
            "spaces": nodes[0].SupportedPTZSpaces.RelativePanTiltTranslationSpace,
            "backup": uris.SystemBackupUri,
            "messages": len(messages.NotificationMessage),
        }
    finally:
        await camera.close()


@pytest.mark.filterwarnings("ignore")
def test_onvif_zeep_async_reads_steers_and_hears_the_device() -> None:
    async def scene() -> tuple[dict[str, Any], Fleet]:
        async with Fleet(FleetSettings((CAMERA,), onvif=True, discovery_port=0)) as fleet:
            return await _ask(fleet), fleet

    found, fleet = asyncio.run(scene())
    device = fleet.device("gate")
    assert found["information"].SerialNumber == device.serial
    assert found["interfaces"][0].Info.HwAddress == device.mac
    assert found["time"].UTCDateTime.Date.Year >= 2025
    assert found["users"][0].Username == "vms"
    assert found["ntp"].NTPManual[0].IPv4Address == device.ntp
    assert found["sizes"] == [1280, 320]
    assert found["uri"] == fleet.url("gate")
    assert found["preset"] == "preset-1"
    assert found["status"].Position.PanTilt.x == pytest.approx(0.1)
    assert found["brightness"] == 50
    assert found["ir_cut"] == ("OFF", ["ON", "OFF", "AUTO"])
    assert [one.XRange.Max for one in found["spaces"]] == [1, 100]
    assert found["backup"] == device.url("backup")
    assert found["messages"] == 5  # four states to begin with, and the motion
