"""Kinds of values that settings of several sections have: spans, folders, secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializationInfo,
    WithJsonSchema,
)

from vms.core.clock import parse_span
from vms.core.secret import Secret

KEPT = "kept"
"""The serialisation context of settings kept for our own processes, with their secrets."""


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
Nanoseconds = Annotated[int, BeforeValidator(_span), Field(ge=0)]
SecretText = Annotated[
    Secret,
    BeforeValidator(_secret),
    PlainSerializer(_told),
    WithJsonSchema({"type": "string", "writeOnly": True}),
]
