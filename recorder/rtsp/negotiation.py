"""From the first request to PLAY: which tracks there are and over which channels they come.

Talks through a Connection, decides with `sdp` and `headers`; nothing here knows media.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from recorder.rtsp.address import control_candidates
from recorder.rtsp.connection import Connection
from recorder.rtsp.headers import SESSION_TIMEOUT, parse_public, parse_session, parse_transport
from recorder.rtsp.messages import Response
from recorder.rtsp.sdp import Description, Media, best_audio, best_video, parse_sdp
from recorder.source import NotNative
from vms.core.clock import Span
from vms.core.errors import CameraError
from vms.core.model import Cause
from vms.core.notes import Note

_SOUND_CHANNEL = 2
_NO_SUCH_STREAM = frozenset({404, 410, 454, 459, 460, 551})
_REFUSALS = frozenset({401, 402, 403, 407})
_TRANSPORT_REFUSED = 461
_RANGE_DISLIKED = frozenset({400, 406, 451, 455, 456, 457, 500, 501})
_STORABLE = ("H264", "H265")
_HOPELESS = frozenset(
    {"JPEG", "MP4V-ES", "MPV", "H261", "H263", "H263-1998", "H263-2000", "VP8", "VP9", "AV1"}
    | {"H266", "JPEG2000", "JPEGXS", "RAW"}
)
"""Video no source of ours can store; another name (MP2T) may still hold what libav finds."""


@dataclass(frozen=True, slots=True)
class AgreedTrack:
    """One track that was set up."""

    media: Media
    channels: tuple[int, int]
    ssrc: int | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the camera agreed to send, and how to keep it going. `notes` are for its page."""

    video: AgreedTrack
    audio: AgreedTrack | None
    uri: str
    keep_alive: str
    timeout: Span
    notes: tuple[str, ...]


class Redirected(CameraError):
    """The camera points to another address."""

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(Cause.NOT_FOUND, "The camera redirects to another address.")


async def negotiate(connection: Connection) -> Agreement:
    """Describe, set up and play. Raises CameraError with what the camera said."""
    uri = connection.address.uri
    options = await connection.request("OPTIONS", uri)
    public = parse_public(options.headers.get("Public"))
    described = await connection.request("DESCRIBE", uri, [("Accept", "application/sdp")])
    if described.status in (301, 302, 303, 305) and (place := described.headers.get("Location")):
        raise Redirected(place)
    _check(connection, "DESCRIBE", described)
    description = parse_sdp(described.body)
    base = _base(connection, described, description)
    media = _video(connection, description)
    video, timeout = await _set_up(connection, base, media, 0)
    notes: list[str] = []
    audio = await _set_up_audio(connection, base, description, video.channels, notes)
    await _play(connection, base)
    keep_alive = "GET_PARAMETER" if "GET_PARAMETER" in public else "OPTIONS"
    return Agreement(video, audio, base, keep_alive, timeout, tuple(notes))


def _base(connection: Connection, described: Response, description: Description) -> str:
    """What control attributes are relative to (RFC 2326 §C.1.1)."""
    found = described.headers
    base = found.get("Content-Base") or found.get("Content-Location") or connection.address.uri
    if not base.lower().startswith(("rtsp://", "rtsps://")):
        base = connection.address.uri
    return control_candidates(base, description.control)[0]


def _is_interleaved(video: Media) -> bool:
    """Whether the units come in another order, each with a number of its own (RFC 7798 §4.4)."""
    told = (video.fmtp.get(name, "0") for name in ("sprop-max-don-diff", "sprop-depack-buf-nalus"))
    return video.encoding == "H265" and any(text.strip(" 0") for text in told)


def _video(connection: Connection, description: Description) -> Media:
    video = best_video(description.media)
    if video is None:
        raise CameraError(Cause.NO_VIDEO, f"{connection.peer} offers a stream without video.")
    if video.encoding not in _STORABLE:
        name = video.encoding or f"payload type {video.payload_type}"
        error = CameraError if video.encoding in _HOPELESS else NotNative
        raise error(
            Cause.UNSUPPORTED_CODEC,
            f"{connection.peer} sends its video as {name}; only H.264 and H.265 can be recorded.",
        )
    if _is_interleaved(video):
        text = f"{connection.peer} sends its video as H265 with decoding order numbers."
        raise NotNative(Cause.UNSUPPORTED_CODEC, text)
    return video


async def _set_up(
    connection: Connection, base: str, media: Media, channel: int
) -> tuple[AgreedTrack, Span]:
    asked = (channel, channel + 1)
    transport = f"RTP/AVP/TCP;unicast;interleaved={asked[0]}-{asked[1]}"
    response = Response(404)
    for uri in control_candidates(base, media.control):
        response = await connection.request("SETUP", uri, [("Transport", transport)])
        if response.status not in _NO_SUCH_STREAM:
            break
    if response.status == _TRANSPORT_REFUSED:
        raise NotNative(Cause.BROKEN_STREAM, f"{connection.peer} refuses RTP over TCP.")
    _check(connection, "SETUP", response)
    answer = parse_transport(response.headers.get("Transport"), asked)
    session = parse_session(response.headers.get("Session"))
    if session is not None:
        connection.dialogue.session = session.id
    if answer.interleaved is None:
        raise NotNative(Cause.BROKEN_STREAM, f"{connection.peer} sends RTP over UDP only.")
    track = AgreedTrack(media, answer.interleaved, answer.ssrc)
    return track, session.timeout if session else SESSION_TIMEOUT


async def _set_up_audio(
    connection: Connection,
    base: str,
    description: Description,
    taken: tuple[int, int],
    notes: list[str],
) -> AgreedTrack | None:
    """Sound is welcome, never a condition. `taken`: the channels of the pictures."""
    offered = [m for m in description.media if m.kind == "audio"]
    media = best_audio(description.media)
    if media is None:
        names = ", ".join(sorted({m.encoding or str(m.payload_type) for m in offered}))
        if names:
            notes.append(str(Note("sound_not_recorded", names)))
        return None
    try:
        track = (await _set_up(connection, base, media, _SOUND_CHANNEL))[0]
    except CameraError as error:
        if error.cause in (Cause.SILENT, Cause.REFUSED):
            raise
        notes.append(str(Note("sound_not_set_up", error.detail)))
        return None
    if set(track.channels) & set(taken):  # it repeats its answer; both can't be on one channel
        return replace(track, channels=(_SOUND_CHANNEL, _SOUND_CHANNEL + 1))
    return track


async def _play(connection: Connection, base: str) -> None:
    """Start; a camera that dislikes the range is asked again without one."""
    connection.keep_early = True
    response = await connection.request("PLAY", base, [("Range", "npt=0.000-")])
    if response.status in _RANGE_DISLIKED:
        response = await connection.request("PLAY", base)
    _check(connection, "PLAY", response)


def _check(connection: Connection, method: str, response: Response) -> None:
    if 200 <= response.status < 300:
        return
    said = f"{response.status} {response.reason}".strip()
    if response.status in _REFUSALS:
        raise CameraError(Cause.REFUSED, f"{connection.peer} forbids {method} ({said}).")
    if response.status in _NO_SUCH_STREAM:
        text = f"{connection.peer} answers, but has no such stream ({method}: {said})."
        raise CameraError(Cause.NOT_FOUND, text)
    raise CameraError(Cause.BROKEN_STREAM, f"{connection.peer} answers {method} with {said}.")
