"""An incident pack holds all that was asked for, nothing else, and a stranger can check it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from storage.ledger.leaves import AuditLeaf
from storage.ledger.leaves import parse as parse_leaf
from storage.ledger.log import Ledger
from storage.ledger.merkle import CompactRange, check_inclusion, leaf_hash
from storage.ledger.note import Checkpoint, Verifier, open_note
from vms.core.clock import HOUR, MINUTE, FakeClock, Instant, Span
from vms.core.errors import StorageError
from vms.people.audit.book import Book
from vms.people.audit.entry import Entry, What
from vms.people.audit.pack import write_pack
from vms.people.audit.records import Query, Records


def filled(book: Book, clock: FakeClock) -> Instant:
    """Three batches, each with entries of two cameras; the moment of the first."""
    begin = clock.now()
    for batch in range(3):
        at = clock.now()
        seen = {"start": at, "end": Instant(at + MINUTE)}
        book.write(
            [
                Entry(at, What.LOOK_BACK, f"p{batch}", camera=camera, **seen)
                for camera in ("gate-north", "secret-yard")
            ]
        )
        clock.advance(Span(HOUR))
    return begin


def unproven(parts: dict[str, Any]) -> list[int]:
    """The ids of entries whose proof does not hold, by the pack alone, as its README says."""
    keys = [Verifier.parse(line) for line in parts["keys.txt"].splitlines()]
    text, signed = open_note(parts["checkpoint.txt"], keys)
    assert signed
    head = Checkpoint.parse(text)
    proofs = {one["batch"]: one for one in json.loads(parts["proofs.json"])}
    wrong = []
    for one in json.loads(parts["audit.json"])["entries"]:
        proof = proofs[one["batch"]]
        hashes = [bytes.fromhex(text) for text in proof["hashes"]]
        tree = CompactRange()
        for hash_ in hashes:
            tree.push(hash_)
        leaf = parse_leaf(proof["leaf"].encode())
        path = [bytes.fromhex(text) for text in proof["inclusion"]]
        holds = (
            isinstance(leaf, AuditLeaf)
            and hashes[one["position"]] == leaf_hash(one["line"].encode())
            and tree.root() == leaf.sha256
            and check_inclusion(
                leaf_hash(proof["leaf"].encode()), proof["place"], proof["size"], path, head.root
            )
        )
        if not holds:
            wrong.append(one["id"])
    return wrong


def read(file: Path) -> dict[str, Any]:
    with zipfile.ZipFile(file) as pack:
        return {name: pack.read(name).decode() for name in pack.namelist()}


def test_a_pack_is_proven_by_itself_and_tells_of_nothing_else(
    book: Book, clock: FakeClock, engine: Engine, ledger: Ledger, tmp_path: Path
) -> None:
    begin = filled(book, clock)
    query = Query(("gate-north",), start=begin, end=Instant(begin + 90 * MINUTE), footage=True)
    file = tmp_path / "pack.zip"
    assert write_pack(file, Records(engine), ledger, query, clock.now()) == 2
    parts = read(file)
    assert unproven(parts) == []
    assert "secret-yard" not in "".join(parts.values())
    rows = list(csv.DictReader(io.StringIO(parts["audit.csv"], newline="")))
    assert [row["who"] for row in rows] == ["p0", "p1"]
    forged = {**parts, "audit.json": parts["audit.json"].replace("p0", "px")}
    assert unproven(forged) == [1]
    other = {**parts, "proofs.json": parts["proofs.json"].replace('"place": 0', '"place": 1')}
    assert unproven(other)


def test_a_pack_that_cant_be_written_leaves_nothing(
    book: Book, clock: FakeClock, engine: Engine, ledger: Ledger, tmp_path: Path
) -> None:
    filled(book, clock)
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(StorageError, match="can't be written"):
        write_pack(target, Records(engine), ledger, Query(("gate-north",)), clock.now())
    assert list(tmp_path.glob("*.part")) == []
