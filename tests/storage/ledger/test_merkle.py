"""RFC 6962 against Certificate Transparency's known vectors, brute force, and forged proofs."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger.merkle import (
    EMPTY,
    CompactRange,
    check_consistency,
    check_inclusion,
    consistency,
    inclusion,
    leaf_hash,
    levels_of,
    node_hash,
    root,
)

# The reference tree of the Certificate Transparency project (merkle_tree_test).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
PATHS = {
    (0, 1): (),
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
}
GROWTHS = {
    (1, 1): (),
    (1, 8): PATHS[0, 8],
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
}


def tree(lines: list[bytes]):
    """All complete subtrees in memory, asked as the ledger's files are."""
    levels = levels_of([leaf_hash(line) for line in lines]) if lines else []
    return lambda level, index: levels[level][32 * index : 32 * index + 32]


def brute(lines: list[bytes]) -> bytes:
    """MTH of RFC 6962 §2.1, word by word."""
    if not lines:
        return sha256(b"").digest()
    if len(lines) == 1:
        return leaf_hash(lines[0])
    half = 1
    while half * 2 < len(lines):
        half *= 2
    return node_hash(brute(lines[:half]), brute(lines[half:]))


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_of_the_reference_tree(size: int) -> None:
    growing = CompactRange()
    for line in LEAVES[:size]:
        growing.push(leaf_hash(line))
    assert root(size, tree(LEAVES)).hex() == growing.root().hex() == ROOTS[size - 1]


def test_the_empty_tree() -> None:
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root(0, tree([])) == CompactRange().root() == EMPTY


@pytest.mark.parametrize(("place", "size"), PATHS)
def test_audit_paths_of_the_reference_tree(place: int, size: int) -> None:
    assert tuple(step.hex() for step in inclusion(place, size, tree(LEAVES))) == PATHS[place, size]


@pytest.mark.parametrize(("old", "new"), GROWTHS)
def test_consistency_proofs_of_the_reference_tree(old: int, new: int) -> None:
    assert tuple(step.hex() for step in consistency(old, new, tree(LEAVES))) == GROWTHS[old, new]


def lines_of(size: int) -> list[bytes]:
    return [number.to_bytes(4, "big") for number in range(size)]


def test_all_proofs_of_all_small_trees_hold_and_no_other_does() -> None:
    lines = lines_of(33)
    node = tree(lines)
    roots = [brute(lines[:size]) for size in range(34)]
    for size in range(1, 34):
        assert root(size, node) == roots[size]
        for place in range(size):
            proof = inclusion(place, size, node)
            hash_ = leaf_hash(lines[place])
            assert check_inclusion(hash_, place, size, proof, roots[size])
            assert not check_inclusion(hash_, place, size, [*proof, hash_], roots[size])
            assert not check_inclusion(hash_, place, size, proof[:-1], roots[size]) or not proof
            for wrong in {place ^ 1, place + 1, 0} - {place}:
                assert not check_inclusion(hash_, wrong, size, proof, roots[size])
        for old in range(1, size + 1):
            proof = consistency(old, size, node)
            assert check_consistency(old, size, proof, roots[old], roots[size])
            if old < size:
                assert not check_consistency(old, size, proof, roots[old - 1], roots[size])
                assert not check_consistency(old, size, proof, roots[old], roots[size - 1])
                assert not check_consistency(old, size, [*proof, EMPTY], roots[old], roots[size])
                assert not check_consistency(old, size, proof[:-1], roots[old], roots[size])


@given(st.integers(1, 700), st.data())
def test_a_changed_leaf_or_step_is_never_proven(size: int, data: st.DataObject) -> None:
    lines = lines_of(size)
    node, place = tree(lines), data.draw(st.integers(0, size - 1))
    proof, top = inclusion(place, size, node), brute(lines)
    assert root(size, node) == top
    assert check_inclusion(leaf_hash(lines[place]), place, size, proof, top)
    assert not check_inclusion(leaf_hash(b"other"), place, size, proof, top)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        proof[at] = bytes(byte ^ 1 for byte in proof[at])
        assert not check_inclusion(leaf_hash(lines[place]), place, size, proof, top)


@given(st.integers(0, 300), st.integers(0, 5))
def test_a_range_takes_whole_subtrees(count: int, level: int) -> None:
    lines = lines_of((count >> level << level) + 3)
    node, growing = tree(lines), CompactRange()
    for index in range(count >> level):
        growing.push_subtree(level, node(level, index))
    for line in lines[growing.size :]:
        growing.push(leaf_hash(line))
    assert growing.size == len(lines)
    assert growing.root() == brute(lines)


def test_what_is_not_there_has_no_proof() -> None:
    for place, size in ((-1, 8), (8, 8), (0, 0)):
        with pytest.raises(ValueError, match="no leaf"):
            inclusion(place, size, tree(LEAVES))
        assert not check_inclusion(EMPTY, place, size, [], EMPTY)
    for old, new in ((0, 8), (9, 8)):
        with pytest.raises(ValueError, match="no consistency"):
            consistency(old, new, tree(LEAVES))
    assert check_consistency(0, 8, [], EMPTY, EMPTY)
    assert not check_consistency(9, 8, [], EMPTY, EMPTY)
    growing = CompactRange()
    growing.push(EMPTY)
    with pytest.raises(ValueError, match="can't begin"):
        growing.push_subtree(1, EMPTY)
