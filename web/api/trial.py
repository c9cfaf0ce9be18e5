"""Trying a camera over HTTP, recorded already or not: what its streams are, or why there are none.

Nothing is stored. A picture comes along, so that a person sees that it is the right camera.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from vms.cameras import entry
from vms.cameras.onvif.sentences import SENTENCES
from vms.cameras.onvif.sentences import Sentence as Words
from vms.cameras.trial import CameraTrial, OnvifTrial, StreamTrial, warnings_of
from vms.cameras.trial_words import FLAWS, problem
from vms.core.clock import rfc3339
from vms.core.config_camera import CameraSettings
from vms.core.model import CameraId
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api.known import camera_of
from web.parts import parts_of
from web.permit import Eyes, Permit
from web.playback.picture import jpeg_of
from web.problems import Problem

router = APIRouter(prefix="/api/cameras", tags=["registry"])

By = Annotated[SignedIn, Depends(Permit(Permission.REGISTRY))]
Entry = Annotated[dict[str, Any], Body()]

TRIALS_MAX = 2
"""At the same time; each dials a camera for seconds, on a machine that records."""
_PICTURE_WIDTH = 640


class Sentence(BaseModel):
    """One sentence in English and in Turkish."""

    en: str
    tr: str

    @classmethod
    def of(cls, words: Words) -> Sentence:
        return cls(en=words.en, tr=words.tr)


class Told(Sentence):
    """A sentence with the code that stands for it."""

    code: str


class TriedPictures(BaseModel):
    """What came. Rates in pictures a second: by our clock, by the camera's times, as declared
    (0: not at all). Sizes in bytes, `bitrate` in bits a second; keyframe distance null if only
    one was seen.
    """

    count: int
    keyframes: int
    fps: float
    fps_of_camera: float
    fps_declared: float
    first_keyframe_ms: float | None
    keyframe_distance: int | None
    keyframe_distance_ms: float | None
    keyframe_bytes: int
    picture_bytes: int
    largest_bytes: int
    bitrate: int


class TriedStream(BaseModel):
    """One stream. `problem`: why it can't be recorded, null if it can; `detail` with peer and
    numbers. `source`: native or libav, `reason` why not native. `picture`: a JPEG in Base64.
    """

    stream: str
    url: str
    problem: Told | None
    detail: str | None
    connected_ms: float | None
    source: str | None
    reason: str | None
    notes: list[str]
    codec: str | None
    width: int | None
    height: int | None
    sound: str | None
    pictures: TriedPictures | None
    counters: dict[str, int]
    sender_reports: int
    clock_offset_ms: float | None
    keep_alive_answered: bool | None
    warnings: list[Told]
    picture: str | None


class TriedOnvif(BaseModel):
    """The camera asked over ONVIF: its facts, or `problem` with `detail`."""

    address: str
    make: str | None
    model: str | None
    firmware: str | None
    serial: str | None
    mac: str | None
    clock_offset_ms: float | None
    main: str | None
    sub: str | None
    problem: Told | None
    detail: str | None


class Tried(BaseModel):
    """A trial of a camera. `well`: all its streams can be recorded."""

    at: str
    camera: str | None
    well: bool
    streams: list[TriedStream]
    onvif: TriedOnvif | None


class Bench:
    """Room for trials: TRIALS_MAX at a time, and no queue behind."""

    def __init__(self) -> None:
        self._busy = 0

    async def run(self, request: Request, camera: CameraSettings, known_as: str | None) -> Tried:
        """Raises Problem (503 `busy`)."""
        if self._busy >= TRIALS_MAX:
            text = "Other cameras are being tried just now; try again in some seconds."
            raise Problem(503, "busy", text, headers={"Retry-After": "5"})
        self._busy += 1
        try:
            trial = await parts_of(request).finder.trials.run(camera, known_as)
        finally:
            self._busy -= 1
        return await run_in_threadpool(_tried, trial)


bench = Bench()
"""Of this process."""


@router.post("/test")
async def try_address(request: Request, values: Entry, by: By) -> Tried:
    """Try an address before it is recorded: `{source, sub, onvif, username, password, transport}`.

    Takes up to 30 s. 503 `busy` while others are tried.
    """
    return await bench.run(request, entry.entered({"id": "camera", **_without_id(values)}), None)


@router.post("/{camera}/test")
async def try_camera(request: Request, camera: str, values: Entry, by: By) -> Tried:
    """Try a registered camera, as it is with `{}`, or as a merge patch would make it.

    A stored password is handed on no further than a patch would: 422 asks for it. 403 `blocked`
    while a block hides what it shows: a trial brings a picture.
    """
    eyes = await run_in_threadpool(Eyes, request, by.identity)
    eyes.require_shown(Permission.REGISTRY, CameraId(camera))
    before = (await run_in_threadpool(camera_of, parts_of(request), camera)).settings
    after = entry.patched(before, values)
    whole = eyes.has_everywhere(Permission.REGISTRY)
    entry.refuse_to_tell(before, after, values, whole=whole)
    return await bench.run(request, after, camera)


def picture_of(stream: StreamTrial) -> bytes | None:
    """A small JPEG of what a trial saw. Blocks while it decodes."""
    if stream.keyframe is None or stream.format is None:
        return None
    return jpeg_of(stream.format, stream.keyframe, _PICTURE_WIDTH)


def _without_id(values: Mapping[str, Any]) -> dict[str, Any]:
    """An id that is not chosen yet, or not well, is no matter of the test."""
    return {key: value for key, value in values.items() if key != "id"}


def _tried(trial: CameraTrial) -> Tried:
    return Tried(
        at=rfc3339(trial.at),
        camera=trial.camera,
        well=trial.well,
        streams=[_stream(one) for one in trial.streams],
        onvif=_onvif(trial.onvif) if trial.onvif is not None else None,
    )


def _stream(one: StreamTrial) -> TriedStream:
    jpeg = picture_of(one)
    facts = one.as_json() | {
        "problem": _told(one.problem, problem(one.problem)) if one.problem is not None else None,
        "warnings": [_told(flaw, FLAWS[flaw]) for flaw in warnings_of(one)],
        "picture": base64.b64encode(jpeg).decode() if jpeg is not None else None,
    }
    return TriedStream.model_validate(facts)


def _onvif(one: OnvifTrial) -> TriedOnvif:
    trouble = _told(one.trouble, SENTENCES[one.trouble]) if one.trouble is not None else None
    return TriedOnvif.model_validate(one.as_json() | {"problem": trouble})


def _told(code: str, words: Words) -> Told:
    return Told(code=str(code), en=words.en, tr=words.tr)
