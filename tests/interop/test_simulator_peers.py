"""The simulated cameras before strangers: ffmpeg and GStreamer.

VLC is no client here: Debian builds it without an RTSP demuxer (live555)."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from vms.simulator import strip
from vms.simulator.fleet import CameraSpec, Fleet, FleetSettings, VideoSpec

H264 = VideoSpec(width=640, height=360, fps=20, bitrate=600_000, gop=20, profile="high")
H265 = VideoSpec("h265", 320, 180, 20, 400_000, 20)
FLEET = FleetSettings(
    (
        CameraSpec("plain", "Kapı", H264, audio="aac"),
        CameraSpec("hevc", "Kapı", H265, audio="pcma", sub=None),
        CameraSpec("basic", "Kapı", H264, auth="basic", password="p%:@!w", sub=None),
        CameraSpec("digest", "Kapı", H264, audio="pcmu", auth="digest", sub=None),
    )
)


def with_fleet(test: Callable[[Fleet], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Fleet(FLEET) as fleet, asyncio.timeout(60):
            await test(fleet)

    asyncio.run(run())


async def call(*command: str, limit: float = 25) -> tuple[int, bytes, str]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(limit):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out, errors.decode(errors="replace")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("path", "user", "codecs"),
    [
        ("plain/main", "", ["h264", "aac"]),
        ("hevc/main", "", ["hevc", "pcm_alaw"]),
        ("digest/main", "vms:gozcu@", ["h264", "pcm_mulaw"]),
        ("basic/main", "vms:p%25%3A%40!w@", ["h264"]),
    ],
)
def test_ffprobe_reads_without_a_warning(
    transport: str, path: str, user: str, codecs: list[str]
) -> None:
    async def test(fleet: Fleet) -> None:
        url = f"rtsp://{user}{fleet.host}:{fleet.port}/{path}"
        entries = ["-show_entries", "stream=codec_name", "-of", "json"]
        status, out, errors = await call(
            "ffprobe", "-v", "warning", "-rtsp_transport", transport, *entries, url
        )
        assert (status, errors.strip()) == (0, "")
        assert [one["codec_name"] for one in json.loads(out)["streams"]] == codecs

    with_fleet(test)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("stream", ["main", "sub"])
def test_ffmpeg_decodes_pictures_with_readable_strips(transport: str, stream: str) -> None:
    async def test(fleet: Fleet) -> None:
        source = ["-rtsp_transport", transport, "-i", fleet.url("plain", stream)]
        form = ["-vf", "scale=320:180", "-pix_fmt", "gray", "-fps_mode", "passthrough"]
        status, out, errors = await call(
            "ffmpeg", "-v", "error", *source, "-an", *form, "-frames:v", "20", "-f", "rawvideo", "-"
        )
        assert (status, errors.strip()) == (0, "")
        pictures = np.frombuffer(out, np.uint8).reshape(-1, 180, 320)
        readings = [strip.read(picture) for picture in pictures]
        assert all(readings)
        counters = [one.counter for one in readings if one]
        assert counters == list(range(counters[0], counters[0] + 20))

    with_fleet(test)


@pytest.mark.parametrize("protocols", ["tcp", "udp"])
@pytest.mark.parametrize(("camera", "codec"), [("plain", "h264"), ("hevc", "h265")])
def test_gstreamer_plays(camera: str, codec: str, protocols: str) -> None:
    async def test(fleet: Fleet) -> None:
        source = f"location={fleet.url(camera)}"
        chain = f"! rtp{codec}depay ! {codec}parse ! identity eos-after=20 ! fakesink"
        status, _, errors = await call(
            "gst-launch-1.0", "-q", "rtspsrc", source, f"protocols={protocols}", "latency=0",
            *chain.split(),
        )  # fmt: skip
        assert status == 0, errors

    with_fleet(test)


def test_the_command_prints_its_cameras_and_ends_when_asked() -> None:
    async def run() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vms.simulator", "--demo", "--port", "0",
            "--control-port", "0", "--json", stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout
        facts = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        assert len(facts["cameras"]) == 6
        port = str(facts["control_port"])
        simulate = [sys.executable, "-m", "vms.simulator"]
        for extra, status in ((["rate=0.1", "--lasting", "5"], 0), (["much=2"], 1)):
            command = [*simulate, "fault", "meydan-1", "drop", *extra, "--control-port", port]
            assert (await call(*command))[0] == status
        _, out, _ = await call(*simulate, "stats", "--control-port", port)
        assert json.loads(out)["total"]["units"] == 0
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0

    asyncio.run(run())
