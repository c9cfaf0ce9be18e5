"""RTSP as a server reads and writes it: requests, answers, sign-in, SDP. Pure (RFC 2326)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from vms.simulator.stream import Medium

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    459: "Aggregate Operation Not Allowed",
    461: "Unsupported Transport",
    501: "Not Implemented",
}
PUBLIC = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are lower case, the last of a name wins."""

    method: str
    url: str
    headers: Mapping[str, str]

    @property
    def path(self) -> list[str]:
        """The parts of the URL's path: camera, stream, control."""
        return [part for part in urlsplit(self.url).path.split("/") if part]


class BadMessage(ValueError):
    """Bytes that are no RTSP request."""


def parse_request(head: bytes) -> Request:
    """Read a request's head up to the empty line. Raises BadMessage."""
    try:
        first, *lines = head.decode("utf-8").strip("\r\n").split("\r\n")
        method, url, version = first.split(" ", 2)
    except ValueError as error:  # UnicodeDecodeError is one
        raise BadMessage(f"no request line in {head[:60]!r}") from error
    if not version.startswith("RTSP/1."):
        raise BadMessage(f"{version!r} is not RTSP/1.0")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadMessage(f"no header in {line[:60]!r}")
        headers[name.strip().lower()] = value.strip()
    return Request(method, url, headers)


def response(
    status: int, cseq: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
) -> bytes:
    """One answer as bytes."""
    lines = [f"RTSP/1.0 {status} {REASONS[status]}", f"CSeq: {cseq}", "Server: Gozcu simulator"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass(frozen=True, slots=True)
class Transport:
    """One usable offer of a SETUP: interleaved channels or the client's UDP ports."""

    channels: tuple[int, int] | None = None
    ports: tuple[int, int] | None = None


def parse_transport(header: str, free_channel: int) -> Transport | None:
    """The first offer we can serve; channels are chosen when the client names none."""
    for offer in header.split(","):
        parts = [part.strip() for part in offer.split(";")]
        if "multicast" in parts[1:]:
            continue
        named = dict(part.partition("=")[::2] for part in parts[1:])
        if parts[0].upper() == "RTP/AVP/TCP":
            pair = _pair(named.get("interleaved", f"{free_channel}-{free_channel + 1}"), 255)
            if pair:
                return Transport(channels=pair)
        elif parts[0].upper() in ("RTP/AVP", "RTP/AVP/UDP"):
            pair = _pair(named.get("client_port", ""), 65_535)
            if pair:
                return Transport(ports=pair)
    return None


def _pair(text: str, highest: int) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if match is None:
        return None
    first = int(match[1])
    second = int(match[2]) if match[2] else first + 1
    return (first, second) if max(first, second) <= highest else None


def sdp(session: int, title: str, host: str, media: Sequence[Medium]) -> bytes:
    """The description of a stream (RFC 4566); each medium's control is `track<index>`."""
    family = "IP6" if ":" in host else "IP4"
    lines = [
        "v=0",
        f"o=- {session} 1 IN {family} {host}",
        f"s={title}",
        f"c=IN {family} {'::' if family == 'IP6' else '0.0.0.0'}",  # noqa: S104 - what SDP says for unicast
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
    ]
    for index, medium in enumerate(media):
        lines.append(f"m={medium.kind} 0 RTP/AVP {medium.payload_type}")
        lines.append(f"a=rtpmap:{medium.payload_type} {medium.encoding}")
        if medium.fmtp:
            lines.append(f"a=fmtp:{medium.payload_type} {medium.fmtp}")
        if medium.size:
            lines.append(f"a=x-dimensions:{medium.size[0]},{medium.size[1]}")
        lines += ["a=recvonly", f"a=control:track{index}"]
    return ("\r\n".join(lines) + "\r\n").encode()


def video_medium(codec: str, sets: Sequence[bytes], size: tuple[int, int]) -> Medium:
    """The video section with parameter sets (RFC 6184 §8.2.1, RFC 7798 §7.1)."""
    coded = [base64.b64encode(unit).decode() for unit in sets]
    if codec == "h264":
        sps = next(unit for unit in sets if unit[0] & 0x1F == 7)
        fmtp = (
            f"packetization-mode=1;profile-level-id={sps[1:4].hex().upper()};"
            f"sprop-parameter-sets={','.join(coded)}"
        )
        return Medium("video", 96, 90_000, "H264/90000", fmtp, size)
    names = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}
    pairs = zip(sets, coded, strict=True)
    fmtp = ";".join(f"{names[unit[0] >> 1 & 0x3F]}={text}" for unit, text in pairs)
    return Medium("video", 96, 90_000, "H265/90000", fmtp, size)


def audio_medium(codec: str, rate: int, channels: int, config: bytes) -> Medium:
    """The audio section (RFC 3640 §4.1, RFC 3551 §6)."""
    if codec == "aac":
        fmtp = (
            "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;"
            f"indexdeltalength=3;config={config.hex().upper()}"
        )
        return Medium("audio", 97, rate, f"MPEG4-GENERIC/{rate}/{channels}", fmtp)
    static = {"pcma": 8, "pcmu": 0}[codec] if (rate, channels) == (8000, 1) else 98
    return Medium("audio", static, rate, f"{codec.upper()}/{rate}/{channels}")


@dataclass(frozen=True, slots=True)
class Gate:
    """A camera's sign-in: nothing, Basic, or Digest (RFC 7616, RFC 2617 without qop)."""

    auth: str
    algorithm: str
    username: str
    password: str = field(repr=False)
    realm: str = "Gozcu simulator"

    def challenge(self, nonce: str, *, stale: bool) -> str:
        """The WWW-Authenticate header."""
        if self.auth == "basic":
            return f'Basic realm="{self.realm}"'
        text = f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={self.algorithm}'
        return f'{text}, qop="auth"{", stale=true" if stale else ""}'

    def accepts(self, request: Request) -> bool:
        """Whether user and password are right; the age of the nonce is not looked at."""
        header = request.headers.get("authorization", "")
        if self.auth == "none":
            return True
        if self.auth == "basic":
            token = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            return hmac.compare_digest(header.encode(), f"Basic {token}".encode())
        fields = digest_fields(header)
        expected = self._response(fields, request.method)
        return fields.get("username") == self.username and hmac.compare_digest(
            fields.get("response", "").lower().encode(), expected.encode()
        )

    def _response(self, fields: Mapping[str, str], method: str) -> str:
        def digest(text: str) -> str:
            if self.algorithm == "SHA-256":
                return hashlib.sha256(text.encode()).hexdigest()
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        first = digest(f"{self.username}:{self.realm}:{self.password}")
        second = digest(f"{method}:{fields.get('uri', '')}")
        nonce = fields.get("nonce", "")
        if "qop" not in fields:
            return digest(f"{first}:{nonce}:{second}")
        middle = ":".join((nonce, fields.get("nc", ""), fields.get("cnonce", ""), fields["qop"]))
        return digest(f"{first}:{middle}:{second}")


def digest_fields(header: str) -> dict[str, str]:
    """The fields of an `Authorization: Digest …` header; empty for anything else."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "digest":
        return {}
    pairs = re.findall(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', rest)
    return {name.lower(): quoted or bare for name, quoted, bare in pairs}
