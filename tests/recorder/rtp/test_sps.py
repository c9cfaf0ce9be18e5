"""Parameter sets as x264 and x265 write them, damaged ones, and ones behind garbage."""

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtp.sps import SpsFacts, parse_h264_sps, parse_h265_sps
from tests.interop.bits import hevc_sps, hevc_vps
from tests.recorder.rtp.wire import HEVC_PPS

H264_SETS = {
    "67640028acd940780227e5c044000003000400000300c83c60c658": SpsFacts(
        0, 1920, 1080, 25_000, reorder=2
    ),
    "6742c01fd9005005bb0110000003001000000301e0f1832480": SpsFacts(0, 1280, 720, 15_000, reorder=0),
    "67640028acd94078044fde0220000003002000000643e2c5b2c0": SpsFacts(
        0, 1920, 1080, 25_000, reorder=2, progressive=False
    ),
    "67f4000d919b282c12d80880000003008000001e078a14cb": SpsFacts(0, 352, 288, 30_000, reorder=2),
    "6764001eacd940a03db01100000303e90000ea60604000f424001e84e4c30078b16cb0": SpsFacts(
        0, 640, 480, 29_970, reorder=2
    ),
}
H265_SETS = {
    "420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84": (
        SpsFacts(0, 1920, 1080, 25_000, reorder=2)
    ),
    "42010102200000030090000003000003003fa005120169c94d96566924e5780b404000000300400000079805259b"
    "8003d090007a1220": SpsFacts(0, 642, 358, 30_000, reorder=2),
    "4201010408000003009d0800000300005db00280802d165959a4932bc05a020000030002000003001810": (
        SpsFacts(0, 1280, 720, 12_000, reorder=2)
    ),
}


@pytest.mark.parametrize(("text", "facts"), H264_SETS.items())
def test_h264_facts(text: str, facts: SpsFacts) -> None:
    assert parse_h264_sps(bytes.fromhex(text)) == facts


@pytest.mark.parametrize(("text", "facts"), H265_SETS.items())
def test_h265_facts(text: str, facts: SpsFacts) -> None:
    assert parse_h265_sps(bytes.fromhex(text)) == facts


@pytest.mark.parametrize(
    "features", [{}, {"scaling": True}, {"inter": True}, {"layers": 3}, {"long_term": True},
                 {"layers": 2, "scaling": True, "inter": True, "long_term": True}],
)  # fmt: skip
def test_h265_features_that_few_write_do_not_hide_the_size(features: dict[str, bool]) -> None:
    sps = hevc_sps(**features)
    facts = parse_h265_sps(sps)
    assert (facts.width, facts.height, facts.frame_rate) == (1280, 720, 0)
    decoder = av.CodecContext.create("hevc", "r")  # a stranger reads the same set
    assert isinstance(decoder, av.VideoCodecContext)
    sets = (hevc_vps(features.get("layers", 1)), sps, HEVC_PPS)
    decoder.extradata = b"".join(b"\0\0\0\1" + one for one in sets)
    decoder.open()
    assert (decoder.width, decoder.height) == (1280, 720)


def test_garbage_behind_a_set_changes_nothing() -> None:
    for text, facts in H264_SETS.items():
        assert parse_h264_sps(bytes.fromhex(text) + b"\x00\x00\xc3garbage" * 9) == facts


def test_a_set_cut_in_its_timing_still_tells_the_size() -> None:
    text, facts = next(iter(H264_SETS.items()))
    cut = parse_h264_sps(bytes.fromhex(text)[:14])
    assert (cut.width, cut.height, cut.frame_rate) == (facts.width, facts.height, 0)


@given(st.binary(max_size=80))
def test_any_bytes_give_facts_or_a_value_error(data: bytes) -> None:
    for parse in (parse_h264_sps, parse_h265_sps):
        try:
            facts = parse(data)
        except ValueError:
            continue
        assert 0 < facts.width <= 16_384
        assert 0 < facts.height <= 16_384
