"""The ledger's Merkle tree over its files of leaves.

Each full file is one complete subtree; their roots stand in `roots`, 32 bytes each, which can be
made anew from the leaves at any time. Within a file the tree is computed when it is asked for
(65,536 leaves: about a tenth of a second) and the last few are kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from storage.disk import Disk
from storage.ledger.chunks import Chunks
from storage.ledger.merkle import (
    CompactRange,
    consistency,
    inclusion,
    leaf_hash,
    levels_of,
    node_hash,
    root,
)

_KEPT = 3  # trees of files, 4 MB each
_HASH = 32


class Tree:
    """Hashes over the leaves of `chunks`. Safe to share between threads. Raises OSError."""

    def __init__(self, chunks: Chunks, disk: Disk) -> None:
        self._chunks, self._disk = chunks, disk
        self._path = chunks.folder / "roots"
        self._kept: OrderedDict[int, tuple[int, list[bytes]]] = OrderedDict()
        self._growing = CompactRange()
        self._lock = threading.Lock()

    def root(self, size: int) -> bytes:
        """The root over the first `size` leaves."""
        with self._lock:
            if size < self._growing.size:
                return root(size, self._node)
            self._grow(size)
            return self._growing.root()

    def inclusion(self, place: int, size: int) -> list[bytes]:
        """The audit path of a leaf in the tree of `size`."""
        with self._lock:
            return inclusion(place, size, self._node)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `new` leaves only added to that of `old`."""
        with self._lock:
            return consistency(old, new, self._node)

    def bring_up(self, size: int) -> None:
        """Write the roots of files that got full, for the first `size` leaves."""
        known = self._roots()
        fresh = [
            levels_of([leaf_hash(line) for line in self._chunks.lines(number)])[-1]
            for number in range(len(known) // _HASH, size >> self._chunks.level)
        ]
        if not fresh:
            return
        try:
            fd = self._disk.create(self._path)
        except FileExistsError:
            fd = self._disk.open_for_repair(self._path)
        try:
            self._disk.write(fd, b"".join(fresh), len(known))
            self._disk.sync_file(fd)
        finally:
            self._disk.close(fd)

    def _grow(self, size: int) -> None:
        """Take the leaves up to `size` into the range that only grows."""
        level, growing = self._chunks.level, self._growing
        known = self._roots()
        while growing.size < size:
            number, within = divmod(growing.size, self._chunks.capacity)
            full = (number + 1) << level <= size
            if within == 0 and full and len(known) >= (number + 1) * _HASH:
                growing.push_subtree(level, known[number * _HASH : (number + 1) * _HASH])
                continue
            lines = self._chunks.lines(number)
            for line in lines[within : within + size - growing.size]:
                growing.push(leaf_hash(line))
            if growing.size < min(size, (number + 1) << level):
                raise OSError(5, f"leaves are missing from {self._chunks.path(number)}")

    def _node(self, level: int, index: int) -> bytes:
        """The hash of the complete subtree over 2**level leaves."""
        if level > self._chunks.level:
            return node_hash(self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))
        if level == self._chunks.level:
            known = self._roots()
            if len(known) >= (index + 1) * _HASH:
                return known[index * _HASH : (index + 1) * _HASH]
        number = (index << level) >> self._chunks.level
        within = index - ((number << self._chunks.level) >> level)
        return self._within(number, (within + 1) << level, level)[
            within * _HASH : (within + 1) * _HASH
        ]

    def _within(self, number: int, needed: int, level: int) -> bytes:
        """One level of a file's tree, reaching over at least `needed` leaves."""
        count, levels = self._kept.get(number, (0, []))
        if count < needed:
            hashes = [leaf_hash(line) for line in self._chunks.lines(number)]
            if len(hashes) < needed:
                raise OSError(5, f"leaves are missing from {self._chunks.path(number)}")
            count, levels = len(hashes), levels_of(hashes)
            self._kept[number] = (count, levels)
        self._kept.move_to_end(number)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return levels[level]

    def _roots(self) -> bytes:
        """The roots known, up to the first that a power cut left empty."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return b""
        whole = len(data) - len(data) % _HASH
        for at in range(0, whole, _HASH):
            if not any(data[at : at + _HASH]):
                return data[:at]
        return data[:whole]
