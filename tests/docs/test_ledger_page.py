"""docs/ledger.md's worked example, done again from the page alone: hashes, proof, signature."""

import base64
import re
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from storage.ledger.leaves import parse
from storage.ledger.note import Checkpoint, Signer, sign
from vms.core.clock import parse_rfc3339

PAGE = (Path(__file__).parent.parent.parent / "docs" / "ledger.md").read_text()


def blocks(name: str) -> list[str]:
    return re.findall(rf"```{name}\n(.*?)```", PAGE, re.DOTALL)


def test_a_stranger_gets_the_examples_numbers_from_the_page() -> None:
    (leaves,) = blocks("jsonl")
    lines = leaves.encode().splitlines()
    told = dict(re.findall(r"^(h\d|n\d+|root)\s+([0-9a-f]{64})$", PAGE, re.MULTILINE))
    hashes = [sha256(b"\x00" + line).digest() for line in lines]
    assert [told[f"h{number}"] for number in range(3)] == [hash_.hex() for hash_ in hashes]
    pair = sha256(b"\x01" + hashes[0] + hashes[1]).digest()
    assert told["n01"] == pair.hex()
    root = sha256(b"\x01" + pair + hashes[2]).digest()
    assert told["root"] == root.hex()
    for line in lines:
        assert parse(line).line() == line
    (note,) = blocks("note")
    text, _, signatures = note.rpartition("\n\n")
    origin, size, encoded, *_ = text.split("\n")
    assert (size, base64.b64decode(encoded)) == ("3", root)
    (vkey,) = blocks("vkey")
    name, key_id, key = vkey.strip().split("+", 2)
    public = base64.b64decode(key)
    assert name == origin
    assert sha256(name.encode() + b"\n" + public).hexdigest()[:8] == key_id
    signature = base64.b64decode(signatures.split(" ")[2])
    assert signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature[4:], f"{text}\n".encode())


def test_the_example_is_what_the_code_makes() -> None:
    (note,) = blocks("note")
    text = note.partition("\n\n")[0].split("\n")
    signer = Signer(text[0], bytes(range(32)))
    head = Checkpoint(
        text[0], 3, base64.b64decode(text[2]), parse_rfc3339(text[3].removeprefix("at "))
    )
    assert sign(head.text(), [signer]) == note


def test_every_kind_of_leaf_is_on_the_page() -> None:
    from storage.ledger.leaves import _KINDS, _NAMES

    for kind, leaf in _KINDS.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{kind}` |"))
        for field in _NAMES[leaf]:
            assert f"`{field}`" in row, (kind, field)
