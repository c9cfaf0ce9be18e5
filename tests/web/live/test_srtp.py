"""Chunks encrypted in place, decrypted again by libsrtp's own receiver."""

from __future__ import annotations

import struct

import pytest
from pylibsrtp import Policy, Session

from web.live.ring import PacketRing
from web.live.srtp import SrtpSender

KEYS = {
    Policy.SRTP_PROFILE_AEAD_AES_128_GCM: bytes(range(28)),
    Policy.SRTP_PROFILE_AES128_CM_SHA1_80: bytes(range(30)),
}


def session(profile: int, kind: int) -> Session:
    policy = Policy(key=KEYS[profile], ssrc_type=kind, srtp_profile=profile)
    policy.allow_repeat_tx = True
    policy.window_size = 1_024
    return Session(policy)


@pytest.mark.parametrize("profile", KEYS)
@pytest.mark.parametrize("sizes", [[1_200] * 16, [1_200] * 5 + [7], [3], [900, 900, 899]])
def test_a_chunk_arrives_as_equal_datagrams_but_the_last(profile: int, sizes: list[int]) -> None:
    ring = PacketRing()
    payloads = [bytes([i]) * size for i, size in enumerate(sizes)]
    ring.append(payloads, 5, key=True, wall=0)
    sender = SrtpSender(session(profile, Policy.SSRC_ANY_OUTBOUND), 5)
    receiver = session(profile, Policy.SSRC_ANY_INBOUND)
    data, size = sender.chunk(ring[0], 65_530, (1 << 32) + 9, 102, 77)
    datagrams = [bytes(data[at : at + size]) for at in range(0, len(data), size)]
    assert len(datagrams) == len(payloads)
    for number, (datagram, payload) in enumerate(zip(datagrams, payloads, strict=True)):
        packet = receiver.unprotect(datagram)
        first, kind, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", packet)
        assert (first, timestamp, ssrc) == (0x90, 9, 77)
        assert sequence == (65_530 + number) & 0xFFFF
        assert kind == 102 | (0x80 if number == len(payloads) - 1 else 0)
        assert packet[12:20] == b"\xbe\xde\x00\x01" + bytes([0x52, 0, 0, 0])
        assert packet[20:] == payload


def test_without_an_agreed_extension_its_word_is_padding() -> None:
    ring = PacketRing()
    ring.append([b"abc"], 5, key=True, wall=0)
    profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    sender = SrtpSender(session(profile, Policy.SSRC_ANY_OUTBOUND), None)
    data, _ = sender.chunk(ring[0], 1, 2, 102, 77)
    packet = session(profile, Policy.SSRC_ANY_INBOUND).unprotect(bytes(data))
    assert packet[12:20] == b"\xbe\xde\x00\x01" + bytes(4)
