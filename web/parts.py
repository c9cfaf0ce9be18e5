"""What the web is made of: everything it needs from the other rooms, handed in by `vms.app`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from starlette.requests import HTTPConnection

from storage.archive import Archive
from storage.holds.repository import Holds
from storage.keeping import Keeping
from storage.overview import Overview
from vms.alarms.events import Events
from vms.cameras.checkups import Checkups
from vms.cameras.history import PastChange
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.searches import Searches
from vms.cameras.provisioning import Change, Edit, Kind
from vms.cameras.schedules import Schedules
from vms.cameras.steering.steering import Steering
from vms.cameras.trial import CameraTrial
from vms.cameras.upkeep import Upkeep
from vms.core.clock import Clock
from vms.core.config import Settings
from vms.core.config_camera import CameraSettings
from vms.evidence.jobs import Jobs
from vms.people.accounts import Accounts
from vms.people.approvals import Approvals
from vms.people.audit.records import Records
from vms.people.audit.trail import Trail
from vms.people.blocks import Blocks
from vms.people.externals import Externals
from vms.people.oidc import OidcProvider
from vms.people.roles import Roles
from vms.people.second_factor import SecondFactors
from vms.people.sessions import Sessions
from vms.people.signin import Directory
from web.livecalls import LiveCalls


class RegisteredCamera(Protocol):
    """A camera with where it was declared."""

    @property
    def settings(self) -> CameraSettings: ...
    @property
    def origin(self) -> Literal["file", "database"]: ...


class Cameras(Protocol):
    """The registry: `vms.cameras.registry.Registry`, whose errors these raise."""

    def list(self) -> Sequence[RegisteredCamera]: ...
    def get(self, camera_id: str) -> RegisteredCamera: ...
    def groups(self) -> Mapping[str, Sequence[str]]: ...
    def history(self, camera_id: str) -> Sequence[PastChange]: ...
    def add(self, camera: CameraSettings, by: str) -> None: ...
    def additions(self, wanted: Sequence[CameraSettings]) -> Sequence[Change]: ...
    def take(self, wanted: Sequence[CameraSettings], by: str) -> Sequence[Change]: ...
    def remove(self, camera_id: str, by: str) -> None: ...
    def change(
        self, camera_id: str, edit: Edit, by: str, kind: Kind = "changed"
    ) -> tuple[RegisteredCamera, Change]: ...


class Trials(Protocol):
    """Tries a camera as the recorder would: `vms.app.trial.CameraTrials`."""

    async def run(self, camera: CameraSettings, known_as: str | None = None) -> CameraTrial: ...


@dataclass(frozen=True, slots=True)
class Finder:
    """Cameras that are not recorded yet: searched for, looked at, tried."""

    networks: Networks
    searches: Searches
    trials: Trials


@dataclass(frozen=True, slots=True)
class WebParts:
    """One value per neighbour; complete when constructed."""

    settings: Settings
    clock: Clock
    archive: Archive
    accounts: Accounts
    roles: Roles
    sessions: Sessions
    second_factors: SecondFactors
    cameras: Cameras
    schedules: Schedules
    live: LiveCalls
    overview: Overview
    holds: Holds
    blocks: Blocks
    approvals: Approvals
    keeping: Keeping
    exports: Jobs
    events: Events
    steering: Steering
    upkeep: Upkeep
    checkups: Checkups
    finder: Finder
    trail: Trail
    audit: Records
    externals: Externals
    oidc: OidcProvider | None = None  # without `[oidc]`
    directory: Directory | None = None  # without `[ldap]`


def parts_of(connection: HTTPConnection) -> WebParts:
    """The parts of the application that got this request."""
    parts: WebParts = connection.app.state.parts
    return parts
