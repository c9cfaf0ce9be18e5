"""The files of one stream that the index does not know, each made a segment as far as it is whole.

A `.part` is cut after its last whole fragment, closed properly, synced and only then named final
(invariant 1); every whole fragment is kept and nothing else (invariant 6). What can't be read, or
whose sync fails (invariant 9), is put away under its third name, told, and leaves a gap: no file
is silently dropped but one in which nothing was ever whole. Gives rows, and writes none.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence

from storage.copies import Copy, forget_pages, sound, whole_bytes
from storage.disk import Disk
from storage.facts import GapFacts
from storage.findings import Finding, Kind
from storage.fmp4 import BadFile, Tail, tail_box
from storage.folders import files_of, hours_on, streams_on
from storage.hashing import hash_fd
from storage.layout import Stage
from storage.listing import segment_id
from storage.rows import PutSegment
from storage.segment_file import FileHead, Placed, read_file_tail, walk
from storage.stored_file import pictures_in, read_head_of, read_stored, row_of, tail_for
from storage.volume import Volume
from vms.core.log import get_logger
from vms.core.model import Cause

log = get_logger(__name__)

_READ = 1 << 20


class Salvage:
    """What the files gave so far. `rows`: of segments; `remembered`: the gaps their heads tell of;
    `lost`: gaps of what could not be kept; `cut`: how many rows are of files that were `.part`.
    """

    def __init__(self, disk: Disk) -> None:
        self.rows: list[PutSegment] = []
        self.remembered: list[GapFacts] = []
        self.lost: list[GapFacts] = []
        self.findings: list[Finding] = []
        self.cut = 0
        self._disk = disk

    def take_best(self, copies: Sequence[Copy], *, anew: bool) -> None:
        """Of one segment's files the fullest becomes the segment; then the others are removed.

        `anew`: read from the disk itself. After a failed write-back the page cache may show what
        the disk never got.
        """
        order = copies
        if len(copies) > 1:
            order = sorted(copies, key=lambda one: (one.final, whole_bytes(one.path)))[::-1]
        for number, copy in enumerate(order):
            before = len(self.rows)
            if anew:
                forget_pages(copy.path)
            if copy.final:
                self._adopt(copy)
            else:
                self.finish(copy)
            if len(self.rows) > before:
                for other in order[number + 1 :]:
                    with contextlib.suppress(OSError):
                        self._disk.unlink(other.path)
                return

    def finish(self, part: Copy) -> None:
        """Make a `.part` a segment as far as it is whole; away with it if nothing is."""
        path = part.path
        try:
            fd = self._disk.open_for_repair(path)
        except OSError as error:
            self.findings.append(Finding(Kind.FOOTAGE_DAMAGED, str(path), str(error)))
            return
        try:
            row = self._repair(part, fd)
            if row is None:
                self._disk.unlink(path)
                self._disk.sync_folder(path.parent)
                return
            self._disk.sync_file(fd)
            self._disk.rename(path, path.with_suffix(f".{Stage.FINAL}"))
            self._disk.sync_folder(path.parent)
        except (BadFile, OSError) as error:  # invariant 9: what can't be synced is not tried again
            self.put_away(part, str(error))
        else:
            self.rows.append(row)
            self.cut += 1
        finally:
            self._disk.close(fd)

    def put_away(self, copy: Copy, detail: str) -> None:
        """Nothing takes it for footage any more; a person may still look at it."""
        place, path = copy.place, copy.path
        name = segment_id(place.stream, place.start)
        self.findings.append(Finding(Kind.FOOTAGE_ABANDONED, name, f"{path}: {detail}"))
        for stage in (Stage.PART, Stage.FINAL):
            try:
                self._disk.rename(
                    path.with_suffix(f".{stage}"), path.with_suffix(f".{Stage.ABANDONED}")
                )
            except FileNotFoundError:
                continue
            except OSError as error:
                log.error("can't put away", path=str(path), error=str(error))
        gap = GapFacts(place.stream, place.start, None, Cause.FOOTAGE_DAMAGED, detail)
        self.lost.append(gap)

    def _repair(self, part: Copy, fd: int) -> PutSegment | None:
        """Cut a file after its last whole fragment and close it properly; None: nothing in it."""
        size = os.fstat(fd).st_size
        try:
            head = read_head_of(fd, part.place)
        except BadFile:
            if b"moof" in os.pread(fd, _READ, 0):
                raise  # footage under a damaged head: a person should see it
            return None
        whole = list(sound(fd, walk(fd, size, head.length)))
        if not whole or not whole[0].facts.key:
            return None
        self.remembered += head.head.gaps
        tail = _tail_of(fd, size, whole)
        if tail is None:
            tail = tail_for(head, whole)
            self._write_tail(part, fd, tail, whole[-1].offset + whole[-1].size)
        return _row(part.volume, head, tail, fd)

    def _write_tail(self, part: Copy, fd: int, tail: Tail, end: int) -> None:
        data = tail_box(tail)
        self._disk.truncate(fd, end)
        try:
            self._disk.write(fd, data, end)
        except OSError as error:  # a full disk: the file is as good without its tail
            log.warning("salvaged without a tail", path=str(part.path), error=str(error))
            self._disk.truncate(fd, end)

    def _adopt(self, final: Copy) -> None:
        """A durable file (invariant 1) whose row was never written."""
        path = final.path
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self.findings.append(Finding(Kind.FOOTAGE_DAMAGED, str(path), str(error)))
            return
        try:
            head, tail = read_stored(fd, final.place)
            self.rows.append(_row(final.volume, head, tail, fd))
            self.remembered += head.head.gaps
        except (BadFile, OSError) as error:
            self.findings.append(Finding(Kind.FOOTAGE_DAMAGED, str(path), str(error)))
        finally:
            os.close(fd)


def salvage_all(volumes: Iterable[Volume], disk: Disk) -> tuple[list[Finding], list[GapFacts]]:
    """Every `.part` made a final file as far as it is whole, wherever it lies.

    For whoever makes the index anew and reads the files again. Gives what was found, and the gaps
    of what could not be kept. Only while no recorder runs.
    """
    salvage = Salvage(disk)
    for volume in volumes:
        for stream in streams_on(volume.root):
            for hour, folder in hours_on(volume.root, stream):
                for place, path in files_of(stream, hour, folder)[0]:
                    if place.stage is Stage.PART:
                        salvage.finish(Copy(volume, place, path))
    return salvage.findings, salvage.lost


def _tail_of(fd: int, size: int, whole: Sequence[Placed]) -> Tail | None:
    """The tail of a `.part`, if it is the one of these fragments; a power cut may have torn it."""
    try:
        tail = read_file_tail(fd, size)
    except BadFile:
        return None
    there = [(placed.offset, placed.size) for placed in whole]
    said = [] if tail is None else [(entry.offset, entry.size) for entry in tail.entries]
    return tail if said == there else None


def _row(volume: Volume, head: FileHead, tail: Tail, fd: int) -> PutSegment:
    digest = hash_fd(fd)
    return row_of(volume.uuid, head, tail, digest, pictures_in(fd, digest.size, head))
