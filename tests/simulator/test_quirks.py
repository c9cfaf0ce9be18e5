"""A simulated camera with a quirk shows it on the wire, and is recorded all the same."""

from __future__ import annotations

import asyncio
import random

from recorder.native import open_native
from recorder.rtsp.transcript import Transcript
from recorder.source import Target
from vms.core.clock import SystemClock
from vms.core.media import AccessUnit
from vms.core.model import CameraId, StreamKey
from vms.simulator.faults import KINDS
from vms.simulator.fleet import CameraSpec, Fleet, FleetSettings
from vms.simulator.quirks import QUIRKS, answered, sent
from vms.simulator.spec import VideoSpec

SMALL = VideoSpec(width=320, height=180, fps=15, bitrate=200_000, gop=10, profile="baseline")
ENOUGH = 8


async def _recorded(fleet: Fleet, name: str) -> tuple[int, str]:
    """How many pictures came whole, and what was said before."""
    fleet.set_fault(name, name)
    target = Target(StreamKey(CameraId(name)), fleet.url(name))
    said = Transcript()
    source = await open_native(target, SystemClock(), random.Random(1), transcript=said)
    pictures = 0
    try:
        async with asyncio.timeout(8):
            while pictures < ENOUGH:
                await asyncio.sleep(0.05)
                pictures += sum(isinstance(one, AccessUnit) for one in source.sweep().units)
        assert source.stats.lost == 0
        assert source.stats.damaged == 0
    finally:
        source.close()
    return pictures, "\n".join(said.messages)


def test_each_quirk_is_borne_by_the_recorder() -> None:
    async def scene() -> list[tuple[int, str]]:
        cameras = tuple(CameraSpec(name, video=SMALL, sub=None) for name in QUIRKS)
        async with Fleet(FleetSettings(cameras)) as fleet:
            return await asyncio.gather(*(_recorded(fleet, name) for name in QUIRKS))

    found = dict(zip(QUIRKS, asyncio.run(scene()), strict=True))
    assert {name: one[0] >= ENOUGH for name, one in found.items()} == dict.fromkeys(QUIRKS, True)
    assert "< Transport: ssrc= " in found["quirk-transport"][1]
    assert "sprop-parameter" not in found["quirk-no-sprop"][1]
    assert "sprop-parameter" in found["quirk-double"][1]
    assert "H264/0" in found["quirk-clock-rate"][1]
    assert "v=0" not in found["quirk-bare-sdp"][1]


def test_quirks_are_faults_by_name() -> None:
    assert set(QUIRKS) <= set(KINDS)


def test_what_is_changed_says_its_own_length_and_nothing_else_is_changed() -> None:
    answer = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nContent-Length: 8\r\n\r\n/90000\r\n"
    assert answered(answer, "DESCRIBE", {"quirk-clock-rate"}).endswith(b"Length: 4\r\n\r\n/0\r\n")
    assert answered(answer, "PLAY", {"quirk-clock-rate"}) == answer
    assert answered(answer, "GET_PARAMETER", {"quirk-keep-alive"}) == b""
    packets = [b"\x80\xe0rest"]
    assert sent(packets, {"quirk-no-marker", "quirk-double"}) == [b"\x80\x60rest"] * 2
    assert sent(packets, {"drop"}) is packets
