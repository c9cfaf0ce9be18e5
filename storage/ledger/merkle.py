"""The Merkle tree of RFC 6962 §2.1: hashes, roots, inclusion and consistency proofs. Pure.

A tree is asked through `node(level, index)`: the hash of the complete subtree over the 2**level
leaves from index * 2**level on. Whoever keeps a tree answers that, from memory or from files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

Node = Callable[[int, int], bytes]

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(line: bytes) -> bytes:
    """SHA-256(0x00 ‖ line)."""
    return sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def root(size: int, node: Node) -> bytes:
    """The root over the first `size` leaves."""
    return EMPTY if size == 0 else _over(0, size, node)


def inclusion(place: int, size: int, node: Node) -> list[bytes]:
    """The audit path of a leaf (RFC 6962 §2.1.1), from the leaf up. Raises ValueError."""
    if not 0 <= place < size:
        raise ValueError(f"there is no leaf {place} among {size}")
    proof: list[bytes] = []
    start, count = 0, size
    while count > 1:
        half = _split(count)
        if place < start + half:
            proof.append(_over(start + half, count - half, node))
            count = half
        else:
            proof.append(_over(start, half, node))
            start, count = start + half, count - half
    return proof[::-1]


def consistency(old: int, new: int, node: Node) -> list[bytes]:
    """The proof that the first `old` of `new` leaves are a tree's (§2.1.2). Raises ValueError."""
    if not 0 < old <= new:
        raise ValueError(f"there is no consistency proof from {old} to {new} leaves")
    proof: list[bytes] = []
    start, count, known = 0, new, True  # known: the verifier has this subtree's hash already
    while old < start + count:
        half = _split(count)
        if old <= start + half:
            proof.append(_over(start + half, count - half, node))
            count = half
        else:
            proof.append(_over(start, half, node))
            start, count, known = start + half, count - half, False
    if not known:
        proof.append(_over(start, count, node))
    return proof[::-1]


def check_inclusion(
    leaf: bytes, place: int, size: int, proof: Sequence[bytes], expected: bytes
) -> bool:
    """Whether `proof` shows the leaf's hash at `place` under a root of `size` leaves."""
    if not 0 <= place < size:
        return False
    at, last, found = place, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(step, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and found == expected


def check_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> bool:
    """Whether `proof` shows that the tree of `new` leaves only added to that of `old`."""
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not proof and old_root == EMPTY
    if old == new:
        return not proof and old_root == new_root
    steps = list(proof)
    if old & (old - 1) == 0:  # the old tree is a complete subtree: its root is the first step
        steps.insert(0, old_root)
    if not steps:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, step)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


class CompactRange:
    """A tree that only grows: the roots of its complete subtrees, and nothing else."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []  # one for each bit of `size` that is set, the largest first

    def push(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        self._add(leaf, self.size)
        self.size += 1

    def push_subtree(self, level: int, hash_: bytes) -> None:
        """Add a complete subtree of 2**level leaves; `size` must be a multiple of that."""
        if self.size % (1 << level):
            raise ValueError(f"a subtree of level {level} can't begin at leaf {self.size}")
        self._add(hash_, self.size >> level)
        self.size += 1 << level

    def _add(self, hash_: bytes, index: int) -> None:
        while index & 1:
            hash_ = node_hash(self._peaks.pop(), hash_)
            index >>= 1
        self._peaks.append(hash_)

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._peaks:
            return EMPTY
        found = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            found = node_hash(peak, found)
        return found


def levels_of(hashes: Sequence[bytes]) -> list[bytes]:
    """All complete subtrees over some leaves: per level their hashes, one behind the other."""
    level = b"".join(hashes)
    levels = [level]
    while len(level) >= 64:
        level = b"".join(
            sha256(b"\x01" + level[at : at + 64]).digest() for at in range(0, len(level) - 63, 64)
        )
        levels.append(level)
    return levels


def _over(start: int, count: int, node: Node) -> bytes:
    """The hash over `count` leaves from `start` on, where a subtree of that size begins."""
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    half = _split(count)
    return node_hash(_over(start, half, node), _over(start + half, count - half, node))


def _split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1
