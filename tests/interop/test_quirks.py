"""Each quirk of the matrix, over a real socket, through the recorder's own source.

All cameras are played at the same time: most of what a scenario takes is waiting.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

import pytest

from recorder.native import NativeSource, open_native
from recorder.source import Element, Target
from tests.interop.quirk import PLAIN, RECORDED, Quirk
from tests.interop.quirks import QUIRKS
from tests.interop.quirks_onvif import QUIRKS as DEVICES
from tests.interop.quirks_onvif import OnvifQuirk
from tests.interop.quirks_onvif import outcomes as outcomes_of_devices
from tests.interop.quirks_udp import QUIRKS as OVER_UDP
from tests.interop.quirks_udp import UdpQuirk
from tests.interop.quirks_udp import outcome as outcome_over_udp
from tests.interop.scripted import Camera, serving
from tests.recorder.rtp.wire import sounds, videos
from vms.core.clock import SECOND, FakeClock, Span
from vms.core.errors import CameraError
from vms.core.model import CameraId, StreamKey
from vms.core.secret import Secret

KEY = StreamKey(CameraId("camera"))
STEP = Span(6 * SECOND)  # all cameras at once, on a machine busy with other tests
SILENCE = Span(9 * SECOND)
SWEEPS = 25


@pytest.fixture(scope="module")
def outcomes() -> Mapping[str, str]:
    """What became of each quirk: `recorded`, `stated:<cause>`, or what is wrong."""

    async def all_of_them() -> list[str]:
        played = [outcome(quirk) for quirk in QUIRKS]
        return await asyncio.gather(*played, *map(outcome_over_udp, OVER_UDP))

    found = asyncio.run(all_of_them())
    return dict(zip((quirk.name for quirk in (*QUIRKS, *OVER_UDP)), found, strict=True))


@pytest.fixture(scope="module")
def of_devices() -> Mapping[str, str]:
    """What became of each quirk of ONVIF."""
    found = asyncio.run(outcomes_of_devices())
    return dict(zip((quirk.name for quirk in DEVICES), found, strict=True))


async def outcome(quirk: Quirk) -> str:
    camera = quirk.camera()
    units: list[Element] = []
    try:
        async with serving(camera) as port:
            for _ in range(quirk.runs):
                units = await played(quirk, camera, port)
    except CameraError as error:
        return f"stated:{error.cause.value}" if str(error) else "no sentence"
    got, sent = [unit.data for unit in videos(units)], list(quirk.sent or PLAIN)
    # The last picture waits for its successor while the run goes on.
    if got != sent[: len(got)] or len(got) < len(sent) - 1:
        return f"{len(got)} of {len(sent)} pictures, not all as sent"
    heard = len(sounds(units))
    if heard < quirk.sounds or (heard and not quirk.sounds):
        return f"{heard} frames of sound instead of {quirk.sounds}"
    if kept(camera) < quirk.keeps:
        return f"{kept(camera)} keep-alives instead of {quirk.keeps}"
    return RECORDED


async def played(quirk: Quirk, camera: Camera, port: int) -> list[Element]:
    """What one connection brings. Raises CameraError."""
    clock = FakeClock()
    url = f"rtsp://127.0.0.1:{port}{quirk.path}"
    target = Target(KEY, url, "user", Secret(quirk.password))
    source = await open_native(target, clock, random.Random(1), STEP, SILENCE)
    units: list[Element] = []
    try:
        await swept(source, units, SWEEPS)
        for _ in range(quirk.seconds):
            clock.advance(SECOND)
            await swept(source, units, 3)
    finally:
        source.close()
    return units


async def swept(source: NativeSource, units: list[Element], times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0.02)
        units += source.sweep().units


def kept(camera: Camera) -> int:
    """How many keep-alives the camera heard."""
    methods = [request.method for request in camera.heard]
    behind = methods[methods.index("PLAY") + 1 :] if "PLAY" in methods else []
    return sum(method in ("OPTIONS", "GET_PARAMETER") for method in behind)


def test_names_are_unique() -> None:
    names = [quirk.name for quirk in (*QUIRKS, *OVER_UDP, *DEVICES)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("quirk", [*QUIRKS, *OVER_UDP], ids=lambda quirk: quirk.name)
def test_a_quirk_is_recorded_or_stated(
    quirk: Quirk | UdpQuirk,
    outcomes: Mapping[str, str],
    record_property: Callable[[str, object], None],
) -> None:
    found = outcomes[quirk.name]
    record_property("quirk", found if found == quirk.expect else "wrong")
    assert found == quirk.expect


@pytest.mark.parametrize("quirk", DEVICES, ids=lambda quirk: quirk.name)
def test_a_quirk_of_onvif_is_understood_or_stated(
    quirk: OnvifQuirk,
    of_devices: Mapping[str, str],
    record_property: Callable[[str, object], None],
) -> None:
    found = of_devices[quirk.name]
    record_property("quirk", found if found == quirk.expect else "wrong")
    assert found == quirk.expect
