"""G.711 in RTP (RFC 3551 §4.5.14): a payload is sound as it is, a byte for each sample. Pure."""

from __future__ import annotations


class G711Depacketiser:
    """Has the same form as the AAC one; a packet is one unit."""

    def gap(self) -> None:
        """Nothing is kept between packets."""

    def packet(self, payload: bytes) -> list[tuple[int, bytes]]:
        return [(0, payload)] if payload else []
