"""A volume that becomes read-only under load, beside a second one: what is lost, how soon it goes
on there, and whether the first is used again by itself once it is mounted anew."""

from __future__ import annotations

import time

from benchmarks.loop_disk import loop_disk, why_not
from benchmarks.processes import VMS, running, vms_json, wait_until, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import load_name, simulator, wait_recording
from benchmarks.stored import unreadable
from benchmarks.volumes import cameras_on, files_on, gap_seconds, longest_hole, settings_on

CAMERAS = 20
MEGABYTES = 1_500


def run(cameras: int = CAMERAS, before: float = 25, away: float = 15, segment: int = 20) -> Report:
    """Pull the first of two volumes `before` s after the start, and mount it again."""
    if (reason := why_not()) is not None:
        raise RuntimeError(f"this needs real disks: {reason}")
    names = [load_name(number) for number in range(cameras)]
    with (
        workplace() as folder,
        loop_disk(folder, "a", MEGABYTES) as first,
        loop_disk(folder, "b", MEGABYTES) as second,
        simulator(folder, "--load", str(cameras)) as served,
    ):
        roots = (first.root, second.root)
        sources = {name: served.url(name) for name in names}
        config = settings_on(folder, roots, sources, segment=segment)
        with running((*VMS, "recorder", "--config", str(config)), log=folder / "recorder.log"):
            wait_recording(config, cameras, within=40)
            time.sleep(before)
            pulled = time.time()
            on_first = cameras_on(first.root, pulled - segment)
            first.abort()
            wait_until(lambda: cameras_on(second.root, pulled) == set(names), 30, "all on b", 0.05)
            elsewhere = time.time() - pulled
            time.sleep(away)
            first.unmount()
            time.sleep(2)  # an empty mount point, and nothing may be written there
            strays = [path for path in first.root.rglob("*") if path.is_file()]
            mounted = time.time()
            first.mount()
            wait_until(lambda: cameras_on(first.root, mounted), 90, "a written to again")
            back = time.time() - mounted
            time.sleep(segment + 2)
        holes = [longest_hole(files_on(roots, name)) for name in names]
        files = [file for name in names for file in files_on(roots, name)]
        found = vms_json("storage", "check", config=config)["findings"]
        bad, parts = unreadable(files), [p for root in roots for p in root.rglob("*.part")]
        missing, _ = gap_seconds(config, names)
    return Report(
        name="volume_pulled",
        title="A volume pulled under load",
        how=(
            f"{cameras} cameras of 4 Mbit/s on two ext4 disks (loop devices); the first becomes "
            "read-only as after an error of its own (`remount,abort`), is unmounted, and mounted "
            "again. Lost: the longest time without a picture of any camera, read back by libav."
        ),
        figures=(
            Figure("worst loss per camera", max(holes), "s", 1.0),
            Figure("all cameras on the other volume after", elsewhere, "s", 5.0),
            Figure("gaps recorded after the start, worst camera", max(missing), "s", 1.0),
            Figure("files that can't be read", len(bad), "", 0, digits=0),
            Figure("part files left behind", len(parts), "", 0, digits=0),
            Figure("findings of `vms storage check`", len(found), "", 0, digits=0),
            Figure("files written to the empty mount point", len(strays), "", 0, digits=0),
            Figure("written to again by itself, after mounting", back, "s"),
        ),
        notes=(f"{len(on_first)} cameras were on the volume that was pulled; {len(files)} files",),
    )
