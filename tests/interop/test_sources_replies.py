"""The native source against a camera that says what real ones were heard to say."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from recorder.native import NativeSource
from recorder.rtsp.messages import Request
from recorder.source import LockedOut, NotNative
from tests.interop.scripted import OK, SDP, Camera, pictures, play
from tests.recorder.rtp.wire import IDR, Packetiser, frame, lengths, videos
from vms.core.clock import SECOND, FakeClock, Span
from vms.core.errors import CameraError
from vms.core.model import Cause


def test_a_plain_camera() -> None:
    camera = Camera(media=pictures())
    assert {u.data for u in videos(play(camera))} == {lengths(IDR)}
    methods = [request.method for request in camera.heard]
    assert methods == ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]
    assert camera.heard[-1].headers.get("Session") == "77"


def test_a_password_among_the_words_of_the_address_is_filled_in() -> None:  # XM, Dahua's clones
    camera = Camera(media=pictures())
    play(camera, url="rtsp://127.0.0.1:{port}/user=u_password={password}_channel=1.sdp")
    assert camera.heard[0].uri.endswith("/user=u_password=p%3A%40ss_channel=1.sdp")


def test_media_before_plays_answer_is_kept() -> None:  # Reolink, v4l2rtspserver
    track = Packetiser()
    frames = [data for n in range(6) for data in track.picture([IDR], n * 3_600)]
    camera = Camera(before_play=b"".join(frames[:5]), media=b"".join(frames[5:]))
    assert len(videos(play(camera))) >= 5


def test_other_channels_than_asked() -> None:
    track = Packetiser(channel=6)
    media = b"".join(b"".join(track.picture([IDR], n * 3_600)) for n in range(6))
    camera = Camera({"SETUP": OK + "Transport: RTP/AVP;interleaved=6-7\r\nSession: 1\r\n\r\n"})
    camera.media = media
    assert len(videos(play(camera))) >= 5


def test_another_sessions_packets_before_we_signed_in() -> None:  # Reolink RLC-410
    stray = frame(0, b"\x80" + b"\x60" * 40)

    class Strays(Camera):
        def answer(self, request: Request) -> bytes:
            return (stray * 3 if request.method != "PLAY" else b"") + super().answer(request)

    assert len(videos(play(Strays(media=pictures())))) >= 5


def test_digest_is_answered_on_every_request() -> None:
    challenge = "RTSP/1.0 401 No\r\nCSeq: {cseq}\r\n" + (
        'WWW-Authenticate: Basic realm="c"\r\n'
        'WWW-Authenticate: Digest realm="c", nonce="n", algorithm=SHA-256, qop="auth"\r\n\r\n'
    )
    described = OK + "Content-Length: {length}\r\n\r\n{sdp}"
    camera = Camera({"DESCRIBE": [challenge, described]}, media=pictures())
    assert videos(play(camera))
    signed = [r.headers.get("Authorization") or "" for r in camera.heard[2:]]
    assert all(value.startswith('Digest username="user"') for value in signed)


def test_a_stale_nonce_is_replaced() -> None:
    first = 'RTSP/1.0 401 No\r\nCSeq: {cseq}\r\nWWW-Authenticate: Digest nonce="1"\r\n\r\n'
    stale = first.replace('"1"', '"2", stale=true')
    described = OK + "Content-Length: {length}\r\n\r\n{sdp}"
    camera = Camera({"DESCRIBE": [first, stale, described]}, media=pictures())
    assert videos(play(camera))


REFUSALS = {
    "401 twice": (
        {"DESCRIBE": 'RTSP/1.0 401 No\r\nCSeq: {cseq}\r\nWWW-Authenticate: Basic realm=""\r\n\r\n'},
        Cause.REFUSED,
    ),
    "403": ({"DESCRIBE": "RTSP/1.0 403 Forbidden\r\nCSeq: {cseq}\r\n\r\n"}, Cause.REFUSED),
    "404": ({"DESCRIBE": "RTSP/1.0 404 Not Found\r\nCSeq: {cseq}\r\n\r\n"}, Cause.NOT_FOUND),
    "454": ({"PLAY": "RTSP/1.0 454 Session\r\nCSeq: {cseq}\r\n\r\n"}, Cause.NOT_FOUND),
    "500": ({"SETUP": "RTSP/1.0 500\r\nCSeq: {cseq}\r\n\r\n"}, Cause.BROKEN_STREAM),
    "http": ({"OPTIONS": "HTTP/1.1 400 Bad Request\r\n\r\n<html>"}, Cause.BROKEN_STREAM),
    "no answer": ({"DESCRIBE": ""}, Cause.SILENT),
    "no sdp": ({"DESCRIBE": OK + "\r\n"}, Cause.NO_VIDEO),
    "elsewhere": (
        {"DESCRIBE": "RTSP/1.0 302 Go\r\nCSeq: {cseq}\r\nLocation: rtsp://10.9.9.9/\r\n\r\n"},
        Cause.NOT_FOUND,
    ),
    "endless": ({"DESCRIBE": "RTSP/1.0 200 OK\r\n" + "X: y\r\n" * 9_000}, Cause.BROKEN_STREAM),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_say_why(name: str) -> None:
    answers, cause = REFUSALS[name]
    with pytest.raises(CameraError) as error:
        play(Camera(dict(answers)))
    assert error.value.cause is cause
    assert "p:@ss" not in str(error.value)


@pytest.mark.parametrize("said", ["423 Locked", "401 Account locked", "403 IP is blocked"])
def test_a_camera_that_says_that_it_is_locked_is_believed(said: str) -> None:
    challenge = 'WWW-Authenticate: Digest realm="c", nonce="n"'
    answer = f"RTSP/1.0 {said}\r\nCSeq: {{cseq}}\r\n{challenge}\r\n\r\n"
    camera = Camera({"DESCRIBE": answer})
    with pytest.raises(LockedOut, match=said) as error:
        play(camera)
    assert error.value.cause is Cause.REFUSED
    assert not any(one.headers.get("Authorization") for one in camera.heard)


@pytest.mark.parametrize(
    "answer",
    [
        "RTSP/1.0 461 Unsupported Transport\r\nCSeq: {cseq}\r\n\r\n",
        OK + "Transport: RTP/AVP;client_port=1-2;server_port=3-4\r\nSession: 1\r\n\r\n",
    ],
)
def test_a_camera_without_tcp_is_for_libav(answer: str) -> None:
    with pytest.raises(NotNative):
        play(Camera({"SETUP": answer}))


def test_a_camera_that_dislikes_the_range_is_asked_without() -> None:
    played = [f"RTSP/1.0 {s}\r\nCSeq: {{cseq}}\r\n\r\n" for s in ("457 Invalid Range", "200 OK")]
    assert videos(play(Camera({"PLAY": played}, media=pictures())))


def test_odd_answers_are_understood() -> None:
    camera = Camera(
        {
            "OPTIONS": "\r\n\r\nRTSP/1.0 200\r\nCSeq:   {cseq}  \r\n\r\n\r\n",
            "SETUP": "RTSP/1.0 200 OK\r\nTransport: RTP/AVP;interleaved=0\r\nSession: a b \r\n\r\n",
            "DESCRIBE": "RTSP/1.0 200 OK\r\ncseq:{cseq}\r\nCONTENT-LENGTH : {length}\r\n\r\n{sdp}",
        },
        media=b"\r\n" + pictures(),
    )
    assert videos(play(camera))


def test_the_cameras_pings_are_answered() -> None:
    media = b"OPTIONS * RTSP/1.0\r\nCSeq: 41\r\n\r\n" + pictures()

    class Listening(Camera):
        said: bytes = b""

        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            feed = asyncio.StreamReader()

            async def copy() -> None:
                while chunk := await reader.read(4096):
                    type(self).said += chunk
                    feed.feed_data(chunk)
                feed.feed_eof()

            await asyncio.gather(copy(), super().serve(feed, writer), return_exceptions=True)

    assert videos(play(Listening(media=media)))
    assert b"RTSP/1.0 200 OK\r\nCSeq: 41" in Listening.said


def test_silence_keep_alive_and_reports() -> None:
    clock = FakeClock()
    camera = Camera(media=pictures())

    async def wait(source: NativeSource) -> None:
        await asyncio.sleep(0.1)
        assert videos(source.sweep().units)
        clock.advance(5 * SECOND)
        source.sweep()
        await asyncio.sleep(0.05)
        assert "GET_PARAMETER" in [request.method for request in camera.heard]
        clock.advance(4 * SECOND)
        source.sweep()
        clock.advance(SECOND)
        with pytest.raises(CameraError) as error:
            source.sweep()
        assert error.value.cause is Cause.SILENT
        raise error.value

    with pytest.raises(CameraError):
        play(camera, wait, clock, silence=Span(9_500_000_000))


def test_the_end_comes_after_what_was_received() -> None:
    camera = Camera(media=pictures(), hang_up=True)
    assert len(videos(play(camera))) == 6


def signed_by_itself(folder: Path, *key_kind: str, ciphers: str = "") -> ssl.SSLContext:
    """A camera's side of TLS, with a certificate of its own making."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *key_kind,
         "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=camera", "-days", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ciphers:
        context.set_ciphers(ciphers)
    context.load_cert_chain(cert, key)
    return context


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    return signed_by_itself(tmp_path, "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


def test_rtsp_over_tls(certificate: ssl.SSLContext) -> None:
    camera = Camera(media=pictures(200))  # more than one TLS record
    units = videos(play(camera, url="rtsps://127.0.0.1:{port}/x", tls=certificate))
    assert len(units) >= 199
    assert {unit.data for unit in units} == {lengths(IDR)}


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [("TLSv1", "ALL:@SECLEVEL=0"), ("TLSv1_1", "ALL:@SECLEVEL=0"), ("", "AES128-SHA:@SECLEVEL=0")],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_of_an_old_camera(tmp_path: Path, version: str, ciphers: str) -> None:
    old = signed_by_itself(tmp_path, "rsa:1024", "-sha1", ciphers=ciphers)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = ssl.TLSVersion[version or "TLSv1_2"]
    camera = Camera(media=pictures(20))
    assert len(videos(play(camera, url="rtsps://127.0.0.1:{port}/x", tls=old))) >= 19


def test_a_camera_that_knows_no_tls_is_told() -> None:
    with pytest.raises(CameraError, match=r"TLS.*: [A-Z_]+\.$") as error:
        play(Camera(), url="rtsps://127.0.0.1:{port}/x")
    assert error.value.cause is Cause.UNREACHABLE


def test_unreachable_hosts_are_told() -> None:
    for url in ("rtsp://127.0.0.1:1/x", "rtsp://no-such-host.invalid/x"):
        with pytest.raises(CameraError) as error:
            play(Camera(), url=url)
        assert error.value.cause is Cause.UNREACHABLE


def test_units_with_decoding_order_numbers_are_for_libav() -> None:
    sdp = SDP.replace("H264", "H265").replace("fmtp:96 ", "fmtp:96 sprop-max-don-diff=2;")
    with pytest.raises(NotNative):
        play(Camera(sdp=sdp))
    assert videos(
        play(Camera(sdp=SDP.replace("fmtp:96 ", "fmtp:96 sprop-max-don-diff=2;"), media=pictures()))
    )


def test_a_camera_that_asks_for_a_user_says_that_none_is_set() -> None:
    camera = Camera({"DESCRIBE": REFUSALS["401 twice"][0]["DESCRIBE"]})
    with pytest.raises(CameraError, match="none are set for this camera") as error:
        play(camera, user=None)
    assert error.value.cause is Cause.REFUSED
