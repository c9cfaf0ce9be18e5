"""Gathers NAL units into access units: where a picture begins, ends, and whether it is whole.

Pure. Cameras set the marker on parameter sets (Tapo TC70, Reolink Duo 2), on every slice, or
never; so the first pictures of a run are ended by what follows them, and the marker is trusted
afterwards only if it told the truth on those. A picture with a hole is dropped and counted;
whole pictures behind it are kept, even while a decoder would show damage until the next
keyframe: they are what the camera sent.
"""

from __future__ import annotations

from recorder.rtp.nal import NalRules, Role, is_annex_b, split_annex_b
from recorder.source import SourceStats

UNIT_MAX = 8 * 1024 * 1024
"""A larger picture is dropped; a camera that never ends one can't fill the memory."""

_SETS_MAX = 64  # parameter sets before one picture; of more the oldest is forgotten
_LEARNING = 3  # pictures whose end is not yet taken from the marker
_SLOT = b"\0\0\0\0"
FIRST_SLICE = 0x80  # first_mb_in_slice 0 as ue(v); first_slice_segment_in_pic_flag


Coded = bytes | bytearray

Picture = tuple[bytes, int, bool, list[bytes]]
"""A whole picture: its data, its RTP time, whether it is a keyframe, the parameter sets in it."""


class PictureBuilder:
    """Holds the one picture that is being received.

    `pieces` and `nal_size` are moved by the hot path too (`recorder.rtp.video`): while a NAL
    unit is open (`slot` >= 0), its pieces are appended as they come and its length is written
    into the slot at its end.

    `steady`: no picture is open, and markers have told the truth so far. Then the next picture
    may be taken past all this (`recorder.rtp.whole`).
    """

    __slots__ = (
        "_damaged", "_ended", "_learned", "_marked", "_marker_lies", "_parameters", "_role",
        "_roles", "_rules", "_stats", "_suspect", "done", "nal_size", "news", "pieces",
        "progressive", "size", "slot", "steady", "timestamp",
    )  # fmt: skip

    def __init__(self, rules: NalRules, stats: SourceStats) -> None:
        self._rules, self._stats = rules, stats
        self.progressive = True
        self.pieces: list[Coded] = []
        self.size = 0
        self.slot = -1
        self.nal_size = 0
        self._role = 0
        self._roles = 0
        self.timestamp = -1
        self._parameters: list[bytes] = []
        self._damaged = False
        self._suspect = True  # packets may be missing before what comes now
        self._marked = False  # a marker stood on the open picture
        self._ended = -1  # the time of the last picture that a marker ended
        self._learned = 0
        self._marker_lies = False
        self.steady = False
        self.done: list[Picture] = []  # the owner takes them after each packet
        self.news = False  # a keyframe or parameter sets are among them

    def finished(self) -> list[Picture]:
        """The pictures completed since the last call."""
        done, self.done, self.news = self.done, [], False
        return done

    def went_past(self) -> None:
        """Pictures came whole and ended with the marker; they stand in `done`, `timestamp` is set.

        Only while `steady` (`recorder.rtp.whole`).
        """
        self._ended = self.timestamp

    def at(self, timestamp: int) -> None:
        """What comes now is of this time; another time ends the picture."""
        if timestamp != self.timestamp:
            self._close()
            self.timestamp, self.steady = timestamp, False

    def gap(self) -> None:
        """Packets are missing here."""
        if self._marked and not self._marker_lies and self.slot < 0:
            self._close()
        if self.pieces or self.slot >= 0:
            self._damaged = True
            self._drop()
        self._suspect, self.steady = True, False

    def begin_anew(self) -> None:
        """What comes now has nothing to do with the open picture, were it of the same time."""
        self.gap()
        self.timestamp = -1

    def mark(self) -> None:
        """The packet carried the marker: its picture ends here, if the camera tells the truth.

        A NAL unit is left open that may go on: some set the marker on every packet.
        """
        if self.slot >= 0:
            if self._learned < _LEARNING or self._marker_lies:
                self._marked = self._role & Role.PICTURE != 0
                return
            self.end()
        if not self._roles & Role.PICTURE:
            if self._damaged:
                self._close()
            return
        self._marked = True
        if self._learned >= _LEARNING and not self._marker_lies:
            self._ended = self.timestamp
            self._close()
            self.steady = True

    def add(self, nal: bytes) -> None:
        """A whole NAL unit; start codes in it, which only Annex B may have, split it."""
        role = self._rules.roles[self._rules.type_of(nal[0])]
        if is_annex_b(nal) or (not role & Role.PICTURE and b"\x00\x00\x01" in nal):
            for part in split_annex_b(nal):
                self._add(part, self._rules.roles[self._rules.type_of(part[0])])
        else:
            self._add(nal, role)

    def open(self, header: bytes, body: Coded, role: int) -> None:
        """A NAL unit that comes in fragments begins; one left open before is whole by order."""
        if self.slot >= 0:
            self.end()
        self._begin(role, body)
        self.slot = len(self.pieces)
        self.pieces += (_SLOT, header, body)
        self.nal_size = len(header) + len(body)

    def go_on(self, body: bytearray) -> None:
        """A further fragment of the open NAL unit."""
        if self.slot < 0:
            self._damaged, self.steady = True, False  # its beginning is missing
            return
        if self._marked:
            self._marker_lies, self._marked = True, False  # it stood in the middle of a NAL unit
        self.pieces.append(body)
        self.nal_size += len(body)
        if self.size + self.nal_size > UNIT_MAX:
            self._damaged = True
            self._drop()

    def end(self) -> None:
        """The open NAL unit is complete."""
        slot, self.slot = self.slot, -1
        if slot < 0:
            return
        if self._role & Role.PICTURE:
            self.pieces[slot] = self.nal_size.to_bytes(4, "big")
            self.size += self.nal_size + 4
            self._roles |= self._role
            return
        nal = b"".join(self.pieces[slot + 1 :])
        del self.pieces[slot:]
        self.add(nal)

    def _add(self, nal: bytes, role: int) -> None:
        if role & (Role.UNKNOWN | Role.AGGREGATE | Role.FRAGMENT) or len(nal) < self._rules.header:
            self._stats.malformed += 1
            return
        self._begin(role, nal[self._rules.header : self._rules.header + 1])
        if self.size + len(nal) > UNIT_MAX:
            self._damaged = True
            self._drop()
            return
        if role & Role.PARAMETERS:
            if len(self._parameters) >= _SETS_MAX:
                del self._parameters[0]
            self._parameters.append(bytes(nal))
        self.pieces += (len(nal).to_bytes(4, "big"), nal)
        self.size += len(nal) + 4
        self._roles |= role

    def _begin(self, role: int, body: Coded) -> None:
        """A NAL unit of this role begins: does the picture before it end here?"""
        self._role, self.steady = role, False
        has_picture = self._roles & Role.PICTURE
        if role & Role.OPENING and has_picture:
            self._close()
        if not role & Role.PICTURE:
            return
        first = not body or bool(body[0] & FIRST_SLICE)
        if has_picture and first and self.progressive:
            self._close()  # a new picture with a frozen time
        elif has_picture and self._marked:
            self._marker_lies = True  # the marker stood before the picture's last slice
            self._marked = False
        elif not has_picture and not first and self.timestamp == self._ended:
            self._marker_lies = self._damaged = True  # its first slices went without this one
        elif not has_picture and not first and self._suspect:
            self._damaged = True
        self._suspect = False

    def _close(self) -> None:
        """End the picture. Units without a slice stay, as the beginning of the next picture."""
        if self.slot >= 0:
            self.end()
        roles = self._roles
        if self._damaged:
            self._stats.damaged += 1
            self._damaged = False
        elif roles & Role.PICTURE:
            data = b"".join(self.pieces)
            key = roles & Role.KEY != 0
            self.done.append((data, self.timestamp, key, self._parameters))
            self.news = self.news or key or bool(self._parameters)
            self._learned += 1
        elif self.size < UNIT_MAX // 8:
            return
        self._drop()
        self._parameters = []
        self._marked = False

    def _drop(self) -> None:
        self.pieces = []
        self.size = self.nal_size = self._roles = 0
        self.slot = -1
