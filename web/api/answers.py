"""What routes take and answer besides JSON, for OpenAPI: files, pictures, byte ranges."""

from __future__ import annotations

from typing import Any

Answers = dict[int | str, dict[str, Any]]


def text(*kinds: str, status: int = 200, description: str = "The text") -> Answers:
    """A whole text of one of the media types."""
    content = {kind: {"schema": {"type": "string"}} for kind in kinds}
    return {status: {"description": description, "content": content}}


def whole(kind: str, description: str = "The bytes") -> Answers:
    """Bytes of a media type, never in parts."""
    return {200: {"description": description, "content": {kind: _BINARY}}}


def ranges(kind: str) -> Answers:
    """A file of which parts may be asked for (RFC 9110 §14), and which a cache may still have."""
    content = {kind: _BINARY}
    return {
        200: {"description": "The whole file", "content": content},
        206: {"description": "The bytes that Range asked for", "content": content},
        304: {"description": "What If-None-Match names is still so"},
        416: {"description": "A problem document: the file has no such bytes"},
    }


def sent(*kinds: str) -> dict[str, Any]:
    """`openapi_extra` of a route that takes a text of one of the media types."""
    content = {kind: {"schema": {"type": "string"}} for kind in kinds}
    return {"requestBody": {"content": content, "required": True}}


_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
