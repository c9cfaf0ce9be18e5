"""Session descriptions of real cameras and of none."""

from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp.sdp import best_audio, best_video, parse_sdp

HIKVISION = b"""v=0\r
o=- 1109162014219182 1109162014219192 IN IP4 192.168.1.64\r
s=Media Presentation\r
e=NONE\r
b=AS:5100\r
t=0 0\r
a=control:*\r
m=video 0 RTP/AVP 96\r
c=IN IP4 0.0.0.0\r
b=AS:5000\r
a=recvonly\r
a=control:trackID=1\r
a=rtpmap:96 H264/90000\r
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z2QAKA==,aO4=\r
m=audio 0 RTP/AVP 8\r
a=control:trackID=2\r
a=rtpmap:8 PCMA/8000\r
m=application 0 RTP/AVP 107\r
a=control:trackID=3\r
a=rtpmap:107 vnd.onvif.metadata/90000\r
"""


def test_a_plain_description() -> None:
    found = parse_sdp(HIKVISION)
    assert found.control == "*"
    assert [m.kind for m in found.media] == ["video", "audio", "application"]
    video, audio = best_video(found.media), best_audio(found.media)
    assert video is not None
    assert audio is not None
    assert (video.encoding, video.payload_type, video.clock_rate) == ("H264", 96, 90_000)
    assert (video.control, video.direction) == ("trackID=1", "recvonly")
    assert video.fmtp["sprop-parameter-sets"] == "Z2QAKA==,aO4="
    assert (audio.encoding, audio.clock_rate, audio.control) == ("PCMA", 8000, "trackID=2")


def test_a_description_with_everything_missing_or_broken() -> None:  # FLIR, and more
    body = b"""s=\ns=again\no=- 1.5 2.5 IN\nc=IN \nt=now\na=control\njunk\n= x\nm=\nm=video\n
m = video 0 RTP/AVP 35 96\na=rtpmap:35 H264/0 \na = control: /track1 \na=fmtp:35\n"""
    video = best_video(parse_sdp(body).media)
    assert video is not None
    assert (video.payload_type, video.encoding, video.clock_rate) == (35, "H264", 90_000)
    assert video.control == "/track1"


def test_spaces_and_missing_clock_rates() -> None:
    for text in ("H265/90000 ", "H265", "h265/", "HEVC/90000", "H265 /90000"):
        body = f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 {text}\r\n".encode()
        video = best_video(parse_sdp(body).media)
        assert video is not None
        assert (video.encoding, video.clock_rate) == ("H265", 90_000), text


def test_static_payload_types_need_no_rtpmap() -> None:
    found = parse_sdp(b"m=video 0 RTP/AVP 26\nm=audio 0 RTP/AVP 0\n")
    assert [m.encoding for m in found.media] == ["JPEG", "PCMU"]


def test_what_we_can_store_is_preferred() -> None:
    body = b"""m=video 0 RTP/AVP 26
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
m=audio 0 RTP/AVP 98
a=rtpmap:98 opus/48000/2
m=audio 0 RTP/AVP 0
a=sendonly
m=audio 0 RTP/AVP 97
a=rtpmap:97 MPEG4-GENERIC/16000/1
a=fmtp:97 streamtype=5; mode=AAC-hbr; config=1408; SizeLength=13
"""
    media = parse_sdp(body).media
    video, audio = best_video(media), best_audio(media)
    assert video is not None
    assert audio is not None
    assert (video.encoding, audio.encoding) == ("H264", "MPEG4-GENERIC")
    assert audio.fmtp["sizelength"] == "13"


def test_a_backchannel_is_taken_when_there_is_no_other_sound() -> None:
    audio = best_audio(parse_sdp(b"m=audio 0 RTP/AVP 0\na=sendonly\n").media)
    assert audio is not None


@given(st.binary(max_size=600))
def test_any_bytes_are_survived(data: bytes) -> None:
    for body in (data, b"m=video 0 RTP/AVP 96\na=rtpmap:96 " + data):
        best_video(parse_sdp(body).media)
        best_audio(parse_sdp(body).media)


def test_endless_media_are_bounded() -> None:
    assert len(parse_sdp(b"m=video 0 RTP/AVP 96\n" * 5_000).media) < 100


def test_a_codec_with_a_name_without_end_is_named_briefly() -> None:
    media = parse_sdp(b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 " + b"X" * 60_000 + b"/90000\r\n").media
    assert len(media[0].encoding) <= 40
