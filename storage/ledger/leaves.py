"""The ledger's leaves: frozen values to and from one canonical line of JSON each.

Canonical: UTF-8, keys sorted, no spaces, no newline, nothing that is absent or empty. So equal
leaves are equal bytes, and what has been hashed can be written anew from its parts. Times are
nanoseconds of UTC, spans half open, sizes bytes, hashes hex. docs/ledger.md says it for strangers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from storage.facts import ClockFacts, GapFacts
from storage.rows import PutSegment, SegmentRow
from vms.core.clock import INSTANT_MAX, Instant
from vms.core.model import Cause, StreamKey

LINE_MAX = 65_536
"""Bytes of a line; a leaf that would be longer is refused."""


_UNKNOWN = ClockFacts(None, None, None)


class BadLeaf(ValueError):
    """A line that is no leaf, or a leaf that fits no line."""


class _Written:
    """What all leaves share: their line."""

    __slots__ = ()
    kind: ClassVar[str]

    def line(self) -> bytes:
        """Canonical JSON, without a newline. Raises BadLeaf for what does not fit."""
        values: dict[str, Any] = {"kind": self.kind}
        for name in _NAMES[type(self)]:
            value = getattr(self, name)
            if name in _INTEGERS and value is not None:
                _integer(value)
            if value is not None and value != "":
                values[name] = _WRITE[name](value) if name in _WRITE else value
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        line = text.encode("utf-8", "replace")  # a lone surrogate must not stop the ledger
        if len(line) > LINE_MAX:
            raise BadLeaf(f"a {self.kind} leaf of {len(line)} bytes; {LINE_MAX} are allowed")
        return line


def segment_line(
    stream: str,
    start: int,
    end: int,
    sha256: bytes,
    size: int,
    frames: int | None,
    clock: tuple[int | None, int | None, int | None] | None,
) -> bytes:
    """A segment's line from its parts, for whoever goes through millions of rows."""
    told = known = ""
    if clock is not None:
        known = ",".join(["null" if fact is None else str(fact) for fact in clock])
        known = f'"clock":[{known}],'
    if frames is not None:
        told = f'"frames":{frames},'
    return (
        f'{{{known}"end":{end},{told}"kind":"segment","sha256":"{sha256.hex()}","size":{size},'
        f'"start":{start},"stream":"{stream}"}}'
    ).encode()


@dataclass(frozen=True, slots=True)
class SegmentLeaf(_Written):
    """A segment is kept: its span, its file's hash and size, its pictures, the clocks' state."""

    kind: ClassVar[str] = "segment"
    stream: StreamKey
    start: Instant
    end: Instant
    sha256: bytes
    size: int
    frames: int | None = None
    clock: ClockFacts | None = None

    def line(self) -> bytes:
        """As every leaf's, put together by hand: there are millions of these."""
        for number in (self.start, self.end, self.size, self.frames):
            if number is not None:
                _integer(number)
        clock = self.clock
        facts = None if clock is None else (clock.offset_ns, clock.error_ns, clock.ntp_error_ns)
        stream, sha256 = str(self.stream), self.sha256
        return segment_line(stream, self.start, self.end, sha256, self.size, self.frames, facts)

    @classmethod
    def of(cls, segment: PutSegment | SegmentRow) -> SegmentLeaf:
        """The leaf of a segment that goes into the index or stands there."""
        return cls(
            segment.stream,
            segment.start,
            segment.end,
            segment.sha256,
            segment.size,
            segment.frames,
            None if segment.clock == _UNKNOWN else segment.clock,
        )


@dataclass(frozen=True, slots=True)
class GapLeaf(_Written):
    """There is no footage, and why. `end` equal to `start`: an earlier leaf no longer holds."""

    kind: ClassVar[str] = "gap"
    stream: StreamKey
    start: Instant
    end: Instant
    cause: Cause
    detail: str = ""

    @classmethod
    def of(cls, gap: GapFacts) -> GapLeaf:
        """The leaf of a gap that has ended."""
        assert gap.end is not None
        return cls(gap.stream, gap.start, gap.end, gap.cause, gap.detail.replace("\0", ""))


@dataclass(frozen=True, slots=True)
class DeleteLeaf(_Written):
    """A segment is deleted: by which rule, why, by whom. Final but for `taken_back_by`."""

    kind: ClassVar[str] = "delete"
    stream: StreamKey
    start: Instant
    end: Instant
    sha256: bytes
    size: int
    rule: str
    reason: str
    by: str
    at: Instant

    def taken_back_by(self, leaf: SegmentLeaf) -> bool:
        """Whether a later leaf says that this deletion was not carried out: the very same file
        is kept."""
        return (self.stream, self.start, self.end, self.sha256, self.size) == (
            leaf.stream,
            leaf.start,
            leaf.end,
            leaf.sha256,
            leaf.size,
        )


@dataclass(frozen=True, slots=True)
class MoveLeaf(_Written):
    """A segment moved between volumes (their uuids), verified there."""

    kind: ClassVar[str] = "move"
    stream: StreamKey
    start: Instant
    sha256: bytes
    source: str
    target: str
    at: Instant


@dataclass(frozen=True, slots=True)
class HoldLeaf(_Written):
    """A span of a camera is held. `until`: when the hold ends by itself."""

    kind: ClassVar[str] = "hold"
    id: str
    camera: str
    start: Instant
    end: Instant
    reason: str
    by: str
    at: Instant
    until: Instant | None = None


@dataclass(frozen=True, slots=True)
class LiftLeaf(_Written):
    """A hold is lifted, and why."""

    kind: ClassVar[str] = "lift"
    id: str
    by: str
    at: Instant
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RuleLeaf(_Written):
    """A retention rule changed. `settings`: the rule as JSON; None: it was removed."""

    kind: ClassVar[str] = "rule"
    name: str
    settings: str | None
    by: str
    at: Instant


@dataclass(frozen=True, slots=True)
class ExportLeaf(_Written):
    """Footage was handed out. `sha256`, `size`: of the file."""

    kind: ClassVar[str] = "export"
    id: str
    cameras: tuple[str, ...]
    start: Instant
    end: Instant
    reason: str
    by: str
    at: Instant
    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True)
class KeyLeaf(_Written):
    """From the next checkpoint on this key signs too. `key`: its verifier key (C2SP)."""

    kind: ClassVar[str] = "key"
    key: str
    by: str
    at: Instant


@dataclass(frozen=True, slots=True)
class AuditLeaf(_Written):
    """A batch of the audit's entries. `sha256`: the Merkle root over their lines; `at`: its newest.

    `id`: of the batch; `count`: how many entries.
    """

    kind: ClassVar[str] = "audit"
    id: str
    count: int
    sha256: bytes
    at: Instant


@dataclass(frozen=True, slots=True)
class ForgetLeaf(_Written):
    """Batches of the audit whose `at` lies before `end` are deleted, and why."""

    kind: ClassVar[str] = "forget"
    end: Instant
    reason: str
    by: str
    at: Instant


Leaf = (
    SegmentLeaf
    | GapLeaf
    | DeleteLeaf
    | MoveLeaf
    | HoldLeaf
    | LiftLeaf
    | RuleLeaf
    | ExportLeaf
    | KeyLeaf
    | AuditLeaf
    | ForgetLeaf
)

_KINDS: dict[str, type[Leaf]] = {
    kind.kind: kind
    for kind in (
        SegmentLeaf,
        GapLeaf,
        DeleteLeaf,
        MoveLeaf,
        HoldLeaf,
        LiftLeaf,
        RuleLeaf,
        ExportLeaf,
        KeyLeaf,
        AuditLeaf,
        ForgetLeaf,
    )
}
_NAMES: dict[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind)) for kind in _KINDS.values()
}


def parse(line: bytes) -> Leaf:
    """The leaf of a line. Raises BadLeaf for all that `line()` would not have written."""
    try:
        values = json.loads(line)
        if not isinstance(values, dict):
            raise BadLeaf("it is no JSON object")
        kind = _KINDS[values.pop("kind")]
        names = _NAMES[kind]
        given = {name: _READ[name](value) for name, value in values.items()}
        for name in names:
            if name not in given:
                given[name] = "" if name in _TEXTS and (kind, name) not in _OPTIONAL else None
        leaf = kind(**given)
        if any(given[name] is None for name in names if (kind, name) not in _OPTIONAL):
            raise BadLeaf("something is missing")
        if leaf.line() != line:
            raise BadLeaf("it is not canonical")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadLeaf(f"{line[:120]!r} is no leaf: {error}") from error
    return leaf


def _integer(value: object) -> Any:
    if type(value) is not int or not -INSTANT_MAX - 1 <= value <= INSTANT_MAX:
        raise BadLeaf(f"{value!r} is no integer of 64 bits")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadLeaf(f"{value!r} is no text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadLeaf(f"{value!r} is no list")
    return tuple(_text(item) for item in value)


def _digest(value: object) -> bytes:
    digest = bytes.fromhex(_text(value))
    if len(digest) != 32:
        raise BadLeaf(f"{value!r} is no SHA-256")
    return digest


def _clock(value: object) -> ClockFacts:
    if not isinstance(value, list) or len(value) != 3:
        raise BadLeaf(f"{value!r} is no list of three")
    return ClockFacts(*(None if item is None else _integer(item) for item in value))


# One name, one type, in whatever leaf it stands.
_INTEGERS = ("start", "end", "size", "frames", "at", "until", "count")
_TEXTS = (
    "detail",
    "rule",
    "reason",
    "by",
    "source",
    "target",
    "id",
    "camera",
    "name",
    "settings",
    "key",
)
_READ: dict[str, Callable[[object], Any]] = {
    **dict.fromkeys(_INTEGERS, _integer),
    **dict.fromkeys(_TEXTS, _text),
    "stream": lambda value: StreamKey.parse(_text(value)),
    "sha256": _digest,
    "clock": _clock,
    "cause": lambda value: Cause(_text(value)),
    "cameras": _texts,
}
_WRITE: dict[str, Callable[[Any], Any]] = {
    "stream": str,
    "sha256": bytes.hex,
    "clock": lambda clock: [clock.offset_ns, clock.error_ns, clock.ntp_error_ns],
    "cause": lambda cause: cause.value,
    "cameras": list,
}
_OPTIONAL: frozenset[tuple[type, str]] = frozenset(
    {(SegmentLeaf, "frames"), (SegmentLeaf, "clock"), (HoldLeaf, "until"), (RuleLeaf, "settings")}
)
