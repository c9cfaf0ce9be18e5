"""GET /api/cameras/{id}/motion: what moves just now where motion is looked for.

Where it is looked for is part of a camera's settings: PATCH /api/cameras/{id} changes `motion`.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from vms.cameras.motion.eye import COLUMNS, ROWS
from vms.cameras.motion.sights import NOTHING_MOVES, Sight, read_sights
from vms.core.clock import Instant, rfc3339
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api.known import camera_of
from web.parts import parts_of
from web.permit import Eyes, Permit

router = APIRouter(prefix="/api/cameras", tags=["cameras"])

Setting = Annotated[SignedIn, Depends(Permit(Permission.REGISTRY))]


class Zone(BaseModel):
    """A zone in the last picture: `share` (0 to 1) of it moved, from `limit` on it counts. `since`:
    when the motion that lasts began; null: none does. `*` is the whole picture."""

    name: str
    share: float
    limit: float
    since: str | None


class Moving(BaseModel):
    """What moves in a camera's picture. `looks`: whether it is looked at; false also for some
    seconds after motion was switched on. `at`: the last picture, null if there was none yet;
    `view`: it could be compared with those before (not just after the start, or when all of it
    changed). `seldom`: keyframes only, because the machine can't bear more. `cells`: `columns` ×
    `rows` bits, row by row from the top, the highest of each byte first, as hex: what moved, in
    zones and out."""

    looks: bool
    at: str | None
    view: bool
    seldom: bool
    zones: list[Zone]
    columns: int
    rows: int
    cells: str


@router.get("/{camera}/motion")
def show(camera: str, request: Request, by: Setting) -> Moving:
    """What moves, as of the last half second."""
    parts = parts_of(request)
    known = camera_of(parts, camera).settings.camera_id
    Eyes(request, by.identity).require_shown(Permission.REGISTRY, known)
    sights = read_sights(parts.settings.run_dir, parts.clock.now())
    sight = (sights or {}).get(known)
    found = sight or Sight(None, False, False, (), NOTHING_MOVES)
    return Moving(
        looks=sight is not None,
        at=_time(found.at),
        view=found.view,
        seldom=found.seldom,
        zones=[
            Zone(name=zone.name, share=zone.share, limit=zone.limit, since=_time(zone.since))
            for zone in found.zones
        ],
        columns=COLUMNS,
        rows=ROWS,
        cells=found.cells,
    )


def _time(instant: Instant | None) -> str | None:
    return None if instant is None else rfc3339(instant)
