"""From ids in a URL to what they name, or a 404 that says what is missing."""

from __future__ import annotations

from fastapi.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from vms.core.errors import NotFound
from vms.core.model import CameraId, StreamKey, StreamName, is_camera_id
from vms.core.plain import plain
from vms.evidence.local import SiteTime
from vms.people.duties import sees_with_a_mark
from vms.people.permissions import Identity
from web.parts import RegisteredCamera, WebParts, parts_of


def camera_of(parts: WebParts, camera: str) -> RegisteredCamera:
    """The registered camera; raises NotFound."""
    return parts.cameras.get(named_camera(camera))


def footage_of(parts: WebParts, camera: str, stream: StreamName) -> StreamKey:
    """A stream that may have footage; raises NotFound for a camera nobody knows.

    A camera that was taken out of the settings keeps its footage, and it can still be watched.
    """
    key = StreamKey(CameraId(camera), stream)
    try:
        camera_of(parts, camera)
    except NotFound:
        if key not in parts.archive.streams():
            raise
    return key


def named_camera(camera: str) -> CameraId:
    """A camera's id as a request's body has it; raises NotFound for what can't be one.

    Whether there is that camera is told to nobody who may not touch it: ask first, look after.
    """
    if not is_camera_id(camera):
        raise NotFound(f"{plain(camera, 80)!r} can't name a camera")
    return CameraId(camera)


async def stream_of_camera(
    connection: HTTPConnection, camera: str, stream: StreamName
) -> StreamKey:
    """A stream that the settings offer; raises NotFound."""
    found = await run_in_threadpool(camera_of, parts_of(connection), camera)
    if stream == "sub" and found.settings.sub is None:
        raise NotFound(f"the camera {camera} has no sub stream in its settings")
    return StreamKey(CameraId(camera), stream)


def mark_of(identity: Identity, parts: WebParts) -> str | None:
    """What stands over pictures for who must be named on them: `Ayşe Yılmaz (ayse) · time`."""
    if not sees_with_a_mark(identity):
        return None
    shown = identity.display_name
    who = f"{shown} ({identity.name})" if shown and shown != identity.name else identity.name
    return f"{who} · {SiteTime(parts.settings.system.timezone).plain(parts.clock.now())}"
