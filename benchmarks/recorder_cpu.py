"""What the recorder costs per camera, beside `ffmpeg -c copy` on the same streams."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path

from benchmarks.processes import VMS, cpu_seconds, running, tree, wait_until, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import Cameras, load_name, simulator, wait_recording, write_settings

CAMERAS = 40
SECONDS = 30


def run(cameras: int = CAMERAS, seconds: int = SECONDS) -> Report:
    """1080p25 at 4 Mbit/s from load mode: first our recorder, then ffmpeg, the same cameras."""
    with workplace() as folder, simulator(folder, "--load", str(cameras)) as served:
        ours = _recorder(folder, served, cameras, seconds)
        theirs = _ffmpeg(folder, served, cameras, seconds)
        dropped = _dropped(served)
    return Report(
        name="recorder_cpu",
        title="CPU of the recorder per camera",
        how=(
            f"{cameras} cameras, 1080p25 H.264 of 4 Mbit/s over RTSP/TCP, {seconds} s each: `vms "
            "recorder` with everything on (fragments, SHA-256, files, index, status), then one "
            "`ffmpeg -c copy` segmenting to MP4 per camera."
        ),
        figures=(
            Figure("Gözcü, % of a core per camera", ours, "%", 0.20, digits=3),
            Figure("ffmpeg -c copy, % of a core per camera", theirs, "%", digits=3),
            Figure("Gözcü as a share of ffmpeg", ours / theirs, "", 1 / 3, digits=3),
        ),
        notes=(f"pictures that the simulator could not send in time: {dropped}",),
    )


def _recorder(folder: Path, served: Cameras, cameras: int, seconds: int) -> float:
    names = [load_name(number) for number in range(cameras)]
    config = write_settings(folder, {name: (served.url(name), None) for name in names})
    with running(
        (*VMS, "recorder", "--config", str(config)), log=folder / "recorder.log"
    ) as process:
        wait_recording(config, cameras)
        time.sleep(3)
        return _percent_per_camera([process.pid], cameras, seconds)


def _ffmpeg(folder: Path, served: Cameras, cameras: int, seconds: int) -> float:
    with contextlib.ExitStack() as stack:
        processes: list[subprocess.Popen[bytes]] = []
        for number in range(cameras):
            out = folder / f"ffmpeg-{number:03d}"
            out.mkdir()
            argv = (
                "ffmpeg", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp",
                "-i", served.url(load_name(number)), "-c", "copy", "-f", "segment",
                "-segment_time", "60", "-segment_format", "mp4",
                "-segment_format_options", "movflags=frag_keyframe+empty_moov",
                str(out / "%03d.mp4"),
            )  # fmt: skip
            processes.append(stack.enter_context(running(argv, stop_within=5)))
        folders = [folder / f"ffmpeg-{number:03d}" for number in range(cameras)]
        wait_until(
            lambda: all(_size(out) > 500_000 for out in folders), 90, "ffmpeg writing every camera"
        )
        return _percent_per_camera([process.pid for process in processes], cameras, seconds)


def _percent_per_camera(pids: list[int], cameras: int, seconds: int) -> float:
    members = [member for pid in pids for member in tree(pid)]
    before, started = cpu_seconds(members), time.monotonic()
    time.sleep(seconds)
    used, lasted = cpu_seconds(members) - before, time.monotonic() - started
    return 100 * used / lasted / cameras


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def _dropped(served: Cameras) -> int:
    return int(served.ask(op="stats")["total"]["slow_drops"])
