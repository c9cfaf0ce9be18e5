"""Whether the cameras' own events can be heard, and what time they say it is: told by who listens,
read by who looks after them.

Kept in memory: whoever listens anew finds out anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from vms.core.clock import MINUTE, Instant, Span
from vms.core.model import CameraId

_FRESH = Span(30 * MINUTE)


@dataclass(frozen=True, slots=True)
class Heard:
    """How it stands with one camera. `detail`: an English sentence where nothing is heard;
    `offered`: False for a camera that has no events; `trouble`: a word of `onvif.port.Trouble`, or
    empty where something else is in the way."""

    well: bool
    detail: str = ""
    offered: bool = True
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class SaidTime:
    """The camera's clock by its own word: minus ours, the truth within `error`; asked `at`."""

    offset: Span
    error: Span
    at: Instant


class Reception:
    """One entry a camera that is listened to. For several threads: each call is one step."""

    def __init__(self) -> None:
        self._heard: dict[CameraId, Heard] = {}
        self._times: dict[CameraId, SaidTime] = {}

    def tell(self, camera: CameraId, heard: Heard) -> None:
        """How it stands now."""
        self._heard[camera] = heard

    def forget(self, camera: CameraId) -> None:
        """Nobody listens to it any more."""
        self._heard.pop(camera, None)
        self._times.pop(camera, None)

    def tell_time(self, camera: CameraId, said: SaidTime) -> None:
        """What it answered when it was asked for its time."""
        self._times[camera] = said

    def time_of(self, camera: CameraId, now: Instant) -> SaidTime | None:
        """None where it was not asked lately."""
        said = self._times.get(camera)
        return said if said is not None and 0 <= now - said.at < _FRESH else None

    def of(self, camera: CameraId) -> Heard | None:
        """None where nobody listens, or has not found out yet."""
        return self._heard.get(camera)
