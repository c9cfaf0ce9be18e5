"""Whose packets they are, and what is missing between them."""

from recorder.rtp.flow import Flow, Verdict, parse_rtp
from recorder.rtp.newcomer import Doubtful
from recorder.source import SourceStats
from tests.recorder.rtp.wire import Packetiser
from vms.core.clock import SECOND, Mono


def held(
    it: Flow, payload_type: int, sequence: int, ssrc: int, at: int = 0, **said: bool
) -> list[bytes]:
    """What is to be played once the packet was found doubtful and weighed."""
    assert it.judge(payload_type, sequence, ssrc) is Verdict.DOUBTFUL
    said = {"opens": False, "again": False} | said
    packet = str(sequence).encode()
    newcomer = it.weigh(Doubtful(payload_type, sequence, ssrc, packet, Mono(at), **said))
    return [packet for packet, _ in newcomer.packets] if newcomer is not None else []


def flow(announced: int | None = None) -> tuple[Flow, SourceStats]:
    stats = SourceStats()
    return Flow(96, announced, stats), stats


def test_the_first_packet_decides_who_we_listen_to() -> None:
    it, stats = flow()
    assert it.judge(96, 5, 77) is Verdict.NEXT
    assert it.judge(96, 6, 77) is Verdict.NEXT
    assert held(it, 96, 9, 88, opens=True) == []
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


def test_a_duplicate_is_refused_and_a_restart_is_followed_from_its_first_packet() -> None:
    it, stats = flow()
    for sequence in range(1_000, 1_010):
        it.judge(96, sequence, 1)
    assert held(it, 96, 1_005, 1, again=True) == []
    assert stats.late == 1
    assert it.judge(96, 1_010, 1) is Verdict.NEXT
    assert held(it, 96, 7, 1) == []
    assert held(it, 96, 9, 1) == []
    assert held(it, 96, 10, 1) == [b"7", b"9", b"10"]
    assert [it.judge(96, sequence, 1) for sequence in (7, 9, 10, 11)] == [
        Verdict.NEXT, Verdict.AFTER_GAP, Verdict.NEXT, Verdict.NEXT,
    ]  # fmt: skip
    assert (stats.late, stats.lost) == (1, 1)


def test_doubles_in_order_are_no_restart() -> None:
    it, _ = flow()
    for sequence in range(1_000, 1_500):
        it.judge(96, sequence, 1)
    assert [held(it, 96, s, 1, again=True) for s in range(1_000, 1_490)] == [[]] * 490
    assert it.judge(96, 1_500, 1) is Verdict.NEXT


def test_a_count_that_goes_on_far_ahead_is_no_loss_before_a_second_packet_says_so() -> None:
    it, stats = flow()
    it.judge(96, 1, 1)
    assert held(it, 96, 20_001, 1) == []
    assert it.judge(96, 2, 1) is Verdict.NEXT
    assert held(it, 96, 10_003, 1) == []
    assert held(it, 96, 10_004, 1) == [b"10003", b"10004"]
    assert stats.lost == 10_000


def test_what_of_a_restart_was_held_no_more_is_lost() -> None:
    it, stats = flow()
    it.judge(96, 20_000, 1)
    assert [held(it, 96, s, 1) for s in (7, 900, 901)] == [[], [], [b"900", b"901"]]
    assert (stats.late, stats.lost) == (0, 1)


def test_the_announced_session_wins_over_an_older_one() -> None:  # Reolink RLC-410
    it, _ = flow(announced=5)
    assert it.judge(96, 1, 99) is Verdict.NEXT
    assert held(it, 96, 400, 5) == [b"400"]
    assert it.judge(96, 400, 5) is Verdict.NEXT
    assert held(it, 96, 2, 99) == []


def test_a_lasting_stranger_is_the_stream_under_a_new_name() -> None:
    it, stats = flow()
    it.judge(96, 1, 1)
    played = [held(it, 96, sequence, 2, opens=sequence == 9) for sequence in range(32)]
    assert played[:31] == [[]] * 31
    assert played[31] == [str(sequence).encode() for sequence in range(32)]
    assert [it.judge(96, sequence, 2) for sequence in range(40)] == [Verdict.NEXT] * 40
    assert stats.foreign == 0


def test_one_without_a_keyframe_is_so_when_ours_was_silent_for_a_while() -> None:
    it, stats = flow()
    it.judge(96, 1, 1)
    played = [held(it, 96, sequence, 2, at=sequence * SECOND // 50) for sequence in range(76)]
    assert played[:75] == [[]] * 75
    assert played[75] == [str(sequence).encode() for sequence in range(64, 76)]
    assert (stats.foreign, stats.lost) == (0, 64)


def test_strangers_do_not_add_up_while_ours_come() -> None:
    it, stats = flow()
    it.judge(96, 0, 1)
    for sequence in range(1, 100):
        assert held(it, 96, sequence, 2) == []
        it.move(1)  # as the hot path does, which judges nothing
    assert stats.foreign == 99


def test_another_payload_type_is_adopted_when_nothing_else_comes() -> None:  # Bosch: 35
    it, _ = flow()
    assert [len(held(it, 35, s, 1)) for s in range(32)] == [0] * 31 + [32]
    assert it.judge(35, 0, 1) is Verdict.NEXT


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
