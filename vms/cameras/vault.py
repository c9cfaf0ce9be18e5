"""Passwords at rest: sealed with a key that is not in the database.

AES-256-GCM (NIST SP 800-38D) with a random nonce per secret; the camera's id is authenticated
along, so that a sealed password can't be moved to another camera's row.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vms.core.errors import ConfigError
from vms.core.secret import Secret

_NONCE = 12
_KEY = 32


class Vault:
    """Seals and opens secrets with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def at(cls, folder: Path) -> Vault:
        """The vault whose key lies in `folder`; the key is made at first use, for us only."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / "secrets.key"
        temporary = folder / f".secrets.key.{os.getpid()}"
        if not file.exists():
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(secrets.token_bytes(_KEY))
                out.flush()
                os.fsync(out.fileno())
            try:
                os.link(temporary, file)  # fails if another process was first: theirs stands
            except FileExistsError:
                pass
            finally:
                temporary.unlink()
        key = file.read_bytes()
        if len(key) != _KEY:
            raise ConfigError(
                f"holds {len(key)} bytes instead of {_KEY}",
                file=str(file),
                remedy="bring it back from a backup; camera passwords can't be read without it",
            )
        return cls(key)

    def seal(self, secret: Secret, owner: str) -> bytes:
        """`secret` as bytes for the database; `owner` must be the same when opened."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.reveal().encode(), owner.encode())

    def open(self, sealed: bytes, owner: str) -> Secret:
        """The secret back; raises ConfigError if key or owner are not those it was sealed with."""
        try:
            text = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.encode())
        except InvalidTag:
            raise ConfigError(
                f"the password of {owner} was sealed with another key",
                key=owner,
                remedy="bring back keys/secrets.key, or set the camera's password again",
            ) from None
        return Secret(text.decode())
