"""One simulated ONVIF device: what it is, and what its services change."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from vms.core.clock import SECOND, Clock
from vms.simulator.faults import Faults
from vms.simulator.onvif.head import Head
from vms.simulator.onvif.signin import SignIn
from vms.simulator.spec import VideoSpec

EventKind = Literal["motion", "tamper", "digital-input", "signal-loss"]

_EVENTS_KEPT = 64  # the oldest is dropped, as cameras do
SUBSCRIPTIONS_MAX = 8


@dataclass(frozen=True, slots=True)
class Event:
    """A property event: `on` says whether it begins or ends. `at`: device time, ns of UTC."""

    kind: EventKind
    on: bool
    at: int
    operation: Literal["Initialized", "Changed"] = "Changed"


@dataclass(slots=True)
class Subscription:
    """A pull point; `until`: monotonic nanoseconds."""

    until: int
    waiting: deque[Event] = field(default_factory=lambda: deque(maxlen=_EVENTS_KEPT))


IR_CUT_MODES = ("ON", "OFF", "AUTO")


@dataclass(slots=True)
class Imaging:
    """Picture settings, 0 to 100. `focusing`: how fast the lens moves, −1 to 1."""

    brightness: float = 50.0
    contrast: float = 50.0
    saturation: float = 50.0
    sharpness: float = 50.0
    ir_cut: str = "AUTO"
    focusing: float = 0.0


class Device:
    """What the services answer from. Complete but for `address`, known once it listens."""

    def __init__(
        self,
        name: str,
        title: str,
        videos: dict[str, VideoSpec],
        stream_url: Callable[[str], str],
        signin: SignIn,
        clock: Clock,
        faults: Faults,
    ) -> None:
        self.name, self.title, self.videos, self.stream_url = name, title, videos, stream_url
        self.signin, self.clock, self.faults = signin, clock, faults
        digest = hashlib.sha256(name.encode()).hexdigest()
        self.serial = digest[:12].upper()
        # Locally administered (IEEE 802): no real maker's prefix.
        self.mac = ":".join(("02", *(digest[at : at + 2] for at in range(12, 22, 2))))
        self.uuid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
        self.address = ""
        self.tls = False
        self.head, self.imaging = Head(clock), Imaging()
        self.ntp = "192.0.2.123"
        self.time_from_ntp = True
        self.reboots = 0
        self.subscriptions: dict[str, Subscription] = {}
        self.state: dict[EventKind, bool] = dict.fromkeys(
            ("motion", "tamper", "digital-input", "signal-loss"), False
        )
        self._woken: Callable[[], None] = lambda: None

    @property
    def now(self) -> int:
        """The device's clock, ns of UTC."""
        return self.signin.device_time

    @property
    def configuration(self) -> bytes:
        """What a backup of it is, in its own format."""
        return json.dumps({"serial": self.serial, "ntp": self.ntp, "name": self.name}).encode()

    @property
    def seconds(self) -> int:
        return self.now // SECOND

    def url(self, service: str) -> str:
        """Where a service answers, in the device's own opinion."""
        address = self.address
        if "onvif-foreign-xaddr" in self.faults:
            address = "192.0.2.1"
        return f"{'https' if self.tls else 'http'}://{address}/onvif/{service}"

    def happen(self, kind: EventKind, *, on: bool) -> None:
        """Something begins or ends; every pull point hears of it."""
        self.state[kind] = on
        event = Event(kind, on, self.now)
        for subscription in self.subscriptions.values():
            subscription.waiting.append(event)
        self._woken()

    def when_woken(self, call: Callable[[], None]) -> None:
        """`call` after each event."""
        self._woken = call

    def subscribe(self, nanoseconds: int) -> str:
        """A new pull point; it begins with the state of everything. ValueError: too many."""
        now = self.clock.monotonic()
        self.subscriptions = {k: v for k, v in self.subscriptions.items() if v.until > now}
        if len(self.subscriptions) >= SUBSCRIPTIONS_MAX:
            raise ValueError(f"{SUBSCRIPTIONS_MAX} subscriptions are all there is")
        free = (str(number) for number in range(SUBSCRIPTIONS_MAX))
        key = next(one for one in free if one not in self.subscriptions)
        subscription = Subscription(now + nanoseconds)
        for kind, on in self.state.items():
            subscription.waiting.append(Event(kind, on, self.now, "Initialized"))
        self.subscriptions[key] = subscription
        return key
