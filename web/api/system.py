"""GET /api/system: the site, its volumes, its recorder, how many cameras are well."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

import vms
from vms.cameras.condition import state_of_camera
from vms.core.clock import rfc3339
from vms.core.config_storage import VolumeSettings
from vms.core.model import State
from vms.core.status import read_workers, streams_of
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.parts import WebParts, parts_of
from web.permit import Permit

router = APIRouter(prefix="/api/system", tags=["system"])


class Recorder(BaseModel):
    """`workers`: how many there should be; `running`: how many are alive now."""

    workers: int
    running: int


class Volume(BaseModel):
    """Bytes. A volume that can't be reached has no `total` and `free`, and says why."""

    path: str
    total: int | None
    free: int | None
    reserve: int
    problem: str | None = None


class Counts(BaseModel):
    """Cameras by state. `failed` counts those that should deliver and don't."""

    recording: int
    failed: int
    off: int
    total: int


class SystemBody(BaseModel):
    name: str
    timezone: str
    now: str
    version: str
    recorder: Recorder
    volumes: list[Volume]
    counts: Counts


@router.get("")
def show(
    request: Request, signed_in: Annotated[SignedIn, Depends(Permit(Permission.SYSTEM))]
) -> SystemBody:
    """How the site is right now."""
    parts = parts_of(request)
    settings, now = parts.settings, parts.clock.now()
    workers = read_workers(settings.run_dir, now)
    return SystemBody(
        name=settings.system.name,
        timezone=settings.system.timezone,
        now=rfc3339(now),
        version=vms.__version__,
        recorder=Recorder(workers=settings.recorder.workers, running=len(workers)),
        volumes=[volume_of(volume) for volume in settings.volumes],
        counts=counts_of(parts),
    )


def volume_of(volume: VolumeSettings) -> Volume:
    """The room on a volume, or why nobody can say."""
    path, reserve = str(volume.path), volume.reserve
    try:
        room = os.statvfs(volume.path)
    except OSError as error:
        why = error.strerror or str(error)
        return Volume(path=path, total=None, free=None, reserve=reserve, problem=why)
    total, free = room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize
    return Volume(path=path, total=total, free=free, reserve=reserve)


def counts_of(parts: WebParts) -> Counts:
    """How many cameras are in which state; what connects counts as neither."""
    now = parts.clock.now()
    streams = streams_of(read_workers(parts.settings.run_dir, now))
    states = [
        state_of_camera(registered, streams, "main").state for registered in parts.cameras.list()
    ]
    return Counts(
        recording=states.count(State.RECORDING)
        + states.count(State.STREAMING)
        + states.count(State.WAITING),
        failed=states.count(State.FAILED) + states.count(State.STOPPED),
        off=states.count(State.OFF),
        total=len(states),
    )
