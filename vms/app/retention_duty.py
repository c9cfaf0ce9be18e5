"""The custodian's duty to let footage go: room on full volumes each second, rules each minute.

A shell: what goes is decided by `storage.retention` and `storage.pressure`, whether the clock may
be believed by `storage.clock_guard`; how it goes is `storage.cleaner`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence

from storage.ballast import Ballast
from storage.cleaner import Cleaner, Shelf
from storage.clock_hands import ClockHands
from storage.custody import Memory
from storage.disk import Disk, RealDisk
from storage.findings import Findings, Kind
from storage.holds.held import HeldSpans
from storage.ledger.log import Ledger
from storage.pressure import Fill, headroom, needs
from storage.retention import Deletion, Rules, Why, held_bytes, plan, relieve
from storage.shelf import FolderShelf, folder_shelves
from storage.stock import Newest, SqlStock
from vms.app.site import Site
from vms.core.clock import INSTANT_MAX, MINUTE, SECOND, Instant, Mono, Span, span_text
from vms.core.config_storage import VolumeSettings
from vms.core.log import get_logger
from vms.evidence.ordered import spans_of

log = get_logger(__name__)

_PAUSE = 0.05  # seconds between batches, so that the recorder's rows and syncs come first
_RATES_FOR = 10 * SECOND  # how long the newest segments are taken for the present
_USED_FOR = 5 * SECOND
_HELD_SHARE = 0.7  # of a volume: long before only held footage is left
_SPARED_SHARE = 0.25  # of a full volume's footage: what exports that are not done may keep there
_BROKEN_FOR = 60 * MINUTE  # how long a broken promise is told after the last deletion
_WENT_EARLY = "footage went early"
_CLOCK = "clock"


class RetentionDuty:
    """See above. One per site: a second one, left by a supervisor that was killed, stands aside."""

    name = "retention"
    every = Span(SECOND)
    urgent = True

    def __init__(
        self,
        site: Site,
        *,
        disk: Disk | None = None,
        hands: ClockHands | None = None,
        pause: float = _PAUSE,
    ) -> None:
        self._site, self._clock, self._pause = site, site.clock, pause
        self._disk: Disk = disk if disk is not None else RealDisk()
        self._stock = SqlStock(site.engine)
        self._hands = hands or ClockHands(Memory(site.engine), site.clock)
        self._findings = Findings(site.engine, site.clock)
        self._ballast = Ballast(site.settings.system.data, self._disk)
        self._cleaner = Cleaner(
            site.engine,
            self._reached,
            len(site.settings.volumes) + len(site.tiers),
            site.holds,
            Ledger.of(site.settings, site.clock),
            site.clock,
            make_room=self._ballast.give_up,
        )
        self._lock: int | None = None
        self._next_round = Mono(0)
        self._looked = Mono(0)
        self._newest: tuple[Mono, list[Newest]] | None = None
        self._used: tuple[Mono, Mapping[str, int]] | None = None
        self._ordered: dict[tuple[str, str], int] = {}  # bytes of orders on a volume; at most 50
        self._broken: dict[str, tuple[Mono, str]] = {}  # one a volume, one a rule with a quota

    def work(self, stopping: threading.Event) -> None:
        """One look at the volumes, and each minute at the rules."""
        if not self._alone():
            return
        self._look(stopping)
        self._ballast.keep()
        now = self._clock.monotonic()
        if now >= self._next_round:
            self._next_round = Mono(now + MINUTE)
            self._round(stopping)

    def close(self) -> None:
        """Let another custodian take over; the end of the process does the same."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _alone(self) -> bool:
        if self._lock is None:
            path = self._site.settings.run_dir / "retention.lock"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                return False
            self._lock = fd
        return True

    def _shelves(self) -> dict[str, FolderShelf]:
        return folder_shelves(self._site.settings.volumes, self._disk)

    def _reached(self) -> dict[str, Shelf]:
        """All that can be deleted from now: volumes that are there, buckets that answer."""
        return {**self._shelves(), **self._site.tiers.shelves()}

    # -- full volumes -----------------------------------------------------------------------

    def _look(self, stopping: threading.Event) -> None:
        self._looked = self._clock.monotonic()
        shelves = self._shelves()
        fills = self._fills(shelves)
        for uuid, need in needs(fills).items():
            self._relieve(shelves[uuid], need, stopping)

    def _fills(self, shelves: Mapping[str, FolderShelf]) -> list[Fill]:
        by_path = {volume.path: volume for volume in self._site.settings.volumes}
        newest = self._newest_segments()
        fills = []
        for uuid, shelf in shelves.items():
            settings = by_path[shelf.root]
            capacity = _capacity(settings)
            if capacity is None:
                continue
            try:
                free = self._disk.free(shelf.root)
            except OSError:
                continue  # the recorder leaves it and tells; the others must not fill up for it
            used = self._used_on(uuid) if settings.quota is not None else 0
            head = headroom(newest, uuid, capacity)
            fills.append(Fill(uuid, free, settings.reserve, settings.quota, used, head))
        return fills

    def _relieve(self, shelf: FolderShelf, need: int, stopping: threading.Event) -> None:
        rules, held = self._site.keeping.by_camera(), self._site.holds.spans()
        now = self._clock.now()
        spared = self._spared_on(shelf.uuid)
        due = relieve(self._stock, rules, held.joined(spared), now, shelf.uuid, need)
        if not due:  # nothing else is left, and recording comes first
            spared = HeldSpans()
            due = relieve(self._stock, rules, held, now, shelf.uuid, need)
        done = self._cleaner.delete(due, rules, lambda: not stopping.is_set(), lambda: spared)
        self._used = None
        subject = str(shelf.root)
        if done.segments == 0:
            detail = f"the volume is full, and nothing on it may go: {_what_is_held(done.held)}"
            self._findings.report(Kind.ONLY_HELD_LEFT, subject, detail)
            return
        log.info("room was made", volume=subject, segments=done.segments, bytes=done.bytes)
        worst = _broken_promise(due, rules, now)
        if worst is not None:
            detail = f"the volume is too small for the rules; {_WENT_EARLY}, {worst}"
            self._note_broken(subject, detail)

    def _spared_on(self, uuid: str) -> HeldSpans:
        """What exports wait for on a full volume, of the first ones up to a share of it: else
        those who order much would cost what is being recorded."""
        orders = self._site.ordered.orders()
        waits = {order.id for order in orders}
        self._ordered = {key: size for key, size in self._ordered.items() if key[0] in waits}
        room = int(_SPARED_SHARE * self._stock.used().get(uuid, 0)) if orders else 0
        taken = []
        for order in orders:
            size = self._ordered.get((order.id, uuid))
            if size is None:
                sizes = held_bytes(self._stock, spans_of([order]), self._stock.oldest(), {uuid})
                size = sum(sizes.values())
            self._ordered[order.id, uuid] = size
            if size <= room:
                room -= size
                taken.append(order)
        return spans_of(taken)

    def _newest_segments(self) -> list[Newest]:
        now = self._clock.monotonic()
        if self._newest is None or now - self._newest[0] >= _RATES_FOR:
            self._newest = (now, self._stock.newest())
        return self._newest[1]

    def _used_on(self, uuid: str) -> int:
        now = self._clock.monotonic()
        if self._used is None or now - self._used[0] >= _USED_FOR:
            self._used = (now, self._stock.used())
        return self._used[1].get(uuid, 0)

    # -- rules --------------------------------------------------------------------------------

    def _round(self, stopping: threading.Event) -> None:
        finished = self._cleaner.finish(stopping)
        if finished:
            log.info("deletions were finished", segments=finished)
        rules, held = self._site.keeping.by_camera(), self._site.holds.spans()
        shelves = self._shelves()
        by_age = self._clock_is_right()
        now, ordered = self._clock.now(), self._site.ordered.spans
        stay = held.joined(ordered())
        due = plan(self._stock, rules, stay, now, set(self._reached()), by_age=by_age)

        def between() -> bool:
            if self._clock.monotonic() - self._looked >= SECOND:
                self._look(stopping)
            stopping.wait(self._pause)
            return not stopping.is_set()

        done = self._cleaner.delete(due, rules, between, ordered)
        if done.segments:
            log.info("footage went by its rules", segments=done.segments, bytes=done.bytes)
            self._note_quotas(due, rules, now)
        self._tell_held(held, shelves)
        self._tell_broken()

    def _clock_is_right(self) -> bool:
        newest = max((one.end for one in self._newest_segments()), default=None)
        reading = self._hands.read()
        doubt = self._hands.doubt(reading, newest)
        if doubt is None:
            self._hands.believe(reading)
            self._findings.well(Kind.CLOCK_JUMPED, _CLOCK)
            return True
        self._hands.disbelieve(reading)
        detail = (
            f"{doubt}. Nothing is deleted by age until the clock is back, or an administrator says "
            "that it is right: vms retention --confirm"
        )
        self._findings.report(Kind.CLOCK_JUMPED, _CLOCK, detail)
        return False

    # -- telling ------------------------------------------------------------------------------

    def _tell_held(self, held: HeldSpans, shelves: Mapping[str, FolderShelf]) -> None:
        """A person hears long before only held footage is left on a volume."""
        cameras = {stream.camera for stream in self._stock.oldest()}
        spans = [
            (camera, start, end)
            for camera in sorted(cameras)
            for start, end in held.within(camera, 0, INSTANT_MAX)
        ]
        sizes = self._stock.within(spans) if spans else {}
        for settings in self._site.settings.volumes:
            uuid = next((u for u, shelf in shelves.items() if shelf.root == settings.path), None)
            capacity = _capacity(settings)
            if uuid is None or not capacity:
                continue
            share = sizes.get(uuid, 0) / capacity
            if share >= _HELD_SHARE:
                detail = (
                    f"{100 * share:.0f} % of the volume is held; when nothing else is left, "
                    "recording goes on elsewhere or stops. Lift holds, or add a volume"
                )
                self._findings.report(Kind.ONLY_HELD_LEFT, str(settings.path), detail)
            elif not any(fill.full for fill in self._fills({uuid: shelves[uuid]})):
                self._findings.well(Kind.ONLY_HELD_LEFT, str(settings.path))

    def _note_quotas(self, due: Sequence[Deletion], rules: Rules, now: Instant) -> None:
        """Where a quota took what the same rule's `keep` promises."""
        by_quota: dict[str, list[Deletion]] = defaultdict(list)
        for one in due:
            if one.why in (Why.QUOTA, Why.QUOTA_ALL):
                by_quota[one.rule].append(one)
        for name, some in by_quota.items():
            worst = _broken_promise(some, rules, now)
            if worst is not None:
                detail = f"the rule's quota is too small for its own time; {_WENT_EARLY}, {worst}"
                self._note_broken(name, detail)

    def _note_broken(self, subject: str, detail: str) -> None:
        self._broken[subject] = (self._clock.monotonic(), detail)

    def _tell_broken(self) -> None:
        now = self._clock.monotonic()
        self._broken = {
            subject: told for subject, told in self._broken.items() if now - told[0] < _BROKEN_FOR
        }
        still = {subject: detail for subject, (_, detail) in self._broken.items()}
        self._findings.settle(Kind.PROMISE_BROKEN, still)


def _capacity(settings: VolumeSettings) -> int | None:
    """All that footage may take of a volume; None if it does not say."""
    try:
        total = shutil.disk_usage(settings.path).total
    except OSError:
        return None
    room = max(0, total - settings.reserve)
    return room if settings.quota is None else min(room, settings.quota)


def _broken_promise(due: Sequence[Deletion], rules: Rules, now: Instant) -> str | None:
    """Of what went for want of room, or over a quota, what its rule would have kept for longest."""
    worst: tuple[int, str] | None = None
    for one in due:
        rule = rules.get(one.stream.camera)
        if rule is None or rule.keep is None:
            continue
        age = max(0, now - one.oldest)
        if age < rule.keep and (worst is None or rule.keep - age > worst[0]):
            shown = span_text(age // SECOND * SECOND)
            said = f"{one.stream.camera}: {shown} old instead of {span_text(rule.keep)}"
            worst = (rule.keep - age, said)
    return None if worst is None else worst[1]


def _what_is_held(held: int) -> str:
    return f"{held} segments are held" if held else "all of it is held, or no footage of ours"


def retention_duty(site: Site) -> RetentionDuty:
    """For the custodian."""
    return RetentionDuty(site)
