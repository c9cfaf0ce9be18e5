"""A recorder on real small disks: its settings, and what of each camera was kept where."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import free_port
from benchmarks.stored import coded_units
from vms.app.site import open_site
from vms.core.clock import SECOND, Instant, SystemClock
from vms.core.model import Cause, StreamKey
from vms.simulator.audit import stamps


def settings_on(
    folder: Path,
    roots: Sequence[Path],
    sources: dict[str, str],
    *,
    segment: int = 60,
    reserve: str = "50 MB",
) -> Path:
    """A cameras.toml with these volumes; `segment` in seconds, `sources`: id → main URL."""
    text = [
        f'[system]\ndata = "{folder / "data"}"\n',
        f'[web]\nlisten = "127.0.0.1:{free_port()}"\n',
        f'[recorder]\nsegment = "{segment} s"\n',
    ]
    text += [f'[[volumes]]\npath = "{root}"\nreserve = "{reserve}"\n' for root in roots]
    text += [f'[[cameras]]\nid = "{camera}"\nsource = "{url}"' for camera, url in sources.items()]
    file = folder / "cameras.toml"
    file.write_text("\n".join(text) + "\n")
    return file


def files_on(roots: Sequence[Path], camera: str) -> list[Path]:
    """A camera's finished segments on all volumes, by time."""
    found = [file for root in roots for file in root.rglob("*.mp4") if camera in file.parts]
    return sorted(found, key=lambda file: file.name)


def longest_hole(files: Sequence[Path]) -> float:
    """The longest time of capture without a picture, in seconds beyond the usual distance."""
    times = [stamp.time for stamp in stamps(coded_units(files)) if stamp is not None]
    steps = sorted(after - before for before, after in itertools.pairwise(times))
    return (steps[-1] - steps[len(steps) // 2]) / SECOND if steps else float("inf")


def gap_seconds(config: Path, cameras: Sequence[str]) -> tuple[list[float], float]:
    """Of each camera the seconds unrecorded between start and stop; of all those deleted."""
    unrecorded, deleted = [], 0
    with open_site(config) as site:
        now = SystemClock().now()
        for camera in cameras:
            gaps = site.archive.gaps(StreamKey.parse(f"{camera}/main"), Instant(0), now)
            spans = [(gap.cause, (gap.end or now) - gap.start) for gap in gaps]
            deleted += sum(span for cause, span in spans if cause is Cause.DELETED)
            usual = (Cause.CONNECTING, Cause.RECORDER_STOPPED, Cause.DELETED)
            unrecorded.append(sum(span for cause, span in spans if cause not in usual) / SECOND)
    return unrecorded, deleted / SECOND


def cameras_on(root: Path, since: float) -> set[str]:
    """Cameras that have a file on a volume which was begun after a time (of the machine)."""
    return {
        file.relative_to(root).parts[0]
        for file in root.rglob("*Z.*")
        if file.is_file() and file.stat().st_mtime > since
    }
