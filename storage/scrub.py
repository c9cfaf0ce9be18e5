"""The scrub: everything stored is read again once in `custody.scrub`, to find what rots.

It goes through the segments in the order of their streams and starts, remembers its place over
restarts, and is paced by what is left and the time left: a file is read when it is due and not
before. What it finds is a finding until the file is good again, or gone by rule. It reads behind
everybody else (idle class) and lets go of the pages behind it. Buckets are read as well, but for
those whose tier says that reading them costs too much (`scrub = false`).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import platform
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from storage.check import Level, check_file
from storage.custody import Memory
from storage.findings import Finding, Findings, Kind
from storage.hashing import let_go
from storage.listing import Listed, Listing
from storage.tiers.check import check_object
from storage.tiers.opened import Tiers, stands_in_bucket
from storage.volume import find_volume
from vms.core.clock import Clock, Instant, Mono, rfc3339
from vms.core.config import Settings
from vms.core.errors import StorageError
from vms.core.model import Cause, StreamKey

if TYPE_CHECKING:
    from sqlalchemy import Engine

_KEY = "scrub"
_BATCH = 200
# Behind time (the machine was off) it reads faster, but never more than this share of a period's
# bytes in a period's time: the rest is late, and said to be.
_HURRY = 10
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IDLE = 3 << 13  # IOPRIO_CLASS_IDLE, linux/ioprio.h
_KINDS = (Kind.FOOTAGE_DAMAGED, Kind.FOOTAGE_MISSING)


@dataclass(frozen=True, slots=True)
class ScrubState:
    """How far it came. `stream`, `start`: the last segment read; `done`: bytes of this round.

    `since`: when this round began; `last`: when one was complete. None: not yet.
    """

    stream: str | None = None
    start: int | None = None
    done: int = 0
    files: int = 0
    since: int | None = None
    last: int | None = None
    total: int = 0

    def as_json(self) -> dict[str, object]:
        """The contract of GET /api/storage and `vms storage scrub --json`."""
        return {
            "done": min(self.done, self.total),
            "total": self.total,
            "files": self.files,
            "since": None if self.since is None else rfc3339(self.since),
            "last": None if self.last is None else rfc3339(self.last),
        }


class Scrub:
    """Reads what is due at each `round`. One thread. `tiers`: None where only `state` is asked."""

    def __init__(
        self, engine: Engine, settings: Settings, clock: Clock, tiers: Tiers | None = None
    ) -> None:
        self._listing, self._memory = Listing(engine), Memory(engine)
        self._findings = Findings(engine, clock)
        self._volumes, self._period = settings.volumes, settings.custody.scrub
        self._buckets = {tier.url.rstrip("/") for tier in settings.tiers if tier.scrub}
        self._tiers, self._clock = tiers, clock
        self._state: ScrubState | None = None
        self._at: Mono | None = None  # when the last round ended
        self._due = 0.0  # bytes that may be read now; below 0 after a large file

    def state(self) -> ScrubState:
        """How far it came, with the bytes there are in all."""
        known = read_state(self._memory)
        return replace(known, total=self._stored())

    def round(self, stopping: threading.Event) -> None:
        """Read what is due since the last round; returns soon once `stopping` is set."""
        if self._period <= 0:
            return
        state = self._state or read_state(self._memory)
        if state.since is None:
            state = replace(state, since=self._clock.now())
            self._look_again()
        elif state.since > self._clock.now():
            return  # done before its time: it rests until the period is over
        self._due += self._earned(state)
        roots = self._roots()
        while self._due > 0 and not stopping.is_set():
            batch = self._next(state)
            if not batch:
                state = self._complete(state)
                break
            for row in batch:
                if self._due <= 0 or stopping.is_set():
                    break
                state = self._read(row, roots, state)
        self._state = state
        self._memory.put(_KEY, json.dumps(asdict(state)))

    # -- pace -----------------------------------------------------------------------------

    def _earned(self, state: ScrubState) -> float:
        """Bytes due for the time since the last round: what is left by the time left."""
        now, self._at, before = self._clock.monotonic(), self._clock.monotonic(), self._at
        if before is None or state.since is None:
            return 1.0  # one file at once, so that a restart is seen to work
        total = self._stored()
        left = max(total - state.done, 0)
        if self._clock.now() > state.since + self._period:
            detail = f"{left} bytes were not read again in their time"
            self._findings.report(Kind.SCRUB_LATE, "scrub", detail)
        # A tenth of the period is kept for what comes between.
        in_time = state.since + self._period - self._period // 10 - self._clock.now()
        hurried = left / max(in_time, self._period // _HURRY)
        return max(hurried, total / self._period, 1 / self._period) * (now - before)

    def _stored(self) -> int:
        """Bytes of all that is read."""
        return sum(one.bytes for one in self._listing.volumes() if self._is_read(one.path))

    def _is_read(self, volume_path: str) -> bool:
        return not stands_in_bucket(volume_path) or volume_path in self._buckets

    # -- reading --------------------------------------------------------------------------

    def _next(self, state: ScrubState) -> list[Listed]:
        """The next segments after the last that was read."""
        for stream in self._listing.streams():
            name = str(stream)
            if state.stream is not None and name < state.stream:
                continue
            after = state.start if name == state.stream and state.start is not None else -(2**63)
            if found := self._listing.batch(stream, after, _BATCH):
                return found
        return []

    def _read(self, row: Listed, roots: dict[str, Path], state: ScrubState) -> ScrubState:
        state = replace(state, stream=str(row.stream), start=row.start)
        if not self._is_read(row.volume_path):
            return state
        self._look(row, roots)
        # Also for what is away: what was due meanwhile is left out, and not all that stands there.
        self._due -= row.size
        return replace(state, done=state.done + row.size, files=state.files + 1)

    def _look(self, row: Listed, roots: dict[str, Path]) -> None:
        try:
            found = self._checked(row, roots)
        except StorageError:  # a volume or bucket that is away has a finding of its own
            return
        if found is not None and self._listing.row(row.stream, row.start) != row:
            found = None  # deleted or moved since
        for kind in _KINDS:
            if found is not None and found.kind is kind:
                self._findings.report(kind, found.subject, found.detail)
            else:
                self._findings.well(kind, row.id)

    def _checked(self, row: Listed, roots: dict[str, Path]) -> Finding | None:
        """What is wrong with a segment where it stands. Raises StorageError if that is away."""
        if stands_in_bucket(row.volume_path):
            assert self._tiers is not None
            return check_object(self._tiers.tier(row.volume, row.volume_path), row)
        root = roots.get(row.volume)
        if root is None:
            raise StorageError(Cause.NOT_FOUND, f"volume {row.volume_path} is away")
        path = row.path_under(root)
        found = check_file(row, path, Level.HASH)
        with contextlib.suppress(OSError):
            let_go(path)
        return found

    def _look_again(self) -> None:
        """What was found bad: is it good again, or gone by rule?"""
        roots = self._roots()
        for kind in _KINDS:
            for kept in self._findings.open(kind):
                named = _segment_of(kept.subject)
                row = self._listing.row(*named) if named is not None else None
                if named is not None and row is None:
                    self._findings.well(kind, kept.subject)
                elif row is not None and self._is_read(row.volume_path):
                    self._look(row, roots)

    def _roots(self) -> dict[str, Path]:
        return {uuid: one.path for one in self._volumes if (uuid := find_volume(one.path))}

    def _complete(self, state: ScrubState) -> ScrubState:
        self._findings.well(Kind.SCRUB_LATE, "scrub")
        self._look_again()
        began = state.since if state.since is not None else self._clock.now()
        following = max(self._clock.now(), began + self._period)
        self._due = 0.0
        return ScrubState(since=following, last=self._clock.now())


def read_state(memory: Memory) -> ScrubState:
    """What was remembered; the beginning if nothing, or nothing readable, was."""
    text = memory.get(_KEY)
    try:
        return ScrubState() if text is None else ScrubState(**json.loads(text))
    except (ValueError, TypeError):
        return ScrubState()


def be_idle() -> bool:
    """Let this thread's reading give way to all other; False where the system can't."""
    number = _IOPRIO_SET.get(platform.machine())
    if number is None:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.syscall(number, 1, 0, _IDLE) == 0)  # 1: this thread


def _segment_of(subject: str) -> tuple[StreamKey, Instant] | None:
    try:
        camera, name, start = subject.split(".")
        return StreamKey.parse(f"{camera}/{name}"), Instant(int(start))
    except ValueError:
        return None
