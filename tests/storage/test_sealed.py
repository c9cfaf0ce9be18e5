"""A sealed stream opens with its password, whole and unchanged, or is refused with a sentence."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.sealed import Opener, Sealer
from vms.core.errors import Refused
from vms.core.secret import Secret

PASSWORD = Secret("correct horse")
CHEAP = (4, 1, 1)
CHUNK = 1 << 20
lengths = st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])


def sealed(data: bytes) -> bytes:
    out = io.BytesIO()
    sealer = Sealer(out, PASSWORD, CHEAP)
    for start in range(0, len(data), 300_000):
        sealer.write(data[start : start + 300_000])
    sealer.close()
    return out.getvalue()


def opened(data: bytes, password: Secret = PASSWORD) -> bytes:
    return Opener(io.BytesIO(data), password, "x.backup").read()


SAMPLE = sealed(b"footage" * 200_000)


@given(lengths)
def test_what_was_sealed_comes_back(length: int) -> None:
    data = (b"0123456789abcdef" * (length // 16 + 1))[:length]
    whole = sealed(data)
    assert opened(whole) == data
    reader = Opener(io.BytesIO(whole), PASSWORD, "x")
    assert reader.read(10) == data[:10]
    assert reader.read(CHUNK) == data[10 : 10 + CHUNK]


@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 7))
def test_every_flipped_bit_is_noticed(place: int, bit: int) -> None:
    data = bytearray(SAMPLE)
    data[place] ^= 1 << bit
    with pytest.raises(Refused, match=r"damaged|no backup|newer version"):
        opened(bytes(data))


@given(st.integers(0, 70))
def test_every_bit_of_the_head_counts(place: int) -> None:
    data = bytearray(SAMPLE)
    data[place] ^= 0x10
    with pytest.raises(Refused, match=r"damaged|no backup|newer version"):
        opened(bytes(data))


@given(st.integers(0, len(SAMPLE) - 1))
def test_every_cut_is_noticed(length: int) -> None:
    with pytest.raises(Refused, match=r"cut|no backup"):
        opened(SAMPLE[:length])


def test_chunks_can_not_change_places_or_be_left_out() -> None:
    whole = sealed(bytes(3 * CHUNK))
    head, size = 59, 4 + CHUNK + 16
    first, second = whole[head : head + size], whole[head + size : head + 2 * size]
    rest = whole[head + 2 * size :]
    for mixed in (second + first + rest, first + rest, first + second):
        with pytest.raises(Refused, match="damaged"):
            opened(whole[:head] + mixed)
    with pytest.raises(Refused, match="added"):
        opened(whole + b"x")


def test_another_password_does_not_open_it() -> None:
    with pytest.raises(Refused, match="password does not open"):
        opened(SAMPLE, Secret("correct hors"))


def test_two_seals_of_the_same_are_not_alike() -> None:
    assert sealed(b"x" * 100)[59:] != sealed(b"x" * 100)[59:]
