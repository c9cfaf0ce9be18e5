"""One stream of a camera in a worker: connects, is swept, hands on; supervised, never supervising.

An instance ends by raising; `vms.core.supervise` starts it again. Whatever goes wrong here
belongs to this stream alone: its neighbours in the worker don't notice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from recorder.condition import Condition
from recorder.gate import BLUR
from recorder.intake import Intake
from recorder.keeper import Keeper
from recorder.keyframes import KeyframeWatch
from recorder.live_output import LiveOutput
from recorder.patience import Patience
from recorder.plan import StreamPlan
from recorder.preroll import PreRollMemory
from recorder.runclock import Reading
from recorder.session import Rules, Session
from recorder.sign_in import SignIn
from recorder.source import Element, LockedOut, Source, Target
from vms.alarms.event import Event
from vms.core.clock import Clock, Instant, Mono, Span
from vms.core.errors import CameraError, StorageError, VmsError
from vms.core.live import LiveHub, LiveUnit
from vms.core.log import get_logger
from vms.core.media import AccessUnit, SenderReport, Track
from vms.core.model import Cause, StreamKey
from vms.core.ntp import NtpState
from vms.core.status import StreamStatus
from vms.core.supervise import supervise

log = get_logger(__name__)

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
        self._condition = Condition(self._intake, self._clock.now())
        self._live = LiveOutput(
            key, self._intake, around.hub, around.clock, self._condition.cleared
        )
        self._sign_in = sign_in or SignIn(around.clock, around.rng)
        self._patience = Patience(around.rng, self._sign_in, key)
        self._keyframes = KeyframeWatch()

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
        self._condition.retry_at = None
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
            self._condition.retry_at = Instant(self._clock.now() + left)
            if self._sign_in.refused_all():
                self._refused_as_others()
            await self._sign_in.change.wait(within=left)
        self._sign_in.begin(self.key)

    def _refused_as_others(self) -> None:
        """It would be refused as another stream was, so it does not try; and that is its state."""
        if self._condition.error is not None and self._condition.error.cause is Cause.REFUSED:
            return
        detail = (
            "The device refuses this user and password for another of its streams; until it takes "
            "them, one stream at a time tries, seldom, lest it lock the account."
        )
        self._condition.error = CameraError(Cause.REFUSED, detail)
        self._intake.missing(Cause.REFUSED, detail)
        self._live.down(Cause.REFUSED, detail)

    def _begin(self, source: Source) -> None:
        self._intake.begin(self._reading())
        self._over = asyncio.get_running_loop().create_future()
        self._source = source
        self._sign_in.taken(self.key)
        self._live.begin()
        self._condition.run_begins()
        self._keyframes = KeyframeWatch()
        if self._around.hub.is_watched(self.key):
            self.watch(True)
        log.info("connected", stream=str(self.key), source=source.kind, reason=source.reason)

    def _end(self, source: Source) -> None:
        """Let go of the source and write what waits."""
        self.watch(False)
        self._source = None
        self._intake.end()
        self._live.end()
        self._condition.run_ends(source.stats)
        source.close()

    def _failed(self, error: Exception, wait: Span) -> None:
        """Told by the supervisor before it waits."""
        if not isinstance(error, CameraError):
            known = isinstance(error, VmsError)
            cause = error.cause if isinstance(error, StorageError) else Cause.BROKEN_STREAM
            error = CameraError(cause, str(error) if known else "A bug was met; see the log.")
        wait = max(wait, self._sign_in.left(self.key))
        self._condition.failed(error, Instant(self._clock.now() + wait))
        self._intake.missing(error.cause, error.detail)
        self._live.down(error.cause, error.detail)
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
        intake, error = self._intake, self._condition.error
        was_hidden, self.plan = intake.hidden, plan
        held = self.backlog()
        fault = (Cause.CONNECTING, "") if error is None else (error.cause, error.detail)
        intake.choose(plan.choice, fault)
        self._live.choose(held, was_hidden=was_hidden)

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
        if intake.gate is not None:
            self._live.follow_privacy(was_hidden=was_hidden)
        self._condition.last_picture = self._clock.monotonic()
        for other in self._live.show(seen, session, leapt=session.leaps != leaps):
            if isinstance(other, SenderReport) and other.track is Track.VIDEO:
                self._compare_clock(other, session)

    def _compare_clock(self, report: SenderReport, session: Session) -> None:
        taken = session.wall(AccessUnit(Track.VIDEO, b"", report.pts, report.arrival))
        arrived = Instant(report.arrival + self._reading().offset)
        clock = self._condition.camera_clock
        clock.report(report.camera_time, taken, arrived, self._around.sweep)

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
        return self._live.backlog(self._condition.last_picture)

    # -- once a second, and at the end

    def tick(self, reading: Reading, ntp: NtpState) -> None:
        """Look at clocks and counters."""
        intake, source = self._intake, self._source
        intake.tick(reading)
        self._live.hide_if_private()  # no picture may have come that would have told
        session = intake.session
        if session is None or source is None:
            return
        self._condition.measure(reading, session.pictures, source.stats.bytes)
        self._look_for_keyframe(reading.mono, source, session)
        if self._keeper is not None:
            self._keeper.clock_facts = self._condition.clock_facts(ntp)

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
        self._condition.error = error
        # A keyframe may be on its way, in the network or in a buffer that no sweep has read yet.
        self._intake.missing(error.cause, error.detail, ago=BLUR)

    def leave(self, cause: Cause) -> None:
        """The stream was stopped by choice: say so, to the archive and to viewers."""
        if self._keeper is not None:
            self._keeper.missing(cause)
        self._live.forget(cause)

    def status(self, reading: Reading) -> StreamStatus:
        """How it is right now."""
        viewers = self._around.hub.viewers(self.key)
        return self._condition.status(reading, self._source, viewers)

    def _reading(self) -> Reading:
        return Reading(self._clock.now(), self._clock.monotonic())


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it is done, even if an error in its goodbye ate the first."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=STOP_AGAIN)
