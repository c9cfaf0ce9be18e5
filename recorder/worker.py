"""A worker: one process, one event loop, the streams of its shard, one timer for all of them."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from recorder.camera_stream import CameraStream, OpenSource, Surroundings, stop
from recorder.keeper import Keeper
from recorder.opening import open_source
from recorder.orders import Orders
from recorder.plan import StreamPlan, changes, plans
from recorder.preroll import PreRollMemory
from recorder.runclock import Reading
from recorder.session import Rules
from recorder.sign_in import SignIns
from storage.recording import Store
from vms.alarms.event import Event
from vms.core.clock import MILLISECOND, SECOND, Clock, Instant, Span, SystemClock
from vms.core.config import Settings
from vms.core.errors import VmsError
from vms.core.live import LiveHub, LiveServer, LiveUnit
from vms.core.log import get_logger
from vms.core.model import Cause, StreamKey
from vms.core.ntp import NtpState, ntp_state
from vms.core.status import StreamStatus, VolumeStatus, WorkerStatus, status_path, write_status
from vms.core.supervise import Backoff, supervise
from vms.core.threads import in_thread_to_its_end

log = get_logger(__name__)

TURN = 16  # streams swept in a row, about 3 ms; then whoever watches may have his pictures
EVENTS_EACH = SECOND // 2  # how often it is asked what happens, where that decides
POLL = Span(40 * MILLISECOND)  # how often a watched source without a socket is asked
COMPLAIN_EACH = 60 * SECOND  # the same trouble is logged once in this time
CONNECTING_AT_ONCE = 64  # cameras that connect at the same time; the others wait their turn
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Worker:
    """The streams of one worker. `store` is open; `orders` block for a database access."""

    def __init__(
        self,
        settings: Settings,
        index: int,
        store: Store,
        orders: Orders,
        *,
        clock: Clock,
        opener: OpenSource = open_source,
        rng: random.Random | None = None,
    ) -> None:
        self._settings, self._index, self._orders = settings, index, orders
        self._store, self._clock = store, clock
        self.hub = LiveHub(self._backlog, self._watched)
        self._around = Surroundings(
            clock,
            rng or random.Random(),
            self.hub,
            opener,
            asyncio.Semaphore(CONNECTING_AT_ONCE),
            Rules(Span(settings.recorder.segment)),
            Span(settings.recorder.sweep),
            PreRollMemory(settings.recorder.pre_roll_memory // settings.recorder.workers),
        )
        self._streams: dict[StreamKey, CameraStream] = {}
        self._plans: dict[StreamKey, StreamPlan] = {}
        self._tasks: dict[StreamKey, asyncio.Task[None]] = {}
        self._sign_ins = SignIns(clock, self._around.rng)
        self._polled: set[CameraStream] = set()
        self._server = LiveServer(settings.socket_path(f"recorder-{index}"), self.hub)
        self._started = clock.now()
        self._lag = 0
        self._told_off = Instant(0)  # when the log was last told that the status can't be written
        self._reloading = asyncio.Lock()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then let go of the cameras, within 2 s."""
        sweeping = asyncio.create_task(self._sweep_for_ever(), name="sweeps")
        reporting = asyncio.create_task(self._report_for_ever(), name="status")
        listening = asyncio.create_task(self._listen_for_ever(), name="events")
        timers = (sweeping, reporting, listening)
        try:
            async with self._server:
                await self.reload()
                waiting = asyncio.create_task(stopping.wait(), name="stopping")
                await asyncio.wait({waiting, *timers}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                await self._stop_streams(tuple(self._tasks))
        finally:
            for task in timers:
                await stop(task)
            self._status_path.unlink(missing_ok=True)
        for task in timers:
            if not task.cancelled():
                task.result()  # a worker that can't sweep or report is started anew

    async def reload(self) -> None:
        """Bring the streams in line with the cameras' settings; equal ones are not touched."""
        async with self._reloading:
            wanted = await asyncio.to_thread(self._wanted)
            change = changes(self._plans, wanted)
            # What can fail comes first: then all that runs goes on as it was.
            stored = [key for key in change.start if key.name == "main"]
            await asyncio.to_thread(self._store.recover, stored)
            leaving = {key: self._streams[key] for key in change.stop}
            await self._stop_streams(change.stop)
            for key in change.stop:
                del self._plans[key]
            for key in change.removed:
                leaving[key].leave(Cause.REMOVED)
            for key in change.choose:
                self._streams[key].choose(wanted[key])
                self._plans[key] = wanted[key]
            for key in change.start:
                self._start_stream(key, wanted[key])
                self._plans[key] = wanted[key]
        log.info("cameras", streams=len(wanted), started=len(change.start), stopped=len(leaving))

    def _wanted(self) -> dict[StreamKey, StreamPlan]:
        cameras, schedules = self._orders.cameras(), self._orders.schedules()
        workers, zone = self._settings.recorder.workers, self._settings.system.timezone
        reach = self._settings.reach
        return plans(cameras, self._index, workers, schedules, zone, reach)

    # -- streams

    def _start_stream(self, key: StreamKey, plan: StreamPlan) -> None:
        keeper = Keeper(key, self._store, self._clock) if key.name == "main" else None
        if keeper is not None and plan.switched_off:
            keeper.missing(Cause.RECORDING_OFF)
        sign_in = self._sign_ins.of(plan.target)
        sign_in.forget(key)  # a plan is new: perhaps a right password's
        kept = keeper if plan.stored else None
        stream = CameraStream(key, plan, self._around, kept, sign_in)
        self._streams[key] = stream
        if self.hub.is_watched(key):
            self._watched(key, True)
        self._tasks[key] = asyncio.create_task(stream.run(), name=f"stream {key}")

    async def _stop_streams(self, keys: Sequence[StreamKey]) -> None:
        await asyncio.gather(*(stop(self._tasks.pop(key)) for key in keys))
        for key in keys:
            stream = self._streams.pop(key)
            self._polled.discard(stream)

    def _backlog(self, key: StreamKey) -> Sequence[LiveUnit]:
        stream = self._streams.get(key)
        return stream.backlog() if stream is not None else ()

    def _watched(self, key: StreamKey, on: bool) -> None:
        stream = self._streams.get(key)
        if stream is None:
            return
        stream.watch(on)
        if on:
            self._polled.add(stream)
        else:
            self._polled.discard(stream)

    # -- timers

    async def _sweep_for_ever(self) -> None:
        """Sweep all streams once a period; late rounds are left out.

        One behind the other, because code and tables then lie in the processor's caches: spread
        over five moments, a stream took a fifth more.
        """
        period = self._settings.recorder.sweep
        due = self._clock.monotonic() + period
        while True:
            await self._poll_until(due)
            self._lag = max(self._lag, self._clock.monotonic() - due)
            for number, stream in enumerate(tuple(self._streams.values()), 1):
                stream.sweep()
                if not number % TURN:
                    await asyncio.sleep(0)
            due = max(due + period, self._clock.monotonic() - period)

    async def _poll_until(self, due: int) -> None:
        """Wait. Sources without a socket of their own are asked more often while watched."""
        wait = due - self._clock.monotonic()
        while True:
            await asyncio.sleep(max(0, min(wait, POLL) if self._polled else wait) / SECOND)
            for stream in tuple(self._polled):
                if stream.polled_when_watched:
                    stream.sweep()
            wait = due - self._clock.monotonic()
            if wait <= 0:
                return

    async def _listen_for_ever(self) -> None:
        """Tell the streams what happens, where that decides what is kept of them."""
        failed = False
        while True:
            await asyncio.sleep(EVENTS_EACH / SECOND)
            listening = [stream for stream in self._streams.values() if stream.listens]
            if not listening:
                continue
            try:
                events = await asyncio.to_thread(self._orders.events, self._events_since(listening))
            except VmsError as error:
                if not failed:  # what was known goes on to hold
                    log.error("events can't be read", error=str(error))
                failed = True
                continue
            failed = False
            happens = defaultdict[str, list[Event]](list)
            for event in events:
                happens[event.camera].append(event)
            for stream in listening:
                stream.hear(happens.get(stream.key.camera, ()))

    def _events_since(self, listening: Sequence[CameraStream]) -> Instant:
        """Events that ended before this want nothing any more."""
        rolls = [one.plan.choice.post_roll for one in listening if one.plan.choice is not None]
        return Instant(self._clock.now() - max(rolls) - SECOND)

    async def _report_for_ever(self) -> None:
        """Look at clocks and counters and write the status, once a second."""
        while True:
            reading = Reading(self._clock.now(), self._clock.monotonic())
            ntp = _ntp_state()
            for stream in self._streams.values():
                stream.tick(reading, ntp)
            streams = {key: stream.status(reading) for key, stream in self._streams.items()}
            status = self._status(reading, ntp, streams)
            await self._tell(status)
            self._lag = 0
            await asyncio.sleep(1)

    async def _tell(self, status: WorkerStatus) -> None:
        """Write the status; that it can't be written (a full disk) must not end recording."""
        try:
            # A thread's job: the folder may lie on a disk that is slow just now.
            await in_thread_to_its_end(lambda: write_status(self._status_path, status))
        except OSError as error:
            if status.at >= self._told_off + COMPLAIN_EACH:
                self._told_off = status.at
                log.error("the status can't be written", error=str(error))

    @property
    def _status_path(self) -> Path:
        return status_path(self._settings.run_dir, self._index)

    def _status(
        self, reading: Reading, ntp: NtpState, streams: dict[StreamKey, StreamStatus]
    ) -> WorkerStatus:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return WorkerStatus(
            self._index,
            self._settings.recorder.workers,
            os.getpid(),
            reading.wall,
            streams,
            started=self._started,
            cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3),
            memory_bytes=_resident(),
            loop_lag_ms=round(self._lag / MILLISECOND, 1),
            live_clients=self._server.clients,
            live_dropped=self._server.dropped,
            ntp_synchronised=ntp.synchronised,
            ntp_error_ms=ntp.error / MILLISECOND if ntp.error is not None else None,
            volumes=tuple(
                VolumeStatus(str(one.path), one.uuid, one.state.value, one.detail)
                for one in self._store.volumes
            ),
        )


def _ntp_state() -> NtpState:
    """Where asking is forbidden (a container's or a unit's filter), nothing is known of the clock;
    that must not end recording. `vms doctor` says so."""
    try:
        return ntp_state()
    except OSError:
        return NtpState(False, None)


def _resident() -> int:
    """Bytes of memory this process holds (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


async def run_worker(settings: Settings, index: int, orders: Orders) -> None:
    """Run worker `index` until SIGTERM or SIGINT; SIGHUP reads the cameras again."""
    clock = SystemClock()
    settings.make_run_dirs()
    stopping, reloading = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reloading.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    store = Store(settings, clock, worker=index, workers=settings.recorder.workers)
    await asyncio.to_thread(store.__enter__)
    ended = Cause.RECORDER_CRASHED
    try:
        worker = Worker(settings, index, store, orders, clock=clock)
        reloads = asyncio.create_task(_reload_when_told(worker, reloading, clock), name="reloads")
        await worker.run(stopping)
        await stop(reloads)
        ended = Cause.RECORDER_STOPPED
    finally:
        await asyncio.to_thread(store.close, ended)


async def _reload_when_told(worker: Worker, told: asyncio.Event, clock: Clock) -> None:
    """The cameras that run go on as they are when a reload fails; it is tried again."""

    async def reload() -> None:
        await told.wait()
        told.clear()
        try:
            await worker.reload()
        except BaseException:
            told.set()
            raise

    def failed(error: Exception, wait: Span) -> None:
        log.error("cameras could not be read again", error=str(error), retry_ms=wait // 1_000_000)

    again = Backoff(floor=SECOND, ceiling=10 * SECOND)
    await supervise("reloads", reload, clock, backoff=again, failed=failed)
