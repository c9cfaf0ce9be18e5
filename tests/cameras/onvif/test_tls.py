"""Devices that speak HTTPS only: found, described, and asked as their certificate's policy says."""

from __future__ import annotations

import asyncio
import re
import ssl
import warnings

import pytest

from tests.cameras.onvif.house import RIGHT, address_of, sign_in
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.http import Http
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import Address, OnvifError, Trouble
from vms.cameras.onvif.search import Found, Search, Wanted
from vms.core.clock import SystemClock
from vms.core.config_camera import CameraSettings
from vms.simulator.fleet import CameraSpec, Fleet, FleetSettings
from vms.simulator.onvif.certificate import self_signed

LOCAL = Networks(("127.0.0.0/8",))
SAFE = FleetSettings(
    (CameraSpec("gate", auth="digest", tls=True),), onvif=True, discovery_port=0
)  # fmt: skip


@pytest.mark.parametrize("answers_probes", [True, False])
def test_a_device_of_https_alone_is_found_and_described(answers_probes: bool) -> None:
    async def scene() -> Found:
        async with Fleet(SAFE) as fleet:
            if not answers_probes:
                fleet.set_fault("gate", "onvif-empty-matches")
            wanted = Wanted(
                ("127.0.0.1",), (RIGHT,), multicast=False, port=fleet.discovery_port or 0,
                listen_s=0.7, http_port=1, https_port=address_of(fleet).port,
            )  # fmt: skip
            mine = CameraSettings(
                id="north", source="rtsp://10.0.0.5/x", onvif=fleet.device("gate").url("")
            )
            (found,) = await Search(LOCAL, sign_in, SystemClock()).run(wanted, [_Known(mine)])
            return found

    found = asyncio.run(scene())
    assert found.onvif.startswith("https://127.0.0.1:")
    assert found.facts is not None
    assert found.facts.device.make == "Gozcu"
    assert found.facts.snapshot is not None
    assert found.facts.snapshot.startswith("https://")
    assert found.camera == "north"


class _Known:
    def __init__(self, settings: CameraSettings) -> None:
        self.settings = settings


async def _asked(fleet: Fleet, certificate: str) -> str:
    """The serial number of the device."""
    settings = CameraSettings.model_validate(
        {
            "id": "gate",
            "source": fleet.url("gate"),
            "onvif": fleet.device("gate").url("device_service"),
            "onvif_certificate": certificate,
            "username": RIGHT.username,
            "password": RIGHT.password.reveal(),
        }
    )
    client = await OnvifClients(LOCAL, sign_in, SystemClock()).client_for(settings)
    return (await client.device()).serial


def test_only_the_certificate_that_was_named_is_taken() -> None:
    async def scene() -> None:
        async with Fleet(SAFE) as fleet:
            device = fleet.device("gate")
            assert await _asked(fleet, "any") == device.serial
            with pytest.raises(OnvifError) as other:
                await _asked(fleet, "sha256:" + "0" * 64)
            assert other.value.trouble is Trouble.CERTIFICATE
            assert device.signin.refusals == 0  # nothing was sent
            shown = re.search(r"sha256:[0-9a-f]{64}", other.value.detail)
            assert shown is not None
            assert await _asked(fleet, shown[0].upper()) == device.serial
            with pytest.raises(OnvifError) as unknown:
                await _asked(fleet, "checked")
            assert unknown.value.trouble is Trouble.CERTIFICATE
            assert "self-signed" in unknown.value.detail.replace("self signed", "self-signed")

    asyncio.run(scene())


@pytest.mark.parametrize("said", ["", "none", "sha256:12", "sha1:" + "0" * 40])
def test_another_policy_is_refused(said: str) -> None:
    values = {"id": "gate", "source": "rtsp://10.0.0.5/x", "onvif_certificate": said}
    with pytest.raises(ValueError, match="must be any, checked, or sha256"):
        CameraSettings.model_validate(values)


def test_firmware_of_2010_that_knows_tls_1_0_alone_is_asked() -> None:
    context = self_signed("gate")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():  # that it is old is the point
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    async def run() -> bytes:
        async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            where = Address("127.0.0.1", port, tls=True)
            return (await Http(LOCAL).exchange(where, "GET", "/", {}, b"")).body

    assert asyncio.run(run()) == b"ok"
