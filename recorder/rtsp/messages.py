"""RTSP messages as bytes and as values (RFC 2326 §4 to §7, read liberally).

Pure: whoever holds the bytes asks for the next message. Interleaved media frames are not
messages; `recorder.rtp.interleaved` tells the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from vms.core.plain import plain

HEAD_MAX = 16 * 1024
BODY_MAX = 64 * 1024
MESSAGE_MAX = HEAD_MAX + BODY_MAX

METHODS = (
    b"OPTIONS", b"DESCRIBE", b"ANNOUNCE", b"SETUP", b"PLAY", b"PAUSE", b"RECORD", b"REDIRECT",
    b"TEARDOWN", b"GET_PARAMETER", b"SET_PARAMETER", b"PLAY_NOTIFY",
)  # fmt: skip
_OPENINGS = (b"RTSP/", *(method + b" " for method in METHODS))
_OPENING_MAX = max(len(opening) for opening in _OPENINGS)

_STATUS = re.compile(r"RTSP/\d+\.\d+\s+(\d{3})(?:\s+(.*))?")
_REQUEST = re.compile(r"([A-Z_]+)\s+(\S+)\s+RTSP/\d+\.\d+")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


class MalformedMessage(ValueError):
    """The bytes can't be an RTSP message; the text says why."""


class EndlessHead(MalformedMessage):
    """No end of the header within HEAD_MAX."""


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in their order; names compare without case."""

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """The first value, or None."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Every value of a header that may stand several times (WWW-Authenticate)."""
        wanted = name.lower()
        return [value for key, value in self.fields if key.lower() == wanted]


@dataclass(frozen=True, slots=True)
class Response:
    """What the camera answers."""

    status: int
    reason: str = ""
    headers: Headers = Headers()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Request:
    """What one side asks of the other; cameras ask too (OPTIONS pings)."""

    method: str
    uri: str
    headers: Headers = Headers()
    body: bytes = b""


Message = Request | Response


def cseq_of(message: Message) -> int | None:
    """The sequence number, None when missing or not a number; cameras pad it with spaces."""
    text = (message.headers.get("CSeq") or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def encode(message: Message) -> bytes:
    """The message as it goes over the wire; Content-Length is added when there is a body."""
    if isinstance(message, Request):
        lines = [f"{message.method} {message.uri} RTSP/1.0"]
    else:
        lines = [f"RTSP/1.0 {message.status} {message.reason}"]
    lines.extend(f"{name}: {_one_line(value)}" for name, value in message.headers.fields)
    if message.body:
        lines.append(f"Content-Length: {len(message.body)}")
    return "\r\n".join([*lines, "", ""]).encode() + message.body


def headers(pairs: Iterable[tuple[str, str]]) -> Headers:
    """Header fields from pairs."""
    return Headers(tuple(pairs))


def may_open(data: bytes) -> bool:
    """Whether a message may begin with `data` (its first bytes, as many as there are)."""
    data = data[:_OPENING_MAX]
    return any(data.startswith(o) or o.startswith(data) for o in _OPENINGS)


def parse(data: bytes, *, cut: bool = False) -> tuple[Message, int] | None:
    """The message at the start of `data` and its length, or None while bytes are missing.

    `cut`: nothing more will come, whatever length it told. Raises MalformedMessage if it can't
    become a message, or is larger than MESSAGE_MAX.
    """
    end = _END_OF_HEAD.search(data, 0, HEAD_MAX)
    if end is None:
        if len(data) >= HEAD_MAX:
            raise EndlessHead(f"no end of the header within {HEAD_MAX} bytes")
        if not may_open(data):
            raise MalformedMessage(f"not RTSP: {data[:40]!r}")
        return None
    lines = data[: end.start()].decode("utf-8", "replace").splitlines()
    fields = headers(_fields(lines[1:]))
    length = _content_length(fields)
    if len(data) < end.end() + length:
        if not cut:
            return None
        length = len(data) - end.end()
    body = data[end.end() : end.end() + length]
    return _message(lines[0] if lines else "", fields, body), end.end() + length


def _message(first: str, fields: Headers, body: bytes) -> Message:
    if status := _STATUS.match(first):
        return Response(int(status[1]), plain(status[2] or "", 100), fields, body)
    if request := _REQUEST.match(first):
        return Request(request[1], request[2], fields, body)
    raise MalformedMessage(f"not RTSP: {first[:60]!r}")


def _fields(lines: list[str]) -> Iterable[tuple[str, str]]:
    """Fields of a header; a line without a colon continues nothing and is left out."""
    folded: list[str] = []
    for line in lines:
        if line[:1] in " \t" and folded and line.strip():
            folded[-1] += " " + line.strip()
        else:
            folded.append(line)
    for line in folded:
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()


def _content_length(fields: Headers) -> int:
    """The body's length; negative (seen in the field), doubled or odd values count as none."""
    text = (fields.get("Content-Length") or "0").strip()
    if not (text.isascii() and text.isdigit()):
        return 0
    if len(text) > 9 or int(text) > BODY_MAX:
        raise MalformedMessage(f"a body of {text[:12]} bytes, more than {BODY_MAX}")
    return int(text)


def _one_line(value: str) -> str:
    """A header's value can't smuggle a second header."""
    return value.replace("\r", " ").replace("\n", " ")
