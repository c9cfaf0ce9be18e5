"""Our own boxes: the head after `moov`, the tail before the end. Other players skip both.

The head says whose footage this is and which gaps came before it; the tail, written when the
file is closed, when it ended, what was known of the clocks, and where each fragment stands, so
that one read of the file's end is enough to seek in it. After the tail stands a standard `mfra`
for players that look for one.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from storage.facts import ClockFacts, GapFacts, RunFacts
from storage.fmp4.boxes import BadFile, box, children, full_box, header_at
from vms.core.clock import Instant
from vms.core.media import Track
from vms.core.model import Cause, StreamKey

HEAD_ID = bytes.fromhex("7a1f0c5e52e94b6c9d3c676f7a637501")
TAIL_ID = bytes.fromhex("7a1f0c5e52e94b6c9d3c676f7a637502")
_VERSION = 1
_FIXED = struct.Struct(">IQqIII")  # version, bytes of fragments' end, end, init, clock, count
_ENTRY = struct.Struct(">qQIB")
_SIZE = struct.Struct(">I")
MFRO_SIZE = 16
TAIL_SIZE = _SIZE.size  # a tail ends in its own length


@dataclass(frozen=True, slots=True)
class Head:
    """Whose footage a file is. `gaps`: those of the stream since its previous segment."""

    stream: StreamKey
    start: Instant
    run: RunFacts
    gaps: tuple[GapFacts, ...] = ()

    def is_of(self, stream: StreamKey, start: Instant) -> bool:
        """Whether a file that lies where this stream's segment from `start` should is it."""
        return (self.stream, self.start) == (stream, start)


class TailEntry(NamedTuple):
    """Where a fragment stands. `time`: ticks of the video track since the segment's start."""

    time: int
    offset: int
    size: int
    key: bool


@dataclass(frozen=True, slots=True)
class Tail:
    """What is known at a file's close. `init_length`: bytes before the first fragment."""

    end: Instant
    init_length: int
    entries: tuple[TailEntry, ...]
    clock: ClockFacts | None = None
    recovered: bool = field(default=False)


def head_box(head: Head) -> bytes:
    """JSON in a `uuid` box: readable with nothing but a hex viewer, in decades too."""
    facts = {
        "v": _VERSION,
        "stream": str(head.stream),
        "start": head.start,
        "run": head.run.run_id,
        "run_started": head.run.started,
        "gaps": [[gap.start, gap.end, gap.cause.value, gap.detail] for gap in head.gaps],
    }
    return box(b"uuid", HEAD_ID, json.dumps(facts, separators=(",", ":")).encode())


def read_head(payload: bytes) -> Head:
    """Read the payload of a head's `uuid` box. Raises BadFile."""
    if payload[:16] != HEAD_ID:
        raise BadFile("not a head of ours")
    try:
        facts = json.loads(payload[16:])
        stream = StreamKey.parse(facts["stream"])
        gaps = tuple(
            GapFacts(stream, Instant(start), Instant(end), Cause(cause), str(detail))
            for start, end, cause, detail in facts["gaps"]
        )
        run = RunFacts(int(facts["run"]), Instant(facts["run_started"]))
        return Head(stream, Instant(facts["start"]), run, gaps)
    except (ValueError, KeyError, TypeError) as error:
        raise BadFile(f"head is damaged: {error}") from error


def tail_box(tail: Tail) -> bytes:
    """The tail and the `mfra` behind it: the last bytes of a closed file."""
    clock = tail.clock
    known = {"recovered": tail.recovered} | (
        {}
        if clock is None
        else {"offset": clock.offset_ns, "error": clock.error_ns, "ntp_error": clock.ntp_error_ns}
    )
    text = json.dumps(known, separators=(",", ":")).encode()
    written = tail.entries[-1].offset + tail.entries[-1].size if tail.entries else 0
    entries = b"".join(_ENTRY.pack(*entry) for entry in tail.entries)
    fixed = _FIXED.pack(_VERSION, written, tail.end, tail.init_length, len(text), len(tail.entries))
    size = 8 + 16 + len(fixed) + len(entries) + len(text) + _SIZE.size
    own = box(b"uuid", TAIL_ID, fixed, entries, text, _SIZE.pack(size))
    return own + _mfra(tail.entries)


def _mfra(entries: tuple[TailEntry, ...]) -> bytes:
    """ISO/IEC 14496-12 §8.8.9: where each fragment that begins with a keyframe stands."""
    keys = [entry for entry in entries if entry.key]
    table = full_box(
        b"tfra",
        1,
        0,
        struct.pack(">III", Track.VIDEO, 0, len(keys)),
        *(struct.pack(">QQBBB", entry.time, entry.offset, 1, 1, 1) for entry in keys),
    )
    size = 8 + len(table) + MFRO_SIZE
    return box(b"mfra", table, full_box(b"mfro", 0, 0, struct.pack(">I", size)))


def mfra_length(end_of_file: bytes) -> int | None:
    """How long the `mfra` is, from the file's last `MFRO_SIZE` bytes or more.

    None: it does not end in one, so it was never closed. The `TAIL_SIZE` bytes before the `mfra`
    are what `own_length` reads.
    """
    at = len(end_of_file) - MFRO_SIZE
    if at < 0 or header_at(end_of_file, at) != (MFRO_SIZE, b"mfro"):
        return None
    (length,) = _SIZE.unpack_from(end_of_file, at + MFRO_SIZE - _SIZE.size)
    return int(length)


def own_length(before_mfra: bytes) -> int:
    """How long the tail is that ends in these bytes, the `mfra` not counted."""
    (length,) = _SIZE.unpack(before_mfra)
    return int(length)


def read_tail(end_of_file: bytes) -> Tail | None:
    """Read the tail from the last bytes of a file; None if it was never closed. Raises BadFile."""
    mfra, total = mfra_length(end_of_file), len(end_of_file)
    if mfra is None:
        return None
    at = total - mfra - TAIL_SIZE
    if at < 0:
        raise BadFile(f"mfra of {mfra} bytes does not fit {total}")
    length = mfra + own_length(end_of_file[at : at + TAIL_SIZE])
    if length > total:
        raise BadFile(f"tail of {length} bytes does not fit {total}")
    try:
        kind, payload = next(children(end_of_file, total - length), (b"", b""))
        if kind != b"uuid" or payload[:16] != TAIL_ID:
            raise BadFile("not a tail of ours")
        return _read_tail(payload)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(f"tail is damaged: {error}") from error


def _read_tail(payload: bytes) -> Tail:
    version, _written, end, init_length, text_size, count = _FIXED.unpack_from(payload, 16)
    if version != _VERSION:
        raise BadFile(f"tail of version {version}; this program reads {_VERSION}")
    at = 16 + _FIXED.size
    entries = tuple(
        TailEntry(time, offset, size, bool(key))
        for time, offset, size, key in _ENTRY.iter_unpack(payload[at : at + count * _ENTRY.size])
    )
    at += count * _ENTRY.size
    known = json.loads(payload[at : at + text_size])
    clock = (
        ClockFacts(known["offset"], known["error"], known["ntp_error"])
        if "offset" in known
        else None
    )
    return Tail(Instant(end), init_length, entries, clock, bool(known.get("recovered", False)))
