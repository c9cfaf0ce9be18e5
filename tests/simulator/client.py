"""A small RTSP client for the simulator's tests: its own reading of RTSP, RTP and payloads."""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
from dataclasses import dataclass, field


@dataclass
class Unit:
    nals: list[bytes]
    ticks: int

    @property
    def sample(self) -> bytes:
        return b"".join(len(nal).to_bytes(4, "big") + nal for nal in self.nals)


@dataclass
class Client:
    """DESCRIBE, SETUP over TCP, PLAY; then `units()` of video and `reports`."""

    host: str
    port: int
    reader: asyncio.StreamReader = field(init=False)
    writer: asyncio.StreamWriter = field(init=False)
    session: str = ""
    cseq: int = 0
    reports: dict[int, list[bytes]] = field(default_factory=dict)
    audio: list[bytes] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    _parts: bytes = b""

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection(
            self.host, self.port, limit=1 << 22
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def request(self, method: str, url: str, *headers: str) -> tuple[int, dict, bytes]:
        self.cseq += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self.cseq}", *headers]
        if self.session:
            lines.append(f"Session: {self.session}")
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(10):
            while True:
                first = await self.reader.readexactly(1)
                if first != b"$":
                    break
                await self._frame()
            head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
            status = int(head.split(" ")[1])
            fields = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
            }
            assert fields["cseq"] == str(self.cseq)
            body = await self.reader.readexactly(int(fields.get("content-length", 0)))
        if "session" in fields:
            self.session = fields["session"].partition(";")[0]
        return status, fields, body

    async def play(self, camera: str, stream: str = "main") -> bytes:
        url = f"rtsp://{self.host}:{self.port}/{camera}/{stream}"
        status, _, sdp = await self.request("DESCRIBE", url, "Accept: application/sdp")
        assert status == 200
        for index in range(len(re.findall(rb"m=", sdp))):
            transport = f"Transport: RTP/AVP/TCP;unicast;interleaved={2 * index}-{2 * index + 1}"
            status, _, _ = await self.request("SETUP", f"{url}/track{index}", transport)
            assert status == 200
        status, _, _ = await self.request("PLAY", url, "Range: npt=now-")
        assert status == 200
        return sdp

    async def _frame(self) -> tuple[int, bytes]:
        channel, size = struct.unpack("!BH", await self.reader.readexactly(3))
        return channel, await self.reader.readexactly(size)

    async def unit(self, *, h265: bool = False) -> Unit:
        """The next access unit of video."""
        nals: list[bytes] = []
        async with asyncio.timeout(10):
            while True:
                assert await self.reader.readexactly(1) == b"$"
                channel, packet = await self._frame()
                if channel & 1:
                    self.reports.setdefault(channel, []).append(packet)
                elif channel == 2:
                    self.audio.append(packet[12:])
                elif channel == 0:
                    self.sequences.append(int.from_bytes(packet[2:4], "big"))
                    nals += self._depacketise(packet[12:], h265)
                    if packet[1] & 0x80:
                        return Unit(nals, int.from_bytes(packet[4:8], "big"))

    async def units(self, count: int, *, h265: bool = False) -> list[Unit]:
        return [await self.unit(h265=h265) for _ in range(count)]

    def _depacketise(self, payload: bytes, h265: bool) -> list[bytes]:
        kind = payload[0] >> 1 & 0x3F if h265 else payload[0] & 0x1F
        if kind == (48 if h265 else 24):
            at, found = (2 if h265 else 1), []
            while at < len(payload):
                size = int.from_bytes(payload[at : at + 2], "big")
                found.append(payload[at + 2 : at + 2 + size])
                at += 2 + size
            return found
        if kind != (49 if h265 else 28):
            return [payload]
        head = 3 if h265 else 2
        flags = payload[head - 1]
        if flags & 0x80:
            if h265:
                self._parts = bytes((payload[0] & 0x81 | (flags & 0x3F) << 1, payload[1]))
            else:
                self._parts = bytes((payload[0] & 0xE0 | flags & 0x1F,))
        self._parts += payload[head:]
        return [self._parts] if flags & 0x40 else []
