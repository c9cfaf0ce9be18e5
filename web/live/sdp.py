"""The WHEP offer read, and our answer to it (RFC 9725, RFC 8829). Pure.

aiortc's parser reads the offer; the answer is ours: one H.264 codec as `42e01f`, whatever the
camera's real profile is, because browsers decode High but only agree to what they know;
retransmission, the playout-delay extension, and G.711 as it is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from aiortc import RTCIceCandidate
from aiortc.rtcdtlstransport import RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.rtcrtpparameters import (
    RTCRtcpFeedback,
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
)
from aiortc.sdp import (
    GroupDescription,
    MediaDescription,
    SessionDescription,
    SsrcDescription,
)

from vms.core.errors import BadRequest
from vms.core.media import AudioFormat

PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

_OFFER_MAX = 100_000
_PROFILE = "42e01f"
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - what SDP says where ICE gives the address
_AUDIO_TYPES = {"pcmu": 0, "pcma": 8}  # static payload types (RFC 3551 §6)


@dataclass(frozen=True, slots=True)
class VideoChoice:
    """What was agreed for the pictures."""

    payload_type: int
    rtx_type: int | None
    playout_delay_id: int | None
    ssrc: int
    rtx_ssrc: int


@dataclass(frozen=True, slots=True)
class AudioChoice:
    """What was agreed for the sound: `index` of its media section, its static payload type."""

    index: int
    payload_type: int
    ssrc: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What a browser offers. `candidates` are only those with an address (no mDNS names)."""

    media: tuple[MediaDescription, ...]
    bundle: tuple[str, ...]
    video: int
    ice: RTCIceParameters
    dtls: RTCDtlsParameters
    candidates: tuple[RTCIceCandidate, ...]


@dataclass(frozen=True, slots=True)
class Local:
    """Our end of the connection."""

    ice: RTCIceParameters
    dtls: RTCDtlsParameters
    candidates: Sequence[RTCIceCandidate]
    cname: str


def read_offer(text: str) -> Offer:
    """Read an offer that wants to receive video; raises BadRequest saying what is wrong."""
    if len(text) > _OFFER_MAX:
        raise BadRequest(f"the SDP offer has {len(text)} characters, at most {_OFFER_MAX} are read")
    try:
        description = SessionDescription.parse(text)
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError, StopIteration) as e:
        # aiortc's parser is meant for browsers and trips over what is no SDP in many ways.
        raise BadRequest(f"this is no SDP offer: {type(e).__name__}: {e}") from None
    media = tuple(description.media)
    video = next((i for i, m in enumerate(media) if m.kind == "video" and m.port), None)
    if video is None:
        raise BadRequest("the SDP offer has no video section")
    section = media[video]
    if not section.ice or not section.ice.usernameFragment or not section.ice.password:
        raise BadRequest("the SDP offer has no ice-ufrag and ice-pwd")
    if not section.dtls or not section.dtls.fingerprints:
        raise BadRequest("the SDP offer has no DTLS fingerprint")
    if not section.rtcp_mux:
        raise BadRequest("the SDP offer does not multiplex RTCP (a=rtcp-mux)")
    if section.dtls.role == "server":
        raise BadRequest("the SDP offer wants to be DTLS server; offer a=setup:actpass")
    bundle = next((g.items for g in description.group if g.semantic == "BUNDLE"), [])
    return Offer(
        media=media,
        bundle=tuple(str(mid) for mid in bundle),
        video=video,
        ice=section.ice,
        dtls=section.dtls,
        candidates=tuple(c for c in section.ice_candidates if _is_address(c.ip)),
    )


def choose_video(offer: Offer, ssrc: int, rtx_ssrc: int) -> VideoChoice | None:
    """The H.264 payload type to use, or None if the browser plays no H.264 over WebRTC."""
    section = offer.media[offer.video]
    codecs = [c for c in section.rtp.codecs if _takes_h264(c)]
    if not codecs:
        return None
    codec = min(codecs, key=_preference)
    rtx = (
        c.payloadType
        for c in section.rtp.codecs
        if c.name.lower() == "rtx" and c.parameters.get("apt") == codec.payloadType
    )
    delay = (h.id for h in section.rtp.headerExtensions if h.uri == PLAYOUT_DELAY and h.id < 15)
    assert codec.payloadType is not None
    return VideoChoice(codec.payloadType, next(rtx, None), next(delay, None), ssrc, rtx_ssrc)


def choose_audio(offer: Offer, audio: AudioFormat | None, ssrc: int) -> AudioChoice | None:
    """The section that can carry the stream's sound, if it is G.711 at 8 kHz and bundled."""
    if audio is None or audio.codec not in _AUDIO_TYPES:
        return None
    if audio.clock_rate != 8_000 or audio.channels != 1:
        return None
    kind = _AUDIO_TYPES[audio.codec]
    for index, section in enumerate(offer.media):
        if section.kind != "audio" or section.rtp.muxId not in offer.bundle:
            continue
        if any(codec.payloadType == kind for codec in section.rtp.codecs):
            return AudioChoice(index, kind, ssrc)
    return None


def answer(offer: Offer, video: VideoChoice, audio: AudioChoice | None, local: Local) -> str:
    """The SDP answer: every section of the offer in its order."""
    description = SessionDescription()
    description.origin = "- 1 1 IN IP4 127.0.0.1"
    description.type = "answer"
    bundled = []
    for index, section in enumerate(offer.media):
        if index == offer.video:
            media = _video_section(section, video, local)
        elif audio is not None and index == audio.index:
            media = _audio_section(section, audio, local)
        else:
            media = _nothing_sent(section, offer, local)
        description.media.append(media)
        if media.port:
            bundled.append(section.rtp.muxId)
    if offer.bundle:
        description.group.append(GroupDescription("BUNDLE", list(bundled)))
    description.msid_semantic.append(GroupDescription("WMS", ["*"]))
    return str(description)


def _video_section(
    section: MediaDescription, choice: VideoChoice, local: Local
) -> MediaDescription:
    codecs = [
        RTCRtpCodecParameters(
            mimeType="video/H264",
            clockRate=90_000,
            payloadType=choice.payload_type,
            rtcpFeedback=[RTCRtcpFeedback("nack"), RTCRtcpFeedback("nack", "pli")],
            parameters={
                "level-asymmetry-allowed": 1,
                "packetization-mode": 1,
                "profile-level-id": _PROFILE,
            },
        )
    ]
    if choice.rtx_type is not None:
        codecs.append(
            RTCRtpCodecParameters(
                mimeType="video/rtx",
                clockRate=90_000,
                payloadType=choice.rtx_type,
                parameters={"apt": choice.payload_type},
            )
        )
    media = _section(section, codecs, choice.ssrc, local)
    if choice.rtx_type is not None:
        media.ssrc.append(SsrcDescription(ssrc=choice.rtx_ssrc, cname=local.cname))
        media.ssrc_group = [GroupDescription("FID", [choice.ssrc, choice.rtx_ssrc])]
    if choice.playout_delay_id is not None:
        media.rtp.headerExtensions = [
            RTCRtpHeaderExtensionParameters(id=choice.playout_delay_id, uri=PLAYOUT_DELAY)
        ]
    return media


def _audio_section(
    section: MediaDescription, choice: AudioChoice, local: Local
) -> MediaDescription:
    name = next(name for name, kind in _AUDIO_TYPES.items() if kind == choice.payload_type)
    codec = RTCRtpCodecParameters(
        mimeType=f"audio/{name.upper()}",
        clockRate=8_000,
        channels=1,
        payloadType=choice.payload_type,
    )
    return _section(section, [codec], choice.ssrc, local)


def _nothing_sent(section: MediaDescription, offer: Offer, local: Local) -> MediaDescription:
    """Sound that there is none of, or of a kind WebRTC lacks, is agreed on and inactive: aiortc
    takes no answer in which a section of its bundle is refused. All else is refused."""
    kinds = _AUDIO_TYPES.values() if section.kind == "audio" else ()
    kind = next((c.payloadType for c in section.rtp.codecs if c.payloadType in kinds), None)
    if kind is None or section.rtp.muxId not in offer.bundle:
        return _refusal(section, local)
    media = _audio_section(section, AudioChoice(0, kind, 0), local)
    media.direction, media.msid, media.ssrc = "inactive", None, []
    return media


def _section(
    offered: MediaDescription, codecs: list[RTCRtpCodecParameters], ssrc: int, local: Local
) -> MediaDescription:
    media = MediaDescription(
        kind=offered.kind,
        port=9,
        profile=offered.profile,
        fmt=[codec.payloadType for codec in codecs],
    )
    media.host = media.rtcp_host = _NO_ADDRESS
    media.rtcp_port = 9
    media.rtcp_mux = True
    media.direction = "sendonly"
    media.msid = f"{local.cname} {offered.kind}"
    media.rtp = RTCRtpParameters(codecs=codecs, muxId=offered.rtp.muxId)
    media.ssrc = [SsrcDescription(ssrc=ssrc, cname=local.cname)]
    _add_transport(media, local)
    return media


def _refusal(offered: MediaDescription, local: Local) -> MediaDescription:
    media = MediaDescription(
        kind=offered.kind, port=0, profile=offered.profile, fmt=list(offered.fmt)
    )
    media.host = _NO_ADDRESS
    media.direction = "inactive"
    media.rtp = RTCRtpParameters(muxId=offered.rtp.muxId)
    _add_transport(media, local)
    return media


def _add_transport(media: MediaDescription, local: Local) -> None:
    media.ice = local.ice
    media.dtls = RTCDtlsParameters(fingerprints=local.dtls.fingerprints, role="server")
    if media.port:
        media.ice_candidates = list(local.candidates)
        media.ice_candidates_complete = True


def _takes_h264(codec: RTCRtpCodecParameters) -> bool:
    return (
        codec.name.lower() == "h264"
        and codec.clockRate == 90_000
        and str(codec.parameters.get("packetization-mode", "0")) == "1"
    )


def _preference(codec: RTCRtpCodecParameters) -> int:
    """`42e01f` first, then any other Constrained Baseline, then the rest."""
    profile = str(codec.parameters.get("profile-level-id", "")).lower()
    if profile == _PROFILE:
        return 0
    return 1 if profile.startswith("42e0") else 2


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
