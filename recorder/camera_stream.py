"""One stream of a camera in a worker: connects, is swept, hands on; supervised, never supervising.

An instance ends by raising; `vms.core.supervise` starts it again. Whatever goes wrong here
belongs to this stream alone: its neighbours in the worker don't notice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from recorder.camera_clock import CameraClock
from recorder.gate import BLUR, Gate
from recorder.intake import Intake
from recorder.keeper import Keeper
from recorder.keyframes import KeyframeWatch
from recorder.meter import Meter
from recorder.patience import Patience
from recorder.plan import StreamPlan
from recorder.preroll import PreRollMemory
from recorder.runclock import Reading
from recorder.session import Rules, Session
from recorder.sign_in import SignIn
from recorder.source import Element, LockedOut, Source, SourceStats, Target
from storage.facts import ClockFacts
from vms.alarms.event import Event
from vms.core.clock import SECOND, Clock, Instant, Mono, Span
from vms.core.errors import CameraError, StorageError, VmsError
from vms.core.live import FormatChanged, GopCache, LiveHub, LiveUnit, StreamDown
from vms.core.log import get_logger
from vms.core.media import AccessUnit, SenderReport, StreamFormat, Track
from vms.core.model import Cause, State, StreamKey
from vms.core.ntp import NtpState
from vms.core.status import StreamStatus
from vms.core.supervise import supervise

log = get_logger(__name__)

STILL = SECOND  # without a picture for so long, rates are reckoned to now
STOP_AGAIN = 1.5  # seconds until a task that did not end is cancelled again

OpenSource = Callable[[Target, Clock, random.Random], Awaitable[Source]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all streams of a worker share. `queue` lets few connect at once; `sweep`: ns."""

    clock: Clock
    rng: random.Random
    hub: LiveHub
    open_source: OpenSource
    queue: asyncio.Semaphore
    rules: Rules
    sweep: Span
    memory: PreRollMemory


class CameraStream:
    """One stream over all its runs. `keeper` is None for streams that are only shown; `sign_in` is
    that of all streams of its device."""

    def __init__(
        self,
        key: StreamKey,
        plan: StreamPlan,
        around: Surroundings,
        keeper: Keeper | None,
        sign_in: SignIn | None = None,
    ) -> None:
        self.key, self.plan = key, plan
        self._around, self._keeper = around, keeper
        self._clock = around.clock
        self._intake = Intake(key, keeper, plan.choice, around.rules, around.memory, around.clock)
        self._source: Source | None = None
        self._over: asyncio.Future[None] | None = None
        self._told_private = False
        self._cache = None if self._intake.keeps_all else GopCache()
        self._sign_in = sign_in or SignIn(around.clock, around.rng)
        self._patience = Patience(around.rng, self._sign_in, key)
        self._meter, self._camera_clock = Meter(), CameraClock()
        self._keyframes = KeyframeWatch()
        self._past = SourceStats()
        self._runs = self._errors = 0
        self._epoch = 0
        self._last_picture: Mono | None = None
        self._state, self._since = State.CONNECTING, self._clock.now()
        self._cause: Cause | None = None
        self._error: CameraError | None = None
        self._retry_at: Instant | None = None

    # -- the life of a stream

    async def run(self) -> None:
        """Keep connected until cancelled."""
        self._intake.missing(Cause.CONNECTING)
        try:
            await supervise(
                f"stream {self.key}",
                self._instance,
                self._clock,
                backoff=self._patience,
                failed=self._failed,
            )
        finally:
            self._sign_in.leave(self.key)

    async def _instance(self) -> None:
        """One run: connect, then wait until a sweep says that it is over."""
        self._patience.cause, self._patience.locked = None, False
        await self._may_sign_in()
        self._retry_at = None
        try:
            async with self._around.queue:
                source = await self._around.open_source(
                    self.plan.target, self._clock, self._around.rng
                )
            self._begin(source)
            try:
                assert self._over is not None
                await self._over
            finally:
                self._end(source)
                await source.closed()
        except CameraError as error:
            self._patience.cause = error.cause
            self._patience.locked = isinstance(error, LockedOut)
            raise

    async def _may_sign_in(self) -> None:
        """Wait while another try at the password would bring the account nearer to its lock."""
        while left := self._sign_in.left(self.key):
            self._retry_at = Instant(self._clock.now() + left)
            if self._sign_in.refused_all():
                self._refused_as_others()
            await self._sign_in.change.wait(within=left)
        self._sign_in.begin(self.key)

    def _refused_as_others(self) -> None:
        """It would be refused as another stream was, so it does not try; and that is its state."""
        if self._error is not None and self._error.cause is Cause.REFUSED:
            return
        detail = (
            "The device refuses this user and password for another of its streams; until it takes "
            "them, one stream at a time tries, seldom, lest it lock the account."
        )
        self._error = CameraError(Cause.REFUSED, detail)
        self._intake.missing(Cause.REFUSED, detail)
        self._around.hub.publish(self.key, StreamDown(Cause.REFUSED, detail))

    def _begin(self, source: Source) -> None:
        self._intake.begin(self._reading())
        self._over = asyncio.get_running_loop().create_future()
        self._source = source
        self._sign_in.taken(self.key)
        self._told_private = False
        self._runs += 1
        self._camera_clock, self._keyframes = CameraClock(), KeyframeWatch()
        self._meter.clear()
        if self._around.hub.is_watched(self.key):
            self.watch(True)
        log.info("connected", stream=str(self.key), source=source.kind, reason=source.reason)

    def _end(self, source: Source) -> None:
        """Let go of the source and write what waits."""
        self.watch(False)
        self._source = None
        self._intake.end()
        if self._cache is not None:
            self._cache.clear()
        _add(self._past, source.stats)
        source.close()

    def _failed(self, error: Exception, wait: Span) -> None:
        """Told by the supervisor before it waits."""
        if not isinstance(error, CameraError):
            known = isinstance(error, VmsError)
            cause = error.cause if isinstance(error, StorageError) else Cause.BROKEN_STREAM
            error = CameraError(cause, str(error) if known else "A bug was met; see the log.")
        self._errors += 1
        self._error = error
        wait = max(wait, self._sign_in.left(self.key))
        self._retry_at = Instant(self._clock.now() + wait)
        self._intake.missing(error.cause, error.detail)
        self._around.hub.publish(self.key, StreamDown(error.cause, error.detail))
        log.warning(
            "stream down",
            stream=str(self.key),
            cause=error.cause,
            detail=error.detail,
            retry_ms=wait // 1_000_000,
        )

    def hear(self, events: Sequence[Event]) -> None:
        """The events of this camera that last or just ended."""
        if self._intake.gate is not None:
            self._intake.gate.hear(events)

    def choose(self, plan: StreamPlan) -> None:
        """Another choice of what is kept and shown, or none any more, for the same connection."""
        try:
            self._choose(plan)
        except Exception as error:
            if self._over is None or self._over.done():
                raise
            self._over.set_exception(error)  # this stream's trouble alone

    def _choose(self, plan: StreamPlan) -> None:
        intake, error = self._intake, self._error
        was_hidden, self.plan = intake.hidden, plan
        fault = (Cause.CONNECTING, "") if error is None else (error.cause, error.detail)
        held = self.backlog() if self._cache is None else []
        intake.choose(plan.choice, fault)
        if intake.keeps_all:
            self._cache = None
        elif self._cache is None:
            self._cache = GopCache()
            for unit in held:
                self._cache.add(unit)
        if intake.gate is None:
            self._told_private = False
        else:
            self._hide_if_private(intake.gate)
        self._show_again(was_hidden=was_hidden)

    @property
    def listens(self) -> bool:
        """Whether events decide what is kept of it."""
        return self.plan.choice is not None and self.plan.choice.mode == "events"

    # -- pictures

    def sweep(self) -> None:
        """Take in what has come. Called by the worker's timer, or when the socket is readable."""
        source, over = self._source, self._over
        if source is None or over is None or over.done():
            return
        try:
            units = source.sweep().units
            if units:
                self._take(units)
        except Exception as error:  # noqa: BLE001 - handed to the instance, which raises it
            self.watch(False)
            over.set_exception(error)

    def _take(self, units: list[Element]) -> None:
        intake, session = self._intake, self._intake.session
        assert session is not None
        leaps, was_hidden = session.leaps, intake.hidden
        seen = intake.feed(units)
        if intake.keeps_all:
            self._cache = None  # perhaps since this sweep
        if intake.gate is not None:
            self._hide_if_private(intake.gate)
            self._show_again(was_hidden=was_hidden)
        self._last_picture = self._clock.monotonic()
        if self._cache is not None or self._around.hub.is_received(self.key):
            if session.leaps != leaps and session.format is not None:
                self._announce(session.format)
            self._show(seen, session)
            return
        for unit in seen:
            if type(unit) is not AccessUnit:
                self._note(unit, session)

    def _show_again(self, *, was_hidden: bool) -> None:
        session = self._intake.session
        if was_hidden and not self._intake.hidden and session is not None and session.format:
            self._announce(session.format)

    def _show(self, units: Sequence[Element], session: Session) -> None:
        hub, cache, taken = self._around.hub, self._cache, self._around.hub.is_received(self.key)
        for unit in units:
            if type(unit) is not AccessUnit:
                self._note(unit, session)
                continue
            message = LiveUnit(unit, session.wall(unit))
            if cache is not None:
                cache.add(message)
            if taken:
                hub.publish(self.key, message)

    def _note(self, element: Element, session: Session) -> None:
        """What comes seldom: formats and sender reports."""
        if isinstance(element, StreamFormat):
            self._announce(element)
        elif isinstance(element, SenderReport) and element.track is Track.VIDEO:
            offset = self._reading().offset
            self._camera_clock.report(
                element.camera_time,
                session.wall(AccessUnit(Track.VIDEO, b"", element.pts, element.arrival)),
                Instant(element.arrival + offset),
                self._around.sweep,
            )

    def _announce(self, stream: StreamFormat) -> None:
        self._error = None
        if self._cache is not None:
            self._cache.clear()
        # Milliseconds, so that epochs rise over restarts of the recorder as well.
        self._epoch = max(self._epoch + 1, self._clock.now() // 1_000_000)
        self._around.hub.publish(self.key, FormatChanged(self.key, stream, self._epoch))

    # -- viewers

    def watch(self, on: bool) -> None:
        """Be told by the socket itself when something comes, instead of by the timer alone."""
        source = self._source
        descriptor = source.fileno() if source is not None else None
        if descriptor is None:
            return
        loop = asyncio.get_running_loop()
        if on:
            loop.add_reader(descriptor, self.sweep)
            self.sweep()
        else:
            loop.remove_reader(descriptor)

    @property
    def polled_when_watched(self) -> bool:
        """A source without a socket of its own must be asked often while someone watches."""
        return self._source is not None and self._source.fileno() is None

    def backlog(self) -> list[LiveUnit]:
        """The pictures since the last keyframe."""
        if self._cache is not None:
            return self._cache.units()
        session, keeper = self._intake.session, self._keeper
        if session is None or keeper is None:
            return []
        units = session.pending()
        keys = [number for number, unit in enumerate(units) if unit.key]
        units = units[keys[-1] :] if keys else self._stored(session, keeper) + units
        if not units or not units[0].key:
            return []
        return [LiveUnit(unit, session.wall(unit), True) for unit in units]

    def _stored(self, session: Session, keeper: Keeper) -> list[AccessUnit]:
        times, samples = session.stored_times(), keeper.stored_gop()
        if len(times) != len(samples):  # the writer just failed, or the group is too long
            return []
        arrival = self._last_picture or self._clock.monotonic()
        return [
            AccessUnit(Track.VIDEO, sample.data, pts, arrival, sample.key)
            for pts, sample in zip(times, samples, strict=True)
        ]

    # -- once a second, and at the end

    def tick(self, reading: Reading, ntp: NtpState) -> None:
        """Look at clocks and counters."""
        intake, source = self._intake, self._source
        intake.tick(reading)
        if intake.gate is not None:
            self._hide_if_private(intake.gate)  # no picture may have come that would have told
        session = intake.session
        if session is None or source is None:
            return
        # Counters stand as the last sweep left them; a camera that stands still shows as such.
        seen = self._last_picture or reading.mono
        at = seen if reading.mono - seen < STILL else reading.mono
        self._meter.look(at, session.pictures, source.stats.bytes)
        self._look_for_keyframe(reading.mono, source, session)
        if self._keeper is not None:
            best = self._camera_clock.offset
            self._keeper.clock_facts = ClockFacts(
                best.offset if best is not None else None,
                best.error if best is not None else None,
                ntp.error,
            )

    def _look_for_keyframe(self, now: Mono, source: Source, session: Session) -> None:
        """Say why nothing is kept of a stream that flows; at last connect anew."""
        keeper = self._keeper
        begun = session.begun if self._intake.keeps_all else session.format is not None
        refused = keeper is not None and keeper.trouble is not None  # that is the disk's doing
        waiting = not begun and not refused and source.stats.packets > 0
        error = self._keyframes.look(now, waiting=waiting)
        if error is None:
            return
        if self._keyframes.over(now) and self._over is not None and not self._over.done():
            self.watch(False)
            self._over.set_exception(error)
            return
        self._error = error
        # A keyframe may be on its way, in the network or in a buffer that no sweep has read yet.
        self._intake.missing(error.cause, error.detail, ago=BLUR)

    def _hide_if_private(self, gate: Gate) -> None:
        """When privacy begins, viewers are told, and nothing is left to show to new ones."""
        if gate.private and not self._told_private:
            if self._cache is not None:
                self._cache.clear()
            self._around.hub.publish(self.key, StreamDown(Cause.PRIVACY, None))
        self._told_private = gate.private

    def leave(self, cause: Cause) -> None:
        """The stream was stopped by choice: say so, to the archive and to viewers."""
        if self._keeper is not None:
            self._keeper.missing(cause)
        self._around.hub.forget(self.key, StreamDown(cause, None))

    def status(self, reading: Reading) -> StreamStatus:
        """How it is right now."""
        state, cause, detail, until = self._condition()
        if (state, cause) != (self._state, self._cause):
            if state is not self._state or state is State.WAITING:
                self._since = reading.wall
            self._state, self._cause = state, cause
        source, session = self._source, self._intake.session
        stream = session.format if session is not None else None
        stats = SourceStats()
        _add(stats, self._past)
        if source is not None:
            _add(stats, source.stats)
        best = self._camera_clock.told
        seen = self._last_picture
        return StreamStatus(
            state,
            self._since,
            cause,
            detail,
            until=until,
            retry_at=self._retry_at,
            source=source.kind if source is not None else None,
            source_reason=source.reason if source is not None else None,
            notes=self._notes(),
            codec=stream.video.codec if stream is not None else None,
            width=stream.video.width if stream is not None else None,
            height=stream.video.height if stream is not None else None,
            audio=stream.audio.codec if stream is not None and stream.audio is not None else None,
            fps=self._meter.fps,
            bitrate=self._meter.bitrate,
            last_frame=Instant(seen + reading.offset) if seen is not None else None,
            clock_offset_ms=best.offset / 1e6 if best is not None else None,
            clock_error_ms=best.error / 1e6 if best is not None else None,
            units=stats.units,
            bytes=stats.bytes,
            lost=stats.lost,
            damaged=stats.damaged,
            resyncs=stats.resyncs,
            dropped=stats.dropped + self._intake.dropped,
            runs=self._runs,
            errors=self._errors,
            viewers=self._around.hub.viewers(self.key),
        )

    def _notes(self) -> tuple[str, ...]:
        source = self._source.notes if self._source is not None else ()
        return source + (self._intake.gate.notes if self._intake.gate is not None else ())

    def _condition(self) -> tuple[State, Cause | None, str | None, Instant | None]:
        """State, its cause and detail, and until when it is so by choice."""
        session, keeper, gate = self._intake.session, self._keeper, self._intake.gate
        if session is not None and keeper is not None and keeper.trouble is not None:
            return State.FAILED, keeper.trouble.cause, keeper.trouble.detail, None
        if session is not None and session.format is not None:
            chosen = gate.condition() if gate is not None else None
            if chosen is not None:
                return chosen[0], chosen[1], None, chosen[2]
            if keeper is None:
                return State.STREAMING, None, None, None
            if session.open:
                return State.RECORDING, None, None, None
        if self._error is not None:
            return State.FAILED, self._error.cause, self._error.detail, None
        return State.CONNECTING, None, None, None

    def _reading(self) -> Reading:
        return Reading(self._clock.now(), self._clock.monotonic())


def _add(total: SourceStats, part: SourceStats) -> None:
    for name in SourceStats.__dataclass_fields__:
        setattr(total, name, getattr(total, name) + getattr(part, name))


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it is done, even if an error in its goodbye ate the first."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=STOP_AGAIN)
