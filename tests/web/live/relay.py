"""A network that loses datagrams: a UDP relay put into the answer in place of the server."""

from __future__ import annotations

import asyncio
import random
import re
from typing import cast

_CANDIDATE = re.compile(r"a=candidate:(\S+ \d udp \d+) (\d+\.\d+\.\d+\.\d+) (\d+) typ host\r\n")


class LossyRelay(asyncio.DatagramProtocol):
    """Between one browser and one server; loses a share of what the server sends as media."""

    def __init__(self, server: tuple[str, int], loss: float) -> None:
        self._server, self._loss = server, loss
        self._rng = random.Random(7)
        self._browser: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self.lost = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        assert self._transport is not None
        source = (str(addr[0]), int(addr[1]))
        if source != self._server:
            self._browser = source
            self._transport.sendto(data, self._server)
        elif self._browser is not None:
            media = 128 <= data[0] < 192 and not 192 <= data[1] < 224  # RFC 7983 §7, RFC 5761 §4
            if media and self._rng.random() < self._loss:
                self.lost += 1
            else:
                self._transport.sendto(data, self._browser)


async def through_relay(answer: str, loss: float) -> tuple[str, asyncio.DatagramTransport]:
    """The answer with the relay as its only candidate, and the relay's transport."""
    found = _CANDIDATE.search(answer)
    assert found is not None
    server = (found[2], int(found[3]))
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: LossyRelay(server, loss), local_addr=(found[2], 0)
    )
    port = transport.get_extra_info("sockname")[1]
    candidate = f"a=candidate:{found[1]} {found[2]} {port} typ host\r\n"
    without = re.sub(r"a=candidate:[^\n]*\n", "", answer)
    return without.replace("a=end-of-candidates\r\n", candidate), transport
