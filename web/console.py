"""The screens: files that Vite built into web/static, served as they are.

Hashed assets may be kept for ever; every other address outside /api is the console's one page,
which finds its own way. Nothing here needs a sign-in: the page shows the sign-in itself.
"""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from web.problems import Problem

STATIC = Path(__file__).parent / "static"

_KEEP = "public, max-age=31536000, immutable"
_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Gözcü</title>
<h1>The screens are not built yet</h1><p>Run <code>make ui</code> and reload this page.
The API under <code>/api</code> works without them.</p></html>
"""


class Console:
    """ASGI application for every address that no route has."""

    def __init__(self, root: Path = STATIC) -> None:
        self._root = root.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            raise Problem(404, "not_found", "There is no WebSocket at this address.")
        path = str(scope["path"])
        if path == "/api" or path.startswith("/api/"):
            raise Problem(
                404,
                "not_found",
                "There is nothing at this address; /api/openapi.json lists what there is.",
            )
        if scope["method"] not in ("GET", "HEAD"):
            raise Problem(
                405, "method_not_allowed", "Only GET here.", headers={"Allow": "GET, HEAD"}
            )
        await self._answer(path)(scope, receive, send)

    def _answer(self, path: str) -> Response:
        file = self._file(path)
        if file is not None:
            hashed = file.parent.name == "assets"
            return FileResponse(file, headers={"Cache-Control": _KEEP if hashed else "no-cache"})
        if path.startswith("/assets/"):
            raise Problem(404, "not_found", "This file belongs to another version of the screens.")
        page = self._root / "index.html"
        if not page.is_file():
            return HTMLResponse(_NOT_BUILT, 503, {"Cache-Control": "no-store"})
        return FileResponse(page, headers={"Cache-Control": "no-cache"})

    def _file(self, path: str) -> Path | None:
        if "\x00" in path or "/." in path:  # what the build notes for itself, `..`
            return None
        file = (self._root / path.lstrip("/")).resolve()
        return file if file.is_relative_to(self._root) and file.is_file() else None
