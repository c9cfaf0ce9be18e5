"""From settings to a client: names, numbers, networks, TLS."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.cameras.onvif.house import address_of, devices, sign_in
from vms.cameras.onvif.clients import OnvifClients
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.core.clock import SystemClock
from vms.core.config_camera import CameraSettings
from vms.core.errors import Refused


def settings(onvif: str | None) -> CameraSettings:
    return CameraSettings.model_validate(
        {"id": "gate", "source": "rtsp://camera.test/x", "onvif": onvif, "username": "vms",
         "password": "gozcu"}
    )  # fmt: skip


def clients(*found: str, networks: tuple[str, ...] = ("127.0.0.0/8",)) -> OnvifClients:
    async def resolve(host: str, port: int) -> list[str]:
        if not found:
            raise OSError("no such name")
        return list(found)

    return OnvifClients(Networks(networks), sign_in, SystemClock(), resolve)


def test_a_name_is_looked_up_checked_and_its_number_dialled() -> None:
    async def scene() -> None:
        async with devices() as fleet:
            port = address_of(fleet).port
            url = f"http://camera.test:{port}"
            client = await clients("203.0.113.9", "127.0.0.1").client_for(settings(url))
            assert (client.address.host, str(client.address)) == (
                "127.0.0.1",
                f"camera.test:{port}",
            )
            assert (await client.device()).serial == fleet.device("gate").serial

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("url", "found", "trouble"),
    [
        ("http://10.0.0.5", (), Trouble.FORBIDDEN_NETWORK),
        ("http://camera.test", ("203.0.113.9", "10.0.0.5"), Trouble.FORBIDDEN_NETWORK),
        ("http://camera.test", (), Trouble.UNREACHABLE),
    ],
)
def test_what_may_not_be_dialled_is_said(
    url: str, found: tuple[str, ...], trouble: Trouble
) -> None:
    with pytest.raises(OnvifError) as refused:
        asyncio.run(clients(*found).client_for(settings(url)))
    assert refused.value.trouble is trouble


def test_a_camera_without_an_address_for_onvif_is_refused() -> None:
    with pytest.raises(Refused, match="gate"):
        asyncio.run(clients().client_for(settings(None)))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """One that a camera signed itself."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=camera", "-days", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def test_a_camera_that_speaks_tls_is_asked_over_tls_alone(certificate: ssl.SSLContext) -> None:
    """Also where its services name plain HTTP: the device behind says http:// of itself."""

    async def scene() -> None:
        async with devices() as fleet:
            plain = address_of(fleet)

            async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                inner, outer = await asyncio.open_connection(plain.host, plain.port)
                outer.write(await reader.read(65_536))
                while data := await inner.read(65_536):
                    writer.write(data)
                writer.close()
                outer.close()

            server = await asyncio.start_server(through, "127.0.0.1", 0, ssl=certificate)
            async with server:
                port = server.sockets[0].getsockname()[1]
                url = f"https://127.0.0.1:{port}"
                client = await clients().client_for(settings(url))
                assert await client.ptz.presets() == []
                assert client.address.tls

    asyncio.run(scene())
