"""Files the index does not know yet: the `.part` being written and what was just named final.

Found by listing the newest hours' folders; each file is walked once and then only further, so
asking again every second costs a few hundred bytes of reading.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path

from storage.facts import FragmentEntry, FragmentIndex
from storage.fmp4 import BadFile
from storage.layout import Stage, hour_folder, hours_between, read_name
from storage.segment_file import FileHead, end_of, read_file_head, start_of, walk
from vms.core.clock import HOUR, Instant
from vms.core.model import StreamKey

# Streams times volumes that are looked at; the least recently asked is forgotten.
_KEPT = 2_048
_LOOK_BACK = 2 * HOUR


@dataclass(frozen=True, slots=True)
class RecentFile:
    """A file as far as it is whole now. `fragments`: those so far."""

    path: Path
    volume: str
    head: FileHead
    end: Instant
    size: int
    index: FragmentIndex


@dataclass(slots=True)
class _Walked:
    inode: int
    head: FileHead
    offset: int
    end: Instant
    entries: list[FragmentEntry] = field(default_factory=list)


class RecentFiles:
    """What stands in the newest folders of some volumes (uuid and root). Thread-safe."""

    def __init__(self, roots: dict[str, Path]) -> None:
        self._roots = roots
        self._walked: OrderedDict[tuple[str, StreamKey, Instant], _Walked] = OrderedDict()
        self._lock = threading.Lock()

    def after(self, stream: StreamKey, last: Instant | None, now: Instant) -> list[RecentFile]:
        """Files of a stream that start after `last`, in order."""
        since = Instant(now - _LOOK_BACK if last is None else max(last, now - _LOOK_BACK))
        found: dict[Instant, RecentFile] = {}
        for uuid, root in self._roots.items():
            for hour in hours_between(since, Instant(now + HOUR)):
                folder = root / hour_folder(stream, Instant(hour))
                for start, path in _names(folder):
                    if last is None or start > last:
                        recent = self._look(stream, start, path, uuid)
                        # While a segment is carried to another volume it stands on both.
                        if recent is not None and _is_fuller(recent, found.get(start)):
                            found[start] = recent
        files = [found[start] for start in sorted(found)]
        # Sound may reach beyond the last picture; a segment ends where the next one begins.
        for number, (file, following) in enumerate(itertools.pairwise(files)):
            if file.end > following.head.head.start:
                files[number] = replace(file, end=following.head.head.start)
        return files

    def _look(self, stream: StreamKey, start: Instant, path: Path, uuid: str) -> RecentFile | None:
        try:
            fd = open_named(path)
        except OSError:
            return None
        try:
            walked = self._walk(uuid, stream, start, fd)
        except (BadFile, OSError):  # its head is still being written, or is another's
            return None
        finally:
            os.close(fd)
        if not walked.entries:
            return None
        index = FragmentIndex(walked.head.length, tuple(walked.entries))
        return RecentFile(path, uuid, walked.head, walked.end, walked.offset, index)

    def _walk(self, uuid: str, stream: StreamKey, start: Instant, fd: int) -> _Walked:
        facts = os.fstat(fd)
        key = (uuid, stream, start)
        with self._lock:
            known = self._walked.get(key)
        if known is None or known.inode != facts.st_ino or known.offset > facts.st_size:
            head = read_file_head(fd)
            if not head.head.is_of(stream, start):
                raise BadFile(f"its head says {head.head.stream} at {head.head.start}")
            known = _Walked(facts.st_ino, head, head.length, head.head.start)
        entries, offset, end = list(known.entries), known.offset, known.end
        for placed in walk(fd, facts.st_size, known.offset):
            at = start_of(placed, start, known.head.format)
            entries.append(FragmentEntry(at, placed.offset, placed.size, placed.facts.key))
            offset = placed.offset + placed.size
            end = max(end, end_of(placed, start, known.head.format))
        walked = _Walked(facts.st_ino, known.head, offset, end, entries)
        with self._lock:
            self._walked[key] = walked
            self._walked.move_to_end(key)
            while len(self._walked) > _KEPT:
                self._walked.popitem(last=False)
        return walked


def _is_fuller(file: RecentFile, other: RecentFile | None) -> bool:
    return other is None or file.size > other.size


def open_named(path: Path) -> int:
    """Open footage for reading, also when a `.part` was named final in this moment."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        if path.suffix != f".{Stage.PART}":
            raise
        return os.open(path.with_suffix(f".{Stage.FINAL}"), os.O_RDONLY | os.O_CLOEXEC)


def _names(folder: Path) -> list[tuple[Instant, Path]]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - half the cost of iterdir, each second
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = []
    for name in names:
        read = read_name(name)
        if read is not None and read[1] is not Stage.ABANDONED:
            found.append((read[0], folder / name))
    return found
