"""Ids out of names: what a person calls a camera, as its footage's folder can be called. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from vms.core.model import CAMERA_ID_MAX

# Letters that Unicode does not take apart into a base and a mark.
_LETTERS = str.maketrans({"ı": "i", "İ": "i", "ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"})


def slug(name: str, otherwise: str = "camera") -> str:
    """`İtfaiye Önü 2` → `itfaiye-onu-2`; `otherwise` for a name with no letter or digit in it."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS).lower().translate(_LETTERS))
    base = "".join(sign for sign in plain if not unicodedata.combining(sign))
    text = re.sub(r"[^a-z0-9]+", "-", base).strip("-")
    return text[:CAMERA_ID_MAX].strip("-") or otherwise


def free_id(wanted: str, host: str, taken: Container[str]) -> str:
    """`wanted` if it is free; else with the camera's address behind it, else with a number too."""
    if wanted not in taken:
        return wanted
    beside = _joined(wanted, slug(host))
    if beside not in taken:
        return beside
    numbered = (_joined(beside, str(number)) for number in range(2, 10_000))
    return next(one for one in numbered if one not in taken)


def _joined(head: str, tail: str) -> str:
    room = CAMERA_ID_MAX - len(tail) - 1
    return f"{head[:room].strip('-')}-{tail}" if room > 0 else tail[:CAMERA_ID_MAX]
