"""Health of cameras: how each check stands, since when, and what was wrong lately."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from vms.cameras.charts import CameraChart, Charts
from vms.cameras.health.checks import RULES, Check, Checked, CheckState
from vms.core.clock import Instant, rfc3339
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api.known import camera_of
from web.parts import parts_of
from web.permit import Eyes, Permit

router = APIRouter(prefix="/api", tags=["health"])

Looking = Annotated[SignedIn, Depends(Permit(Permission.CAMERAS))]
Listing = Annotated[SignedIn, Depends(Permit(Permission.CAMERAS, each=True))]
Changing = Annotated[SignedIn, Depends(Permit(Permission.REGISTRY))]


class CheckFacts(BaseModel):
    """How one check stands. `since`: of the state; `at`: of the last look that could tell; `value`
    beside `limit`, both in `unit`; `detail`: an English sentence when it is sick; `trouble`: why in
    a word of docs/onvif.md, or empty."""

    check: Check
    state: CheckState
    since: str | None
    at: str | None
    value: float | None
    limit: float | None
    unit: str
    detail: str
    trouble: str = ""


class Ailment(BaseModel):
    """A spell in which a check was sick. `end`: null while it lasts; `good`: when the last picture
    before it was taken that was as it should be."""

    check: str
    start: str
    end: str | None
    value: float | None
    limit: float | None
    detail: str
    good: str | None


class Picture(BaseModel):
    """A stored picture and where it is fetched."""

    at: str
    url: str


class SickCamera(BaseModel):
    """A camera with a check that is sick. `good`: the last picture that was as it should be;
    `present`: the last one that was looked at."""

    camera: str
    checks: list[CheckFacts]
    good: Picture | None
    present: Picture | None


class HealthFacts(BaseModel):
    """`looked`: when the checks were made last; null: nobody looks, and nothing is known."""

    looked: str | None
    cameras: list[SickCamera]


class CameraHealth(BaseModel):
    """All checks of a camera, in their order, and what was wrong in the last 30 days."""

    camera: str
    looked: str | None
    checks: list[CheckFacts]
    good: Picture | None
    present: Picture | None
    history: list[Ailment]


class NewView(BaseModel):
    """From when on the camera is to look as it does now."""

    camera: str
    since: str


@router.get("/health")
def show_all(request: Request, signed_in: Listing) -> HealthFacts:
    """The cameras with something wrong, of those this person may see."""
    parts, eyes = parts_of(request), Eyes(request, signed_in.identity)
    charts = parts.checkups.charts()
    shown = []
    for registered in parts.cameras.list():
        camera = registered.settings.camera_id
        chart = charts.cameras.get(camera)
        if chart is None or not eyes.may(Permission.CAMERAS, camera):
            continue
        sick = [one for one in _checks(chart) if one.state is CheckState.SICK]
        if sick:
            good, present = _pictures(camera, chart)
            shown.append(SickCamera(camera=camera, checks=sick, good=good, present=present))
    return HealthFacts(looked=_time(charts.at), cameras=shown)


@router.get("/cameras/{camera}/health")
def show(camera: str, request: Request, signed_in: Looking) -> CameraHealth:
    """Each check of one camera."""
    parts = parts_of(request)
    known = camera_of(parts, camera).settings.camera_id
    charts: Charts = parts.checkups.charts()
    chart = charts.cameras.get(known, CameraChart(None, None, {}))
    good, present = _pictures(known, chart)
    return CameraHealth(
        camera=known,
        looked=_time(charts.at),
        checks=_checks(chart),
        good=good,
        present=present,
        history=[Ailment.model_validate(one.as_json()) for one in parts.checkups.history(known)],
    )


@router.post("/cameras/{camera}/health/view", status_code=201)
def new_view(camera: str, request: Request, by: Changing) -> NewView:
    """Say that what the camera shows and sends now is as it is to be: it was turned, or its rates
    were changed, on purpose."""
    parts = parts_of(request)
    known = camera_of(parts, camera).settings.camera_id
    since = parts.checkups.begin_view(known, by.identity.name)
    return NewView(camera=known, since=rfc3339(since))


def _checks(chart: CameraChart) -> list[CheckFacts]:
    return [_facts(check, chart.checks.get(check, Checked())) for check in Check]


def _facts(check: Check, one: Checked) -> CheckFacts:
    return CheckFacts(
        check=check,
        state=one.state,
        since=_time(one.since),
        at=_time(one.at),
        value=one.value,
        limit=one.limit,
        unit=RULES[check].unit,
        detail=one.detail,
        trouble=one.trouble,
    )


def _pictures(camera: str, chart: CameraChart) -> tuple[Picture | None, Picture | None]:
    good, present = (_picture(camera, at) for at in (chart.good, chart.looked))
    return good, present


def _picture(camera: str, at: Instant | None) -> Picture | None:
    if at is None:
        return None
    time = rfc3339(at, digits=9)
    return Picture(at=time, url=f"/api/cameras/{camera}/frame.jpg?at={time}")


def _time(instant: Instant | None) -> str | None:
    return None if instant is None else rfc3339(instant)
