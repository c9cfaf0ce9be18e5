"""One viewer's connection: ICE and DTLS by aiortc, then our own way to the socket.

The only module that knows what aiortc and aioice keep private: the nominated pair, its socket
and the SRTP session. Everything else sees `Channel`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import ipaddress
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import ifaddr
from aioice import Candidate
from aiortc import RTCCertificate, RTCIceCandidate, RTCIceGatherer, RTCIceTransport
from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AES128_CM_SHA1_80,
    SRTP_PROFILES,
    RTCDtlsParameters,
    RTCDtlsTransport,
)
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.rtp import AnyRtcpPacket

from vms.core.errors import VmsError
from vms.core.log import get_logger
from web.live.ring import Chunk
from web.live.srtp import SrtpSender

log = get_logger(__name__)

_UDP_SEGMENT = 103  # linux/udp.h: the size of each datagram in one large send
_SEND_BUFFER = 2_000_000
_FULL = {errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM}
_NO_OFFLOAD = {errno.EINVAL, errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EMSGSIZE}

# AES-128-GCM first: 1.9 µs a packet against 2.8 µs with AES-CM and SHA-1, which browsers would
# choose; as DTLS server the choice is ours (RFC 5764 §4.1.2).
_PROFILES = [p for p in (SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80) if p in SRTP_PROFILES]


class ChannelError(VmsError):
    """No connection to the viewer came about, or it ended."""


class RtcpReceiver(Protocol):
    """Who is told what a viewer reports."""

    def rtcp(self, packet: AnyRtcpPacket) -> None: ...


class _Route:
    """What aiortc's router calls for one SSRC."""

    def __init__(self, ssrc: int, receiver: RtcpReceiver) -> None:
        self._ssrc = ssrc
        self._receiver = receiver

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        self._receiver.rtcp(packet)


class Channel:
    """An ICE and DTLS transport that is then sent to directly; `lost` is called when it ends."""

    offload = True
    """Whether the kernel cuts large sends (UDP_SEGMENT); a channel stops after one refusal."""

    def __init__(self, certificate: RTCCertificate, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._gatherer = RTCIceGatherer(iceServers=[])
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [certificate])
        self._dtls._set_role("server")
        self._dtls._srtp_profiles = _PROFILES
        self._socket: socket.socket | None = None
        self._pair: object = None
        self._address: tuple[str, int] = ("", 0)
        self._srtp: SrtpSender | None = None
        self.sent_bytes = 0

    @property
    def ice_parameters(self) -> RTCIceParameters:
        return self._gatherer.getLocalParameters()

    @property
    def dtls_parameters(self) -> RTCDtlsParameters:
        return self._dtls.getLocalParameters()

    async def gather(self) -> list[RTCIceCandidate]:
        """Open the sockets; host candidates only, nothing outside is asked."""
        connection: Any = self._gatherer._connection
        found: list[Candidate] = await connection.get_component_candidates(1, local_addresses())
        connection._local_candidates = found
        connection._local_candidates_start = connection._local_candidates_end = True
        return self._gatherer.getLocalCandidates()

    async def connect(
        self,
        ice: RTCIceParameters,
        dtls: RTCDtlsParameters,
        candidates: Sequence[RTCIceCandidate],
        extension_id: int | None,
        deadline: float,
    ) -> None:
        """Bring up ICE and DTLS, or raise ChannelError.

        The end of candidates is never declared: browsers hide their addresses behind mDNS names
        that can't be resolved everywhere, and are then known from their own checks only
        (peer-reflexive), so only the deadline ends the waiting.
        """
        try:
            async with asyncio.timeout(deadline):
                for candidate in candidates:
                    await self._ice.addRemoteCandidate(candidate)
                await self._ice.start(ice)
                if self._ice.state == "completed":
                    await self._dtls.start(dtls)
        except TimeoutError:
            raise ChannelError(f"no connection to the viewer within {deadline:g} s") from None
        if self._dtls.state != "connected":
            raise ChannelError(f"ICE is {self._ice.state}, DTLS is {self._dtls.state}")
        self._dtls.on("statechange", self._state_changed)
        self._ice.on("statechange", self._state_changed)
        self._srtp = SrtpSender(self._dtls._tx_srtp, extension_id)
        self.refresh()

    def listen(self, ssrc: int, receiver: RtcpReceiver) -> None:
        """Tell `receiver` of RTCP about `ssrc`."""
        route: Any = _Route(ssrc, receiver)
        self._dtls._rtp_router.register_sender(route, ssrc)

    def refresh(self) -> None:
        """Take the socket and address of the pair nominated now; ICE may move."""
        pair = self._ice._connection._nominated.get(1)
        if pair is None:
            return
        if pair.remote_addr == self._address and self._socket is not None:
            return
        if self._socket is not None:
            self._socket.close()
        descriptor = pair.protocol.transport.get_extra_info("socket").fileno()
        self._socket = socket.socket(fileno=socket.dup(descriptor))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._pair, self._address = pair, pair.remote_addr

    def send_chunk(
        self, chunk: Chunk, sequence: int, timestamp: int, payload_type: int, ssrc: int
    ) -> bool:
        """Encrypt and send; False if the socket is full and nothing, or not all, was sent."""
        if self._srtp is None or self._socket is None:
            return False
        data, size = self._srtp.chunk(chunk, sequence, timestamp, payload_type, ssrc)
        self.sent_bytes += len(data)
        if chunk.count == 1:
            return self._send(data)
        if not self.offload:
            return self._send_each(data, size)
        try:
            self._socket.sendmsg([data], _segments(size), 0, self._address)
        except OSError as error:
            if error.errno in _NO_OFFLOAD:
                log.info("no UDP segmentation offload here", reason=error.strerror)
                self.offload = False
                return self._send_each(data, size)
            return self._refused(error)
        return True

    def send_packet(self, packet: bytes) -> bool:
        """Encrypt and send one RTP packet."""
        if self._srtp is None:
            return False
        data = self._srtp.packet(packet)
        self.sent_bytes += len(data)
        return self._send(data)

    async def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and send one compound RTCP packet."""
        with contextlib.suppress(ConnectionError):
            await self._dtls._send_rtp(packet)

    async def close(self) -> None:
        """Say goodbye and free all sockets; ends within 2 s."""
        self._srtp = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._dtls.stop()
                await self._ice.stop()

    def _send(self, data: memoryview | bytes) -> bool:
        assert self._socket is not None
        try:
            self._socket.sendto(data, self._address)
        except OSError as error:
            return self._refused(error)
        return True

    def _send_each(self, data: memoryview, size: int) -> bool:
        sent = True
        for at in range(0, len(data), size):
            sent = self._send(data[at : at + size]) and sent
        return sent

    def _refused(self, error: OSError) -> bool:
        # Full buffers are the viewer's pace. Anything else (no route, refused by a closed
        # port) is loss like any other: the viewer's silence ends the session.
        return error.errno not in _FULL

    def _state_changed(self) -> None:
        if self._dtls.state in ("closed", "failed") or self._ice.state in ("closed", "failed"):
            self._lost()


@functools.cache
def _segments(size: int) -> list[tuple[int, int, bytes]]:
    return [(socket.IPPROTO_UDP, _UDP_SEGMENT, struct.pack("=H", size))]


def local_addresses() -> list[str]:
    """This machine's addresses for host candidates; loopback only where there is no other."""
    found: list[str] = []
    loopback: list[str] = []
    for adapter in ifaddr.get_adapters():
        for entry in adapter.ips:
            text = entry.ip if isinstance(entry.ip, str) else entry.ip[0]
            address = ipaddress.ip_address(text)
            if address.is_link_local or address.is_multicast:
                continue
            (loopback if address.is_loopback else found).append(text)
    return found or loopback
