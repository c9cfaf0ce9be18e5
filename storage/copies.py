"""The files of one stream that recovery looks at, of which two may be of the same segment.

A segment that was carried from one volume to another leaves a file behind when the old volume no
longer takes orders. Which of two is the segment is decided here: the one that has the row, else
the fullest.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storage.disk import Disk
from storage.fmp4 import BadFile
from storage.folders import Refused, files_of, hours_on
from storage.layout import Place, Stage, path_of
from storage.rows import SegmentRow
from storage.segment_file import Placed, read_file_head, walk
from storage.volume import Volume
from vms.core.clock import Instant
from vms.core.log import get_logger
from vms.core.model import StreamKey

log = get_logger(__name__)

# H.264 and H.265 never have three zero bytes in a row within a NAL unit; a power cut leaves whole
# zero pages where data had not reached the disk.
_SECTOR = 512
_LOST_SECTOR = bytes(_SECTOR)


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of a segment. Two volumes may have one: it was carried from one to the other."""

    volume: Volume
    place: Place
    path: Path

    @property
    def final(self) -> bool:
        return self.place.stage is Stage.FINAL


@dataclass(slots=True)
class Copies:
    """The newest files of one stream, and what the index says of them.

    `refused`: folders that can't be listed, by volume. What they hide is not known to be gone.
    """

    stream: StreamKey
    since: Instant
    by_start: dict[Instant, list[Copy]] = field(default_factory=dict)
    known: dict[Instant, SegmentRow] = field(default_factory=dict)
    given_up: set[Instant] = field(default_factory=set)
    refused: dict[str, list[tuple[Path, OSError]]] = field(default_factory=dict)

    def hours(self, volume: Volume) -> list[tuple[Instant, Path]]:
        """The hours for which a volume has a folder, in order."""
        return list(hours_on(volume.root, self.stream, self._refuse(volume)))

    def add(self, volume: Volume, hour: Instant, folder: Path) -> None:
        """The files of an hour."""
        for place, path in files_of(self.stream, hour, folder, self._refuse(volume))[0]:
            if place.stage is not Stage.ABANDONED:
                self.by_start.setdefault(place.start, []).append(Copy(volume, place, path))

    def _refuse(self, volume: Volume) -> Refused:
        refused = self.refused
        return lambda path, error: refused.setdefault(volume.uuid, []).append((path, error))


def let_go(row: SegmentRow, copies: Sequence[Copy], disk: Disk) -> None:
    """Remove what is left of a segment where it was, once the file its row speaks of is seen."""
    if "://" in row.volume_path:
        return  # in a bucket: the tier's business
    file = Path(row.volume_path) / path_of(row.stream, row.start)
    for copy in copies:
        if copy.path == file:
            continue
        try:
            if file.stat().st_size != row.size:
                continue
            disk.unlink(copy.path)
        except OSError as error:
            log.warning("superseded file stays", path=str(copy.path), error=str(error))
        else:
            log.info("superseded file removed", path=str(copy.path), kept=str(file))


def forget_pages(path: Path) -> None:
    """So that a file is read from its disk; pages that are not written yet stay."""
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)


def whole_bytes(path: Path) -> int:
    """How far a file is whole; 0 if nothing of it is."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        head = read_file_head(fd)
        whole = sound(fd, walk(fd, os.fstat(fd).st_size, head.length))
        return max((placed.offset + placed.size for placed in whole), default=0)
    except (BadFile, OSError):
        return 0
    finally:
        os.close(fd)


def sound(fd: int, fragments: Iterable[Placed]) -> Iterator[Placed]:
    """Fragments up to the first whose pictures can't be what was written."""
    for placed in fragments:
        run = placed.facts.video
        if run is not None:
            data = os.pread(fd, run.size, placed.offset + run.offset)
            if len(data) < run.size or _is_lost(data, placed.offset + run.offset):
                return
            if not _units_fit(data, [sample[1] for sample in run.samples]):
                return
        yield placed


def _is_lost(data: bytes, offset: int) -> bool:
    """Whether a part of some pictures, which begin at `offset` in their file, never reached it.

    Of a lost page only the first bytes may be theirs: a NAL unit never ends with a zero byte.
    """
    last = max(0, (offset + len(data) - 1) // _SECTOR * _SECTOR - offset)
    return _LOST_SECTOR in data or not any(data[last:])


def _units_fit(data: bytes, sizes: Iterable[int]) -> bool:
    """Whether each sample is a chain of NAL units behind their lengths."""
    at = 0
    for size in sizes:
        end = at + size
        while at + 4 <= end:
            at += 4 + int.from_bytes(data[at : at + 4], "big")
        if at != end:
            return False
    return True
