"""Basic and Digest sign-in (RFC 2617, RFC 7616, and RFC 2069 for cameras that send no qop).

Pure: challenges in, header values out. The strongest challenge we understand is answered;
a password never leaves in the clear when Digest is offered.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# Possessive throughout: a header is a stranger's, and 5,000 blanks in it once took half a second.
_SCHEME = re.compile(
    r"\s*+(?:,\s*+)?([A-Za-z][\w-]*+)(?=\s++[\w-]++\s*+=|\s*+(?:,|$))",
)
_PARAMETER = re.compile(
    r"\s*+(?:,\s*+)?([\w-]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"?|([^\s,]*+))",
)

_HASHES: dict[str, Callable[[bytes], str]] = {
    "sha-256": lambda data: hashlib.sha256(data).hexdigest(),
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
_STRENGTH = ("sha-256", "sha-256-sess", "md5", "md5-sess")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way the camera offers to sign in; `scheme` and the names are in lower case."""

    scheme: str
    parameters: dict[str, str]

    @property
    def algorithm(self) -> str:
        """In lower case; MD5 when none is named."""
        return self.parameters.get("algorithm", "").strip().lower() or "md5"

    @property
    def stale(self) -> bool:
        """Only the nonce was too old; the password may be right."""
        return self.parameters.get("stale", "").lower() == "true"


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """All challenges of all WWW-Authenticate headers; several may stand in one."""
    challenges: list[Challenge] = []
    for value in values:
        position = 0
        while scheme := _SCHEME.match(value, position):
            position = scheme.end()
            parameters: dict[str, str] = {}
            while not _SCHEME.match(value, position) and (
                found := _PARAMETER.match(value, position)
            ):
                text = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
                parameters.setdefault(found[1].lower(), text)
                position = found.end()
            challenges.append(Challenge(scheme[1].lower(), parameters))
    return challenges


def strongest(challenges: Iterable[Challenge]) -> Challenge | None:
    """The challenge to answer; None when there is none we understand.

    A Digest of an unknown algorithm comes last but one: its cameras have been seen to mean MD5.
    """
    ranked: list[tuple[int, Challenge]] = []
    for challenge in challenges:
        if challenge.scheme == "digest" and "nonce" in challenge.parameters:
            known = challenge.algorithm in _STRENGTH
            rank = _STRENGTH.index(challenge.algorithm) if known else len(_STRENGTH)
            ranked.append((rank, challenge))
        elif challenge.scheme == "basic":
            ranked.append((len(_STRENGTH) + 1, challenge))
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


class Authenticator:
    """Answers challenges for one user; keeps the nonce and its count between requests."""

    def __init__(self, username: str, password: str, rng: random.Random) -> None:
        self._username, self._password, self._rng = username, password, rng
        self._challenge: Challenge | None = None
        self._count = 0

    def accept(self, values: Iterable[str]) -> Challenge | None:
        """Take the camera's challenges; None when none of them can be answered."""
        self._challenge = strongest(parse_challenges(values))
        self._count = 0
        return self._challenge

    def header(self, method: str, uri: str) -> str | None:
        """The value of Authorization for a request; None before the first challenge."""
        if self._challenge is None:
            return None
        if self._challenge.scheme == "basic":
            token = f"{self._username}:{self._password}".encode()
            return f"Basic {base64.b64encode(token).decode()}"
        return self._digest(self._challenge, method, uri)

    def _digest(self, challenge: Challenge, method: str, uri: str) -> str:
        given = challenge.parameters
        realm, nonce = given.get("realm", ""), given["nonce"]
        base = challenge.algorithm.removesuffix("-sess")
        is_session = challenge.algorithm.endswith("-sess")
        digest = _HASHES.get(base, _HASHES["md5"])
        cnonce = f"{self._rng.getrandbits(64):016x}"
        self._count += 1
        count = f"{self._count:08x}"

        secret = digest(f"{self._username}:{realm}:{self._password}".encode())
        if is_session:
            secret = digest(f"{secret}:{nonce}:{cnonce}".encode())
        qop = _quality(given.get("qop", ""))
        asked = f"{method}:{uri}" + (f":{digest(b'')}" if qop == "auth-int" else "")
        middle = f"{nonce}:{count}:{cnonce}:{qop}" if qop else nonce
        answer = digest(f"{secret}:{middle}:{digest(asked.encode())}".encode())

        parts = [
            f'username="{_quote(self._username)}"', f'realm="{_quote(realm)}"',
            f'nonce="{_quote(nonce)}"', f'uri="{uri}"', f'response="{answer}"',
        ]  # fmt: skip
        if "algorithm" in given:
            parts.append(f"algorithm={given['algorithm']}")
        if "opaque" in given:
            parts.append(f'opaque="{_quote(given["opaque"])}"')
        if qop:
            parts.append(f"qop={qop}, nc={count}")
        if qop or is_session:
            parts.append(f'cnonce="{cnonce}"')
        return "Digest " + ", ".join(parts)


def _quality(offered: str) -> str:
    """`auth` if offered, else `auth-int` (our requests have no body), else none (RFC 2069)."""
    options = [option.strip().lower() for option in offered.split(",")]
    return next((option for option in ("auth", "auth-int") if option in options), "")


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
