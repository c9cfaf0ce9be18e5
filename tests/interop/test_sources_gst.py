"""Both sources against gst-rtsp-server: what arrives is, byte for byte, what was sent."""

import asyncio
import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from recorder.opening import open_source
from recorder.source import Element, Source, Target, Transport
from vms.core.clock import SystemClock
from vms.core.errors import CameraError
from vms.core.media import AccessUnit, StreamFormat, Track
from vms.core.model import CameraId, Cause, StreamKey
from vms.core.secret import Secret

USER, PASSWORD = "vms", "p@s:s%w/ö"
SECONDS = 2
_PAYLOADS = {"h264": "h264parse ! rtph264pay", "hevc": "h265parse ! rtph265pay"}


@dataclass(frozen=True)
class Clip:
    """One file served as a camera; `sound` is libav's name of its codec."""

    name: str
    codec: str
    coder: tuple[str, ...]
    sound: str | None = None

    def file(self, folder: Path) -> Path:
        return folder / f"{self.name}.mov"

    def make(self, folder: Path) -> None:
        audio = ["-f", "lavfi", "-i", "sine=r=8000"] if self.sound else []
        coded = ["-c:a", self.sound, "-ac", "1"] if self.sound else []
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", *audio,
             "-t", str(SECONDS), *self.coder, "-g", "25", "-pix_fmt", "yuv420p", *coded,
             str(self.file(folder))],
            check=True,
        )  # fmt: skip

    def pipeline(self, folder: Path) -> str:
        video = f"d. ! queue ! {_PAYLOADS[self.codec]} name=pay0 pt=96"
        sound = {
            None: "",
            "aac": " d. ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97",
            "pcm_alaw": " d. ! queue ! rtppcmapay name=pay1 pt=8",
        }[self.sound]
        return f"filesrc location={self.file(folder)} ! qtdemux name=d {video}{sound}"


CLIPS = (
    Clip("main", "h264", ("-c:v", "libx264", "-profile:v", "main", "-bf", "2"), "aac"),
    Clip("high", "h264", ("-c:v", "libx264", "-profile:v", "high", "-bf", "0"), "pcm_alaw"),
    Clip(
        "hevc",
        "hevc",
        (
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-x265-params",
            "log-level=error",
            "-tag:v",
            "hvc1",
        ),
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for clip in CLIPS:
        clip.make(folder)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    script = Path(__file__).with_name("gst_server.py")
    mounts = [f"/{clip.name}={clip.pipeline(folder)}" for clip in CLIPS]
    mounts.append("/jpeg=videotestsrc is-live=true ! jpegenc ! rtpjpegpay name=pay0 pt=26")
    mounts.append("/sound=audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8")
    with subprocess.Popen(
        ["/usr/bin/python3", script, "--user", USER, PASSWORD, *mounts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"rtsp://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()
        process.wait(10)


async def opened(url: str, transport: Transport = "auto", password: str = PASSWORD) -> Source:
    key = StreamKey(CameraId("camera"))
    target = Target(key, url, USER, Secret(password), transport)
    return await open_source(target, SystemClock(), random.Random(1))


async def everything(url: str, transport: Transport) -> tuple[str, list[Element]]:
    """All that a source brings until the file is at its end."""
    source = await opened(url, transport)
    units: list[Element] = []
    try:
        async with asyncio.timeout(SECONDS + 10):
            while sum(isinstance(u, AccessUnit) and u.track == 1 for u in units) < 25 * SECONDS:
                await asyncio.sleep(0.2)
                units += source.sweep().units
    except CameraError as error:
        if error.cause is not Cause.BROKEN_STREAM:  # the end of the file
            raise
    source.close()
    await source.closed()
    return source.kind, units


def sent(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        stream = container.streams.get({kind: 0})[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def times(path: Path) -> list[int]:
    """When the pictures of a file are shown, in coding order, in ticks of 1/90000 s."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.pts is not None]
        return [int(p.pts * p.time_base * 90_000) for p in packets]


def check(clip: Clip, folder: Path, units: list[Element], *, whole: bool) -> None:
    assert isinstance(units[0], StreamFormat)
    video = units[0].video
    assert (video.codec, video.width, video.height) == (
        "h265" if clip.codec == "hevc" else "h264", 320, 180,
    )  # fmt: skip
    pictures = [u for u in units if isinstance(u, AccessUnit) and u.track is Track.VIDEO]
    expected = sent(clip.file(folder), "video")
    assert len(pictures) > len(expected) - (1 if whole else 5)
    assert [p.data for p in pictures] == expected[: len(pictures)]
    # In coding order: what is cut off at the end need not be what would be shown last.
    shown = times(clip.file(folder))[: len(pictures)]
    # The server makes RTP times of nanoseconds, and rounds them.
    off = [p.pts - pictures[0].pts - (at - shown[0]) for p, at in zip(pictures, shown, strict=True)]
    assert all(abs(ticks) <= 10 for ticks in off)
    if clip.sound is None:
        assert units[0].audio is None
        return
    assert units[0].audio is not None
    got = b"".join(u.data for u in units if isinstance(u, AccessUnit) and u.track is Track.AUDIO)
    assert len(got) > 1_000
    assert got in b"".join(sent(clip.file(folder), "audio"))


async def all_clips(server: str, transport: Transport) -> list[tuple[str, list[Element]]]:
    return await asyncio.gather(*(everything(f"{server}/{c.name}", transport) for c in CLIPS))


def test_native_over_tcp(server: str, folder: Path) -> None:
    results = asyncio.run(all_clips(server, "auto"))
    for clip, (kind, units) in zip(CLIPS, results, strict=True):
        assert kind == "native"
        check(clip, folder, units, whole=True)


def test_libav_over_udp(server: str, folder: Path) -> None:
    results = asyncio.run(all_clips(server, "udp"))
    for clip, (kind, units) in zip(CLIPS, results, strict=True):
        assert kind == "libav"
        check(clip, folder, units, whole=False)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("path", "password", "cause"),
    [
        ("nothing", PASSWORD, Cause.NOT_FOUND),
        ("main", "wrong-password", Cause.REFUSED),
        ("jpeg", PASSWORD, Cause.UNSUPPORTED_CODEC),
        ("sound", PASSWORD, Cause.NO_VIDEO),
    ],
)
def test_what_cannot_be_recorded_is_told(
    server: str, path: str, password: str, cause: Cause, transport: Transport
) -> None:
    with pytest.raises(CameraError) as error:
        asyncio.run(opened(f"{server}/{path}", transport, password))
    assert error.value.cause is cause
    assert password not in str(error.value)
    assert error.value.detail.endswith(".")


async def replayed(path: Path) -> list[Element]:
    target = Target(StreamKey(CameraId("file")), f"file:{path}")
    source = await open_source(target, SystemClock(), random.Random(1))
    units: list[Element] = []
    with pytest.raises(CameraError, match="end"):
        while True:
            units += source.sweep().units
            await asyncio.sleep(0.05)
    return units


def test_a_file_is_replayed_in_real_time(folder: Path) -> None:
    start = time.monotonic()
    units = asyncio.run(replayed(CLIPS[0].file(folder)))
    assert 0.9 * SECONDS < time.monotonic() - start < SECONDS + 5
    check(CLIPS[0], folder, units, whole=True)
