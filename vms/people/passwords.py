"""Passwords: hashed with argon2id, checked in equal time, made when none is given.

The one module that knows argon2. A check costs 64 MiB and about 50 ms on purpose, so only a few
run at once: guessing from outside can neither fill the memory nor take every core. A new password
is judged by its length and by how soon it is guessed (NIST SP 800-63B-4: no rules of composition);
an old one stays good.
"""

from __future__ import annotations

import functools
import secrets
import threading
import unicodedata
from typing import Literal

import argon2

from vms.core.errors import BadRequest

PASSWORD_MIN = 12
PASSWORD_MAX = 1_024  # longer ones would only cost time to hash

GUESSES_MIN = 10**8  # fewer, and it falls to who asks a stolen hash for common ones first
_JUDGED = 72  # signs of it: longer ones cost time, and are long enough
_NAME_MIN = 3  # a shorter account name stands in many a password by chance

Weakness = Literal["short", "long", "name", "common"]

# No letters or digits that look alike on a terminal or when read out.
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

_hasher = argon2.PasswordHasher()
_slots = threading.BoundedSemaphore(2)  # full: the next check waits its turn in its own thread


def make_password() -> str:
    """Four groups of four, 92 bits: short enough to be typed from a terminal once."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


class WeakPassword(BadRequest):
    """A new password that can't be accepted, and why."""

    def __init__(self, why: Weakness) -> None:
        self.why = why
        super().__init__(f"the password {_WHY[why]}")


_WHY: dict[Weakness, str] = {
    "short": f"is too short; use at least {PASSWORD_MIN} characters",
    "long": f"is too long; use at most {PASSWORD_MAX} characters",
    "name": "contains the account's name; choose another one",
    "common": "is a common one or soon guessed from such; use several words that don't belong "
    "together",
}


def check_password(password: str, name: str) -> None:
    """Raise WeakPassword unless it is good enough for a new one. `name`: the account's."""
    if len(password) < PASSWORD_MIN:
        raise WeakPassword("short")
    if len(password) > PASSWORD_MAX:
        raise WeakPassword("long")
    if len(name) >= _NAME_MIN and _folded(name) in _folded(password):
        raise WeakPassword("name")
    if _guesses(password, name) < GUESSES_MIN:
        raise WeakPassword("common")


def _guesses(password: str, name: str) -> int:
    """How many tries it takes who knows common passwords, names, words and keyboards."""
    import zxcvbn  # its lists take 50 ms to load and are needed for new passwords alone

    told = zxcvbn.zxcvbn(password[:_JUDGED], user_inputs=[name, "gözcü", "gozcu", "vms", "kamera"])
    return int(told["guesses"])


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("İ", "i").replace("ı", "i").casefold()


def hash_password(password: str) -> str:
    """The argon2id hash in PHC form."""
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
