"""Promise: writing costs at most 0.08 % of a core per camera of 4 Mbit/s and 25 pictures a second.

    python -m benchmarks.write [--cameras 40] [--seconds 20] [--folder DIR]

Everything between `append` and the index is counted (fragments, SHA-256, write, sync, rows),
for the whole process and for the writer alone. The peer is the bare minimum: SHA-256 and write
of the same bytes in the same run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import tempfile
import time
from pathlib import Path

from storage.facts import Fragment, RunFacts, Sample
from storage.recording import Store
from vms.core.clock import SECOND, Instant, SystemClock
from vms.core.config import Settings, SystemSettings
from vms.core.config_storage import VolumeSettings
from vms.core.media import StreamFormat, VideoFormat
from vms.core.model import CameraId, StreamKey

FPS, BYTES, RATE = 25, 500_000, 90_000
FORM = StreamFormat(
    VideoFormat("h264", 1920, 1080, (bytes.fromhex("6742c01ed903c5a8"),), (b"\x68\xce\x3c\x80",))
)


def pictures() -> list[Sample]:
    """A second: a keyframe of a fifth of the bytes, then small pictures."""
    sizes = [BYTES // 5] + [BYTES * 4 // 5 // (FPS - 1)] * (FPS - 1)
    return [
        Sample((size - 4).to_bytes(4, "big") + os.urandom(size - 4), RATE // FPS, 0, number == 0)
        for number, size in enumerate(sizes)
    ]


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def run(folder: Path, cameras: int, seconds: int) -> dict[str, float]:
    clock = SystemClock()
    house = Settings(
        file=folder / "cameras.toml",
        system=SystemSettings(data=folder),
        volumes=(VolumeSettings(path=folder / "video", reserve=0),),
    )
    video = pictures()
    with Store(house, clock) as store:
        store.recover([])
        start = Instant(clock.now())
        streams = [StreamKey(CameraId(f"camera-{number}")) for number in range(cameras)]
        run_facts = RunFacts(1, start)
        segments = [store.open_segment(stream, start, FORM, run_facts) for stream in streams]
        began, refused = cpu(), 0
        appending = 0.0
        for second in range(seconds):
            tick = time.monotonic()
            for number, segment in enumerate(segments):
                before = time.thread_time()
                taken = segment.append(Fragment(video, [], second * RATE))
                appending += time.thread_time() - before
                refused += not taken
                if number % 8 == 7:  # a sweep brings a few cameras, not all at once
                    time.sleep(max(0.0, tick + number / cameras - time.monotonic()))
            time.sleep(max(0.0, tick + 1 - time.monotonic()))
        for segment in segments:
            segment.close(Instant(start + seconds * SECOND))
        while store.waiting_bytes:
            time.sleep(0.01)
        used = cpu() - began
    assert refused == 0, f"{refused} fragments were refused"
    each = 100 / cameras / seconds
    return {"all": used * each, "append": appending * each, "bare": bare(folder, seconds) * 100}


def bare(folder: Path, seconds: int) -> float:
    """CPU per second of one camera for SHA-256 and write alone."""
    data = b"".join(sample.data for sample in pictures())
    fd = os.open(folder / "bare", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    sha256, began = hashlib.sha256(), cpu()
    for number in range(seconds * 4):
        sha256.update(data)
        os.pwrite(fd, data, number * len(data))
    used = cpu() - began
    os.close(fd)
    return used / (seconds * 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        result = run(Path(folder), given.cameras, given.seconds)
    print("per camera of 4 Mbit/s, % of a core")
    for name, value in result.items():
        print(f"  {name:8} {value:.4f}")
    if given.out is not None:
        with given.out.open("a") as file:
            file.write(
                json.dumps({"benchmark": "write", **vars(given), **result}, default=str) + "\n"
            )


if __name__ == "__main__":
    main()
