"""What a sequence parameter set says of the pictures: size, reordering, a hint of the rate.

H.264 §7.3.2.1.1 with annex E, H.265 §7.3.2.2 with annex E. Pure. Bytes behind the set
(Reolink appends some) are not looked at; a damaged timing part costs only the hint.
"""

from __future__ import annotations

from dataclasses import dataclass

from recorder.rtp.bits import BitReader, OutOfBits

_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_EXTENDED_SAR = 255
_SIZE_MAX = 16_384


@dataclass(frozen=True, slots=True)
class SpsFacts:
    """`reorder`: pictures that may stand before an earlier one in coded order; None if unsaid.

    `frame_rate`: frames a second times 1000, 0 if unsaid. `progressive`: no picture is a field.
    """

    id: int
    width: int
    height: int
    frame_rate: int = 0
    reorder: int | None = None
    progressive: bool = True


def parse_h264_sps(nal: bytes) -> SpsFacts:
    """Read an H.264 SPS with its one-byte header. Raises ValueError when it makes no sense."""
    bits = BitReader(nal[1:])
    profile, constraints, _level = bits.bits(8), bits.bits(8), bits.bits(8)
    number = _at_most(bits.ue(), 31, "id")
    chroma = 1
    if profile in _HIGH_PROFILES:
        chroma = _at_most(bits.ue(), 3, "chroma format")
        separate = chroma == 3 and bits.flag()
        bits.skip_ue(2)  # bit depths
        bits.flag()
        if bits.flag():
            for index in range(8 if chroma != 3 else 12):
                if bits.flag():
                    _skip_h264_scaling_list(bits, 16 if index < 6 else 64)
        chroma = 0 if separate else chroma
    bits.ue()  # log2_max_frame_num_minus4
    _skip_h264_picture_order(bits)
    bits.ue()  # max_num_ref_frames
    bits.flag()
    width = (bits.ue() + 1) * 16
    map_units = bits.ue() + 1
    progressive = bits.flag()
    height = map_units * 16 * (1 if progressive else 2)
    if not progressive:
        bits.flag()
    bits.flag()  # direct_8x8_inference
    if bits.flag():
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = (2 if chroma == 1 else 1) * (1 if progressive else 2)
        left, right, top, bottom = (bits.ue() for _ in range(4))
        width, height = width - unit_x * (left + right), height - unit_y * (top + bottom)
    _check_size(width, height)
    # Profiles of intra pictures only, and those with constraint_set3 (E.2.1), reorder nothing.
    inferred = 0 if profile == 66 or (profile in (44, 110, 122, 244) and constraints & 16) else None
    rate, reorder = _h264_usability(bits)
    return SpsFacts(
        number, width, height, rate, inferred if reorder is None else reorder, progressive
    )


def parse_h265_sps(nal: bytes) -> SpsFacts:
    """Read an H.265 SPS with its two-byte header. Raises ValueError when it makes no sense."""
    bits = BitReader(nal[2:])
    bits.bits(4)
    sub_layers = _at_most(bits.bits(3), 6, "sub-layers")
    bits.flag()
    _skip_profile_tier_level(bits, sub_layers)
    number = _at_most(bits.ue(), 15, "id")
    chroma = _at_most(bits.ue(), 3, "chroma format")
    if chroma == 3 and bits.flag():
        chroma = 0
    width, height = bits.ue(), bits.ue()
    if bits.flag():
        unit_x, unit_y = 2 if chroma in (1, 2) else 1, 2 if chroma == 1 else 1
        left, right, top, bottom = (bits.ue() for _ in range(4))
        width, height = width - unit_x * (left + right), height - unit_y * (top + bottom)
    _check_size(width, height)
    bits.skip_ue(2)  # bit depths
    poc_bits = _at_most(bits.ue(), 12, "picture order bits") + 4
    reorder = 0
    for _ in range(sub_layers + 1 if bits.flag() else 1):
        bits.ue()
        reorder = bits.ue()
        bits.ue()
    return SpsFacts(
        number, width, height, _h265_rate(bits, sub_layers, poc_bits, chroma), reorder, True
    )


def _at_most(value: int, limit: int, what: str) -> int:
    if value > limit:
        raise ValueError(f"{what} {value} is over {limit}")
    return value


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= _SIZE_MAX and 0 < height <= _SIZE_MAX):
        raise ValueError(f"a picture of {width}x{height}")


def _rate(ticks: int, scale: int, fields: int) -> int:
    """Frames a second times 1000; 0 for what no camera delivers."""
    if not ticks or not scale:
        return 0
    rate = 1000 * scale // (ticks * fields)
    return rate if 0 < rate <= 480_000 else 0


def _skip_h264_picture_order(bits: BitReader) -> None:
    kind = _at_most(bits.ue(), 2, "picture order type")
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.flag()
        bits.skip_ue(2)
        bits.skip_ue(_at_most(bits.ue(), 255, "picture order cycle"))


def _skip_h264_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_aspect_and_colour(bits: BitReader) -> None:
    """The part of the usability information that both codecs share."""
    if bits.flag() and bits.bits(8) == _EXTENDED_SAR:
        bits.bits(32)
    if bits.flag():
        bits.flag()
    if bits.flag():
        bits.bits(4)
        if bits.flag():
            bits.bits(24)
    if bits.flag():
        bits.skip_ue(2)


def _h264_usability(bits: BitReader) -> tuple[int, int | None]:
    """Frame rate and reordering of the VUI, as far as they are there and whole."""
    rate: int = 0
    try:
        if not bits.flag():
            return 0, None
        _skip_aspect_and_colour(bits)
        if bits.flag():
            rate = _rate(bits.bits(32), bits.bits(32), 2)
            bits.flag()
        has_nal = bits.flag()
        if has_nal:
            _skip_h264_hrd(bits)
        has_vcl = bits.flag()
        if has_vcl:
            _skip_h264_hrd(bits)
        if has_nal or has_vcl:
            bits.flag()
        bits.flag()
        if not bits.flag():
            return rate, None
        bits.flag()
        bits.skip_ue(4)
        return rate, min(bits.ue(), 16)
    except ValueError:
        return rate, None


def _skip_h264_hrd(bits: BitReader) -> None:
    count = _at_most(bits.ue(), 31, "buffer count") + 1
    bits.bits(8)
    for _ in range(count):
        bits.skip_ue(2)
        bits.flag()
    bits.bits(20)


def _skip_profile_tier_level(bits: BitReader, sub_layers: int) -> None:
    bits.bits(96)
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers)]
    if sub_layers:
        bits.bits(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.bits(88 * has_profile + 8 * has_level)


def _h265_rate(bits: BitReader, sub_layers: int, poc_bits: int, chroma: int) -> int:
    """The VUI's frame rate, which stands behind everything else in the set; 0 if unsaid."""
    try:
        bits.skip_ue(6)  # block sizes and transform depths
        if bits.flag() and bits.flag():
            _skip_h265_scaling_lists(bits)
        bits.bits(2)
        if bits.flag():  # PCM
            bits.bits(8)
            bits.skip_ue(2)
            bits.flag()
        _skip_reference_sets(bits)
        if bits.flag():  # long-term references
            for _ in range(_at_most(bits.ue(), 32, "long-term references")):
                bits.bits(poc_bits)
                bits.flag()
        bits.bits(2)
        if not bits.flag():
            return 0
        _skip_aspect_and_colour(bits)
        bits.bits(3)
        if bits.flag():  # default display window
            bits.skip_ue(4)
        return _rate(bits.bits(32), bits.bits(32), 1) if bits.flag() else 0
    except ValueError:
        return 0


def _skip_h265_scaling_lists(bits: BitReader) -> None:
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.flag():
                bits.ue()
                continue
            if size > 1:
                bits.se()
            for _ in range(min(64, 1 << (4 + 2 * size))):
                bits.se()


def _skip_reference_sets(bits: BitReader) -> None:
    """Short-term reference picture sets (H.265 §7.3.7); later ones may build on the one before."""
    previous = 0
    for index in range(_at_most(bits.ue(), 64, "reference sets")):
        if index and bits.flag():
            bits.flag()
            bits.ue()
            count = 0
            for _ in range(previous + 1):
                used = bits.flag()
                if used or bits.flag():
                    count += 1
            previous = count
            continue
        negative, positive = bits.ue(), bits.ue()
        previous = _at_most(negative + positive, 32, "references")
        for _ in range(previous):
            bits.ue()
            bits.flag()


__all__ = ["OutOfBits", "SpsFacts", "parse_h264_sps", "parse_h265_sps"]
