"""Puts the web together: routes, sign-in, errors, headers, screens."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

import vms
from vms.people.signin import SignIn
from web import problems
from web.api import archive, cameras, health, live, metrics, openapi, session, system
from web.console import Console
from web.guard import BodyLimit, SecurityHeaders
from web.parts import WebParts

ROUTERS = (
    session.router,
    system.router,
    cameras.router,
    archive.router,
    live.router,
    metrics.router,
    health.router,
    openapi.router,
)


def create_app(parts: WebParts, console: Console | None = None) -> FastAPI:
    """The application. Nothing runs before a server starts it."""
    app = _routes()
    app.state.parts = parts
    app.state.door = SignIn(parts.accounts, parts.sessions, parts.clock)
    app.router.default = console or Console()
    return app


def openapi_document() -> dict[str, Any]:
    """The description of the API; needs no site."""
    return openapi.describe(_routes())


def _routes() -> FastAPI:
    app = FastAPI(
        title="Gözcü",
        version=vms.__version__,
        openapi_url=None,  # ours is behind the sign-in: web.api.openapi
        docs_url=None,  # these pages would load scripts from outside
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(BodyLimit),
            # JSON and the screens; pictures, media and partial answers pass as they are.
            Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=4),
        ],
    )
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    # Outermost, around Starlette's own answer to bugs too, which `middleware` would not be.
    app.middleware_stack = SecurityHeaders(app.build_middleware_stack())
    return app
