"""What the web is made of: everything it needs from the other rooms, handed in by `vms.app`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from starlette.requests import HTTPConnection

from storage.archive import Archive
from vms.core.clock import Clock
from vms.core.config import CameraSettings, Settings
from vms.people.accounts import Accounts
from vms.people.sessions import Sessions
from web.livecalls import LiveCalls


class RegisteredCamera(Protocol):
    """A camera with where it was declared."""

    @property
    def settings(self) -> CameraSettings: ...
    @property
    def origin(self) -> Literal["file", "database"]: ...


class Cameras(Protocol):
    """The registry, as far as the web reads it. `get` raises NotFound."""

    def list(self) -> Sequence[RegisteredCamera]: ...
    def get(self, camera_id: str) -> RegisteredCamera: ...


@dataclass(frozen=True, slots=True)
class WebParts:
    """One value per neighbour; complete when constructed."""

    settings: Settings
    clock: Clock
    archive: Archive
    accounts: Accounts
    sessions: Sessions
    cameras: Cameras
    live: LiveCalls


def parts_of(connection: HTTPConnection) -> WebParts:
    """The parts of the application that got this request."""
    parts: WebParts = connection.app.state.parts
    return parts
