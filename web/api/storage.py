"""GET /api/storage: volumes, what was found not to be well, the ledger's head, the scrub."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from storage.findings import KeptFinding
from storage.forecast import DiskForecast
from storage.overview import VolumeFacts
from vms.core.clock import DAY, rfc3339
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.parts import parts_of
from web.permit import Permit

router = APIRouter(prefix="/api/storage", tags=["storage"])


class Volume(BaseModel):
    """Bytes. `used`: by footage; `total` and `free` are null while the volume does not answer."""

    uuid: str | None
    path: str
    total: int | None
    free: int | None
    used: int
    reserve: int
    quota: int | None
    state: Literal["good", "full", "failed", "missing", "foreign"]
    detail: str

    @classmethod
    def of(cls, facts: VolumeFacts) -> Volume:
        return cls.model_validate(facts, from_attributes=True)


class Forecast(BaseModel):
    """`rate`: bytes a second; `full_at`: null if rules prevent it; `days_kept`: what fits."""

    rate: float
    full_at: str | None
    days_kept: float | None


class Finding(BaseModel):
    """`subject`: a segment's id, or a path, volume, camera; `first` and `last` seen."""

    kind: str
    subject: str
    detail: str
    first: str
    last: str

    @classmethod
    def of(cls, kept: KeptFinding) -> Finding:
        return cls(
            kind=kept.kind,
            subject=kept.subject,
            detail=kept.detail,
            first=rfc3339(kept.first),
            last=rfc3339(kept.last),
        )


class Ledger(BaseModel):
    """Its head: how many leaves, their root in hex, the signed checkpoint, when it was stamped."""

    size: int
    root: str
    checkpoint: str
    stamped: str | None


class Scrub(BaseModel):
    """How far reading everything again has come: bytes; `last`: when it was last complete."""

    done: int
    total: int
    since: str | None
    last: str | None


class StorageBody(BaseModel):
    volumes: list[Volume]
    forecast: Forecast
    findings: list[Finding]
    ledger: Ledger | None
    scrub: Scrub


@router.get("")
def show(
    request: Request, signed_in: Annotated[SignedIn, Depends(Permit(Permission.STORAGE))]
) -> StorageBody:
    """How what is stored is right now."""
    parts = parts_of(request)
    overview = parts.overview
    head, scrub = overview.head(), overview.scrub().as_json()
    return StorageBody(
        volumes=[Volume.of(facts) for facts in overview.volumes()],
        forecast=_forecast(parts.keeping.forecast()),
        findings=[Finding.of(kept) for kept in overview.findings()],
        ledger=None
        if head is None
        else Ledger(size=head[0].size, root=head[0].root.hex(), checkpoint=head[1], stamped=None),
        scrub=Scrub.model_validate(scrub),
    )


def _forecast(found: DiskForecast) -> Forecast:
    return Forecast(
        rate=found.rate,
        full_at=None if found.full_at is None else rfc3339(found.full_at),
        days_kept=None if found.fits is None else found.fits / DAY,
    )
