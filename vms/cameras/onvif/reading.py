"""What answers of cameras mean: facts out of elements. Pure."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

from vms.cameras.onvif.port import Address, OnvifError, Profile, Trouble, VideoSource, bare
from vms.cameras.onvif.soap import NAMESPACES
from vms.cameras.onvif.xml import Element
from vms.core.clock import SECOND
from vms.core.plain import plain
from vms.core.source_url import blind, split_credentials

_MAC = re.compile(r"(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}")
_LONGEST = 200  # of any name a camera gives
_URI_MAX = 1000
_IN_URIS = "!$%&'()*+,/:;=?@[]{}~"  # what stays as the camera writes it
_SOURCE_CONFIGURATIONS = ("VideoSourceConfiguration", "VideoSource")  # of Media, of Media2
_SUB_WIDTH = 1000
"""A stream for walls: anything wider costs a viewer as much as the main one."""


def time_of(answer: Element) -> int:
    """GetSystemDateAndTime: the camera's UTC in ns. Raises OnvifError."""
    utc = answer.first("UTCDateTime") or answer.first("LocalDateTime")
    names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
    try:
        if utc is None:
            raise ValueError("without UTCDateTime")
        numbers = [int(utc.words(name)) for name in names]
        leap = min(numbers[5], 59)  # datetime knows no 60th second
        moment = dt.datetime(*numbers[:5], leap, tzinfo=dt.UTC)  # type: ignore[misc, arg-type]
    except (ValueError, OverflowError) as error:
        raise OnvifError(Trouble.BROKEN_ANSWER, f"GetSystemDateAndTime: {error}") from None
    return int(moment.timestamp()) * SECOND


def services_of(answer: Element) -> dict[str, str]:
    """GetServices or GetCapabilities: prefix of NAMESPACES → XAddr as the camera says it."""
    by_namespace = {uri: prefix for prefix, uri in NAMESPACES.items()}
    found = {}
    for service in answer.all("Service"):
        prefix = by_namespace.get(service.words("Namespace").rstrip("/").lower())
        if prefix is not None:
            found[prefix] = service.words("XAddr")
    return found or _capabilities(answer)


def _capabilities(answer: Element) -> dict[str, str]:
    """The services that GetCapabilities names."""
    names = {"trt": "Media", "tptz": "PTZ", "timg": "Imaging", "tev": "Events"}
    words = {prefix: answer.words("Capabilities", name, "XAddr") for prefix, name in names.items()}
    return {prefix: xaddr for prefix, xaddr in words.items() if xaddr}


def mac_of(answer: Element) -> str | None:
    """GetNetworkInterfaces: the first hardware address, in lower case with colons."""
    for one in answer.all("HwAddress"):
        if match := _MAC.search(one.text):
            return match[0].lower().replace("-", ":")
    return None


def name_of(answer: Element, *path: str) -> str:
    """A name of the camera as one bounded line."""
    return plain(answer.words(*path), _LONGEST)


def profiles_of(answer: Element, service: Literal["media", "media2"]) -> list[Profile]:
    """GetProfiles: those with video, as the camera orders them; 0×0 where a size is not told."""
    encoder = "VideoEncoder" if service == "media2" else "VideoEncoderConfiguration"
    found = []
    for one in answer.all("Profiles"):
        video, token = one.first(encoder), one.attributes.get("token", "")
        if video is None or not token or len(token) > _LONGEST:
            continue
        width = _number(video.words("Resolution", "Width"))
        height = _number(video.words("Resolution", "Height"))
        if width > 32_768 or height > 32_768:
            continue
        if not (width and height):
            width = height = 0
        codec = _codec(plain(video.words("Encoding"), 20))
        fps = _number(video.words("RateControl", "FrameRateLimit"))
        name = name_of(one, "Name") or token
        source = _source_of(one)
        found.append(Profile(token, name, codec, int(width), int(height), fps, service, source))
    return found


def _codec(encoding: str) -> str:
    """h264 and h265 of all that makers call them: `H.265`, `video/h265`, `HEVC`, `H264+`."""
    word = encoding.lower().replace(".", "").replace("-", "")
    for codec, names in (("h264", ("h264", "avc")), ("h265", ("h265", "hevc"))):
        if any(name in word for name in names):
            return codec
    return word


class PtzHead(NamedTuple):
    """A profile that can be steered, its PTZ node, the video source it shows, and what the profile
    says of how it turns."""

    profile: str
    node: str
    source: str
    configuration: Element | None = None


def heads_of(answer: Element) -> list[PtzHead]:
    """GetProfiles of Media or Media2: those that can be steered."""
    found = []
    for one in answer.all("Profiles"):
        ptz = one.first("PTZConfiguration") or one.first("PTZ")
        token, node = one.attributes.get("token", ""), ptz.words("NodeToken") if ptz else ""
        if token and node and max(len(token), len(node)) <= _LONGEST:
            found.append(PtzHead(token, node, _source_of(one), ptz))
    return found


def sources_of(answer: Element) -> list[VideoSource]:
    """GetProfiles: the video sources, each once, the camera's order."""
    found: dict[str, dict[str, None]] = {}
    for one in answer.walk():
        token = _token(one.words("SourceToken")) if one.name in _SOURCE_CONFIGURATIONS else ""
        if token:
            found.setdefault(token, {})[_token(one.attributes.get("token", ""))] = None
    return [VideoSource(token, tuple(filter(None, names))) for token, names in found.items()]


def _source_of(profile: Element) -> str:
    """The token of the video source that a profile shows."""
    for name in _SOURCE_CONFIGURATIONS:
        if (shown := profile.first(name)) is not None:
            return _token(shown.words("SourceToken"))
    return ""


def _token(text: str) -> str:
    return text if len(text) <= _LONGEST else ""


def sources_shown(profiles: Sequence[Profile]) -> list[str]:
    """The video sources with a usable profile, the camera's order; of a camera that tells none one
    without a token. Raises OnvifError."""
    tokens = dict.fromkeys(one.source for one in _usable(profiles))
    return [token for token in tokens if token] or [""]


def main_and_sub(
    profiles: Sequence[Profile], source: str | None = None
) -> tuple[Profile, Profile | None]:
    """The largest H.264 or H.265 profile of a video source, and below it the largest one fit for
    walls. `source`: its token; None: the first that the camera names. Raises OnvifError.
    """
    usable = _usable(profiles)
    wanted = sources_shown(profiles)[0] if source is None else source
    usable = [one for one in usable if one.source == wanted]
    if not usable:
        told = ", ".join(sources_shown(profiles))
        said = f"no profile shows the video source {wanted!r}; there are {told}"
        raise OnvifError(Trouble.NO_PROFILE, said)
    main = max(usable, key=lambda one: (_area(one), one.fps))
    smaller = [one for one in usable if 0 < _area(one) < _area(main)]
    fit = [one for one in smaller if one.width <= _SUB_WIDTH]
    return main, max(fit, key=_area, default=min(smaller, key=_area, default=None))


def _usable(profiles: Sequence[Profile]) -> list[Profile]:
    """Those of H.264 and H.265. Raises OnvifError when there is none.

    Where a token stands in both services, Media2's is kept: it knows H.265.
    """
    by_token: dict[str, Profile] = {}
    for one in profiles:
        if one.token not in by_token or one.service == "media2":
            by_token[one.token] = one
    usable = [one for one in by_token.values() if one.codec in ("h264", "h265")]
    if not usable:
        told = ", ".join(sorted({one.codec for one in profiles})) or "none"
        raise OnvifError(Trouble.NO_PROFILE, f"no profile of H.264 or H.265; codecs: {told}")
    return usable


def _area(profile: Profile) -> int:
    return profile.width * profile.height


def float_of(text: str) -> float:
    """NaN for what is no number."""
    try:
        return float(text[:40].replace(",", "."))
    except ValueError:
        return math.nan


def path_at(dialled: Address, xaddr: str) -> tuple[Address, str]:
    """An XAddr as we dial it: its path always, its port only if it names the host we dialled.

    A camera behind address translation, or with a forgotten static address, names another host.
    One that is dialled over TLS is not left for plain HTTP.
    """
    xaddr = _unbroken(xaddr)
    try:
        told = "://" in xaddr or xaddr.startswith("/")
        parts = urlsplit(xaddr if told else f"http://{xaddr}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise OnvifError(
            Trouble.BROKEN_ANSWER, f"{dialled}: XAddr {shown(xaddr)[:80]!r} is no address"
        ) from None
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    if len(xaddr) > _URI_MAX or not target.isascii() or any(ord(one) <= 32 for one in target):
        said = f"{dialled}: XAddr {shown(xaddr)[:80]!r} is no address"
        raise OnvifError(Trouble.BROKEN_ANSWER, said)
    host = bare(dialled.host)
    ours = bare(parts.hostname or "") in (host, dialled.name.lower() or host)
    if ours and parts.scheme == ("https" if dialled.tls else "http"):
        return replace(dialled, port=port), target
    return dialled, target


def uri_at(dialled: Address, uri: str, usual: str = "http") -> str:
    """A stream's or snapshot's URI at the host we dialled, without user and password.

    `usual`: the scheme of one that tells none, as `/live/main`. Of RTSP the port is the camera's
    word, of HTTP it is as `path_at` has it. Raises OnvifError.
    """
    uri = _unbroken(uri).replace("&amp;", "&")  # escaped twice
    try:
        parts = urlsplit(split_credentials(uri)[0])
        scheme = parts.scheme or usual
        good = scheme in ("rtsp", "rtsps", "http", "https") and (
            parts.hostname or parts.path.startswith("/")
        )
        port = parts.port or None
    except ValueError:
        good = False
    if not good or len(uri) > _URI_MAX or not uri.isprintable():
        said = f"{dialled}: URI {shown(uri)[:80]!r} is no address"
        raise OnvifError(Trouble.BROKEN_ANSWER, said)
    path, query = (quote(part, safe=_IN_URIS) for part in (parts.path, parts.query))
    host = f"[{dialled.host}]" if ":" in dialled.host else dialled.host
    if scheme in ("http", "https"):
        named = urlunsplit((scheme, parts.netloc, path, query, "")) if parts.hostname else path
        address, _ = path_at(dialled, named)
        scheme, port = ("https", address.port) if address.tls else ("http", address.port)
        port = None if port == (443 if address.tls else 80) else port
    netloc = host if port is None else f"{host}:{port}"
    return urlunsplit((scheme, netloc, path, query, ""))


def shown(address: str) -> str:
    """An address as it may be told: without the password that may stand in it."""
    address = split_credentials(address)[0]
    return blind(address)


def _unbroken(address: str) -> str:
    """Without the tabs and line breaks that cameras put into addresses (as WHATWG URL §4.4)."""
    return address.translate({9: None, 10: None, 13: None}).strip()


def _number(text: str) -> float:
    text = text.replace(",", ".")
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) else 0
