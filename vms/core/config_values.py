"""What settings of several sections have: their shape, and spans, sizes, folders, secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SerializationInfo,
    WithJsonSchema,
)

from vms.core.clock import parse_span
from vms.core.secret import Secret

KEPT = "kept"
"""The serialisation context of settings kept for our own processes, with their secrets."""

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*(B|[kKMGT]i?B)")
_UNITS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4}


class Section(BaseModel):
    """A section of the file: never changed, and what it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def parse_size(text: str) -> int:
    """`10 GB` (powers of 1000) or `10 GiB` (powers of 1024) in bytes. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a size such as '10 GB' or '500 MiB'")
    unit = match[2].upper()
    base = 1024 if "I" in unit else 1000
    return int(float(match[1]) * base ** _UNITS[unit[0]])


def size_text(size: int) -> str:
    """`10 GB`, `1500 B`: the largest unit that says it exactly; `parse_size` reads it back."""
    power = next((power for power in (4, 3, 2, 1) if size and size % 1000**power == 0), 0)
    return f"{size // 1000**power} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


def _span(value: object) -> object:
    return parse_span(value) if isinstance(value, str) else value


def within(low: str, high: str) -> AfterValidator:
    """A span from `low` to `high`, said in the words of the file."""

    def check(value: int) -> int:
        if not parse_span(low) <= value <= parse_span(high):
            raise ValueError(f"must be from '{low}' to '{high}'")
        return value

    return AfterValidator(check)


def _secret(value: object) -> object:
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, Secret):
        return value
    raise ValueError("must be text in quotes")  # and never shows what stands there


def _told(value: Secret, info: SerializationInfo) -> str:
    return value.reveal() if info.context == KEPT else str(value)


def _path(value: Path) -> Path:
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError(f"{value.parts[0]} is no user with a home folder") from None


Folder = Annotated[Path, AfterValidator(_path)]
Size = Annotated[int, BeforeValidator(_size), Field(ge=0, le=2**62)]
Nanoseconds = Annotated[int, BeforeValidator(_span), Field(ge=0)]
SecretText = Annotated[
    Secret,
    BeforeValidator(_secret),
    PlainSerializer(_told),
    WithJsonSchema({"type": "string", "writeOnly": True}),
]
