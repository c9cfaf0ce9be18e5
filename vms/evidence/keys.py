"""Ed25519 keys as people pass them on: PEM for openssl, `name+id+key` for the ledger's tools."""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from storage.ledger.note import BadNote, Verifier
from vms.evidence.manifest import KEY
from vms.evidence.unpacking import Bad


def public_key(pem: bytes) -> Ed25519PublicKey:
    """The key in a package's PEM. Raises Bad."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise Bad(f"{KEY} is no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise Bad(f"{KEY} is no Ed25519 key")
    return key


def known_key(text: str) -> bytes:
    """The 32 bytes of a key given as `name+id+key` or as the path of a file with that or PEM.

    Raises Bad.
    """
    path = Path(text)
    try:
        data = path.read_bytes() if "+" not in text or path.is_file() else text.encode()
    except OSError as error:
        raise Bad(f"--key {text}: it can't be read: {error.strerror}") from None
    if b"BEGIN PUBLIC KEY" in data:
        return public_key(data).public_bytes_raw()
    try:
        return Verifier.parse(data.decode("utf-8", "replace").strip()).public
    except BadNote as error:
        raise Bad(f"--key: {error}") from None


def public_pem(public: bytes) -> bytes:
    """An Ed25519 public key as openssl reads it."""
    return Ed25519PublicKey.from_public_bytes(public).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
