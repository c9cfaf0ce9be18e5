"""Signed notes and checkpoints as c2sp.org/signed-note and c2sp.org/tlog-checkpoint say.

A note is a text, an empty line, and a line per signature: an em dash, the key's name, and in
base64 four bytes of key id before the Ed25519 signature of the text. A checkpoint is a note whose
text says origin, size and root; ours adds a line with the time. Pure. `cryptography` is loaded
only where something is signed or verified: recorders append and do neither.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from vms.core.clock import Instant, parse_rfc3339, rfc3339

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_DASH = "— "
_ED25519 = b"\x01"
_NAME = re.compile(r"[^\s+]{1,200}")
_SIGNATURES_MAX = 16
NOTE_MAX = 16_384
"""Bytes of a note that is read at all."""


class BadNote(ValueError):
    """A text that is no note, no key, or is not signed as it should be."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A key that notes can be verified with. `public`: 32 bytes of Ed25519."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes before its signatures."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """`name+id+key`, the verifier key of C2SP."""
        return f"{self.name}+{self.id.hex()}+{_base64(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read `name+id+key`. Raises BadNote."""
        name, key = _key_of(text.strip(), text)
        found = cls(name, key)
        if str(found) != text.strip():
            raise BadNote(f"{text[:120]!r}: its id does not fit its key")
        return found

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Whether this key signed the text."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs. `seed`: 32 bytes, secret: never in a log, an error or a repr."""

    name: str
    seed: bytes

    def __repr__(self) -> str:
        return f"Signer({self.name!r}, ***)"

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, self._key().public_key().public_bytes_raw())

    def sign(self, text: bytes) -> bytes:
        """The 64 bytes of Ed25519."""
        return self._key().sign(text)

    def _key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def secret_text(self) -> str:
        """`PRIVATE+KEY+name+id+seed`, as golang.org/x/mod/sumdb/note keeps it."""
        id_ = self.verifier.id.hex()
        return f"PRIVATE+KEY+{self.name}+{id_}+{_base64(_ED25519 + self.seed)}"

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Read `PRIVATE+KEY+…`. Raises BadNote, which never quotes the secret."""
        prefix = "PRIVATE+KEY+"
        if not text.startswith(prefix):
            raise BadNote("it does not begin with PRIVATE+KEY+")
        name, seed = _key_of(text.strip().removeprefix(prefix), "a private key")
        found = cls(name, seed)
        if found.secret_text() != text.strip():
            raise BadNote("the private key's id does not fit it")
        return found


def sign(text: str, signers: Sequence[Signer]) -> str:
    """A note of a text that ends with a newline and has no empty line."""
    if not text.endswith("\n") or "\n\n" in text:
        raise BadNote("a note's text ends with one newline and has no empty line")
    lines = []
    for signer in signers:
        signature = signer.verifier.id + signer.sign(text.encode())
        lines.append(f"{_DASH}{signer.name} {_base64(signature)}\n")
    return text + "\n" + "".join(lines)


def open_note(note: str, verifiers: Sequence[Verifier]) -> tuple[str, tuple[Verifier, ...]]:
    """The text and which keys signed it: at least one of those given. Raises BadNote.

    A wrong signature by a known key spoils the note; signatures by unknown keys are passed over.
    """
    text, lines = split_note(note)
    known = {(verifier.name, verifier.id): verifier for verifier in verifiers}
    good: list[Verifier] = []
    for name, signature in lines:
        verifier = known.get((name, signature[:4]))
        if verifier is None or verifier in good:
            continue
        if not verifier.verify(text.encode(), signature[4:]):
            raise BadNote(f"the signature of {name} ({verifier.id.hex()}) is wrong")
        good.append(verifier)
    if not good:
        told = ", ".join(f"{name} ({signature[:4].hex()})" for name, signature in lines)
        raise BadNote(f"no known key signed it, only {told}")
    return text, tuple(good)


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Text and signatures (name, id and signature) of a note, unverified. Raises BadNote."""
    if len(note.encode("utf-8", "replace")) > NOTE_MAX:
        raise BadNote(f"a note of more than {NOTE_MAX} bytes")
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not text or not tail.endswith("\n"):
        raise BadNote("no empty line between a text and its signatures")
    if any(ord(letter) < 0x20 and letter != "\n" for letter in note):
        raise BadNote("control characters in a note")
    lines = tail[:-1].split("\n")
    if len(lines) > _SIGNATURES_MAX:
        raise BadNote(f"{len(lines)} signatures")
    return text + "\n", [_signature_of(line) for line in lines]


def _signature_of(line: str) -> tuple[str, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    signature = _bytes_of(encoded)
    if not line.startswith(_DASH) or not space or not _NAME.fullmatch(name) or len(signature) < 5:
        raise BadNote(f"{line[:120]!r} is no signature line")
    return name, signature


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of a log: whose, how many leaves, their root, and when it was signed."""

    origin: str
    size: int
    root: bytes
    at: Instant | None = None

    def text(self) -> str:
        """The text to be signed."""
        when = "" if self.at is None else f"at {rfc3339(self.at)}\n"
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n{when}"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a checkpoint's text. Raises BadNote."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise BadNote("a checkpoint has three lines: origin, size, root")
        origin, size, encoded, *more = lines[:-1]
        root = _bytes_of(encoded)
        if not re.fullmatch(r"0|[1-9]\d{0,17}", size, re.ASCII) or len(root) != 32:
            raise BadNote(f"{size[:40]!r} and {encoded[:60]!r} are no size and root")
        at = next((line[3:] for line in more if line.startswith("at ")), None)
        try:
            return cls(origin, int(size), root, None if at is None else parse_rfc3339(at))
        except ValueError as error:
            raise BadNote(str(error)) from error


def _key_of(text: str, shown: str) -> tuple[str, bytes]:
    name, _, rest = text.partition("+")
    id_, _, encoded = rest.partition("+")
    key = _bytes_of(encoded)
    if not _NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{8}", id_):
        raise BadNote(f"{shown[:120]!r} is no key such as name+1234abcd+…")
    if len(key) != 33 or key[:1] != _ED25519:
        raise BadNote(f"{shown[:120]!r} is no Ed25519 key")
    return name, key[1:]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes_of(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if _base64(data) == text else b""
