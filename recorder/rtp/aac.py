"""AAC in RTP (RFC 3640), and in ADTS for cameras that send their files' framing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recorder.rtp.bits import BitReader, OutOfBits

FRAME_TICKS = 1024
FRAME_MAX = 64 * 1024
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


@dataclass(frozen=True, slots=True)
class AacFraming:
    """The lengths of the AU header's fields, in bits (RFC 3640 §4.1)."""

    size: int = 13
    index: int = 3
    index_delta: int = 3

    @classmethod
    def of(cls, fmtp: Mapping[str, str]) -> AacFraming:
        """From an SDP's fmtp; an absent or unreadable length is 0, an absent size means 13."""

        def number(name: str, otherwise: int) -> int:
            text = fmtp.get(name, "")
            return int(text) if text.isascii() and text.isdigit() and int(text) < 33 else otherwise

        if "sizelength" not in fmtp:
            return cls()
        return cls(
            number("sizelength", 13), number("indexlength", 0), number("indexdeltalength", 0)
        )


def config_from_fmtp(fmtp: Mapping[str, str], rate: int = 0, channels: int = 1) -> bytes:
    """The AudioSpecificConfig; where it is missing or no hexadecimal that of plain AAC (LC) of
    this rate, empty if there is none."""
    return _told_config(fmtp) or lc_config(rate, channels)


def _told_config(fmtp: Mapping[str, str]) -> bytes:
    try:
        config = bytes.fromhex(fmtp.get("config", "").strip().strip('"'))
    except ValueError:
        return b""
    return config if 2 <= len(config) <= 64 else b""


def config_facts(config: bytes) -> tuple[int, int]:
    """Sample rate and channels of a config (ISO/IEC 14496-3 §1.6.2.1); 0 if unsaid."""
    try:
        bits = BitReader.raw(config)
        if bits.bits(5) == 31:
            bits.bits(6)
        index = bits.bits(4)
        rate = bits.bits(24) if index == 15 else _RATES[index] if index < len(_RATES) else 0
        channels = bits.bits(4)
    except OutOfBits:
        return 0, 0
    return rate, 8 if channels == 7 else channels if channels < 7 else 0


def is_adts(data: bytes) -> bool:
    """Whether `data` begins with an ADTS header whose length is credible."""
    return (
        len(data) >= 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0
        and 7 <= _adts_length(data) <= len(data)
    )  # fmt: skip


def split_adts(data: bytes) -> Iterator[bytes]:
    """The bare frames of an ADTS sequence."""
    while is_adts(data):
        header = 7 if data[1] & 1 else 9
        length = _adts_length(data)
        yield data[header:length]
        data = data[length:]


def lc_config(rate: int, channels: int) -> bytes:
    """The AudioSpecificConfig of plain AAC (LC); empty for a rate outside the table."""
    if rate not in _RATES or not 0 < channels < 7:
        return b""
    return (2 << 11 | _RATES.index(rate) << 7 | channels << 3).to_bytes(2, "big")


def _adts_length(data: bytes) -> int:
    return (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5


class AacDepacketiser:
    """Payloads in, frames with their distance from the packet's time (in ticks) out."""

    def __init__(self, framing: AacFraming) -> None:
        self._framing = framing
        self._part = bytearray()  # of a frame in several packets; at most FRAME_MAX
        self._wanted = 0

    def gap(self) -> None:
        """Packets are missing: a frame begun can't be completed."""
        self._part.clear()

    def packet(self, payload: bytes) -> list[tuple[int, bytes]]:
        """The frames of one packet; raises ValueError when it can't be read."""
        if is_adts(payload):
            return [(i * FRAME_TICKS, frame) for i, frame in enumerate(split_adts(payload))]
        bits = int.from_bytes(payload[:2], "big")
        body = 2 + (bits + 7) // 8
        sizes = self._sizes(payload[2:body], bits)
        if len(payload) < body or not sizes:
            raise ValueError(f"AU headers of {bits} bits in a payload of {len(payload)} bytes")
        if len(sizes) == 1 and sizes[0] > len(payload) - body:
            return self._fragment(payload[body:], sizes[0])
        self._part.clear()
        frames: list[tuple[int, bytes]] = []
        for index, size in enumerate(sizes):
            frame = payload[body : body + size]
            if not size or len(frame) < size:
                raise ValueError(f"an AU of {size} bytes where {len(frame)} are left")
            frames.append((index * FRAME_TICKS, frame))
            body += size
        return frames

    def _sizes(self, headers: bytes, count: int) -> list[int]:
        framing = self._framing
        sizes: list[int] = []
        bits = BitReader.raw(headers)
        step = framing.size + framing.index
        while count >= step > 0 and len(sizes) < 64:
            sizes.append(bits.bits(framing.size))
            bits.bits(step - framing.size)
            count -= step
            step = framing.size + framing.index_delta
        return sizes

    def _fragment(self, data: bytes, size: int) -> list[tuple[int, bytes]]:
        """A frame over several packets: each names the whole size (RFC 3640 §3.2.3.1)."""
        if size > FRAME_MAX:
            raise ValueError(f"an AU of {size} bytes")
        if size != self._wanted:
            self._part.clear()
        self._wanted = size
        self._part += data
        if len(self._part) < size:
            return []
        frame = bytes(self._part[:size])
        self._part.clear()
        return [(0, frame)]
