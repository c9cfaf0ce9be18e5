"""The RTSP headers that carry a structure: Transport, Session, Public. Pure and liberal."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vms.core.clock import SECOND, Span

SESSION_TIMEOUT = Span(60 * SECOND)
"""RFC 2326 §12.37: what holds when the server names none."""


@dataclass(frozen=True, slots=True)
class TransportAnswer:
    """What SETUP agreed on. `interleaved`: media and control channel, None if not over TCP."""

    interleaved: tuple[int, int] | None
    ssrc: int | None


@dataclass(frozen=True, slots=True)
class SessionAnswer:
    """The session's name and how long it lives without a sign from us."""

    id: str
    timeout: Span = SESSION_TIMEOUT


def parse_transport(value: str | None, asked: tuple[int, int]) -> TransportAnswer:
    """Read a Transport answer; one that names neither channels nor UDP ports means as asked."""
    parts: dict[str, str] = {}
    for part in (value or "").split(","):
        for item in part.split(";"):
            name, _, text = item.partition("=")
            parts.setdefault(name.strip().lower(), text.strip().strip('"'))
    ssrc = parts.get("ssrc", "").strip()
    number = int(ssrc, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,8}", ssrc) else None
    channels = re.fullmatch(r"\s*(\d{1,3})\s*(?:-\s*(\d{1,3})\s*)?", parts.get("interleaved", ""))
    if channels:
        first = int(channels[1])
        second = int(channels[2]) if channels[2] else first + 1
        return TransportAnswer((first & 0xFF, second & 0xFF), number)
    if "rtp/avp/tcp" not in parts and ("server_port" in parts or "port" in parts):
        return TransportAnswer(None, number)
    return TransportAnswer(asked, number)


def parse_session(value: str | None) -> SessionAnswer | None:
    """Read a Session answer; None when it holds no name."""
    name, *options = (value or "").split(";")
    if not name.strip():
        return None
    for option in options:
        match = re.fullmatch(r"\s*timeout\s*=\s*(\d{1,6})\s*", option, re.IGNORECASE)
        if match and int(match[1]):
            return SessionAnswer(name.strip(), Span(int(match[1]) * SECOND))
    return SessionAnswer(name.strip())


def parse_public(value: str | None) -> frozenset[str]:
    """The methods a camera says it knows, in upper case."""
    return frozenset(word.strip().upper() for word in (value or "").split(",") if word.strip())
