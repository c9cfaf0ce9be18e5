"""kill -9 at random moments: what is lost, what can't be read, and how soon recording goes on."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from benchmarks.processes import VMS, running, tree, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import load_name, simulator, wait_recording, write_settings
from benchmarks.stored import coded_units, segment_files, unreadable
from vms.core.clock import SECOND, SystemClock
from vms.simulator.audit import stamps

CAMERAS = 20
KILLS = 20


def run(cameras: int = CAMERAS, kills: int = KILLS, seed: int = 1) -> Report:
    """Kill the whole recorder `kills` times under `cameras` cameras; then read all that is kept."""
    rng = random.Random(seed)
    names = [load_name(number) for number in range(cameras)]
    moments: list[int] = []
    starts: list[int] = []
    with workplace() as folder, simulator(folder, "--load", str(cameras)) as served:
        config = write_settings(folder, {name: (served.url(name), None) for name in names})
        command = (*VMS, "recorder", "--config", str(config))
        for number in range(kills + 1):
            starts.append(SystemClock().now())
            with running(command, log=folder / "recorder.log") as process:
                wait_recording(config, cameras, within=30)
                time.sleep(1 + 3 * rng.random())
                if number < kills:
                    members = tree(process.pid)
                    moments.append(SystemClock().now())
                    for member in members:
                        os.kill(member, signal.SIGKILL)
            _forget_status(config)
        kept = [_captured(folder / "video", name) for name in names]
        files = [file for name in names for file in segment_files(folder / "video", name)]
        bad = unreadable(files)
        leftovers = len(list((folder / "video").rglob("*.part")))
    lost = [moment - max(t for t in times if t <= moment) for times in kept for moment in moments]
    back = [min(t for t in times if t > start) - start for times in kept for start in starts[1:]]
    return Report(
        name="kill",
        title="kill -9 at any moment",
        how=(
            f"The whole recorder killed at {kills} random moments under {cameras} cameras of 4 "
            "Mbit/s and started again; then every file read back by libav. Lost: from the last "
            "stored picture's capture to the kill. Recording again: from the start of the process "
            "to the first stored picture's capture, the slowest camera; keyframes come every 2 s."
        ),
        figures=(
            Figure("worst loss of received video per camera", max(lost) / SECOND, "s", 1.0),
            Figure("files that can't be read", len(bad), "", 0, digits=0),
            Figure("part files left behind", leftovers, "", 0, digits=0),
            Figure("all cameras recording again, worst", max(back) / SECOND, "s", 3.0),
        ),
        notes=(f"{len(files)} files, {len(moments) * cameras} camera-kills",),
    )


def _forget_status(config: Path) -> None:
    """So that waiting for "recording" does not see what the killed recorder said last."""
    for file in (config.parent / "data" / "run").glob("recorder-*.status.json"):
        file.unlink()


def _captured(volume: Path, camera: str) -> list[int]:
    """The capture times of all pictures kept, in nanoseconds of UTC."""
    units = coded_units(segment_files(volume, camera))
    return [stamp.time for stamp in stamps(units) if stamp is not None]
