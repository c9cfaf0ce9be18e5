"""Is everything as the index says? The check behind `vms verify` without a file.

Reads only, also while the recorder runs. Each finding names its segment.
"""

from __future__ import annotations

import enum
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from storage.coverage import holes
from storage.facts import GapFacts
from storage.index import Index
from storage.layout import HOUSE, Stage, path_of, place_of
from storage.recovery import LOOK_BACK, Finding
from storage.rows import SegmentRow
from storage.volume import find_volume
from vms.core.clock import Clock, Instant, SystemClock
from vms.core.config import VolumeSettings
from vms.core.model import Cause, StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

_READ = 1 << 20
_FOREVER = Instant(2**62)
# A row is up to two seconds younger than its file, a `.part` as old as a long segment.
_SETTLING = LOOK_BACK


class Level(enum.IntEnum):
    """How closely a check looks; each level includes those before."""

    PRESENCE = 1  # the file is there
    SIZE = 2  # and as long as it was
    HASH = 3  # and every byte is what was written


def verify_archive(
    engine: Engine,
    volumes: Sequence[VolumeSettings],
    level: Level = Level.HASH,
    clock: Clock | None = None,
) -> Iterator[Finding]:
    """Check every segment, look for files nobody knows, and for seconds nobody explains."""
    index = Index(engine)
    now = (clock if clock is not None else SystemClock()).now()
    roots: dict[str, Path] = {}
    used = index.volume_paths()
    for volume in volumes:
        uuid = find_volume(volume.path)
        if uuid is None and str(volume.path) not in used:
            continue  # the recorder never ran on it: there is nothing to miss
        if uuid is None:
            detail = f"volume {volume.path} is not there or has no identity"
            yield Finding(str(volume.path), Cause.DISK_FAILED, detail)
        else:
            roots[uuid] = volume.path
    for row in index.every_segment():
        root = roots.get(row.volume, Path(row.volume_path))
        yield from _check_file(row, root / path_of(row.stream, row.start), level)
    for root in roots.values():
        yield from _strays(index, root, now)
    for stream in index.streams():
        for hole in check_coverage(engine, stream, now):
            yield Finding(f"{stream.camera}.{stream.name}", Cause.FOOTAGE_DAMAGED, hole)


def check_coverage(engine: Engine, stream: StreamKey, now: Instant | None = None) -> list[str]:
    """Where a stream's time is not tiled by segments and gaps (invariant 5); empty when well.

    `now` None: up to the last thing known, because a segment being written is not in the index.
    """
    index = Index(engine)
    segments = [(row.start, row.end) for row in index.segments(stream, Instant(0), _FOREVER)]
    gaps = index.gaps(stream, Instant(0), _FOREVER)
    last = max([end for _, end in segments] + [_end(gap) for gap in gaps], default=Instant(0))
    # The newest seconds may stand in a file that is still being written.
    return holes(segments, gaps, last if now is None or now - last < _SETTLING else now)


def _end(gap: GapFacts) -> Instant:
    return gap.start if gap.end is None else gap.end


def _check_file(row: SegmentRow, path: Path, level: Level) -> Iterator[Finding]:
    name = f"{row.stream.camera}.{row.stream.name}.{row.start}"
    try:
        size = path.stat().st_size
        if level >= Level.SIZE and size != row.size:
            detail = f"{path} has {size} bytes instead of {row.size}"
            yield Finding(name, Cause.FOOTAGE_DAMAGED, detail)
        elif level >= Level.HASH and _hash(path) != row.sha256:
            yield Finding(name, Cause.FOOTAGE_DAMAGED, f"{path} is not what was written: SHA-256")
    except FileNotFoundError:
        yield Finding(name, Cause.FOOTAGE_DAMAGED, f"{path} is gone")
    except OSError as error:
        yield Finding(name, Cause.FOOTAGE_DAMAGED, f"{path} can't be read: {error}")


def _hash(path: Path) -> bytes:
    sha256 = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while data := file.read(_READ):
            sha256.update(data)
    return sha256.digest()


def _strays(index: Index, root: Path, now: Instant) -> Iterator[Finding]:
    """Files on a volume that no row speaks of."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if name != HOUSE)
        for file in sorted(files):
            path = Path(folder) / file
            place = place_of(PurePosixPath(path.relative_to(root)))
            if place is None:
                yield Finding(str(path), Cause.FOOTAGE_DAMAGED, "not a file of ours")
                continue
            name = f"{place.stream.camera}.{place.stream.name}.{place.start}"
            if place.stage is Stage.ABANDONED:
                detail = f"{path} was put away: it could not be made durable or be read"
                yield Finding(name, Cause.FOOTAGE_DAMAGED, detail)
            elif now - place.start > _SETTLING and (
                place.stage is Stage.PART or index.segment(place.stream, place.start) is None
            ):
                detail = f"{path} has no row in the index; start the recorder to recover it"
                yield Finding(name, Cause.FOOTAGE_DAMAGED, detail)
