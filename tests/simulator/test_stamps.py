"""The SEI stamp and what the audit makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vms.core.clock import Instant
from vms.simulator import sei
from vms.simulator.audit import audit_units
from vms.simulator.nal import Codec

SLICES: dict[Codec, bytes] = {"h264": b"\x65slice", "h265": b"\x26\x01slice"}


def unit(counter: int, *, codec: Codec = "h264", time: int = 0, stream: str = "a/main") -> bytes:
    nals = [SLICES[codec] + bytes((counter & 0x7F | 1,))]
    stamp = sei.Stamp(stream, counter, Instant(time or counter * 40_000_000), sei.crc_of(nals))
    whole = sei.stamped(codec, nals, stamp)
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in whole)


@pytest.mark.parametrize("codec", ["h264", "h265"])
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**32 - 1),
    st.from_regex(r"[a-z0-9-]{1,63}/(main|sub)", fullmatch=True),
)
def test_a_stamp_reads_back_and_needs_no_emulation_prevention(
    codec: Codec, counter: int, time: int, crc: int, stream: str
) -> None:
    stamp = sei.Stamp(stream, counter, Instant(time), crc)
    nal = sei.make(codec, stamp)
    assert sei.parse(nal) == stamp
    assert b"\x00\x00" not in nal


@given(st.binary(max_size=200))
def test_other_units_have_no_stamp(data: bytes) -> None:
    assert sei.parse(data) is None
    assert sei.parse(b"\x06\x05\xff" + sei.UUID + data) is None


def test_a_whole_run_is_clean() -> None:
    report = audit_units(unit(n) for n in range(7, 107))
    assert report.clean
    assert report.units == 100
    assert report.captured == (7 * 40_000_000, 106 * 40_000_000)


def test_each_defect_is_counted() -> None:
    lost = audit_units(unit(n) for n in (1, 2, 5, 6))
    assert (lost.lost, lost.longest_hole, lost.clean) == (2, 3 * 40_000_000, False)
    assert audit_units(unit(n) for n in (1, 2, 2, 3)).duplicated == 1
    swapped = audit_units(unit(n) for n in (1, 3, 2, 4))
    assert (swapped.out_of_order, swapped.lost) == (1, 0)
    bent = bytearray(unit(2))
    bent[-1] ^= 1
    assert audit_units([unit(1), bytes(bent)]).changed == 1
    assert audit_units([unit(1), unit(2)[:-3]]).changed == 1
    assert audit_units([unit(1), b"\x00\x00\x00\x02\x41\x01"]).unstamped == 1
    assert not audit_units([unit(1), unit(2, stream="b/main")]).clean
    assert not audit_units([]).clean
