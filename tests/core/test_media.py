"""MIME codec strings, against values that players and other software print."""

from __future__ import annotations

from vms.core.media import AudioFormat, VideoFormat


def test_h264_main_4_0() -> None:
    sps = bytes.fromhex("674d0028da01e0089f97011000003e90000ea600f183196a")
    video = VideoFormat("h264", 1920, 1080, (sps,), (b"\x68\xee\x3c\x80",))
    assert video.mime_codec == "avc1.4D0028"


def test_h265_main_3_1() -> None:
    # An x265 SPS of 1280x720; ISO/IEC 14496-15 §E.3 names the same string as its example form.
    sps = bytes.fromhex("42010101600000030090000003000003005da00280802d165959a4932bc05a70808000")
    video = VideoFormat("h265", 1280, 720, (sps,), (b"\x44\x01",), (b"\x40\x01",))
    assert video.mime_codec == "hvc1.1.6.L93.90"


def test_aac_lc_and_g711() -> None:
    assert AudioFormat("aac", 48_000, 2, bytes.fromhex("1190")).mime_codec == "mp4a.40.2"
    assert AudioFormat("pcma", 8_000).mime_codec is None
