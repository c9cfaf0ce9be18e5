"""Packets that may be our stream begun anew, held until it is known. Pure.

A camera that restarts its encoder goes on under another SSRC, or counts its packets anew; a
stranger's packets and doubles of our own look just so at first. Refusing what later proves to be
ours would cost the very keyframe and parameter sets that the rest needs, so it is kept and played.
"""

from __future__ import annotations

from typing import NamedTuple

from recorder.rtp.nal import NalRules, Role, split_annex_b, split_lengths
from vms.core.clock import MILLISECOND, Mono, Span

ADOPT = 32
"""So many packets in a row, and none of ours between, are the stream under a new name; at once if
parameter sets or a keyframe are among them."""

BYTES_MAX = 1 << 20
"""And so are so many bytes: some cameras send a whole picture as one packet of 64 KB."""

SILENCE = Span(1_500 * MILLISECOND)
"""Ours has been silent for so long since the newcomer came: a keyframe of it is believed then.
Less than what a run lasts after a goodbye (`recorder.native`)."""

REORDERED = 100
"""Packets of a new count that are so near to each other belong together (RFC 3550 §A.1)."""

_OPENS = Role.KEY | Role.PARAMETERS
_START = 0x80


class Doubtful(NamedTuple):
    """A packet that is not ours, or not in our sequence.

    `opens`: it holds parameter sets or the beginning of a keyframe; `again`: it is of a time that
    we had already, as doubles of our own packets are.
    """

    payload_type: int
    sequence: int
    ssrc: int
    packet: bytes
    arrival: Mono
    opens: bool
    again: bool


class Newcomer:
    """Packets of one name (payload type, SSRC), in the order they came, at most ADOPT or BYTES_MAX.

    `beside`: what of ours had come when the first one did. `renumbered`: the name is our own;
    `behind`: and the numbers lie behind ours, as those of doubles do; `again`: and so does the
    first one's time. `before`: what was held until then. `missed`: packets of the name that came
    before, and of ours none between, and are held no more.
    """

    __slots__ = (
        "_behind", "_beside", "_bytes", "_expected", "_joined", "_opens", "_since", "again",
        "first", "missed", "name", "packets", "renumbered",
    )  # fmt: skip

    def __init__(
        self,
        first: Doubtful,
        beside: int,
        before: Newcomer | None,
        *,
        renumbered: bool,
        behind: bool,
    ) -> None:
        self.name = (first.payload_type, first.ssrc)
        self.first, self.again, self.renumbered = first.sequence, first.again, renumbered
        self._beside, self._behind = beside, behind
        self.missed, self._since = 0, first.arrival
        if before is not None and (before.name, before._beside) == (self.name, beside):
            self.missed = before.missed + len(before.packets)
            self._since = before._since
        self.packets: list[tuple[bytes, Mono]] = []
        self._bytes, self._expected = 0, -1
        self._joined = self._opens = False

    def goes_on(self, doubtful: Doubtful, beside: int) -> bool:
        """Whether the packet is one more of these, with none of ours between."""
        if (doubtful.payload_type, doubtful.ssrc) != self.name or beside != self._beside:
            return False
        near = (doubtful.sequence - self._expected) & 0xFFFF < REORDERED
        return (near or not self.renumbered) and not self._full

    @property
    def _full(self) -> bool:
        return len(self.packets) >= ADOPT or self._bytes >= BYTES_MAX

    def hold(self, doubtful: Doubtful) -> None:
        self.packets.append((doubtful.packet, doubtful.arrival))
        self._bytes += len(doubtful.packet)
        self._joined = self._joined or doubtful.sequence == self._expected
        self._opens = self._opens or doubtful.opens
        self._expected = (doubtful.sequence + 1) & 0xFFFF

    def convinces(self, last: Doubtful, *, gone: bool, alone: bool) -> bool:
        """Whether it is our stream. `gone`: ours said goodbye; `alone`: it never came at all."""
        if self.renumbered:
            return self._joined and (self._opens or not (self._behind and last.again))
        waited = gone or last.arrival - self._since >= SILENCE
        if self._opens or alone:
            return self._full or (waited and self._opens)
        # Sound on our channel comes so between the pictures of a camera that sends one a second.
        many = self.missed + len(self.packets) >= ADOPT
        return self._bytes >= BYTES_MAX or (waited and many)


def opens(rules: NalRules, payload: bytes) -> bool:
    """Whether parameter sets or a keyframe begin in this payload."""
    if not payload:
        return False
    role = rules.roles[rules.type_of(payload[0])]
    if role & Role.FRAGMENT:
        flags = payload[rules.header] if len(payload) > rules.header else 0
        return bool(flags & _START and rules.roles[flags & rules.mask] & _OPENS)
    aggregate = role & Role.AGGREGATE
    nals = split_lengths(payload[rules.header :], 2) if aggregate else split_annex_b(payload)
    return any(rules.roles[rules.type_of(nal[0])] & _OPENS for nal in nals)
