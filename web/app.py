"""Puts the web together: routes, sign-in, errors, headers, screens."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

import vms
from vms.people.signin import SignIn
from web import problems
from web.api import (
    account,
    activity,
    approvals,
    archive,
    audit,
    blocks,
    cameras,
    checkups,
    days,
    device,
    discovery,
    doors,
    events,
    exports,
    health,
    holds,
    live,
    metrics,
    motion,
    oidc,
    openapi,
    people,
    ptz,
    ptz_log,
    registry,
    registry_files,
    retention,
    schedules,
    sees,
    session,
    storage,
    system,
    timeline,
    trial,
)
from web.bouncer import Bouncer
from web.console import Console
from web.downloads import Downloads
from web.guard import BodyLimit, ClientLimits, SecurityHeaders
from web.parts import WebParts
from web.recognised import Recognised
from web.witness import Witness

ROUTERS = (
    session.router,
    oidc.router,
    account.router,
    doors.router,
    people.router,
    sees.router,
    system.router,
    storage.router,
    cameras.router,
    registry.router,
    checkups.router,
    registry_files.router,
    schedules.router,
    trial.router,
    discovery.router,
    timeline.router,
    activity.router,
    archive.router,
    archive.pictures,
    days.router,
    events.router,
    ptz.router,
    ptz_log.router,
    device.router,
    holds.router,
    blocks.router,
    approvals.router,
    exports.router,
    audit.router,
    retention.router,
    live.router,
    metrics.router,
    motion.router,
    health.router,
    openapi.router,
)


def create_app(parts: WebParts, console: Console | None = None) -> FastAPI:
    """The application. Nothing runs before a server starts it."""
    app = _routes(_running)
    app.state.parts, app.state.downloads = parts, Downloads()
    app.state.recognised = Recognised(parts)
    app.state.door = SignIn(
        *(parts.accounts, parts.sessions, parts.second_factors, parts.clock),
        *(parts.externals, parts.directory),
    )
    app.router.default = console or Console()
    return app


def openapi_document() -> dict[str, Any]:
    """The description of the API; needs no site."""
    return openapi.describe(_routes())


@contextlib.asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    """While the server runs: what steers cameras and what watches viewers live in its loop."""
    parts: WebParts = app.state.parts
    with contextlib.ExitStack() as trail:
        trail.enter_context(parts.trail.running())
        async with parts.steering.running(), Bouncer(parts, app.state.downloads).running():
            yield


def _routes(
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    app = FastAPI(
        lifespan=lifespan,
        title="Gözcü",
        version=vms.__version__,
        openapi_url=None,  # ours is behind the sign-in: web.api.openapi
        docs_url=None,  # these pages would load scripts from outside
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(Witness),
            Middleware(BodyLimit),
            # JSON and the screens; pictures, media and partial answers pass as they are.
            Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=4),
        ],
    )
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    # Outermost, around Starlette's own answer to bugs too, which `middleware` would not be.
    app.middleware_stack = SecurityHeaders(ClientLimits(app.build_middleware_stack()))
    return app
