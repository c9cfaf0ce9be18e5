"""Offers of real browsers, and what we answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiortc import RTCIceCandidate, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from vms.core.errors import BadRequest
from vms.core.media import AudioFormat
from web.live.sdp import Local, answer, choose_audio, choose_video, read_offer

CHROMIUM = (Path(__file__).parent / "offer-chromium.sdp").read_text().replace("\n", "\r\n")
LOCAL = Local(
    ice=RTCIceParameters("ours", "secret-of-twenty-two-ch"),
    dtls=RTCDtlsParameters([RTCDtlsFingerprint("sha-256", "AA:BB")]),
    candidates=[RTCIceCandidate(1, "1", "192.0.2.2", 5_000, 1, "udp", "host")],
    cname="name",
)
PCMA = AudioFormat("pcma", 8_000)


def answered(offer_text: str, audio: AudioFormat | None = None) -> SessionDescription:
    offer = read_offer(offer_text)
    video = choose_video(offer, 100, 101)
    assert video is not None
    return SessionDescription.parse(answer(offer, video, choose_audio(offer, audio, 102), LOCAL))


def test_chromium_is_answered_with_constrained_baseline_and_retransmission() -> None:
    video = answered(CHROMIUM).media[0]
    assert [codec.name for codec in video.rtp.codecs] == ["H264", "rtx"]
    h264, rtx = video.rtp.codecs
    assert h264.parameters["profile-level-id"] == "42e01f"
    assert str(h264.parameters["packetization-mode"]) == "1"
    assert rtx.parameters["apt"] == h264.payloadType
    assert [(f.type, f.parameter) for f in h264.rtcpFeedback] == [("nack", None), ("nack", "pli")]
    assert video.direction == "sendonly"
    assert video.rtcp_mux
    assert video.dtls is not None
    assert video.dtls.role == "server"
    assert [entry.ssrc for entry in video.ssrc] == [100, 101]


def test_the_playout_delay_is_agreed_under_the_browsers_id() -> None:
    offer = read_offer(CHROMIUM)
    video = choose_video(offer, 100, 101)
    assert video is not None
    extensions = answered(CHROMIUM).media[0].rtp.headerExtensions
    assert [extension.id for extension in extensions] == [video.playout_delay_id]
    assert "playout-delay" in extensions[0].uri


def test_names_that_only_the_browsers_machine_knows_are_no_candidates() -> None:
    assert ".local" in CHROMIUM
    assert read_offer(CHROMIUM).candidates == ()


def test_g711_is_sent_as_it_is() -> None:
    audio = answered(CHROMIUM, PCMA).media[1]
    assert [codec.payloadType for codec in audio.rtp.codecs] == [8]
    assert audio.direction == "sendonly"


@pytest.mark.parametrize(
    "audio",
    [
        None,
        AudioFormat("aac", 16_000, 1, b"\x14\x08"),
        AudioFormat("pcma", 16_000),
        AudioFormat("pcmu", 8_000, 2),
    ],
)
def test_other_sound_is_not_sent_and_the_pictures_still_come(audio: AudioFormat | None) -> None:
    video, sound = answered(CHROMIUM, audio).media
    assert video.direction == "sendonly"
    assert (sound.direction, sound.ssrc) == ("inactive", [])
    assert sound.rtcp_mux


def test_sound_of_no_kind_we_know_is_refused() -> None:
    offer = (
        CHROMIUM.replace(" 0 8 ", " ").replace("a=rtpmap:0 ", "a=x:").replace("a=rtpmap:8 ", "a=x:")
    )
    assert answered(offer).media[1].port == 0


@pytest.mark.parametrize("kinds", [("video",), ("audio", "video"), ("video", "audio")])
@pytest.mark.parametrize("audio", [None, PCMA, AudioFormat("aac", 16_000, 1, b"\x14\x08")])
def test_aiortc_takes_the_answer(kinds: tuple[str, ...], audio: AudioFormat | None) -> None:
    async def meet() -> list[str]:
        peer = RTCPeerConnection()
        for kind in kinds:
            peer.addTransceiver(kind, direction="recvonly")
        await peer.setLocalDescription(await peer.createOffer())
        told = str(answered(peer.localDescription.sdp, audio))
        await peer.setRemoteDescription(RTCSessionDescription(told, "answer"))
        agreed = [one.currentDirection for one in peer.getTransceivers() if one.kind == "video"]
        await peer.close()
        return agreed

    assert asyncio.run(meet()) == ["recvonly"]


def test_a_browser_without_h264_is_noticed() -> None:
    assert choose_video(read_offer(CHROMIUM.replace("H264", "H999")), 1, 2) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no video"),
        ("hello", "no video"),
        (CHROMIUM.replace("m=video", "m=application"), "no video"),
        (CHROMIUM.replace("a=ice-pwd", "a=ice-nothing"), "ice-pwd"),
        (CHROMIUM.replace("a=fingerprint", "a=nothing"), "fingerprint"),
        (CHROMIUM.replace("a=rtcp-mux", "a=nothing"), "rtcp-mux"),
        (CHROMIUM.replace("a=setup:actpass", "a=setup:passive"), "actpass"),
        ("v=0" * 100_000, "characters"),
    ],
)
def test_a_bad_offer_is_told_why(text: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        read_offer(text)


@given(st.text(max_size=400), st.integers(0, len(CHROMIUM)))
def test_garbage_in_an_offer_is_refused_or_read_but_never_a_crash(text: str, at: int) -> None:
    try:
        read_offer(CHROMIUM[:at] + text + CHROMIUM[at + len(text) :])
    except BadRequest:
        return
