"""A stream of bytes sealed with a password: nobody reads it, changes it or cuts it unnoticed.

    "GOZCUBAK" version(1) log2N(1) r(1) p(1) salt(16) prefix(7) proof(16) sum(8)    59 bytes
    length(4) ciphertext and tag, for each 1 MiB; the last one is marked in its nonce

The key comes from the password by scrypt (RFC 7914), the chunks are AES-256-GCM in the STREAM
construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): nonce = prefix ‖ number ‖ last?, with the
header authenticated along. `proof` is a second output of scrypt, hashed: it tells a wrong password
from a damaged file, and a guess costs as much as without it. `sum`: SHA-256 of what stands before.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vms.core.errors import Refused
from vms.core.secret import Secret

_MAGIC = b"GOZCUBAK"
_VERSION = 1
_HEAD = struct.Struct(">8sBBBB16s7s16s8s")
_LENGTH = struct.Struct(">I")
_CHUNK = 1 << 20
_TAG = 16
_COST = (17, 8, 1)  # 128 MiB and about half a second for each guess
_COST_MAX = (20, 16, 4)  # a file made to exhaust our memory is refused


class Sealer:
    """Writes sealed bytes to `out`. `close` writes the end; without it the file is cut."""

    def __init__(self, out: BinaryIO, password: Secret, cost: tuple[int, int, int] = _COST) -> None:
        salt, self._prefix = os.urandom(16), os.urandom(7)
        key, proof = _derive(password, salt, cost)
        head = struct.pack(">8sBBBB16s7s16s", _MAGIC, _VERSION, *cost, salt, self._prefix, proof)
        self._head = head + hashlib.sha256(head).digest()[:8]
        self._cipher, self._out = AESGCM(key), out
        self._buffer, self._number = bytearray(), 0
        out.write(self._head)

    def write(self, data: bytes) -> int:
        self._buffer += data
        while len(self._buffer) > _CHUNK:  # never the last: its mark is only known at the end
            self._put(bytes(self._buffer[:_CHUNK]), last=False)
            del self._buffer[:_CHUNK]
        return len(data)

    def close(self) -> None:
        self._put(bytes(self._buffer), last=True)
        self._buffer.clear()

    def _put(self, data: bytes, *, last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, last)
        self._number += 1
        sealed = self._cipher.encrypt(nonce, data, self._head)
        self._out.write(_LENGTH.pack(len(sealed)) + sealed)


class Opener:
    """Reads what a Sealer wrote. Raises Refused, in one sentence, for everything else."""

    def __init__(self, source: BinaryIO, password: Secret, name: str) -> None:
        self._source, self._name = source, name
        self._head = source.read(_HEAD.size)
        if len(self._head) < _HEAD.size or not self._head.startswith(_MAGIC):
            raise Refused(f"{name} is no backup")
        _, version, n, r, p, salt, self._prefix, proof, total = _HEAD.unpack(self._head)
        if version != _VERSION:
            raise Refused(f"{name} was written by a newer version (format {version})")
        sound = hashlib.sha256(self._head[:-8]).digest()[:8] == total
        if not sound or not all(0 < a <= b for a, b in zip((n, r, p), _COST_MAX, strict=True)):
            raise self._damaged("its first bytes are not what was written")
        key, found = _derive(password, salt, (n, r, p))
        if found != proof:
            raise Refused(f"the password does not open {name}")
        self._cipher = AESGCM(key)
        self._number, self._last, self._buffer = 0, False, b""

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, exactly so many but at the end; all that is left if negative."""
        parts: list[bytes] = []
        wanted = size if size >= 0 else 1 << 62
        while wanted > 0:
            if not self._buffer and not self._next():
                break
            part, self._buffer = self._buffer[:wanted], self._buffer[wanted:]
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)

    def _next(self) -> bool:
        """Open the next chunk; False at the end."""
        if self._last:
            return False
        length = self._source.read(_LENGTH.size)
        if len(length) < _LENGTH.size:
            raise self._damaged("it is cut")
        (size,) = _LENGTH.unpack(length)
        if not _TAG <= size <= _CHUNK + _TAG:
            raise self._damaged("its bytes are not what was written")
        sealed = self._source.read(size)
        if len(sealed) < size:
            raise self._damaged("it is cut")
        for self._last in (False, True):
            try:
                nonce = _nonce(self._prefix, self._number, self._last)
                self._buffer = self._cipher.decrypt(nonce, sealed, self._head)
                break
            except InvalidTag:
                continue
        else:
            raise self._damaged("its bytes are not what was written")
        self._number += 1
        if self._last and self._source.read(1):
            raise self._damaged("something was added behind its end")
        return bool(self._buffer) or not self._last

    def _damaged(self, how: str) -> Refused:
        return Refused(f"{self._name} is damaged: {how}; use another copy")


def _derive(password: Secret, salt: bytes, cost: tuple[int, int, int]) -> tuple[bytes, bytes]:
    """Key and proof."""
    log_n, r, p = cost
    memory = 130 * r * (1 << log_n) * p + (1 << 20)
    out = hashlib.scrypt(
        password.reveal().encode(), salt=salt, n=1 << log_n, r=r, p=p, maxmem=memory, dklen=64
    )
    return out[:32], hashlib.sha256(out[32:]).digest()[:16]


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, last)
