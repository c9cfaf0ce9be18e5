"""Whether the cameras' own events can be heard: told by who listens, read by who looks after them.

Kept in memory: whoever listens anew finds out anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from vms.core.model import CameraId


@dataclass(frozen=True, slots=True)
class Heard:
    """How it stands with one camera. `detail`: an English sentence where nothing is heard;
    `offered`: False for a camera that has no events; `trouble`: a word of `onvif.port.Trouble`, or
    empty where something else is in the way."""

    well: bool
    detail: str = ""
    offered: bool = True
    trouble: str = ""


class Reception:
    """One entry a camera that is listened to. For several threads: each call is one step."""

    def __init__(self) -> None:
        self._heard: dict[CameraId, Heard] = {}

    def tell(self, camera: CameraId, heard: Heard) -> None:
        """How it stands now."""
        self._heard[camera] = heard

    def forget(self, camera: CameraId) -> None:
        """Nobody listens to it any more."""
        self._heard.pop(camera, None)

    def of(self, camera: CameraId) -> Heard | None:
        """None where nobody listens, or has not found out yet."""
        return self._heard.get(camera)
