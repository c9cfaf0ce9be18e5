"""Session descriptions (RFC 8866) as cameras really write them. Pure.

Only what is needed to set a track up is read; whatever is missing, doubled or broken elsewhere
is passed over. Which track is recorded is decided here too (`best_video`, `best_audio`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from vms.core.plain import plain

_STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 26: ("JPEG", 90_000), 32: ("MPV", 90_000)}
"""Payload types of RFC 3551 §6 that need no rtpmap."""

_STORABLE = ("H264", "H265", "MPEG4-GENERIC", "PCMA", "PCMU")
_RTPMAP = re.compile(r"(\d{1,3})\s+([^/\s]+)\s*(?:/\s*(\d+))?\s*(?:/\s*(\d+))?")
_FMTP = re.compile(r"(\d{1,3})\s+(.*)")
_TOLD_BY_FMTP = (
    ("H265", ("sprop-vps", "sprop-sps")),
    ("H264", ("sprop-parameter-sets", "profile-level-id")),
)
MEDIA_MAX = 32
_ENCODING_MAX = 40  # characters of a codec's name; real ones are shorter, and people read them


@dataclass(frozen=True, slots=True)
class Media:
    """One track on offer. `encoding` is in upper case, `fmtp` names in lower case."""

    kind: str
    payload_type: int
    encoding: str = ""
    clock_rate: int = 0
    channels: int = 1
    control: str = ""
    direction: str = ""
    fmtp: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Description:
    """All tracks on offer and the control attribute of the whole."""

    media: tuple[Media, ...]
    control: str = ""


def parse_sdp(body: bytes) -> Description:
    """Read a description; never raises, an unreadable one has no media."""
    sections: list[list[str]] = [[]]
    for line in body.decode("utf-8", "replace").replace("\0", "").splitlines():
        text = line.strip()
        if re.match(r"m\s*=", text) and len(sections) <= MEDIA_MAX:
            sections.append([text])
        elif text:
            sections[-1].append(text)
    media = [_media(section) for section in sections[1:]]
    return Description(tuple(m for m in media if m is not None), _attribute(sections[0], "control"))


def best_video(media: Sequence[Media]) -> Media | None:
    """The track to record: H.264 or H.265 before any other video.

    A `sendonly`/`recvonly` mark is not trusted: cameras confuse the two (D-Link CV-RTSPHandler).
    """
    videos = [m for m in media if m.kind == "video"]
    return next((m for m in videos if m.encoding in ("H264", "H265")), next(iter(videos), None))


def best_audio(media: Sequence[Media]) -> Media | None:
    """The first sound we can store. A backchannel (`sendonly`, ONVIF Streaming §5.3) comes last:
    some cameras mark their only microphone so."""
    sounds = [m for m in media if m.kind == "audio" and can_store_audio(m)]
    return next((m for m in sounds if m.direction != "sendonly"), next(iter(sounds), None))


def can_store_audio(media: Media) -> bool:
    """AAC with a known AudioSpecificConfig, or G.711."""
    if media.encoding == "MPEG4-GENERIC":
        return media.fmtp.get("mode", "aac-hbr").lower() in ("aac-hbr", "aac-lbr")
    return media.encoding in ("PCMA", "PCMU")


def _media(lines: Sequence[str]) -> Media | None:
    words = lines[0].partition("=")[2].split()
    numbers = [int(word) for word in words[3:] if word.isascii() and word.isdigit()]
    if not words or not numbers:
        return None
    encoding, rate = _STATIC.get(numbers[0], ("", 0))
    payload_type, channels = numbers[0], 1
    maps = [match for value in _attributes(lines, "rtpmap") if (match := _RTPMAP.match(value))]
    maps = [match for match in maps if int(match[1]) in numbers]
    # Of several payload types the one that can be stored, be it the last (JPEG, then H264).
    maps.sort(key=lambda match: _encoding(match[2]) not in _STORABLE)
    if maps:
        match = maps[0]
        payload_type, encoding = int(match[1]), _encoding(match[2])
        rate, channels = int(match[3] or 0), int(match[4] or 1)
    kind = words[0].lower()
    fmtp = _fmtp(lines, payload_type)
    if kind == "video" and not encoding:  # no rtpmap, but words that only one codec has
        told = (name for name, words in _TOLD_BY_FMTP if any(word in fmtp for word in words))
        encoding = next(told, "")
    if kind == "video" and not 1_000 <= rate <= 10_000_000:
        rate = 90_000  # zero, missing or absurd: every video payload format we take uses 90 kHz
    if kind == "audio" and not 1_000 <= rate <= 1_000_000:
        rate = 8_000
    direction = next((d for d in ("sendonly", "recvonly", "inactive") if f"a={d}" in lines), "")
    return Media(
        kind, payload_type, encoding, rate, max(1, min(channels, 8)),
        _attribute(lines, "control"), direction, fmtp,
    )  # fmt: skip


def _encoding(name: str) -> str:
    """One name for one codec: `HEVC` is what a few cameras call H265."""
    upper = plain(name, _ENCODING_MAX).upper()
    return {"HEVC": "H265", "AVC": "H264", "G711A": "PCMA", "G711U": "PCMU"}.get(upper, upper)


def _fmtp(lines: Sequence[str], payload_type: int) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for value in _attributes(lines, "fmtp"):
        match = _FMTP.match(value)
        if match is None or int(match[1]) != payload_type:
            continue
        for item in match[2].split(";"):
            name, equals, text = item.partition("=")
            if equals:
                parameters.setdefault(name.strip().lower(), text.strip())
    return parameters


def _attributes(lines: Sequence[str], name: str) -> list[str]:
    pattern = re.compile(rf"a\s*=\s*{name}\s*:\s*(.*)", re.IGNORECASE)
    return [match[1].strip() for line in lines if (match := pattern.match(line))]


def _attribute(lines: Sequence[str], name: str) -> str:
    return next(iter(_attributes(lines, name)), "")
