"""What every request and answer passes: a bound for what is sent to us, and headers that keep a
browser from being turned against us."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.limits import DOWNLOADS, UNDER_WAY, Limits, client_of
from web.problems import Problem

# The screens are bundled and built for this: no inline script or style, nothing from outside.
# blob: is what MediaSource and snapshots are made of; data: are small pictures in the bundle.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self' ws: wss:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

BODY_MAX = 1 << 20  # nothing we take is larger; more is refused before it lies in memory

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{one}=()"
        for one in (
            "camera",
            "microphone",
            "geolocation",
            "usb",
            "serial",
            "payment",
            "display-capture",
            "hid",
            "midi",
        )
    ),
    "X-Permitted-Cross-Domain-Policies": "none",
}


# Over TLS only, as the standard wants it (RFC 6797 §7.2): a year without plain HTTP to this name.
STRICT_TRANSPORT = "max-age=31536000"


class SecurityHeaders:
    """Adds the headers; under /api nothing is kept by caches unless the route says otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        api = str(scope["path"]).startswith("/api")
        secure = scope.get("scheme") in ("https", "wss")

        async def send_guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if secure:
                    headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
                if api:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_guarded)


class BodyLimit:
    """Refuses a request body over `BODY_MAX` with 413, declared or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        expected = int(declared) if declared.isdigit() else 0
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if max(expected, received) > BODY_MAX:
                raise HTTPException(413, f"The body is larger than {BODY_MAX} bytes.")
            return message

        await self._app(scope, receive_bounded, send)


class ClientLimits:
    """Refuses with 429 and Retry-After what is more than one client may take (`web.limits`)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._limits = app, Limits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = client_of((scope.get("client") or (None,))[0])
        if scope["type"] != "http" or client is None:
            await self._app(scope, receive, send)
            return
        limits = self._limits
        seconds = limits.wait(client, asyncio.get_running_loop().time())
        if seconds:
            await _too_many("requests a second", seconds)(scope, receive, send)
            return
        counted, most, what = limits.under_way, UNDER_WAY, "requests under way"
        if str(scope["path"]).endswith((".mp4", "/file")):
            counted, most, what = limits.downloads, DOWNLOADS, "downloads under way"
        if not limits.enter(counted, client, most):
            await _too_many(what, 1)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            limits.leave(counted, client)


def _too_many(what: str, seconds: int) -> Response:
    return Problem(
        429,
        "too_many_requests",
        f"These are more {what} than one client may have; go on in {seconds} s.",
        headers={"Retry-After": str(seconds)},
        retry_after=seconds,
    ).response()
