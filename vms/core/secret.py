"""A text that never shows itself: passwords of cameras, people and keys."""

from __future__ import annotations

import hmac
import json
import re
import weakref
from urllib.parse import quote

SHORTEST = 6
"""Shorter ones are not looked for in other texts: every second word would be masked."""

_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(://)[^/\s@\"']+:[^/\s@\"']+(?=@)",  # rtsp://user:password@host
        r"(bearer )[\w.~+/=-]{8,}",
        r"(vms_session=)[\w.~-]+",
        r"([?&_/](?:token|otp|password|passwd)=)[^&_\s\"']+",
    )
)


class Secret:
    """Prints as `***` wherever it lands by accident; `reveal()` is the one way to the text."""

    __slots__ = ("__weakref__", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        if len(text) >= SHORTEST:
            _living.add(self)

    def reveal(self) -> str:
        return self._text

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")


_living: weakref.WeakSet[Secret] = weakref.WeakSet()


def masked(text: str) -> str:
    """`text` without secrets: by value those that live in this process, as they are and as URLs
    and JSON write them; by form credentials in URLs, tokens and cookies."""
    for secret in tuple(_living):
        known = secret.reveal()
        for form in {known, json.dumps(known)[1:-1], quote(known, safe="")}:
            if form in text:
                text = text.replace(form, "***")
    for pattern in _PATTERNS:
        text = pattern.sub(r"\1***", text)
    return text
