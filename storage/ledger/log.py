"""The ledger: leaves are appended by many processes, proven, signed and replicated.

A thin shell around files (`chunks`, `tree`, `checkpoints`, `replica`, `keys`); what a leaf is, is
`leaves`. Every call blocks; whatever the disk refuses is a StorageError.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from storage.disk import Disk, RealDisk
from storage.ledger.checkpoints import Checkpoints, checkpoint_of
from storage.ledger.chunks import LEVEL, Chunks
from storage.ledger.keys import Keys
from storage.ledger.leaves import KeyLeaf, Leaf
from storage.ledger.merkle import CompactRange, leaf_hash
from storage.ledger.note import BadNote, Checkpoint, sign
from storage.ledger.replica import Disagrees, replicate, restore
from storage.ledger.stamps import Stamps
from storage.ledger.tree import Tree
from storage.volume import cause_of
from vms.core.clock import Clock, rfc3339
from vms.core.config import Settings
from vms.core.config_storage import LedgerSettings
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.model import Cause

log = get_logger(__name__)


class Ledger:
    """One site's ledger. Safe to share between threads, and between processes by its files.

    `folder`: where it stands; `keys`: where its keys are, by default beside it; `volumes`: the
    roots whose replicas are looked at when the ledger itself is shorter (a restored backup).
    """

    def __init__(
        self,
        folder: Path,
        disk: Disk | None,
        clock: Clock,
        *,
        keys: Path | None = None,
        volumes: Iterable[Path] = (),
        level: int = LEVEL,
    ) -> None:
        self._disk = disk if disk is not None else RealDisk()
        self._clock = clock
        self.folder = folder
        self.keys = Keys(keys if keys is not None else folder.parent / "keys", self._disk)
        self._volumes = list(volumes)
        self._chunks = Chunks(folder, self._disk, level)
        self._tree = Tree(self._chunks, self._disk)
        self._checkpoints = Checkpoints(folder, self._disk)
        self._looked = False

    @classmethod
    def of(cls, settings: Settings, clock: Clock, disk: Disk | None = None) -> Self:
        """The ledger of a site."""
        data = settings.system.data
        roots = [volume.path for volume in settings.volumes]
        return cls(data / "ledger", disk, clock, keys=data / "keys", volumes=roots)

    # -- leaves -----------------------------------------------------------------------------

    def append(self, leaves: Sequence[Leaf]) -> int:
        """Add leaves, all durable on return; the place of the first. Raises StorageError.

        One write and one sync, however many. After an error none of them count as written;
        appending a leaf that is there already does no harm.
        """
        lines = [leaf.line() for leaf in leaves]
        if not lines:
            return self.size()
        with self._alone("appended to"):
            return self._chunks.append(lines)

    def size(self) -> int:
        """How many leaves there are."""
        with self._translated("read"):
            return self._chunks.size()

    def read(self, place: int) -> bytes:
        """The line of one leaf. Raises StorageError when there is none."""
        for _, line in self.leaves(place, place + 1):
            return line
        raise StorageError(Cause.DISK_FAILED, f"the ledger has no leaf {place}")

    def leaves(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Places and lines of [start, end), to the present end if None; a file at a time."""
        until = self.size() if end is None else end
        at = start
        while at < until:
            number, within = divmod(at, self._chunks.capacity)
            try:
                lines = self._chunks.lines(number)[within : within + until - at]
            except FileNotFoundError:
                return
            except OSError as error:
                raise StorageError(
                    Cause.DISK_FAILED, f"the ledger in {self.folder} can't be read: {error}"
                ) from error
            yield from enumerate(lines, at)
            at += len(lines)
            if at < min(until, (number + 1) * self._chunks.capacity):
                return

    # -- proofs -----------------------------------------------------------------------------

    def root(self, size: int) -> bytes:
        """The Merkle root over the first `size` leaves."""
        with self._translated("read"):
            return self._tree.root(size)

    def fresh_root(self, size: int) -> bytes:
        """The same from the leaves alone, whatever derived files say: for who doubts."""
        growing = CompactRange()
        for _, line in self.leaves(0, size):
            growing.push(leaf_hash(line))
        if growing.size != size:
            raise StorageError(Cause.DISK_FAILED, f"the ledger has no {size} leaves")
        return growing.root()

    def inclusion(self, place: int, size: int) -> list[bytes]:
        """The proof that leaf `place` is in the tree of `size`. ValueError if it is not."""
        with self._translated("read"):
            return self._tree.inclusion(place, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `new` leaves only added to that of `old`."""
        with self._translated("read"):
            return self._tree.consistency(old, new)

    # -- checkpoints ------------------------------------------------------------------------

    def checkpoint(self) -> str:
        """The signed head of what there is now; made, and kept, if the ledger grew since the last.

        The first call makes the key. Raises StorageError.
        """
        self._introduce()
        return self._make_checkpoint()

    def rotate(self) -> str:
        """Sign with a new key from now on; the checkpoint of old and new key that says so."""
        with self._alone("given a new key"):
            if self.keys.waiting() is None:
                self.keys.make()
        self._introduce()
        return self.checkpoint()

    def last_checkpoint(self) -> tuple[Checkpoint, str] | None:
        """The newest kept checkpoint and its note; None if there is none."""
        with self._translated("read"):
            return self._checkpoints.last()

    def checkpoints(self) -> Iterator[str]:
        """All kept notes, the oldest first."""
        return self._checkpoints.notes()

    def torn_checkpoints(self) -> bool:
        """Whether the file of checkpoints ends in something that is no whole note."""
        with self._translated("read"):
            return self._checkpoints.torn()

    def head(self, note: str, settings: LedgerSettings) -> dict[str, str | int | None]:
        """The contract of GET /api/storage for a checkpoint: size, root, note, newest stamp."""
        facts = checkpoint_of(note)
        stamp = self.stamps(settings).last()
        return {
            "size": facts.size,
            "root": facts.root.hex(),
            "checkpoint": note,
            "stamped": None if stamp is None else rfc3339(stamp.at),
        }

    def _introduce(self) -> None:
        """A key that waits gets its leaf and a checkpoint that it and its predecessor sign."""
        with self._alone("given a key"):
            if not self.keys.signers():
                self.keys.make()
            waiting = self.keys.waiting()
        if waiting is None:
            return
        leaf = KeyLeaf(str(waiting.verifier), "custodian", self._clock.now())
        self.append([leaf])
        self._make_checkpoint()
        with self._alone("given a key"):
            self.keys.introduced()

    def _make_checkpoint(self) -> str:
        with self._alone("signed"):
            size = self._chunks.settle()
        with self._translated("signed"):
            root = self._tree.root(size)
            self._tree.bring_up(size)
        with self._alone("signed"):
            last = self._checkpoints.last()
            if last is not None and last[0].size >= size:
                return last[1]
            signers = self.keys.signers()
            head = Checkpoint(signers[0].name, size, root, self._clock.now())
            note = sign(head.text(), signers)
            self._checkpoints.append(note)
        return note

    def stamps(self, settings: LedgerSettings) -> Stamps:
        """The stamps of its checkpoints."""
        return Stamps(self.folder, self._disk, settings)

    # -- replicas ---------------------------------------------------------------------------

    def replicate(self, roots: Iterable[Path]) -> None:
        """Bring the replicas on these volumes up to now. Raises StorageError, after all."""
        with self._alone("replicated"):
            self._chunks.settle()
        failed: list[StorageError] = []
        for root in roots:
            try:
                replicate(self.folder, root, self._disk)
            except StorageError as error:
                failed.append(error)
        if failed:
            kind = Disagrees if any(isinstance(one, Disagrees) for one in failed) else StorageError
            raise kind(failed[0].cause, "; ".join(error.detail for error in failed))

    # -- alone ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        with self._translated(what), self._chunks.locked():
            if not self._looked:
                self._take_up()
                self._looked = True
            yield

    def _take_up(self) -> None:
        """The first time: put right what a crash, or an old backup, left of the files."""
        taken = restore(self.folder, self._volumes, self._disk)
        if taken:
            log.warning("the ledger was behind its replica", bytes=taken)
        try:
            last = self._checkpoints.last()
        except BadNote:
            return  # damaged: nothing is cut then, and `vms verify` says so
        self._chunks.cut_lost_pages(last[0].size if last is not None else 0)

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, BadNote) as error:
            cause = cause_of(error) if isinstance(error, OSError) else Cause.DISK_FAILED
            detail = f"the ledger in {self.folder} can't be {what}: {error}"
            raise StorageError(cause, detail) from error
