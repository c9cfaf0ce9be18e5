"""Carries out an order: clips, what proves them, a page for people, all in one zip.

Reads the archive and the ledger, writes one file; changes nothing but the ledger, which learns
that footage was handed out before the file gets its name.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.disk import Disk
from storage.facts import GapFacts, SegmentFacts
from storage.ledger.leaves import ExportLeaf
from storage.ledger.note import Checkpoint, Signer, split_note
from vms.core.clock import Clock, Instant, rfc3339
from vms.core.errors import StorageError, VmsError
from vms.core.model import Cause, StreamKey
from vms.core.secret import Secret
from vms.evidence.ahead import DEPTH, ahead
from vms.evidence.clip import Altered, Buffers, Clip, Copied, Part, clips_of, copy_part
from vms.evidence.house import House
from vms.evidence.keys import public_pem
from vms.evidence.manifest import (
    CHECKPOINT,
    KEY,
    MANIFEST,
    SIGNATURE,
    STAMP,
    STAMPED,
    SUMS,
    CameraEntry,
    ClipEntry,
    Manifest,
    Proof,
    SegmentEntry,
    sums,
)
from vms.evidence.order import Order, Refused
from vms.evidence.packing import Member, Package
from vms.evidence.printer import Printer
from vms.evidence.readme import readme
from vms.evidence.subtitles import subtitles
from vms.evidence.words import Language

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and in all."""

_ALTERED_MAX = 1_000  # segments left out because their bytes are not those of their row


class Stopped(VmsError):
    """The export was told to stop before it was done."""


class Prints(Protocol):
    """Draws the page for people, as PDF. Raises VmsError."""

    def page(self, manifest: Manifest, language: Language) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. `sha256`: of manifest.json, which names the hashes of all the rest."""

    path: Path
    size: int
    sha256: str
    clips: int
    key: str


class Exporter:
    """Carries out orders, one after the other. `printer`: makes the one that draws a package's
    page for people, and may be at it while footage is copied."""

    def __init__(
        self,
        house: House,
        disk: Disk,
        clock: Clock,
        printer: Callable[[], AbstractContextManager[Prints]] = Printer,
    ) -> None:
        self.house, self.disk, self._clock, self._printer = house, disk, clock, printer

    def check(self, order: Order) -> list[str]:
        """The cameras' names. Raises Refused or NotFound for what can't be handed out."""
        order.check(self._clock.now())
        names = [self.house.camera_name(camera) for camera in order.cameras]
        footage = self.house.footage
        if not any(footage.segments(key, order.start, order.end) for key in order.streams):
            raise Refused("no_footage", self._nothing(order))
        return names

    def run(
        self,
        order: Order,
        path: Path,
        password: Secret | None = None,
        progress: Progress = lambda done, total: None,
        stopping: threading.Event | None = None,
    ) -> Exported:
        """Write the package. Raises Refused, NotFound, Unwritable, StorageError or Stopped; then
        there is nothing at `path`."""
        names = self.check(order)
        altered: dict[SegmentFacts, Altered] = {}
        missed = False
        while True:
            job = _Export(self.house, self._clock, order, names, progress, altered)
            job.stopping = stopping or threading.Event()
            try:
                when = self.house.local.parts(self._clock.now())
                with (
                    Package(self.disk, path, password, when) as package,
                    self._printer() as printer,
                ):
                    return job.write(package, path, printer)
            except Altered as found:
                # Begun anew without it: what can't be proven is told as a gap, not handed out.
                if found.segment in altered or len(altered) >= _ALTERED_MAX:
                    raise
                altered[found.segment] = found
            except StorageError as error:
                # A rule may have deleted it while we read: what there is now is looked up anew.
                if missed or not isinstance(error.__cause__, FileNotFoundError):
                    raise
                missed = True

    def _nothing(self, order: Order) -> str:
        key = order.streams[0]
        following = self.house.footage.next_start(key, order.end)
        more = f"; the next begins at {rfc3339(following)}" if following is not None else ""
        which = str(key) if len(order.cameras) == 1 else "these cameras"
        span = f"{rfc3339(order.start)} to {rfc3339(order.end)}"
        return f"there is no footage of {which} from {span}{more}"


class _Export:
    """One order while it is carried out."""

    def __init__(
        self,
        house: House,
        clock: Clock,
        order: Order,
        names: Sequence[str],
        progress: Progress,
        altered: dict[SegmentFacts, Altered],
    ) -> None:
        self._house, self._clock, self._order, self._names = house, clock, order, names
        self._progress, self._altered = progress, altered
        self._done = self._total = 0
        self.stopping = threading.Event()

    def write(self, package: Package, path: Path, printer: Prints) -> Exported:
        order = self._order
        found = {key: self._segments(key) for key in order.streams}
        self._total = sum(one.size for segments in found.values() for one in segments)
        self._progress(0, self._total)
        note = self._house.ledger.checkpoint()
        signer = self._house.ledger.keys.signers()[0]
        cameras = [
            self._camera(package, key, name, found[key], note)
            for key, name in zip(order.streams, self._names, strict=True)
        ]
        if not any(camera.clips for camera in cameras):
            raise Refused(
                "no_footage", "there is footage in that span, but none that can be proven"
            )
        manifest = self._manifest(cameras, note, signer)
        self._papers(package, manifest, signer, printer)
        data = replace(manifest, files=tuple(package.members)).encoded()
        package.add(MANIFEST, data)
        digest = package.members[-1].sha256
        package.add(SIGNATURE, Ed25519PrivateKey.from_private_bytes(signer.seed).sign(data))
        size = package.close()
        self._tell_ledger(bytes.fromhex(digest), size)
        package.commit()
        clips = sum(len(camera.clips) for camera in cameras)
        return Exported(path, size, digest, clips, manifest.key)

    def _segments(self, key: StreamKey) -> list[SegmentFacts]:
        found = self._house.footage.segments(key, self._order.start, self._order.end)
        return [segment for segment in found if segment not in self._altered]

    def _manifest(self, cameras: Sequence[CameraEntry], note: str, signer: Signer) -> Manifest:
        return Manifest(
            order=self._order,
            made=self._clock.now(),
            system=self._house.system,
            software=self._house.software,
            local=self._house.local,
            cameras=tuple(cameras),
            files=(),
            checkpoint=note,
            key=str(signer.verifier),
            stamp=self._house.stamp(_size_of(note)),
        )

    def _papers(
        self, package: Package, manifest: Manifest, signer: Signer, printer: Prints
    ) -> None:
        """All that is not footage, but manifest.json itself."""
        language = self._order.language
        page = printer.page(replace(manifest, files=tuple(package.members)), language)
        package.add("rapor.pdf" if language == "tr" else "report.pdf", page)
        package.add(CHECKPOINT, manifest.checkpoint.encode())
        if manifest.stamp is not None:
            package.add(STAMPED, manifest.stamp.note.encode())
            package.add(STAMP, manifest.stamp.answer)
        package.add(KEY, public_pem(signer.verifier.public))
        package.add("README.txt", readme("en", manifest.key).encode())
        package.add("BENIOKU.txt", readme("tr", manifest.key).encode())
        package.add(SUMS, sums(package.members).encode())

    def _tell_ledger(self, digest: bytes, size: int) -> None:
        order = self._order
        leaf = ExportLeaf(
            order.id,
            tuple(order.cameras),
            order.start,
            order.end,
            order.reason,
            order.by,
            self._clock.now(),
            digest,
            size,
        )
        self._house.ledger.append([leaf])

    # -- a camera ---------------------------------------------------------------------------

    def _camera(
        self,
        package: Package,
        key: StreamKey,
        name: str,
        segments: Sequence[SegmentFacts],
        note: str,
    ) -> CameraEntry:
        order, local = self._order, self._house.local
        gaps = self._gaps(key)
        proofs = _Proofs(self._house, key, order, note)
        clips: list[ClipEntry] = []
        with contextlib.ExitStack() as spools:

            def spool() -> BinaryIO:
                return cast(BinaryIO, spools.enter_context(package.scratch()))

            def title(at: Instant) -> str:
                return f"{name} {local.plain(at)}"

            for clip in clips_of(
                self._house.footage, segments, order.start, order.end, title, spool
            ):
                stem = _stem(key, local.name(clip.start), {entry.file for entry in clips})
                clips.append(self._clip(package, clip, stem, spool(), proofs))
                self._subtitles(package, clips[-1], name, gaps)
                spools.close()
        return CameraEntry(key, name, tuple(clips), tuple(gaps))

    def _gaps(self, key: StreamKey) -> list[GapFacts]:
        """Gaps in the span, cut to it, with what had to be left out."""
        start, end = self._order.start, self._order.end
        gaps = [
            replace(
                gap,
                start=max(gap.start, start),
                end=min(gap.end if gap.end is not None else end, end),
            )
            for gap in self._house.footage.gaps(key, start, end)
        ]
        for segment, found in self._altered.items():
            if segment.stream == key:
                span = (max(start, segment.start), min(end, segment.end))
                gaps.append(GapFacts(key, *span, Cause.FOOTAGE_DAMAGED, found.detail))
        return sorted(gaps, key=lambda gap: gap.start)

    def _clip(
        self, package: Package, clip: Clip, stem: str, shell: BinaryIO, proofs: _Proofs
    ) -> ClipEntry:
        offset = clip.movie.media_offset
        entries = []
        package.reserve(clip.movie.size)
        with package.member(f"{stem}.mp4") as out:
            for piece in clip.movie.front():
                out.write(piece)
            with ahead(self._copied(clip, shell), "export reader") as pieces:
                for found in pieces:
                    if isinstance(found, tuple):
                        copied, placed = found
                        entries.append(_entry(copied, offset, placed, proofs))
                    else:
                        for coded in found:
                            self._write(out, coded)
        shell_name = f"proof/{Path(stem).name}.shell"
        shell.seek(0)
        with package.member(shell_name, squeeze=True) as out:
            while piece := shell.read(1 << 20):
                self._write(out, piece)
        return ClipEntry(
            f"{stem}.mp4",
            f"{stem}.srt",
            shell_name,
            clip.start,
            clip.end,
            clip.format,
            clip.sound,
            clip.pictures,
            (offset, clip.movie.media),
            tuple(entries),
        )

    def _copied(
        self, clip: Clip, shell: BinaryIO
    ) -> Iterator[list[memoryview] | tuple[Copied, tuple[int, int]]]:
        """The clip's samples in pieces; behind each part's what was found, and its shell's place.

        Runs in a thread of its own: it hashes the stored files, who takes the pieces the clip.
        """
        buffers = Buffers(DEPTH + 2)
        for part in clip.parts:
            begins = shell.tell()
            for found in copy_part(self._house.footage, part, shell.write, buffers):
                if isinstance(found, Copied):
                    yield found, (begins, shell.tell() - begins)
                else:
                    yield found
            self._done += part.size

    def _write(self, out: Member, piece: bytes | memoryview) -> None:
        if self.stopping.is_set():
            raise Stopped("the export was stopped")
        out.write(piece)
        self._progress(min(self._done, self._total), self._total)

    def _subtitles(
        self, package: Package, clip: ClipEntry, name: str, gaps: Sequence[GapFacts]
    ) -> None:
        language, local = self._order.language, self._house.local
        with package.member(clip.subtitles, squeeze=True) as out:
            for cue in subtitles(name, clip.start, clip.end, gaps, local, language):
                out.write(cue.encode())


class _Proofs:
    """The ledger's proofs of a stream's segments, up to one checkpoint."""

    def __init__(self, house: House, key: StreamKey, order: Order, note: str) -> None:
        self._ledger = house.ledger
        self._places = house.places(key, order.start, order.end)
        self._size = _size_of(note)

    def of(self, part: Part) -> Proof | None:
        if part.segment.sha256 is None:
            return None  # still written when it was listed: its leaf speaks of more than we took
        place = self._places.get(part.segment.start)
        if place is None or place >= self._size:
            return None
        path = tuple(self._ledger.inclusion(place, self._size))
        return Proof(place, self._ledger.read(place), path)


def _size_of(note: str) -> int:
    return Checkpoint.parse(split_note(note)[0]).size


def _entry(copied: Copied, offset: int, shell: tuple[int, int], proofs: _Proofs) -> SegmentEntry:
    part, segment = copied.part, copied.part.segment
    return SegmentEntry(
        segment.start,
        segment.end,
        segment.size,
        segment.sha256,
        (offset + part.offset, part.taken),
        shell if part.whole else None,
        None if part.whole else copied.coded,
        segment.clock,
        proofs.of(part),
    )


def _stem(key: StreamKey, when: str, taken: set[str]) -> str:
    """`gate-north/gate-north_2026-11-22_14-32-07`, numbered where a second has two clips."""
    stream = "" if key.name == "main" else f"_{key.name}"
    base = stem = f"{key.camera}/{key.camera}{stream}_{when}"
    number = 1
    while f"{stem}.mp4" in taken:
        number += 1
        stem = f"{base}_{number}"
    return stem
