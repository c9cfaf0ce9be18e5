"""Coded pictures cut into RTP payloads (RFC 6184), once per stream and never per viewer. Pure.

Every piece of a cut NAL unit but the last has the same size, because the kernel can then send
many datagrams in one call (UDP segmentation offload, see `web.live.channel`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MAX_PAYLOAD = 1_200
"""Bytes of an RTP payload: with RTP header, extension, SRTP tag, UDP and IP under 1,280."""

AUDIO_PAYLOAD = 480
"""Bytes of a G.711 payload: 60 ms; some cameras send 128 ms at once, browsers expect less."""

_LENGTH = 4
_SLICE_IDR, _SEI, _SPS, _PPS, _AUD, _FILLER = 5, 6, 7, 8, 9, 12
_STAP_A, _FU_A = 24, 28
_VCL = frozenset(range(1, 6))


def nal_units(data: bytes) -> Iterator[tuple[int, int]]:
    """Offset and length of each NAL unit behind its 4-byte length; a torn tail ends the walk."""
    at, end = 0, len(data)
    while at + _LENGTH < end:
        length = int.from_bytes(data[at : at + _LENGTH], "big")
        at += _LENGTH
        if length == 0:
            continue
        if at + length > end:
            return
        yield at, length
        at += length


def h264_payloads(
    data: bytes, key: bool, sps: Sequence[bytes] = (), pps: Sequence[bytes] = ()
) -> list[bytes]:
    """The payloads of one access unit; empty if it holds no slice.

    A keyframe always begins with parameter sets: those it carries, else the format's, because
    browsers take them from nowhere else. Delimiters, filler and SEI stay behind: they mean
    nothing to a browser and cost packets.
    """
    sets: list[bytes] = []
    slices: list[tuple[int, int]] = []
    for at, length in nal_units(data):
        kind = data[at] & 0x1F
        if kind in _VCL:
            slices.append((at, length))
        elif kind in (_SPS, _PPS):
            sets.append(data[at : at + length])
    if not slices:
        return []
    if key:
        kinds = {unit[0] & 0x1F for unit in sets}
        if _SPS not in kinds:
            sets = [*sps, *sets]
        if _PPS not in kinds:
            sets = [*sets, *pps]
    payloads = _parameter_sets(sets)
    view = memoryview(data)
    for at, length in slices:
        payloads += _cut(view[at : at + length])
    return payloads


def audio_payloads(data: bytes) -> list[bytes]:
    """G.711 in payloads of at most 60 ms; one byte is one sample."""
    return [data[at : at + AUDIO_PAYLOAD] for at in range(0, len(data), AUDIO_PAYLOAD)]


def _parameter_sets(sets: Sequence[bytes]) -> list[bytes]:
    """All parameter sets in one STAP-A (RFC 6184 §5.7.1), or one by one if they don't fit."""
    if len(sets) < 2 or 1 + sum(2 + len(unit) for unit in sets) > MAX_PAYLOAD:
        return [piece for unit in sets for piece in _cut(memoryview(unit))]
    importance = max(unit[0] & 0x60 for unit in sets)
    parts = [bytes([importance | _STAP_A])]
    for unit in sets:
        parts += [len(unit).to_bytes(2, "big"), unit]
    return [b"".join(parts)]


def _cut(nal: memoryview) -> list[bytes]:
    """One NAL unit as it is, or in FU-A pieces (RFC 6184 §5.8)."""
    if len(nal) <= MAX_PAYLOAD:
        return [bytes(nal)]
    indicator, kind = nal[0] & 0xE0 | _FU_A, nal[0] & 0x1F
    room = MAX_PAYLOAD - 2
    first, middle, last = (bytes([indicator, mark | kind]) for mark in (0x80, 0, 0x40))
    starts = range(1, len(nal), room)
    pieces = [middle + nal[at : at + room] for at in starts]
    pieces[0] = first + nal[1 : 1 + room]
    pieces[-1] = last + nal[starts[-1] :]
    return pieces
