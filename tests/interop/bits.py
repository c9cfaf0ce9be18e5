"""Parameter sets written bit by bit, for features that no encoder at hand writes."""

from __future__ import annotations


class BitWriter:
    """Bits with the codes of H.264 and H.265 (ITU-T H.265 §9.2)."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def u(self, value: int, bits: int = 1) -> None:
        """An unsigned number of so many bits."""
        self._bits += [value >> at & 1 for at in reversed(range(bits))]

    def ue(self, *values: int) -> None:
        """Exp-Golomb codes."""
        for value in values:
            length = (value + 1).bit_length()
            self.u(value + 1, 2 * length - 1)

    def unit(self, header: bytes) -> bytes:
        """The NAL unit: header, bits, stop bit, and what keeps start codes out of it."""
        bits = [*self._bits, 1]
        bits += [0] * (-len(bits) % 8)
        data = bytes(int("".join(map(str, bits[at : at + 8])), 2) for at in range(0, len(bits), 8))
        out, zeros = bytearray(), 0
        for byte in data:
            if zeros == 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return header + bytes(out)


def hevc_vps(layers: int = 1) -> bytes:
    """An H.265 VPS of so many sub-layers (ITU-T H.265 §7.3.2.1)."""
    it = BitWriter()
    it.u(0b0000_11, 6)
    it.u(0, 6)
    it.u(layers - 1, 3)
    it.u(1)
    it.u(0xFFFF, 16)
    _profile(it, layers)
    it.u(1)
    it.ue(*[2, 0, 0] * layers)
    it.u(0, 6)
    it.ue(0)
    it.u(0, 2)  # no timing, no extension
    return it.unit(b"\x40\x01")


def hevc_sps(
    *, layers: int = 1, scaling: bool = False, inter: bool = False, long_term: bool = False
) -> bytes:
    """An H.265 SPS of 1280x720 (ITU-T H.265 §7.3.2.2) with what few cameras write into it."""
    it = BitWriter()
    it.u(0, 4)
    it.u(layers - 1, 3)
    it.u(1)
    _profile(it, layers)
    it.ue(0, 1, 1280, 720)
    it.u(0)
    it.ue(0, 0, 4)
    it.u(1)
    it.ue(*[2, 0, 0] * layers)
    it.ue(0, 3, 0, 3, 0, 0)
    _scaling_lists(it, scaling)
    it.u(0b110, 3)  # no amp but sao … and no pcm
    _reference_sets(it, inter)
    it.u(long_term)
    if long_term:
        it.ue(1)
        it.u(5, 8)
        it.u(1)
    it.u(0b11, 2)
    it.u(0, 2)  # no VUI, no extension
    return it.unit(b"\x42\x01")


def _profile(it: BitWriter, layers: int) -> None:
    it.u(1, 8)  # main profile
    it.u(0x60000000, 32)
    it.u(0, 48)
    it.u(93, 8)
    if layers > 1:
        for _ in range(layers - 1):
            it.u(0b01, 2)  # no profile of its own, a level
        it.u(0, 2 * (8 - (layers - 1)))
        for _ in range(layers - 1):
            it.u(90, 8)


def _scaling_lists(it: BitWriter, scaling: bool) -> None:
    it.u(scaling)
    if not scaling:
        return
    it.u(1)
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            it.u(1)
            it.ue(*[0] * ((size > 1) + min(64, 1 << (4 + 2 * size))))


def _reference_sets(it: BitWriter, inter: bool) -> None:
    it.ue(2 if inter else 1)
    it.ue(1, 0, 0)
    it.u(1)
    if inter:
        it.u(1)  # told by the one before
        it.u(1)
        it.ue(0)
        it.u(0b11, 2)
