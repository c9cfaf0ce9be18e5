"""The parameter sets of a stream: gathered from SDP and pictures, turned into a VideoFormat.

Pure. A set in a picture beats one from the SDP, which on many cameras is stale, empty or
broken (camera-quirks: no sprop, PPS missing, Annex B inside sprop, wrong NAL header).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping

from recorder.rtp.bits import BitReader
from recorder.rtp.nal import NalRules, is_annex_b, split_annex_b
from recorder.rtp.sps import SpsFacts, parse_h264_sps, parse_h265_sps
from vms.core.media import VideoFormat

SET_MAX = 4096
"""A larger parameter set is none; scaling lists make the longest real ones about 1 KB."""


class ParameterSets:
    """Knows the newest set of each kind and id, and the format they make."""

    def __init__(self, rules: NalRules, clock_rate: int = 90_000) -> None:
        self._rules, self._clock_rate = rules, clock_rate
        self._sets: dict[int, dict[int, bytes]] = {rules.vps: {}, rules.sps: {}, rules.pps: {}}
        self._format: VideoFormat | None = None
        self._changed = True
        self._taken: tuple[bytes, ...] = ()  # the last ones
        self.facts: SpsFacts | None = None

    @property
    def format(self) -> VideoFormat | None:
        """The format now; None while a set is missing. The same object until a set changes."""
        if self._changed:
            self._changed = False
            self._format = self._build()
        return self._format

    def are_whole(self, nals: Iterable[bytes]) -> bool:
        """Whether an SPS and a PPS are among these NAL units."""
        kinds = {self._rules.type_of(nal[0]) for nal in nals if nal}
        return self._rules.sps in kinds and self._rules.pps in kinds

    def take(self, nals: Iterable[bytes]) -> None:
        """Learn from the parameter sets of one picture or of the SDP, other units are ignored."""
        nals = tuple(nals)
        if nals == self._taken:  # as nearly every keyframe's are
            return
        self._taken = nals
        found: dict[int, dict[int, bytes]] = {}
        for nal in nals:
            kind = self._rules.type_of(nal[0]) if nal else -1
            number = self._id(kind, nal)
            if number is not None:
                found.setdefault(kind, {})[number] = nal.rstrip(b"\x00")
        complete = self._rules.sps in found and self._rules.pps in found
        for kind, sets in found.items():
            known = self._sets[kind]
            # A picture that brings SPS and PPS brings all it needs: older ids are gone.
            fresh = sets if complete and kind != self._rules.vps else known | sets
            if fresh != known:
                self._sets[kind] = fresh
                self._changed = True

    def _id(self, kind: int, nal: bytes) -> int | None:
        """The id of a set; None for what isn't one or can't be read."""
        rules = self._rules
        if kind not in self._sets or kind < 0 or not rules.header < len(nal) <= SET_MAX:
            return None
        try:
            if kind == rules.sps:
                return self._read_sps(nal).id
            if kind == rules.vps:
                return nal[2] >> 4
            number = BitReader(nal[rules.header : rules.header + 8]).ue()
        except ValueError:
            return None
        return number if number < 256 else None

    def _read_sps(self, nal: bytes) -> SpsFacts:
        return parse_h264_sps(nal) if self._rules.codec == "h264" else parse_h265_sps(nal)

    def _build(self) -> VideoFormat | None:
        rules = self._rules
        sps, pps = self._sets[rules.sps], self._sets[rules.pps]
        vps = self._sets[rules.vps] if rules.vps >= 0 else {}
        if not sps or not pps or (rules.vps >= 0 and not vps):
            return None
        ordered = [sps[number] for number in sorted(sps)]
        facts = self._read_sps(ordered[0])
        self.facts = facts
        return VideoFormat(
            rules.codec, facts.width, facts.height, tuple(ordered),
            tuple(pps[number] for number in sorted(pps)),
            tuple(vps[number] for number in sorted(vps)), self._clock_rate, facts.frame_rate,
        )  # fmt: skip


def sets_from_fmtp(fmtp: Mapping[str, str]) -> list[bytes]:
    """The NAL units in the sprop attributes of an SDP, whatever can be decoded of them."""
    names = ("sprop-vps", "sprop-sps", "sprop-pps", "sprop-parameter-sets")
    nals: list[bytes] = []
    for text in (part for name in names for part in fmtp.get(name, "").split(",")):
        try:
            data = base64.b64decode(text.strip() + "===", validate=False)
        except (binascii.Error, ValueError):
            continue
        nals.extend(split_annex_b(data) if is_annex_b(data) else [data] if data else [])
    return nals
