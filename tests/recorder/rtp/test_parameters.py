"""Parameter sets from SDP and stream, with what cameras get wrong in sprop."""

import base64

from recorder.rtp.nal import H264, H265
from recorder.rtp.parameters import ParameterSets, sets_from_fmtp
from tests.recorder.rtp.wire import HEVC_PPS, HEVC_SPS, HEVC_VPS, PPS, SPS

HIGH_SPS = bytes.fromhex("67640028acd940780227e5c044000003000400000300c83c60c658")


def b64(*nals: bytes) -> str:
    return ",".join(base64.b64encode(nal).decode() for nal in nals)


def test_h264_needs_sps_and_pps() -> None:
    sets = ParameterSets(H264)
    sets.take([SPS])
    assert sets.format is None
    sets.take([PPS])
    assert sets.format is not None
    assert (sets.format.width, sets.format.height) == (1280, 720)
    assert sets.format.mime_codec == "avc1.42C01F"


def test_h265_needs_all_three() -> None:
    sets = ParameterSets(H265)
    sets.take([HEVC_SPS, HEVC_PPS])
    assert sets.format is None
    sets.take([HEVC_VPS])
    assert sets.format is not None
    assert (sets.format.width, sets.format.height) == (1920, 1080)


def test_the_same_sets_again_are_the_same_format() -> None:
    sets = ParameterSets(H264)
    sets.take([SPS, PPS])
    before = sets.format
    sets.take([SPS, PPS])
    assert sets.format is before


def test_a_picture_with_sps_and_pps_replaces_what_the_sdp_said() -> None:
    sets = ParameterSets(H264)
    other_pps = b"\x68\x5a\xbc"  # id 1: of no use to the new SPS
    sets.take([SPS, PPS, other_pps])
    sets.take([HIGH_SPS, PPS])
    assert sets.format is not None
    assert (sets.format.sps, sets.format.pps) == ((HIGH_SPS,), (PPS,))


def test_zero_bytes_behind_a_set_are_not_a_change() -> None:
    sets = ParameterSets(H264)
    sets.take([SPS, PPS])
    before = sets.format
    sets.take([SPS + b"\0\0", PPS + b"\0"])
    assert sets.format == before


def test_annex_b_inside_sprop() -> None:  # Tenda CP3PRO
    text = base64.b64encode(b"\0\0\0\x01" + SPS + b"\0\0\0\x01" + PPS).decode()
    assert sets_from_fmtp({"sprop-parameter-sets": text}) == [SPS, PPS]


def test_empty_and_broken_sprop_give_nothing() -> None:  # HIK Media Server
    assert sets_from_fmtp({"sprop-parameter-sets": ""}) == []
    assert sets_from_fmtp({"sprop-parameter-sets": ",,"}) == []
    assert sets_from_fmtp({"sprop-parameter-sets": "A"}) in ([], [b""])
    assert sets_from_fmtp({}) == []


def test_missing_padding_is_forgiven() -> None:
    assert sets_from_fmtp({"sprop-parameter-sets": b64(SPS, PPS).replace("=", "")}) == [SPS, PPS]


def test_a_wrong_nal_header_in_sprop_is_ignored() -> None:  # VStarcam
    sets = ParameterSets(H264)
    sets.take([b"\x01" + SPS[1:], b"\x1f" + PPS[1:]])
    assert sets.format is None
    sets.take([SPS, PPS])
    assert sets.format is not None


def test_hevc_sprops() -> None:
    fmtp = {"sprop-vps": b64(HEVC_VPS), "sprop-sps": b64(HEVC_SPS), "sprop-pps": b64(HEVC_PPS)}
    assert sets_from_fmtp(fmtp) == [HEVC_VPS, HEVC_SPS, HEVC_PPS]
