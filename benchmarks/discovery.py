"""A hundred ONVIF devices found and described, beside onvif-zeep-async describing the same ones.

The devices run in a process of their own and ask for a password. The peer is spared the search: it
is told where they are, keeps as many conversations at a time as we do, and asks for the same
facts: make and model, MAC address, profiles, two stream addresses and a snapshot's.
"""

from __future__ import annotations

import asyncio
import json
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.processes import VMS, free_port, running, wait_until, workplace
from benchmarks.report import Figure, Report
from vms.app.onvif import sign_in
from vms.cameras.onvif.client import Credentials
from vms.cameras.onvif.discovery import LISTEN_S
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import Address
from vms.cameras.onvif.search import AT_ONCE, Found, Search, Wanted
from vms.core.clock import SystemClock
from vms.core.secret import Secret

DEVICES = 100
PROMISE = 10.0
USER, PASSWORD = "vms", "gozcu"


def run(devices: int = DEVICES) -> Report:
    """Search and describe; then the peer describes."""
    with workplace() as folder, _fleet(folder, devices) as (port, told):
        started, cpu = time.monotonic(), time.process_time()
        found = asyncio.run(_ours(port))
        ours, our_cpu = time.monotonic() - started, time.process_time() - cpu
        described = [one for one in found if one.facts is not None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the peer's own dependencies
            started, cpu = time.monotonic(), time.process_time()
            streams = asyncio.run(_theirs([one.match.address for one in described]))
            theirs, their_cpu = time.monotonic() - started, time.process_time() - cpu
    agree = sum(_agrees(one, told, streams) for one in described)
    return Report(
        name="discovery",
        title="A hundred cameras found",
        how=(
            f"{devices} simulated ONVIF devices in another process on this machine, each with a "
            f"password (HTTP Digest and WS-Security), found by multicast and by address and then "
            f"described, {AT_ONCE} at a time. Beside it onvif-zeep-async describes the same ones, "
            f"as many at a time, without having to find them."
        ),
        figures=(
            Figure(f"{devices} devices found and described", ours, "s", PROMISE),
            Figure("found and described", len(described), "", devices, "at least", digits=0),
            Figure(
                "streams are where device and peer say", agree, "", devices, "at least", digits=0
            ),
            Figure("of it spent waiting for answers to the probe", LISTEN_S, "s", digits=1),
            Figure("CPU of ours", our_cpu, "s"),
            Figure("onvif-zeep-async describes them in", theirs, "s"),
            Figure("CPU of onvif-zeep-async", their_cpu, "s"),
        ),
    )


@contextmanager
def _fleet(folder: Path, devices: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Devices that run: where probes are answered, and each one's stream as it knows it itself."""
    port, rtsp = free_port(), free_port()
    lines = ["onvif = true", f"discovery_port = {port}"]
    for number in range(devices):
        lines += ["[[cameras]]", f'id = "cam-{number:03}"', 'auth = "digest"']
    (folder / "fleet.toml").write_text("\n".join(lines))
    log = folder / "fleet.json"
    options = ["--config", str(folder / "fleet.toml"), "--port", str(rtsp), "--control-port", "0"]
    with running([*VMS, "simulate", *options, "--json"], log=log):
        facts: Any = wait_until(lambda: _printed(log), 60, "the simulated devices")
        yield port, {one["onvif"]: one["main"] for one in facts["cameras"]}


def _printed(log: Path) -> Any:
    lines = [one for one in log.read_text().splitlines() if one.startswith("{")]
    try:
        return json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:  # not whole yet
        return None


async def _ours(port: int) -> list[Found]:
    search = Search(Networks(("127.0.0.0/8",)), sign_in, SystemClock())
    credentials = (Credentials(USER, Secret(PASSWORD)),)
    return await search.run(Wanted(("127.0.0.1",), credentials, port=port))


async def _theirs(addresses: Sequence[Address]) -> dict[str, str]:
    """ONVIF address → main stream, as onvif-zeep-async reads it."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(address: Address) -> tuple[str, str]:
        async with room:
            return f"http://{address}/onvif/device_service", await _described(address)

    return dict(await asyncio.gather(*(one(address) for address in addresses)))


async def _described(address: Address) -> str:
    from onvif import ONVIFCamera

    camera = ONVIFCamera(address.host, address.port, USER, PASSWORD)
    try:
        await camera.update_xaddrs()
        device = await camera.create_devicemgmt_service()
        media = await camera.create_media_service()
        await device.GetDeviceInformation()
        await device.GetNetworkInterfaces()
        profiles = await media.GetProfiles()
        setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
        uris = [
            await media.GetStreamUri({"StreamSetup": setup, "ProfileToken": profile.token})
            for profile in profiles[:2]
        ]
        await media.GetSnapshotUri({"ProfileToken": profiles[0].token})
        return str(uris[0].Uri)
    finally:
        await camera.close()


def _agrees(found: Found, told: dict[str, str], peer: dict[str, str]) -> bool:
    assert found.facts is not None
    return found.facts.main.uri == told.get(found.onvif) == peer.get(found.onvif)
