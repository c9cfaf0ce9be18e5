"""/healthz: this process answers. /readyz: what it stands on does, too. For probes, unsigned."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from vms.core.status import read_workers
from web.parts import parts_of
from web.permit import Open

router = APIRouter(tags=["system"])


class Alive(BaseModel):
    ok: bool


class Ready(Alive):
    """What it stands on, each whether it does."""

    database: bool
    recorder: bool


@router.get("/healthz", dependencies=[Depends(Open("a probe must not need a password"))])
def healthz() -> Alive:
    """200 while the process answers at all."""
    return Alive(ok=True)


@router.get(
    "/readyz",
    dependencies=[Depends(Open("a probe must not need a password; it only learns yes or no"))],
    response_model=Ready,
    responses={503: {"description": "Something it stands on does not answer", "model": Ready}},
)
def readyz(request: Request) -> Response:
    """200 when the database answers and every recorder worker reported lately, else 503."""
    parts = parts_of(request)
    workers = read_workers(parts.settings.run_dir, parts.clock.now())
    checks = {
        "database": parts.accounts.answers(),
        "recorder": len(workers) >= parts.settings.recorder.workers,
    }
    ready = all(checks.values())
    return JSONResponse({"ok": ready, **checks}, 200 if ready else 503)
