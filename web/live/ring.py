"""The packets of one stream, cut once and shared by all its viewers.

At once the retransmission history (at least 4,096 packets) and the GOP cache (since the last
keyframe). A chunk is what one system call sends to one viewer: packets of equal size but the
last, laid out with room for RTP header and SRTP tag, so that a viewer only copies it, writes
headers and encrypts in place.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

HEADER = 20
"""RTP header (12) and one header extension word pair (8): the playout delay, see `channel`."""

TAG = 16
"""Room for the largest SRTP authentication tag (AES-GCM)."""

CHUNK_PACKETS = 16
"""At most so many packets a chunk: 19 KB, 64 is the kernel's limit for one send."""

_HISTORY = 4_096
_LIMIT = 16_000_000


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture on its way: `timestamp` 90 kHz unwrapped, `wall` its capture time in ns."""

    number: int
    timestamp: int
    key: bool
    wall: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """`count` packets of `picture`, `first` the index of the first among all of the stream.

    Packet i lies at `i * stride` of `template`: HEADER bytes of zeros, payload, TAG bytes free.
    `full`, `last`: bytes of header and payload of all packets but the last, and of the last.
    """

    index: int
    picture: Picture
    first: int
    count: int
    full: int
    last: int
    template: bytes
    opens: bool
    ends: bool

    @property
    def stride(self) -> int:
        return self.full + TAG

    @property
    def payload_bytes(self) -> int:
        return self.full * (self.count - 1) + self.last - HEADER * self.count

    def packet(self, index: int) -> bytes:
        """The payload of packet `index` (counted over the stream)."""
        at = (index - self.first) * self.stride
        size = self.last if index == self.first + self.count - 1 else self.full
        return self.template[at + HEADER : at + size]


class PacketRing:
    """Chunks by index, oldest dropped. Bounded: 16 MB; a GOP beyond that can't be joined."""

    def __init__(self, *, history: int = _HISTORY, limit: int = _LIMIT) -> None:
        self._history, self._limit = history, limit
        self._chunks: list[Chunk] = []
        self._gone = 0  # entries at the front of _chunks that are dropped already
        self._base = 0  # index of _chunks[0]
        self._bytes = 0
        self._pictures = 0
        self._packets = 0
        self._key: int | None = None

    @property
    def start(self) -> int:
        """The index of the oldest chunk kept."""
        return self._base + self._gone

    @property
    def end(self) -> int:
        """One past the index of the newest chunk."""
        return self._base + len(self._chunks)

    @property
    def keyframe(self) -> int | None:
        """The chunk a viewer can begin with: the first of the newest keyframe."""
        return self._key

    @property
    def newest(self) -> Picture | None:
        """The last picture appended."""
        return self._chunks[-1].picture if self.end > self.start else None

    def __getitem__(self, index: int) -> Chunk:
        if not self.start <= index < self.end:
            raise IndexError(f"chunk {index} of {self.start}..{self.end}")
        return self._chunks[index - self._base]

    def append(self, payloads: Sequence[bytes], timestamp: int, key: bool, wall: int) -> int:
        """Lay out one picture; returns its number of packets."""
        picture = Picture(self._pictures, timestamp, key, wall)
        self._pictures += 1
        if key:
            self._key = self.end
        groups = list(_equal_runs(payloads))
        for position, group in enumerate(groups):
            chunk = _lay_out(
                group,
                picture=picture,
                index=self.end,
                first=self._packets,
                opens=position == 0,
                ends=position == len(groups) - 1,
            )
            self._chunks.append(chunk)
            self._packets += chunk.count
            self._bytes += len(chunk.template)
        self._trim()
        return len(payloads)

    def find(self, packet: int) -> Chunk | None:
        """The chunk that holds packet `packet`, if it is still kept."""
        at = bisect_right(self._chunks, packet, lo=self._gone, key=lambda chunk: chunk.first) - 1
        if at < self._gone:
            return None
        chunk = self._chunks[at]
        return chunk if packet < chunk.first + chunk.count else None

    def _trim(self) -> None:
        while self.end - self.start > 1:
            oldest = self._chunks[self._gone]
            spare = self._packets - oldest.first - oldest.count >= self._history
            needed = self._key is not None and self.start >= self._key
            if self._bytes <= self._limit and (not spare or needed):
                break
            if needed:
                self._key = None
            self._bytes -= len(oldest.template)
            self._gone += 1
        if self._gone > 256:
            del self._chunks[: self._gone]
            self._base += self._gone
            self._gone = 0


def _equal_runs(payloads: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Runs of payloads of one size, closed by a smaller one or by CHUNK_PACKETS."""
    run: list[bytes] = []
    for payload in payloads:
        if run and (len(payload) > len(run[0]) or len(run) == CHUNK_PACKETS):
            yield run
            run = []
        run.append(payload)
        if len(payload) < len(run[0]):
            yield run
            run = []
    if run:
        yield run


def _lay_out(
    payloads: Sequence[bytes], *, picture: Picture, index: int, first: int, opens: bool, ends: bool
) -> Chunk:
    head, gap = bytes(HEADER), bytes(TAG + HEADER)
    parts = chain.from_iterable(zip([head] + [gap] * (len(payloads) - 1), payloads, strict=True))
    return Chunk(
        index=index,
        picture=picture,
        first=first,
        count=len(payloads),
        full=HEADER + len(payloads[0]),
        last=HEADER + len(payloads[-1]),
        template=b"".join(parts),
        opens=opens,
        ends=ends,
    )
