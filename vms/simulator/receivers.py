"""The two ways to a client: interleaved on its TCP connection, or UDP from a pair of ports.

A slow TCP client loses whole access units, counted, and never makes another wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from vms.simulator.packets import interleaved
from vms.simulator.stream import Batch

TCP_BUFFER_LIMIT = 4 << 20
"""Unsent bytes a client may have; beyond it whole access units are dropped and counted."""

_UDP_BURST = 32  # packets at once; a larger picture is paced, or loopback buffers overflow
_UDP_PAUSE_S = 0.002
_UDP_WAITING_LIMIT = 4096  # packets paced but unsent; a picture that would exceed it is dropped


class TcpReceiver:
    """RTP and RTCP interleaved with the RTSP answers (RFC 2326 §10.12)."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self.channels: dict[int, tuple[int, int]] = {}

    def send(self, track: int, batch: Batch) -> bool:
        channels = self.channels.get(track)
        if channels is None or self._transport.is_closing():
            return True
        if self._transport.get_write_buffer_size() > TCP_BUFFER_LIMIT:
            return False
        self._transport.write(batch.framed(channels[0]))
        return True

    def send_report(self, track: int, packet: bytes) -> None:
        channels = self.channels.get(track)
        if channels is not None and not self._transport.is_closing():
            self._transport.write(interleaved([packet], channels[1]))

    def send_garbage(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


class UdpReceiver:
    """RTP and RTCP as datagrams, one pair of ports per track (RFC 3550 §11)."""

    def __init__(self) -> None:
        self._tracks: dict[int, tuple[socket.socket, socket.socket]] = {}
        self._waiting: list[tuple[int, bytes]] = []
        self._timer: asyncio.TimerHandle | None = None

    def open_track(
        self, track: int, local: str, peer: str, ports: tuple[int, int]
    ) -> tuple[int, int]:
        """Bind an even port and its neighbour, connected to the client's; returns ours."""
        for sock in self._tracks.pop(track, ()):
            sock.close()
        rtp, rtcp = _port_pair(local)
        rtp.connect((peer, ports[0]))
        rtcp.connect((peer, ports[1]))
        self._tracks[track] = (rtp, rtcp)
        return rtp.getsockname()[1], rtcp.getsockname()[1]

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()
        for pair in self._tracks.values():
            for sock in pair:
                sock.close()
        self._tracks.clear()

    def send(self, track: int, batch: Batch) -> bool:
        if track not in self._tracks:
            return True
        if len(self._waiting) + len(batch.packets) > _UDP_WAITING_LIMIT:
            return False
        self._waiting.extend((track, packet) for packet in batch.packets)
        if self._timer is None:
            self._burst()
        return True

    def send_report(self, track: int, packet: bytes) -> None:
        self._datagram(track, packet, rtcp=True)

    def send_garbage(self, data: bytes) -> None:
        for track in self._tracks:
            self._datagram(track, data[:1400])

    def _burst(self) -> None:
        self._timer = None
        now, self._waiting = self._waiting[:_UDP_BURST], self._waiting[_UDP_BURST:]
        for track, packet in now:
            self._datagram(track, packet)
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(_UDP_PAUSE_S, self._burst)

    def _datagram(self, track: int, packet: bytes, *, rtcp: bool = False) -> None:
        pair = self._tracks.get(track)
        if pair is not None:
            # A full buffer or a closed port at the client loses the datagram, as on any network.
            with contextlib.suppress(OSError):
                pair[rtcp].send(packet)


def _port_pair(local: str) -> tuple[socket.socket, socket.socket]:
    """Two non-blocking UDP sockets on an even port and the next one. Raises OSError."""
    family = socket.AF_INET6 if ":" in local else socket.AF_INET
    for _ in range(64):
        first, second = (socket.socket(family, socket.SOCK_DGRAM) for _ in range(2))
        try:
            first.bind((local, 0))
            port = first.getsockname()[1]
            even = port & ~1
            if even != port:
                first.close()
                first = socket.socket(family, socket.SOCK_DGRAM)
                first.bind((local, even))
            second.bind((local, even + 1))
        except OSError:
            first.close()
            second.close()
            continue
        for sock in (first, second):
            sock.setblocking(False)
        return first, second
    raise OSError("no free pair of UDP ports on " + local)
