"""A disk that is full under load: the oldest goes, what is held stays, no second is missed."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.loop_disk import loop_disk, why_not
from benchmarks.processes import VMS, running, vms_json, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import load_name, simulator, wait_recording
from benchmarks.volumes import files_on, gap_seconds, longest_hole, settings_on

CAMERAS = 20


def run(
    cameras: int = CAMERAS, seconds: float = 300, megabytes: int = 1_000, segment: int = 10
) -> Report:
    """Record for `seconds` on a disk that holds a fraction of it."""
    if (reason := why_not()) is not None:
        raise RuntimeError(f"this needs real disks: {reason}")
    names = [load_name(number) for number in range(cameras)]
    with (
        workplace() as folder,
        loop_disk(folder, "a", megabytes) as disk,
        simulator(folder, "--load", str(cameras)) as served,
    ):
        sources = {name: served.url(name) for name in names}
        reserve = f"{megabytes // 20} MB"
        config = settings_on(folder, (disk.root,), sources, segment=segment, reserve=reserve)
        with running((*VMS, "recorder", "--config", str(config)), log=folder / "recorder.log"):
            wait_recording(config, cameras, within=40)
            began = time.time()
            time.sleep(2 * segment + 3)
            held = _hold(config, names[0], began, began + segment)
            time.sleep(max(0.0, began + seconds - time.time()))
        kept = {path: _hash(path) for path in held if path.exists()}
        lost_held = [path for path, digest in held.items() if kept.get(path) != digest]
        holes = [longest_hole(_after_hold(disk.root, name, held)) for name in names]
        gaps, deleted = gap_seconds(config, names)
        written = cameras * seconds * 0.5
    return Report(
        name="full_disk",
        title="A full disk under load",
        how=(
            f"{cameras} cameras of 4 Mbit/s for {seconds:g} s on an ext4 disk of {megabytes} MB "
            "(loop device), so about "
            f"{written:.0f} MB on {megabytes}; the first segments of one camera are held."
        ),
        figures=(
            Figure("unrecorded: gaps that are no deletion, worst camera", max(gaps), "s", 0),
            Figure("longest time without a picture, worst camera", max(holes), "s", 0.2),
            Figure("held files deleted or changed", len(lost_held), "", 0, digits=0),
            Figure("held files", len(held), "", 1, "at least", digits=0),
            Figure("deleted to make room, all cameras", deleted, "s", 1, "at least", digits=0),
        ),
    )


def _hold(config: Path, camera: str, start: float, end: float) -> dict[Path, str]:
    """Hold a span; the files it keeps with their hashes."""
    span = ("--from", _utc(start), "--to", _utc(end))
    vms_json("hold", "add", camera, *span, "--reason", "benchmark", config=config)
    files = {}
    for facts in vms_json("segments", camera, config=config):
        path = Path(facts["path"])
        if facts["held"] and path.suffix == ".mp4":
            files[path] = _hash(path)
    return files


def _after_hold(root: Path, camera: str, held: dict[Path, str]) -> list[Path]:
    """A camera's newest files: between what is held and them lies what was let go."""
    return [file for file in files_on((root,), camera) if file not in held]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
