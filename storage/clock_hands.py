"""The machine's clocks, read for `storage.clock_guard`, and the last reading that was believed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from storage.clock_guard import Reading, doubt
from storage.custody import Memory
from vms.core.clock import Clock, Instant
from vms.core.ntp import ntp_state

_KEY = "clock"
_DOUBTED = "clock_doubted"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def running_time() -> int:
    """Nanoseconds since boot, sleep included: a machine that slept was not set forward."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def synchronised() -> bool:
    """Whether the kernel says that NTP keeps the clock."""
    try:
        return ntp_state().synchronised
    except OSError:
        return False


class ClockHands:
    """Reads both hands; remembers what was believed."""

    def __init__(
        self,
        memory: Memory,
        clock: Clock,
        *,
        running: Callable[[], int] = running_time,
        synchronised: Callable[[], bool] = synchronised,
        boot: str | None = None,
    ) -> None:
        self._memory, self._clock = memory, clock
        self._running, self._synchronised = running, synchronised
        self._boot = _BOOT_ID.read_text().strip() if boot is None else boot

    def read(self) -> Reading:
        """What the clocks say now."""
        now, running = self._clock.now(), self._running()
        return Reading(now, running, self._boot, self._synchronised())

    def doubt(self, now: Reading, newest: Instant | None) -> str | None:
        """Why the clock is not to be believed; changes nothing."""
        return doubt(self._kept(_KEY), now, newest, self._kept(_DOUBTED))

    def believe(self, now: Reading) -> None:
        """From here on this reading is what others are held against."""
        self._memory.put(_KEY, now.as_text())
        if self._memory.get(_DOUBTED):
            self._memory.put(_DOUBTED, "")

    def disbelieve(self, now: Reading) -> None:
        """Remember over a restart that there is a doubt."""
        self._memory.put(_DOUBTED, now.as_text())

    def _kept(self, key: str) -> Reading | None:
        text = self._memory.get(key)
        return Reading.of_text(text) if text else None
