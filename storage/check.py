"""Is everything as the index says? The check behind `vms storage check` and `vms verify`.

Reads only, also while recorder and custodian work: what looks wrong is looked at again before it
is told, because a row can have been deleted, moved or written since it was read. Each finding
names its segment. Holds one hour of one stream at a time, however much there is.
"""

from __future__ import annotations

import enum
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from storage.coverage import holes
from storage.findings import Finding, Kind
from storage.fmp4 import BadFile
from storage.folders import files_of, folders_in, hours_on, strangers_above, streams_on
from storage.hashing import hash_file, in_threads
from storage.layout import Place, Stage
from storage.listing import Listed, Listing, segment_id
from storage.recovery import LOOK_BACK
from storage.segment_file import read_file_head
from storage.volume import find_volume
from vms.core.clock import HOUR, Clock, Instant, SystemClock
from vms.core.config_storage import VolumeSettings
from vms.core.model import StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

# A row is up to two seconds younger than its file, a `.part` as old as a long segment; what a
# crash left without a row gets one at the next start.
_SETTLING = LOOK_BACK
# How long what is newest may look wrong: a gap's row comes at once, its segment's after the sync.
PATIENCE = 3.0
_STRANGE = "not a file of ours"
_HOLES_MAX = 100  # told per stream: one broken hour must not hide another stream's
_LATER_MAX = 10_000  # files looked at again at the end; more at once are told as they stand

Progress = Callable[[int, int], None]
"""Called with the files and bytes checked since the last call."""


class Level(enum.IntEnum):
    """How closely a check looks; each level includes those before."""

    PRESENCE = 1  # the file is there
    SIZE = 2  # and as long as it was
    HASH = 3  # and every byte is what was written


@dataclass(slots=True)
class _Later:
    """What may be right a moment later."""

    files: list[tuple[str, Place, Path]] = field(default_factory=list)  # with the volume's uuid
    times: list[tuple[StreamKey, set[str]]] = field(default_factory=list)


def verify_archive(
    engine: Engine,
    volumes: Sequence[VolumeSettings],
    level: Level = Level.HASH,
    clock: Clock | None = None,
    *,
    threads: int = 1,
    progress: Progress | None = None,
    patience: float = PATIENCE,
) -> Iterator[Finding]:
    """Check every segment, look for files nobody knows, and for seconds nobody explains.

    `threads`: that read and hash; `patience`: seconds after which what is newest is looked at
    again, if it looked wrong.
    """
    listing = Listing(engine)
    now = (clock if clock is not None else SystemClock()).now()
    roots, missing = mounted(listing, volumes)
    yield from missing
    began, later = time.monotonic(), _Later()
    streams = sorted({*listing.streams(), *(one for root in roots.values() for one in on(root))})
    for stream in streams:
        suspects = _suspects(listing, stream, roots, level, now, later)
        yield from _looked_at(listing, roots, suspects, level, threads, progress)
        if found := check_time(listing, stream, now):
            later.times.append((stream, set(found)))
    for root in roots.values():
        yield from _strange(root)
    if later.files or later.times:
        time.sleep(max(0.0, patience - (time.monotonic() - began)))
        yield from _again(listing, later, now)


def total(engine: Engine) -> tuple[int, int]:
    """How many files and bytes there are to check."""
    known = Listing(engine).volumes()
    return sum(one.segments for one in known), sum(one.bytes for one in known)


def on(root: Path) -> list[StreamKey]:
    """The streams on a volume; none if it can't be listed, which `_strange` tells."""
    with suppress(OSError):
        return list(streams_on(root))
    return []


# -- volumes ----------------------------------------------------------------------------------


def mounted(
    listing: Listing, volumes: Sequence[VolumeSettings]
) -> tuple[dict[str, Path], list[Finding]]:
    """Where each volume stands now, by uuid, and which should be there and are not."""
    found = {find_volume(volume.path): volume.path for volume in volumes}
    roots = {uuid: path for uuid, path in found.items() if uuid is not None}
    ours = {str(volume.path) for volume in volumes}
    missing: list[Finding] = []
    for known in listing.volumes():
        path = Path(known.path)
        if known.uuid in roots or "://" in known.path:
            continue  # what lies in a bucket is its tier's to check
        if not known.segments and known.path not in ours:
            continue  # taken out of the settings, and nothing is left on it
        if find_volume(path) is None and folders_in(path):  # footage, only who it is got lost
            roots[known.uuid] = path
            detail = f"volume {path} has lost its identity"
        else:
            detail = f"volume {path} is not there: {known.segments} segments can't be checked"
        missing.append(Finding(Kind.VOLUME_MISSING, known.path, detail))
    return roots, missing


# -- files ------------------------------------------------------------------------------------


def check_file(row: Listed, path: Path, level: Level) -> Finding | None:
    """Whether a segment's file is there, as long as it was, and what was written."""
    try:
        size = path.stat().st_size
        if level >= Level.SIZE and size != row.size:
            detail = f"{path} has {size} bytes instead of {row.size}"
            return Finding(Kind.FOOTAGE_DAMAGED, row.id, detail)
        if level >= Level.HASH and hash_file(path).sha256 != row.sha256:
            detail = f"{path} is not what was written: SHA-256"
            return Finding(Kind.FOOTAGE_DAMAGED, row.id, detail)
    except FileNotFoundError:
        return Finding(Kind.FOOTAGE_MISSING, row.id, f"{path} is gone")
    except OSError as error:
        return Finding(Kind.FOOTAGE_DAMAGED, row.id, f"{path} can't be read: {error}")
    return None


def _suspects(
    listing: Listing,
    stream: StreamKey,
    roots: dict[str, Path],
    level: Level,
    now: Instant,
    later: _Later,
) -> Iterator[tuple[Listed, bool] | Finding]:
    """A stream hour by hour: its rows, each with whether its file was listed; strange files."""
    for hour, rows, folders in by_hour(listing, stream, roots):
        expected = {(row.volume, row.start): row for row in rows}
        present: set[tuple[str, Instant]] = set()
        for uuid, folder in folders:
            try:
                footage, strangers = files_of(stream, hour, folder)
            except OSError as error:
                yield Finding(Kind.VOLUME_FAILED, str(folder), f"can't be listed: {error}")
                continue
            yield from (Finding(Kind.FOOTAGE_UNKNOWN, str(path), _STRANGE) for path in strangers)
            for place, path in footage:
                if place.stage is Stage.ABANDONED:
                    detail = f"{path} was put away: it could not be made durable or be read"
                    yield Finding(Kind.FOOTAGE_ABANDONED, segment_id(stream, place.start), detail)
                elif place.stage is Stage.FINAL and (uuid, place.start) in expected:
                    present.add((uuid, place.start))
                elif now - place.start <= _SETTLING and _is_coming(place, path, uuid, expected):
                    continue
                elif len(later.files) < _LATER_MAX:
                    later.files.append((uuid, place, path))
                else:
                    yield _unknown(place, path)
        for at, row in expected.items():
            if row.volume in roots:
                yield row, at in present and level is Level.PRESENCE


def _is_coming(
    place: Place, path: Path, uuid: str, rows: Mapping[tuple[str, Instant], Listed]
) -> bool:
    """Whether a young file may be footage whose row is still to come.

    Not if its segment is in the index already, here or (finished) on another volume, and not if its
    head names another: whoever puts a copy there makes it no footage by that.
    """
    if (uuid, place.start) in rows:
        return False
    if place.stage is Stage.FINAL and any(start == place.start for _, start in rows):
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # just named final, or gone
        return True
    try:
        head = read_file_head(fd).head
    except (BadFile, OSError):
        return place.stage is Stage.PART  # its head is being written
    finally:
        os.close(fd)
    return head.is_of(place.stream, place.start)


def by_hour(
    listing: Listing, stream: StreamKey, roots: dict[str, Path]
) -> Iterator[tuple[Instant, list[Listed], list[tuple[str, Path]]]]:
    """Rows and folders that belong to the same hour, hour by hour."""
    folders: dict[int, list[tuple[str, Path]]] = {}
    for uuid, root in roots.items():
        with suppress(OSError):  # told by `_strange`
            for hour, folder in hours_on(root, stream):
                folders.setdefault(hour, []).append((uuid, folder))
    waiting = deque(sorted(folders))
    for hour, rows in itertools.groupby(listing.rows(stream), lambda row: row.start // HOUR * HOUR):
        while waiting and waiting[0] < hour:
            at = waiting.popleft()
            yield Instant(at), [], folders[at]
        if waiting and waiting[0] == hour:
            waiting.popleft()
        yield Instant(hour), list(rows), folders.get(hour, [])
    for at in waiting:
        yield Instant(at), [], folders[at]


def _looked_at(
    listing: Listing,
    roots: dict[str, Path],
    suspects: Iterable[tuple[Listed, bool] | Finding],
    level: Level,
    threads: int,
    progress: Progress | None,
) -> Iterator[Finding]:
    """What is found among suspects; files are read by several threads, told in order."""

    def look(one: tuple[Listed, bool] | Finding) -> tuple[Finding | None, int]:
        if isinstance(one, Finding):
            return one, 0
        row, well = one
        if well:
            return None, row.size
        found = check_file(row, row.path_under(roots[row.volume]), level)
        return (None if found is None else _still(listing, roots, row, found, level)), row.size

    for found, size in in_threads(look, suspects, threads if level is Level.HASH else 1):
        if progress is not None and size:
            progress(1, size)
        if found is not None:
            yield found


def _still(
    listing: Listing, roots: dict[str, Path], row: Listed, found: Finding, level: Level
) -> Finding | None:
    """What was found, unless the row was deleted or moved since it was read."""
    again = listing.row(row.stream, row.start)
    if again is None:
        return None
    if again.volume == row.volume:
        return found
    root = roots.get(again.volume)
    return None if root is None else check_file(again, again.path_under(root), level)


def _strange(root: Path) -> Iterator[Finding]:
    """Files on a volume that are none of ours."""
    try:
        for path in strangers_above(root):
            yield Finding(Kind.FOOTAGE_UNKNOWN, str(path), _STRANGE)
    except OSError as error:
        yield Finding(Kind.VOLUME_FAILED, str(root), f"volume {root} can't be listed: {error}")


def _unknown(place: Place, path: Path) -> Finding:
    detail = f"{path} has no row in the index; start the recorder to recover it"
    return Finding(Kind.FOOTAGE_UNKNOWN, segment_id(place.stream, place.start), detail)


# -- time -------------------------------------------------------------------------------------


def check_time(listing: Listing, stream: StreamKey, now: Instant | None = None) -> list[str]:
    """Where a stream's time is not tiled by segments and gaps (invariant 5); empty when well.

    `now` None: up to the last thing known, because a segment being written is not in the index.
    """
    with listing.time(stream) as known:
        last = known.last if known.last is not None else Instant(0)
        # The newest seconds may stand in a file that is still being written.
        until = last if now is None or now - last < _SETTLING else now
        return list(itertools.islice(holes(known.spans, known.gaps, until), _HOLES_MAX))


def check_coverage(engine: Engine, stream: StreamKey, now: Instant | None = None) -> list[str]:
    """`check_time` for one stream alone."""
    return check_time(Listing(engine), stream, now)


def _again(listing: Listing, later: _Later, now: Instant) -> Iterator[Finding]:
    """What looked wrong and still does."""
    for uuid, place, path in later.files:
        known = listing.row(place.stream, place.start)
        if not path.exists():
            continue
        if known is None:
            yield _unknown(place, path)
        elif place.stage is Stage.PART:
            detail = f"{path} is a draft left behind: the segment is finished"
            yield Finding(Kind.FOOTAGE_UNKNOWN, known.id, detail)
        elif known.volume != uuid:
            detail = f"{path} is a copy left behind: the segment stands on {known.volume_path}"
            yield Finding(Kind.FOOTAGE_UNKNOWN, known.id, detail)
    for stream, before in later.times:
        for hole in check_time(listing, stream, now):
            if hole in before:
                subject = f"{stream.camera}.{stream.name}"
                yield Finding(Kind.TIME_UNEXPLAINED, subject, hole)
