"""VLC as the camera: it serves RTSP over UDP only, so `auto` must find its way to libav."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from recorder.opening import open_source
from recorder.source import Target
from vms.core.clock import SystemClock
from vms.core.media import AccessUnit, StreamFormat
from vms.core.model import StreamKey
from vms.core.secret import Secret


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def serves(port: int) -> bool:
    """Whether VLC has opened its clip: it listens sooner, and answers 500 until then."""
    ask = f"DESCRIBE rtsp://127.0.0.1:{port}/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(ask.encode())
        return b" 200 " in line.recv(64)
    return False


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("vlc")
    clip = folder / "clip.mp4"
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25",
         "-t", "20", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "0",
         "-pix_fmt", "yuv420p", str(clip)],
        check=True,
    )  # fmt: skip
    port = free_port()
    for made in (folder, *folder.parents):
        if "pytest-" in str(made):  # pytest's own folders, which nobody else may enter
            made.chmod(0o755)
    with running_vlc(clip, f"rtsp://127.0.0.1:{port}/cam", folder) as process:
        deadline = time.monotonic() + 30
        while not serves(port) and process.poll() is None:
            assert time.monotonic() < deadline, "VLC does not serve its clip"
            time.sleep(0.2)
        yield f"rtsp://127.0.0.1:{port}/cam"


class running_vlc:  # noqa: N801 - a context manager, read as a phrase
    """VLC serving a clip in a loop; it refuses to run as root, so then as nobody."""

    def __init__(self, clip: Path, url: str, home: Path) -> None:
        self._argv = [
            "cvlc",
            "-q",
            str(clip),
            "--loop",
            "--sout",
            f"#rtp{{sdp={url}}}",
            "--sout-keep",
        ]
        self._environment = {**os.environ, "HOME": str(home)}

    def __enter__(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            self._argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment,
            user="nobody" if os.geteuid() == 0 else None,
        )
        return self._process

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@pytest.mark.parametrize("transport", ["auto", "udp"])
def test_a_camera_that_only_speaks_udp_is_taken_in(url: str, transport: str) -> None:
    async def take() -> tuple[str, list[object]]:
        target = Target(StreamKey.parse("cam/main"), url, "u", Secret("p"), transport)  # type: ignore[arg-type]
        source = await open_source(target, SystemClock(), random.Random(1))
        taken: list[object] = []
        try:
            deadline = time.monotonic() + 10
            while sum(isinstance(one, AccessUnit) for one in taken) < 50:
                assert time.monotonic() < deadline, "too few pictures"
                await asyncio.sleep(0.1)
                taken += source.sweep().units
        finally:
            source.close()
            await source.closed()
        return source.kind, taken

    kind, taken = asyncio.run(take())
    assert kind == "libav"
    assert isinstance(taken[0], StreamFormat)
    assert (taken[0].video.codec, taken[0].video.width) == ("h264", 640)
    units = [one for one in taken if isinstance(one, AccessUnit)]
    assert units[0].key
    steps = {b.pts - a.pts for a, b in itertools.pairwise(units)}
    assert all(3_500 <= step <= 3_700 for step in steps), steps
