"""Cameras found: a search is started here, looked at while it runs, and cameras added from it.

A search lives in this process, one at a time. The passwords it tries come in and never go out:
what is added takes those that the camera accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, SecretStr
from starlette.responses import Response

from vms.cameras.entry import entered
from vms.cameras.onvif.client import Credentials
from vms.cameras.onvif.discovery import LISTEN_S
from vms.cameras.onvif.port import OnvifError
from vms.cameras.onvif.probe import PORT
from vms.cameras.onvif.search import Found, Wanted
from vms.cameras.onvif.searches import SearchJob
from vms.cameras.onvif.sentences import SENTENCES
from vms.cameras.steering.stills import small
from vms.cameras.suggestion import suggested
from vms.core.clock import rfc3339
from vms.core.config_camera import CameraSettings
from vms.core.errors import BadFields, CameraError
from vms.core.findings import Finding
from vms.core.log import get_logger
from vms.core.model import CameraId, Cause
from vms.core.secret import Secret
from vms.people.audit.entry import What
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api import answers
from web.api.trial import Sentence, Tried, bench, picture_of
from web.parts import Finder, parts_of
from web.permit import Eyes, Permit
from web.problems import Problem
from web.witness import note

_log = get_logger(__name__)
router = APIRouter(prefix="/api/discovery", tags=["discovery"])

By = Annotated[SignedIn, Depends(Permit(Permission.REGISTRY))]

PROBED = (PORT, LISTEN_S)
"""Where probes go, and for how many seconds answers are waited for."""

_CHOSEN_MAX = 500
_OURS_TO_SAY = ("id", "name", "groups", "sub", "record", "transport", "location", "inventory")


class User(BaseModel):
    """A user of cameras to be tried."""

    username: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[SecretStr, Field(max_length=200)]


class SearchOrder(BaseModel):
    """What to search: `ranges` such as `10.0.0.0/24`; `multicast`: everybody nearby as well.

    `credentials` are tried in their order, on each camera as many as it bears (about two).
    """

    ranges: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=32)] = []
    credentials: Annotated[list[User], Field(max_length=8)] = []
    multicast: bool = True


class FoundStream(BaseModel):
    """A stream as the camera offers it."""

    stream: Literal["main", "sub"]
    uri: str
    codec: str
    width: int
    height: int
    fps: float


class FoundCamera(BaseModel):
    """A camera that answered. `number`: its place in this search. `camera`: its id where it is
    registered already. `suggestion`: id and name it could have. `problem`: why it could not be
    asked, `detail` with numbers. `addresses`: `address` and others it answered from. `picture`:
    whether one can be fetched. A device with several video sources is a camera for each:
    `video_source` is its token, and it is `channel` of `channels`.
    """

    number: int
    address: str
    addresses: list[str]
    port: int
    onvif: str
    name: str
    hardware: str
    make: str | None
    model: str | None
    firmware: str | None
    serial: str | None
    mac: str | None
    clock_offset_ms: float | None
    video_source: str | None
    channel: int | None
    channels: int | None
    streams: list[FoundStream]
    username: str | None
    camera: str | None
    suggestion: dict[str, str] | None
    trouble: str | None
    problem: Sentence | None
    detail: str | None
    picture: bool


class SearchState(BaseModel):
    """A search. `answers`: how many devices answered, null while it listens; `described`: how
    many of them were asked so far. Forgotten 15 minutes after it ended.
    """

    id: str
    state: Literal["running", "done", "stopped", "failed"]
    by: str
    started: str
    ranges: list[str]
    multicast: bool
    answers: int | None
    described: int
    error: str | None
    found: list[FoundCamera]


class Chosen(BaseModel):
    """A found camera to be added. `camera`: what is to be otherwise than suggested, in the keys of
    a camera; where and how it is dialled comes from the search.
    """

    number: int
    camera: dict[str, Any] = {}


class Added(BaseModel):
    """Ids of the cameras that were added, in the order in which they were asked for."""

    cameras: list[str]


@router.post("", status_code=201)
async def start(request: Request, order: SearchOrder, by: By) -> SearchState:
    """Begin to search. 409 while another search runs, or for a range that may not be dialled."""
    parts = parts_of(request)
    hosts = parts.finder.networks.hosts(order.ranges)
    credentials = tuple(
        Credentials(one.username, Secret(one.password.get_secret_value()))
        for one in order.credentials
    )
    known = await run_in_threadpool(parts.cameras.list)
    wanted = Wanted(hosts, credentials, order.multicast, port=PROBED[0], listen_s=PROBED[1])
    job = parts.finder.searches.start(wanted, order.ranges, known, by.identity.name)
    _log.info("a search began", by=by.identity.name, ranges=order.ranges, hosts=len(hosts))
    return _state(job, {one.settings.id for one in known})


@router.get("")
async def list_searches(request: Request, by: By) -> list[SearchState]:
    """The searches that are still known, the newest first."""
    taken = await _ids(request)
    return [_state(job, taken) for job in parts_of(request).finder.searches.list()]


@router.get("/networks")
async def networks(request: Request, by: By) -> list[str]:
    """The networks that are dialled: what both `networks` under [onvif] and `allow` under [network]
    in cameras.toml allow, less `deny`."""
    return list(map(str, parts_of(request).finder.networks.dialled))


@router.get("/{search}")
async def show(request: Request, search: str, by: By) -> SearchState:
    """How far a search is, and what it has found so far."""
    return _state(parts_of(request).finder.searches.get(search), await _ids(request))


@router.post("/{search}/stop")
async def stop(request: Request, search: str, by: By) -> SearchState:
    """End a search; what it has found so far stays."""
    job = await parts_of(request).finder.searches.stop(search)
    return _state(job, await _ids(request))


@router.delete("/{search}", status_code=204)
async def forget(request: Request, search: str, by: By) -> None:
    """End a search, and forget it with what it found and the passwords it tried."""
    await parts_of(request).finder.searches.forget(search)


@router.get(
    "/{search}/pictures/{number}.jpg",
    response_class=Response,
    responses=answers.whole("image/jpeg"),
)
async def picture(request: Request, search: str, number: int, by: By) -> Response:
    """A picture of now: the camera's own snapshot, else a keyframe of its main stream.

    503 `camera` with a sentence in both languages where there is none to be had.
    """
    finder = parts_of(request).finder
    found = finder.searches.get(search).one(number)
    if found.facts is None:
        raise Problem(409, "refused", found.detail or "The camera was not described.")
    await run_in_threadpool(_require_shown, request, by, found)
    registered = () if found.camera is None else (found.camera,)
    where = f"picture of {found.match.address}"
    note(request, what=What.DISCOVERY, detail=where, cameras=registered)
    async with finder.searches.room:
        return Response(await _picture(finder, found), media_type="image/jpeg")


@router.post("/{search}/cameras", status_code=201)
async def add(request: Request, search: str, chosen: list[Chosen], by: By) -> Added:
    """Add found cameras, with the user and password each accepted: all of them or none."""
    parts = parts_of(request)
    job = parts.finder.searches.get(search)
    taken = await _ids(request)
    wanted = _settings(job, chosen, taken)
    await run_in_threadpool(parts.cameras.take, wanted, by.identity.name)
    for one, settings in zip(chosen, wanted, strict=True):
        job.took(one.number, settings.id)
    ids = [str(settings.id) for settings in wanted]
    _log.info("found cameras were added", by=by.identity.name, cameras=ids)
    return Added(cameras=ids)


@router.post("/{search}/cameras/{number}/test")
async def try_found(request: Request, search: str, number: int, by: By) -> Tried:
    """Try the streams of a found camera before it is recorded, with the user it accepted.

    Takes up to 30 s. 503 `busy` while others are tried.
    """
    found = parts_of(request).finder.searches.get(search).one(number)
    if found.facts is None:
        raise Problem(409, "refused", found.detail or "The camera was not described.")
    await run_in_threadpool(_require_shown, request, by, found)
    registered = () if found.camera is None else (found.camera,)
    note(request, what=What.DISCOVERY, detail=f"try {found.match.address}", cameras=registered)
    values = suggested(found, ()) | {"id": "found"}
    values.pop("onvif", None)  # it was asked in the search
    return await bench.run(request, entered(values), None)


def _require_shown(request: Request, by: SignedIn, found: Found) -> None:
    """A camera that is registered is shown to nobody from whom a block hides it."""
    if found.camera is not None:
        eyes = Eyes(request, by.identity)
        eyes.require_shown(Permission.REGISTRY, CameraId(found.camera))


async def _ids(request: Request) -> set[str]:
    known = await run_in_threadpool(parts_of(request).cameras.list)
    return {one.settings.id for one in known}


async def _picture(finder: Finder, found: Found) -> bytes:
    """Raises Problem."""
    assert found.facts is not None
    try:
        snapshot = await finder.searches.picture(found)
    except OnvifError as error:
        _log.info("no snapshot", camera=str(found.match.address), detail=error.detail)
        snapshot = None
    if snapshot is not None:
        shrunk = await run_in_threadpool(small, snapshot)
        if shrunk is not None:
            return shrunk
    values = suggested(found, ()) | {"id": "found"}
    values.pop("sub", None)
    values.pop("onvif", None)
    trial = await finder.trials.run(entered(values))
    (stream,) = trial.streams
    jpeg = await run_in_threadpool(picture_of, stream)
    if jpeg is None:
        text = stream.detail or "The camera's picture can't be decoded."
        raise CameraError(stream.problem or Cause.BROKEN_STREAM, text)
    return jpeg


def _settings(job: SearchJob, chosen: Sequence[Chosen], taken: set[str]) -> list[CameraSettings]:
    """What is to be registered. Raises BadFields with everything that is wrong."""
    if not 0 < len(chosen) <= _CHOSEN_MAX:
        raise BadFields([Finding((), f"choose 1 to {_CHOSEN_MAX} cameras")])
    wanted: list[CameraSettings] = []
    wrong: list[Finding] = []
    for place, one in enumerate(chosen):
        try:
            settings = _one(job.one(one.number), one.camera, taken)
        except BadFields as error:
            wrong += [Finding((place, *f.path), f.message, f.remedy) for f in error.findings]
        else:
            taken = taken | {settings.id}
            wanted.append(settings)
    if wrong:
        raise BadFields(wrong)
    return wanted


def _one(found: Found, said: Mapping[str, Any], taken: set[str]) -> CameraSettings:
    if found.camera is not None:
        raise BadFields([Finding(("id",), f"is here already, as {found.camera}")])
    if found.facts is None:
        raise BadFields([Finding(("id",), found.detail or "was not described")])
    foreign = sorted(set(said) - set(_OURS_TO_SAY))
    if foreign:
        remedy = f"can be said here: {', '.join(_OURS_TO_SAY)}"
        raise BadFields(Finding((key,), "comes from the search", remedy) for key in foreign)
    values = {**suggested(found, taken), **said}
    settings = entered({key: value for key, value in values.items() if value is not None})
    if settings.id in taken:
        raise BadFields([Finding(("id",), f"{settings.id} is taken", "choose another id")])
    return settings


def _state(job: SearchJob, taken: set[str]) -> SearchState:
    return SearchState(
        id=job.id,
        state=job.state,
        by=job.by,
        started=rfc3339(job.started),
        ranges=list(job.ranges),
        multicast=job.wanted.multicast,
        answers=job.answers,
        described=len({one.match for one in job.found}),
        error=job.error,
        found=[_camera(number, one, taken) for number, one in enumerate(job.found)],
    )


def _camera(number: int, found: Found, taken: set[str]) -> FoundCamera:
    facts = found.as_json()
    suggestion = None
    if found.facts is not None and found.camera is None:
        values = suggested(found, taken)
        suggestion = {"id": values["id"], "name": values["name"]}
    sentence = SENTENCES[found.trouble] if found.trouble is not None else None
    return FoundCamera.model_validate(
        facts
        | {
            "number": number,
            "suggestion": suggestion,
            "problem": Sentence.of(sentence) if sentence is not None else None,
            "picture": found.facts is not None,
        }
    )
