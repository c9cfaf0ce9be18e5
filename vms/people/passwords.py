"""Passwords: hashed with argon2id, checked in equal time, made when none is given.

The one module that knows argon2. A check costs 64 MiB and about 50 ms on purpose, so only a few
run at once: guessing from outside can neither fill the memory nor take every core.
"""

from __future__ import annotations

import functools
import secrets
import threading

import argon2

from vms.core.errors import BadRequest

PASSWORD_MIN = 10
PASSWORD_MAX = 1_024  # longer ones would only cost time to hash

# No letters or digits that look alike on a terminal or when read out.
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_hasher = argon2.PasswordHasher()
_slots = threading.BoundedSemaphore(2)  # full: the next check waits its turn in its own thread


def make_password() -> str:
    """Four groups of four, 92 bits: short enough to be typed from a terminal once."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def hash_password(password: str) -> str:
    """The argon2id hash in PHC form. Raises BadRequest if the password can't be accepted."""
    if len(password) < PASSWORD_MIN:
        raise BadRequest(f"the password is too short; use at least {PASSWORD_MIN} characters")
    if len(password) > PASSWORD_MAX:
        raise BadRequest(f"the password is too long; use at most {PASSWORD_MAX} characters")
    with _slots:
        return _hasher.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether `password` belongs to the hash; None (no such account) costs the same time."""
    if len(password) > PASSWORD_MAX:
        password, password_hash = "", None
    with _slots:
        try:
            _hasher.verify(password_hash or _nobody(), password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


@functools.cache
def _nobody() -> str:
    """A hash no password has, checked in place of an unknown account's."""
    return _hasher.hash(secrets.token_urlsafe(32))
