"""Does what a session decides: opens, fills and closes segments, and has a word for each failure.

What storage needs from a recorder is said by the Protocols here; `storage.recording.Store`
fulfils them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from recorder.absence import Absence, GapLog
from recorder.actions import Action, Append, OpenSegment
from recorder.session import Session
from storage.facts import ClockFacts, Fragment, RunFacts, Sample
from vms.core.clock import Clock, Instant, Mono
from vms.core.errors import StorageError
from vms.core.log import get_logger
from vms.core.media import StreamFormat
from vms.core.model import Cause, StreamKey

log = get_logger(__name__)


class SegmentFile(Protocol):
    """A segment while it is written."""

    @property
    def failed(self) -> StorageError | None: ...
    @property
    def end(self) -> Instant: ...
    def append(self, fragment: Fragment, *, held: bool = False) -> bool: ...
    def close(self, end: Instant, clock: ClockFacts | None = None) -> None: ...
    def units_since_keyframe(self) -> list[Sample]: ...


class SegmentStore(GapLog, Protocol):
    """Where segments come from; nothing in it blocks."""

    def open_segment(
        self,
        stream: StreamKey,
        start: Instant,
        format: StreamFormat,  # noqa: A002 - the project's word
        run: RunFacts,
    ) -> SegmentFile: ...


class Keeper:
    """One stream's way to disk, over all its runs. `clock_facts` go with each segment."""

    def __init__(self, stream: StreamKey, store: SegmentStore, clock: Clock) -> None:
        self.stream = stream
        self.absence = Absence(stream, store)
        self.clock_facts: ClockFacts | None = None
        self.trouble: StorageError | None = None  # why nothing is kept though pictures arrive
        self.dropped = 0  # units that a session handed over and no segment took
        self._store, self._clock = store, clock
        self._segment: SegmentFile | None = None

    def play(self, actions: Sequence[Action], session: Session, *, held: bool = False) -> None:
        """Do these actions. When a segment fails, the session is told and the rest is left out.

        `held`: their pictures lay in a pre-roll's memory, however many they are.
        """
        for number, action in enumerate(actions):
            if not self._done(action, session, held=held):
                self.dropped += sum(
                    len(left.fragment.video) + len(left.fragment.audio)
                    for left in actions[number:]
                    if isinstance(left, Append)
                )
                return

    def check(self, session: Session) -> None:
        """Look after a writer's failure that no append has met yet; once a second."""
        if self._segment is not None and self._segment.failed is not None:
            self._fail(self._segment.failed, session)

    def missing(self, cause: Cause, detail: str = "", ago: int = 0) -> None:
        """There is no footage from where it ended, or from now, for this cause.

        `ago`: nanoseconds since it is so.
        """
        now, mono = self._clock.now() - ago, self._clock.monotonic() - ago
        self.absence.missing(Instant(now), Mono(mono), cause, detail)

    def stored_gop(self) -> list[Sample]:
        """The pictures since the last keyframe that were handed to storage, from the page cache."""
        return self._segment.units_since_keyframe() if self._segment is not None else []

    def _done(self, action: Action, session: Session, *, held: bool) -> bool:
        if isinstance(action, Append):
            return self._append(action, session, held=held)
        if isinstance(action, OpenSegment):
            return self._open(action, session)
        if self._segment is not None:
            self._segment.close(action.end, self.clock_facts)
            self._segment = None
            self.absence.offset = session.offset
        return True

    def _open(self, action: OpenSegment, session: Session) -> bool:
        cause = self.absence.cause
        self.absence.begins(action.start, action.hole)
        try:
            self._segment = self._store.open_segment(
                self.stream, action.start, action.format, action.run
            )
        except StorageError as error:
            self.absence.cause = cause
            self._miss(action.start, error)
            session.segment_lost(action.start)
            return False
        self.trouble = None
        return True

    def _append(self, action: Append, session: Session, *, held: bool) -> bool:
        segment = self._segment
        assert segment is not None
        if segment.append(action.fragment, held=held):
            return True
        slow = f"The volume did not take the footage of {self.stream} as fast as it came."
        self._fail(segment.failed or StorageError(Cause.DISK_SLOW, slow), session)
        return False

    def _fail(self, error: StorageError, session: Session) -> None:
        segment, self._segment = self._segment, None
        assert segment is not None
        segment.close(segment.end, self.clock_facts)
        self._miss(segment.end, error)
        session.segment_lost(segment.end)
        self.absence.offset = session.offset

    def _miss(self, at: Instant, error: StorageError) -> None:
        # Told in the time of the footage, not of the wall: the next segment may begin right there.
        if self.trouble is None or self.trouble.cause is not error.cause:
            log.error("footage is not kept", stream=str(self.stream), error=str(error))
        self.trouble = error
        self.absence.missing(at, None, error.cause, error.detail)
