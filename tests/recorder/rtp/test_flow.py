"""Whose packets they are, and what is missing between them."""

from recorder.rtp.flow import Flow, Verdict, parse_rtp
from recorder.source import SourceStats
from tests.recorder.rtp.wire import Packetiser


def flow(announced: int | None = None) -> tuple[Flow, SourceStats]:
    stats = SourceStats()
    return Flow(96, announced, stats), stats


def test_the_first_packet_decides_who_we_listen_to() -> None:
    it, stats = flow()
    assert it.judge(96, 5, 77) is Verdict.NEXT
    assert it.judge(96, 6, 77) is Verdict.NEXT
    assert it.judge(96, 9, 88) is Verdict.REFUSED
    assert stats.foreign == 1


def test_a_gap_counts_what_is_missing() -> None:
    it, stats = flow()
    it.judge(96, 65_534, 1)
    assert it.judge(96, 2, 1) is Verdict.AFTER_GAP
    assert stats.lost == 3
    assert it.highest == (1 << 16) + 2


def test_the_highest_sequence_counts_wraps() -> None:
    it, _ = flow()
    for sequence in range(65_530, 65_530 + 70_000):
        it.judge(96, sequence & 0xFFFF, 1)
    assert it.highest == 65_530 + 70_000 - 1


def test_a_duplicate_is_refused_and_a_restart_is_followed() -> None:
    it, _ = flow()
    for sequence in range(100, 110):
        it.judge(96, sequence, 1)
    assert it.judge(96, 105, 1) is Verdict.REFUSED
    assert it.judge(96, 110, 1) is Verdict.NEXT
    assert it.judge(96, 7, 1) is Verdict.REFUSED
    assert it.judge(96, 8, 1) is Verdict.AFTER_GAP
    assert it.judge(96, 9, 1) is Verdict.NEXT


def test_the_announced_session_wins_over_an_older_one() -> None:  # Reolink RLC-410
    it, _ = flow(announced=5)
    assert it.judge(96, 1, 99) is Verdict.NEXT
    assert it.judge(96, 400, 5) is Verdict.NEW_SESSION
    assert it.judge(96, 2, 99) is Verdict.REFUSED


def test_a_lasting_stranger_is_the_stream_under_a_new_name() -> None:
    it, stats = flow()
    it.judge(96, 1, 1)
    verdicts = [it.judge(96, sequence, 2) for sequence in range(40)]
    assert verdicts.index(Verdict.NEW_SESSION) == 31
    assert verdicts[32:] == [Verdict.NEXT] * 8
    assert stats.foreign == 31


def test_another_payload_type_is_adopted_when_nothing_else_comes() -> None:  # Bosch: 35
    it, _ = flow()
    assert [it.judge(35, s, 1) for s in range(33)][-1] is Verdict.NEXT


def test_padding_extension_and_sources_are_not_payload() -> None:
    plain = Packetiser().rtp(b"payload", 9)[4:]
    for first, head, tail in (
        (0xA0, b"", b"\0\0\x03"),
        (0x82, b"\1" * 8, b""),
        (0x90, b"\xbe\xde\0\1" + b"\1" * 4, b""),
    ):
        data = bytes((first,)) + plain[1:12] + head + plain[12:] + tail
        parsed = parse_rtp(data, 0, len(data))
        assert parsed is not None
        assert data[parsed[5] : parsed[6]] == b"payload"


def test_a_header_that_lies_is_none() -> None:
    assert parse_rtp(b"\x80" * 11, 0, 11) is None
    assert parse_rtp(b"\x40" * 20, 0, 20) is None
    assert parse_rtp(b"\x8f" + b"\0" * 15, 0, 16) is None
    assert parse_rtp(b"\xa0" + b"\0" * 11 + b"\xff", 0, 13) is None
