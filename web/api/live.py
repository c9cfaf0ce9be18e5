"""Live pictures: WHEP by asking the live process, MSE by giving it the connection.

Not one byte of media passes through this process.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response, WebSocket
from starlette.requests import ClientDisconnect, HTTPConnection

from vms.core.model import CameraId
from vms.people.audit.entry import What
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.api import answers
from web.api.known import stream_of_camera
from web.handover import EXTENSION, Handover, HandoverError
from web.livecalls import LiveDown, LiveRefused
from web.parts import parts_of
from web.permit import Eyes, Permit, address_of
from web.problems import Problem
from web.witness import saw

router = APIRouter(prefix="/api/cameras/{camera}/live", tags=["live"])

Watching = Annotated[SignedIn, Depends(Permit(Permission.LIVE))]
Stream = Literal["main", "sub"]

OFFER_MAX = 64 * 1024  # browsers' offers have 2 to 8 KB

# What the live process may say, as HTTP; anything else is a conflict with what the camera sends.
_STATUS = {
    "live_down": 503,
    "down": 503,
    "busy": 503,
    "not_found": 404,
    "bad_offer": 422,
    "bad_request": 422,
    "too_large": 413,
    "no_handover": 501,
}


@router.post(
    "/whep",
    status_code=201,
    response_class=Response,
    responses=answers.text("application/sdp", status=201, description="The SDP answer"),
    openapi_extra=answers.sent("application/sdp"),
)
async def offer(
    camera: str, request: Request, signed_in: Watching, stream: Stream = "main"
) -> Response:
    """Watch by WebRTC: an SDP offer in, the answer out, and the Location to end it at."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/sdp":
        raise Problem(415, "content_type", "The offer must be sent as application/sdp.")
    await stream_of_camera(request, camera, stream)
    sdp = await _bounded_body(request)
    watcher = await asyncio.to_thread(_watcher, request, signed_in, camera)
    answer = await _ask(request, camera, "whep.offer", stream=stream, sdp=sdp, **watcher)
    _tell_watching(request, camera, stream)
    location = f"/api/cameras/{camera}/live/whep/{answer['session']}"
    return Response(answer["sdp"], 201, {"Location": location}, "application/sdp")


@router.delete("/whep/{session}", status_code=204)
async def end(camera: str, session: str, request: Request, signed_in: Watching) -> None:
    """Stop watching."""
    await _ask(request, camera, "whep.delete", session=session, user=signed_in.identity.name)


@router.websocket("/mse")
async def watch(
    camera: str,
    websocket: WebSocket,
    signed_in: Watching,
    stream: Stream = "main",
    info: bool = False,
) -> None:
    """Watch by Media Source Extensions: the MIME type as text, then fMP4 as binary messages.

    `info`: text beginning with `{` besides, of the camera's clock and outages.
    """
    await stream_of_camera(websocket, camera, stream)
    hand_over: Handover | None = websocket.scope.get("extensions", {}).get(EXTENSION)
    if hand_over is None:
        raise Problem(501, "no_handover", "This server can't hand over connections.")
    path = parts_of(websocket).live.socket_of(CameraId(camera), ".fds")
    watcher = await asyncio.to_thread(_watcher, websocket, signed_in, camera)
    head = {"camera": camera, "stream": stream, "informed": "yes" if info else "no", **watcher}
    try:
        await hand_over(path, head)
    except HandoverError as error:
        raise _refusal(error.code, str(error)) from error
    _tell_watching(websocket, camera, stream)


def _tell_watching(connection: HTTPConnection, camera: str, stream: Stream) -> None:
    """That it begins; how long it lasts, `web.bouncer` tells."""
    now = parts_of(connection).clock.now()
    saw(connection, What.LIVE, camera, stream, (now, now))


def _watcher(connection: HTTPConnection, signed_in: SignedIn, camera: str) -> dict[str, str]:
    """Who watches, for the live process, and by what: asked again while they do. Blocks."""
    hears = Eyes(connection, signed_in.identity).may(Permission.SOUND, CameraId(camera))
    return {
        "user": signed_in.identity.name,
        "permit": signed_in.permit,
        "address": address_of(connection),
        "hears": "yes" if hears else "no",
    }


async def _bounded_body(request: Request) -> str:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > OFFER_MAX:
                raise Problem(413, "too_large", f"The offer is larger than {OFFER_MAX} bytes.")
    except ClientDisconnect:
        raise Problem(400, "gone", "The connection ended before the offer was whole.") from None
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Problem(422, "bad_offer", "The offer is not UTF-8 text.") from None


async def _ask(request: Request, camera: str, op: str, **arguments: str) -> dict[str, Any]:
    try:
        return await parts_of(request).live.call(CameraId(camera), op, **arguments)
    except LiveDown as error:
        raise _refusal("live_down", str(error)) from error
    except LiveRefused as error:
        raise _refusal(error.code, str(error)) from error


def _refusal(code: str, detail: str) -> Problem:
    status = _STATUS.get(code, 409)
    return Problem(status, code, detail, headers={"Retry-After": "2"} if status == 503 else {})
