"""The two ways to a client."""

from __future__ import annotations

import asyncio
import socket

from vms.simulator.receivers import TCP_BUFFER_LIMIT, TcpReceiver, UdpReceiver
from vms.simulator.stream import Batch


class Pipe(asyncio.WriteTransport):
    """A transport whose peer reads nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.unsent = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.unsent += len(data)

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return False


def test_a_tcp_client_that_reads_nothing_loses_whole_units_and_memory_stays_bounded() -> None:
    pipe = Pipe()
    receiver = TcpReceiver(pipe)
    receiver.channels[0] = (4, 5)
    batch = Batch([bytes(1400)] * 100)
    sent = [receiver.send(0, batch) for _ in range(100)]
    assert sent.count(True) == 30
    assert sent == sorted(sent, reverse=True)
    assert pipe.unsent == 30 * 100 * 1404 <= TCP_BUFFER_LIMIT + 100 * 1404
    assert batch.framed(4)[:4] == b"$\x04\x05\x78"
    assert receiver.send(1, batch)  # a track that was not set up is nobody's


def test_a_large_picture_is_paced_over_udp_and_arrives_whole() -> None:
    async def run() -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp,
        ):
            for sock in (rtp, rtcp):
                sock.bind(("127.0.0.1", 0))
                sock.setblocking(False)
            receiver = UdpReceiver()
            ports = (rtp.getsockname()[1], rtcp.getsockname()[1])
            mine = receiver.open_track(0, "127.0.0.1", "127.0.0.1", ports)
            assert mine[0] % 2 == 0
            assert mine[1] == mine[0] + 1
            assert receiver.send(0, Batch([n.to_bytes(2, "big") * 700 for n in range(120)]))
            receiver.send_report(0, b"report")
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(5):
                got = [await loop.sock_recv(rtp, 2000) for _ in range(120)]
                assert await loop.sock_recv(rtcp, 2000) == b"report"
            assert [int.from_bytes(one[:2], "big") for one in got] == list(range(120))
            assert not receiver.send(0, Batch([b"x"] * 5000))
            receiver.close()

    asyncio.run(run())
