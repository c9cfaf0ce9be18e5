"""One viewer's place in the packets: start, catch up, skip, resend; on a wire that remembers."""

from __future__ import annotations

import struct

from aiortc.rtp import RtcpPsfbPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpRtpfbPacket
from hypothesis import given
from hypothesis import strategies as st

from vms.core.clock import SECOND, FakeClock
from web.live.ring import Chunk, PacketRing
from web.live.sender import Numbers, VideoSender

NUMBERS = Numbers(
    payload_type=102,
    ssrc=1_000,
    rtx_type=103,
    rtx_ssrc=1_001,
    first_sequence=30_000,
    first_timestamp=4_000_000_000,
)


class Wire:
    """Remembers what was sent: (sequence, timestamp, payload); `full` refuses chunks."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int, bytes]] = []
        self.resent: list[bytes] = []
        self.full = False

    def send_chunk(
        self, chunk: Chunk, sequence: int, timestamp: int, payload_type: int, ssrc: int
    ) -> bool:
        if self.full:
            return False
        for i in range(chunk.count):
            self.sent.append((sequence + i, timestamp, chunk.packet(chunk.first + i)))
        return True

    def send_packet(self, packet: bytes) -> bool:
        self.resent.append(packet)
        return True

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, _, payload in self.sent]


class Scene:
    """A ring, a wire and a sender; pictures are named by their number."""

    def __init__(self, numbers: Numbers = NUMBERS) -> None:
        self.ring, self.wire, self.clock = PacketRing(history=200), Wire(), FakeClock()
        self.sender = VideoSender(self.ring, self.wire, numbers, self.clock)
        self.count = 0

    def picture(self, *, key: bool = False, packets: int = 2) -> None:
        name = self.count.to_bytes(4, "big")
        self.ring.append([name + bytes([i]) for i in range(packets)], self.count * 3_600, key, 0)
        self.count += 1

    def advance(self, budget: int = 1_000) -> bool:
        return self.sender.advance(self.ring.end, budget)

    @property
    def shown(self) -> list[int]:
        """The numbers of the pictures sent, in order, each once."""
        numbers = [int.from_bytes(payload[:4], "big") for payload in self.wire.payloads]
        return [n for i, n in enumerate(numbers) if i == 0 or numbers[i - 1] != n]


def gop(scene: Scene, length: int = 5) -> None:
    for number in range(length):
        scene.picture(key=number == 0)


def test_a_viewer_begins_with_the_last_keyframe() -> None:
    scene = Scene()
    gop(scene)
    gop(scene)
    scene.sender.start()
    scene.advance()
    assert scene.shown == [5, 6, 7, 8, 9]


def test_the_cached_pictures_get_times_close_together_and_the_next_its_own() -> None:
    scene = Scene()
    gop(scene, 50)
    scene.sender.start()
    scene.advance()
    times = sorted({time for _, time, _ in scene.wire.sent})
    newest = 49 * 3_600 + NUMBERS.first_timestamp
    assert times[-1] == newest
    assert times[-1] - times[0] < 700
    scene.picture()
    scene.advance()
    assert scene.wire.sent[-1][1] == newest + 3_600


def test_without_a_keyframe_a_viewer_waits_for_one() -> None:
    scene = Scene()
    scene.sender.start()
    scene.picture()
    scene.advance()
    assert scene.shown == []
    scene.picture(key=True)
    scene.advance()
    assert scene.shown == [1]


def test_a_budget_spreads_the_catching_up() -> None:
    scene = Scene()
    gop(scene, 10)
    scene.sender.start()
    assert scene.advance(budget=6)
    assert scene.shown == [0, 1, 2]
    assert not scene.advance()
    assert scene.shown == list(range(10))


def test_a_full_socket_skips_to_the_next_keyframe_without_a_hole_in_the_numbers() -> None:
    scene = Scene()
    gop(scene)
    scene.sender.start()
    scene.advance()
    scene.wire.full = True
    scene.picture()
    scene.advance()
    scene.wire.full = False
    scene.picture()
    scene.advance()
    assert scene.shown == [0, 1, 2, 3, 4]
    assert scene.sender.skips == 1
    gop(scene)
    scene.advance()
    assert scene.shown == [0, 1, 2, 3, 4, 7, 8, 9, 10, 11]
    numbers = [sequence for sequence, _, _ in scene.wire.sent]
    assert numbers == list(range(30_000, 30_000 + len(numbers)))


def test_a_viewer_left_behind_by_the_history_goes_on_at_a_keyframe() -> None:
    scene = Scene()
    gop(scene)
    scene.sender.start()
    scene.advance()
    for _ in range(30):
        gop(scene, 10)
    scene.advance()
    assert scene.shown[5:] == list(range(scene.count - 10, scene.count))


def ask_keyframe(scene: Scene) -> None:
    scene.sender.rtcp(RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=NUMBERS.ssrc))


def test_a_lost_browser_gets_the_last_keyframe_again_with_later_times() -> None:
    scene = Scene()
    gop(scene)
    scene.sender.start()
    scene.advance()
    before = max(time for _, time, _ in scene.wire.sent)
    scene.clock.advance(SECOND)
    ask_keyframe(scene)
    scene.advance()
    assert scene.shown == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    again = [time for _, time, _ in scene.wire.sent[10:]]
    assert min(again) > before
    scene.picture()
    scene.advance()
    assert scene.wire.sent[-1][1] > max(again)


def test_keyframes_are_given_once_a_second_however_often_asked() -> None:
    scene = Scene()
    gop(scene)
    scene.sender.start()
    scene.advance()
    for _ in range(100):
        ask_keyframe(scene)
        scene.advance()
        scene.clock.advance(SECOND // 100)
    assert len(scene.shown) <= 5 * 3


def nack(scene: Scene, *sequences: int) -> None:
    lost = [sequence & 0xFFFF for sequence in sequences]
    scene.sender.rtcp(RtcpRtpfbPacket(fmt=1, ssrc=1, media_ssrc=NUMBERS.ssrc, lost=lost))


@given(st.integers(0, 9))
def test_a_lost_packet_comes_again_as_rtx(which: int) -> None:
    scene = Scene()
    gop(scene)
    scene.sender.start()
    scene.advance()
    sequence, timestamp, payload = scene.wire.sent[which]
    nack(scene, sequence)
    (packet,) = scene.wire.resent
    kind, _, time, ssrc = struct.unpack_from("!xBHII", packet)
    assert (kind & 0x7F, ssrc, time) == (103, 1_001, timestamp & 0xFFFFFFFF)
    assert bool(kind & 0x80) == (which % 2 == 1)
    assert packet[12:] == struct.pack("!H", sequence & 0xFFFF) + payload


def test_a_lost_packet_from_before_a_rewind_and_a_wrap_is_found() -> None:
    scene = Scene(Numbers(102, 1_000, None, 0, 65_530, 0))
    gop(scene)
    scene.sender.start()
    scene.advance()
    scene.clock.advance(SECOND)
    ask_keyframe(scene)
    scene.advance()
    for sequence, timestamp, payload in list(scene.wire.sent):
        scene.wire.resent.clear()
        nack(scene, sequence)
        (packet,) = scene.wire.resent
        kind, number, time, _ = struct.unpack_from("!xBHII", packet)
        assert (kind & 0x7F, number, time) == (102, sequence & 0xFFFF, timestamp & 0xFFFFFFFF)
        assert packet[12:] == payload


def test_what_never_was_is_not_resent() -> None:
    scene = Scene()
    gop(scene)
    scene.sender.start()
    scene.advance()
    nack(scene, 29_999, 30_010, 12)
    assert scene.wire.resent == []


def test_resending_is_bounded() -> None:
    scene = Scene()
    gop(scene)
    scene.sender.start()
    scene.advance()
    for _ in range(1_000):
        nack(scene, *range(30_000, 30_010))
    assert len(scene.wire.resent) <= 4_096


def test_loss_beyond_repair_waits_for_a_keyframe() -> None:
    scene = Scene()
    gop(scene)
    scene.sender.start()
    scene.advance()
    report = RtcpReceiverInfo(1_000, 128, 5, 0, 0, 0, 0)
    scene.sender.rtcp(RtcpRrPacket(ssrc=1, reports=[report]))
    assert scene.sender.skips == 0
    scene.sender.rtcp(RtcpRrPacket(ssrc=1, reports=[report]))
    scene.picture()
    scene.advance()
    assert scene.shown == [0, 1, 2, 3, 4]
    assert scene.sender.skips == 1


def test_a_sender_report_pairs_capture_time_and_rtp_time() -> None:
    scene = Scene()
    gop(scene)
    scene.sender.start()
    scene.advance()
    report = scene.sender.report(1_000 * SECOND + SECOND // 2, 90_000, "name")
    seconds, fraction, timestamp, packets = struct.unpack_from("!IIII", report, 8)
    assert seconds == 1_000 + 2_208_988_800
    assert fraction == 1 << 31
    assert timestamp == (90_000 + NUMBERS.first_timestamp) & 0xFFFFFFFF
    assert packets == 10
