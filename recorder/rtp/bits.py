"""Reading coded bits: fixed fields and Exp-Golomb numbers of H.264 and H.265 headers. Pure."""

from __future__ import annotations


class OutOfBits(ValueError):
    """The header ended before it was complete."""


class BitReader:
    """Reads the payload of a NAL unit from its first bit; emulation prevention is taken out."""

    def __init__(self, payload: bytes) -> None:
        clean = payload.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(clean, "big")
        self._left = 8 * len(clean)

    @classmethod
    def raw(cls, data: bytes) -> BitReader:
        """A reader of bytes that know no emulation prevention."""
        reader = cls(b"")
        reader._value, reader._left = int.from_bytes(data, "big"), 8 * len(data)
        return reader

    def bits(self, count: int) -> int:
        """The next `count` bits as an unsigned number."""
        if count > self._left:
            raise OutOfBits(f"{count} bits asked, {self._left} left")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.bits(1) == 1

    def ue(self) -> int:
        """An unsigned Exp-Golomb number, at most 32 bits (H.264 §9.1)."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 32:
                raise OutOfBits("an Exp-Golomb number of more than 32 bits")
        return (1 << zeros) - 1 + self.bits(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb number (H.264 §9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)

    def skip_ue(self, count: int) -> None:
        for _ in range(count):
            self.ue()
