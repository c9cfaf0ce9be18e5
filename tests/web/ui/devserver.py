"""The console's HTTP contract with made-up cameras in every state, and faults one can switch on.

For the console's own states (denied, unreachable, too many attempts, sick cameras), which a healthy
system does not show on demand, and for looking at the screens while they are built:
`python -m tests.web.ui.devserver`. It sends no pictures; what plays is tested on the real system.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.web.ui.checkups import Checkups
from tests.web.ui.keeping import (
    CSRF,
    DAY,
    HOUR,
    PERMISSIONS,
    Keeping,
    Kept,
    export,
    hold,
    problem,
    rule,
    storage,
    text_time,
    volume,
)
from tests.web.ui.registry import Registering, Registry
from tests.web.ui.threadserver import in_thread, listening
from web.guard import POLICY

STATIC = Path(__file__).parents[3] / "web" / "static"
PASSWORD = "dogru-parola"
__all__ = ["export", "hold", "rule", "volume"]


def stream(state: str = "recording", **facts: Any) -> dict[str, Any]:
    return {
        "state": state,
        "since": text_time(time.time() - 5 * HOUR),
        "codec": "h264",
        "width": 1920,
        "height": 1080,
        "audio": None,
        "fps": 25.0,
        "bitrate": 4_020_000,
        "source": "native",
        "source_reason": None,
        **facts,
    }


def camera(slug: str, name: str, group: str, **facts: Any) -> dict[str, Any]:
    now = time.time()
    main = facts.pop("main", stream())
    sub = facts.pop("sub", stream("streaming", width=640, height=360, bitrate=420_000, fps=12.5))
    return {
        "id": slug,
        "name": name,
        "groups": [group],
        "location": None,
        "record": "continuous",
        "origin": "file",
        "state": "recording",
        "since": text_time(now - 5 * HOUR),
        "source": "native",
        "fps": main["fps"],
        "bitrate": main["bitrate"],
        "last_frame": text_time(now),
        "clock_offset_ms": 12,
        "problem": None,
        "problem_code": None,
        "detail": None,
        "retry_at": None,
        "streams": {"main": main} | ({"sub": sub} if sub else {}),
        **facts,
    }


def sick(slug: str, name: str, group: str, cause: str, **facts: Any) -> dict[str, Any]:
    lost = time.time() - 627
    given = {
        "state": "failed",
        "since": text_time(lost),
        "last_frame": text_time(lost),
        "fps": None,
        "bitrate": None,
        "problem": "The camera is not well.",
        "problem_code": cause,
        "retry_at": text_time(time.time() + 7),
    }
    return camera(slug, name, group, **(given | facts))


def fleet() -> list[dict[str, Any]]:
    """Cameras of every kind, with the letters and lengths that break layouts."""
    h265 = stream(codec="h265", width=2560, height=1440, audio="aac")
    libav = stream(source="libav", source_reason="the camera offers no RTSP over TCP", audio="pcma")
    names = [("meydan-1", "Meydan 1"), ("meydan-2", "Meydan 2"), ("pazar-yeri", "Pazar Yeri")]
    return [
        *(camera(slug, name, "meydan") for slug, name in names),
        camera("sehit-park", "Şehit Park", "meydan", clock_offset_ms=-94_000),
        camera("kuzey-kapi", "Kuzey Kapı", "girisler", main=h265),
        camera("otogar", "Otogar Giriş", "girisler", main=libav, source="libav", sub=None),
        sick(
            "kopru-alti",
            "Köprü Altı",
            "girisler",
            "unreachable",
            detail="connect to 10.0.0.5:554 timed out after 5 s",
        ),
        sick("bati", "Batı Kavşağı", "girisler", "refused", last_frame=None),
        camera("itfaiye", "İtfaiye Önü", "kurum-binalari"),
        camera(
            "hukumet",
            "Hükûmet Caddesi ile Atatürk Bulvarı Kavşağı, Kuzeydoğu Direği",
            "kurum-binalari",
        ),
        camera(
            "arsiv",
            "Arşiv Koridoru",
            "kurum-binalari",
            state="off",
            record="off",
            problem_code="recording_off",
        ),
        camera(
            "yeni",
            "Yeni Kamera",
            "",
            groups=[],
            state="connecting",
            last_frame=None,
            fps=None,
            bitrate=None,
            clock_offset_ms=None,
            problem_code="connecting",
        ),
    ]


@dataclass
class World:
    """What the server says; tests change it while it runs."""

    cameras: list[dict[str, Any]] = field(default_factory=fleet)
    workers: int = 2
    running: int = 2
    zone: str = "Europe/Istanbul"
    signed_in: bool = False
    retry_after: int | None = None
    fails_with: int | None = None
    gaps: list[tuple[float, float, str]] = field(default_factory=list)
    # What a gap says of itself, by its cause.
    details: dict[str, str] = field(default_factory=dict)
    # What happened: seconds since 1970, and the highest level.
    active: list[tuple[float, float, int]] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)
    registry: Registry = field(default_factory=Registry)
    # Camera → its sick checks; None: nobody looks.
    sick: dict[str, list[str]] | None = field(default_factory=dict)
    views: list[str] = field(default_factory=list)


class DevServer:
    def __init__(self, world: World) -> None:
        self.world = world
        self.url = ""
        self.keeping = Keeping(world)
        self.registering = Registering(world)
        self.checkups = Checkups(world)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._gate])
        app.router.add_post("/api/session", self.sign_in)
        app.router.add_get("/api/session", self.session)
        app.router.add_delete("/api/session", self.sign_out)
        app.router.add_get("/api/system", self.system)
        app.router.add_get("/api/cameras", self.cameras)
        app.router.add_get("/api/cameras/{id}", self.camera)
        app.router.add_get("/api/cameras/{id}/timeline", self.timeline)
        app.router.add_get("/api/cameras/{id}/activity", self.activity)
        self.keeping.add_to(app)
        self.registering.add_to(app)
        self.checkups.add_to(app)
        app.router.add_get("/{path:.*}", self.page)
        return app

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/api/") and request.path != "/api/session":
            if not self.world.signed_in:
                return problem(401, "signed_out", "Sign in first.")
            if self.world.fails_with is not None:
                return problem(self.world.fails_with, "made_up", "The test wants it so.")
        response: web.StreamResponse = await handler(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    def _body(self) -> dict[str, Any]:
        return {
            "user": {"name": "admin", "display_name": "Ayşe Yılmaz", "role": "admin"},
            "csrf": CSRF,
            "system": {"name": "Örnek Belediyesi", "timezone": self.world.zone},
            "permissions": [one for one in PERMISSIONS if one in self.world.kept.may],
        }

    async def sign_in(self, request: web.Request) -> web.Response:
        if self.world.retry_after is not None:
            wait = str(self.world.retry_after)
            return problem(429, "too_many", "Too many attempts.", **{"Retry-After": wait})
        body = await request.json()
        if body.get("password") != PASSWORD:
            return problem(401, "wrong", "The user name or the password is wrong.")
        self.world.signed_in = True
        return web.json_response(self._body())

    async def session(self, _request: web.Request) -> web.Response:
        if not self.world.signed_in:
            return problem(401, "signed_out", "Sign in first.")
        return web.json_response(self._body())

    async def sign_out(self, request: web.Request) -> web.Response:
        if request.headers.get("X-CSRF-Token") != CSRF:
            return problem(403, "csrf", "The CSRF token is missing.")
        self.world.signed_in = False
        return web.Response(status=204)

    async def system(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "name": "Örnek Belediyesi",
                "timezone": self.world.zone,
                "now": text_time(time.time()),
                "version": "0.1.0",
                "recorder": {"workers": self.world.workers, "running": self.world.running},
                "volumes": [
                    {
                        "path": "/srv/gozcu/video",
                        "total": 8 * 10**12,
                        "free": 3_400_000_000_000,
                        "reserve": 10**10,
                    }
                ],
                "counts": {"recording": 0, "failed": 0, "off": 0, "total": 0},
            }
        )

    async def cameras(self, _request: web.Request) -> web.Response:
        return web.json_response(self.world.cameras)

    async def camera(self, request: web.Request) -> web.Response:
        for found in self.world.cameras:
            if found["id"] == request.match_info["id"]:
                return web.json_response(found | self.registering.whole(found))
        return problem(404, "not_found", "There is no such camera.")

    async def timeline(self, request: web.Request) -> web.Response:
        start, end = (
            datetime.fromisoformat(request.query[name]).timestamp() for name in ("start", "end")
        )
        end = min(end, time.time())
        gaps = [gap for gap in sorted(self.world.gaps) if gap[0] < end and gap[1] > start]
        spans, at = [], start
        for begin, until, _ in gaps:
            spans.append((at, begin))
            at = until
        spans.append((at, end))
        return web.json_response(
            {
                "start": text_time(start),
                "end": text_time(end),
                "first": text_time(time.time() - 30 * 24 * HOUR),
                "spans": [{"start": text_time(a), "end": text_time(b)} for a, b in spans if b > a],
                "gaps": [
                    {
                        "start": text_time(a),
                        "end": text_time(b),
                        "seconds": b - a,
                        "cause": cause,
                        "detail": self.world.details.get(cause, ""),
                    }
                    for a, b, cause in gaps
                ],
                "activity": {"peak": [], "mean": []},
                "holds": self.keeping.held_on(request.match_info["id"], start, end),
            }
        )

    async def activity(self, request: web.Request) -> web.Response:
        start, end = (
            datetime.fromisoformat(request.query[name]).timestamp() for name in ("start", "end")
        )
        above = int(request.query.get("above", 64))
        spans = [
            {"start": text_time(a), "end": text_time(b), "peak": peak, "at": text_time(a)}
            for a, b, peak in self.world.active
            if a < end and b > start and peak >= above
        ]
        told = {"start": text_time(start), "end": text_time(end), "events": [], "unknown": []}
        return web.json_response({**told, "spans": spans, "more": False})

    async def page(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if path.startswith("api/"):
            return problem(404, "not_found", "The made-up server has no media.")
        file = STATIC / path
        return web.FileResponse(file if path and file.is_file() else STATIC / "index.html")

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[None]:
        """At `url` until the block ends."""
        at = functools.partial(web.TCPSite, host="127.0.0.1", port=port)
        async with listening(self.app(), at) as runner:
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield


@contextmanager
def running(world: World) -> Iterator[DevServer]:
    """The server, until the block ends."""
    server = DevServer(world)
    with in_thread(lambda: server.serving(0)):
        yield server


def showcase() -> World:
    """Something of everything, to look at."""
    now = time.time()
    gaps = [
        (now - 30 * DAY, now - 5 * DAY, "deleted"),
        (now - 2.2 * HOUR, now - 1.8 * HOUR, "unreachable"),
        (now - 700, now - 660, "silent"),
    ]
    kept = Kept(
        holds=[
            hold("h1", "meydan-1", 1_500, 600, until=text_time(now + 200 * DAY)),
            hold("h2", "kuzey-kapi", 2 * DAY, 3 * HOUR, made_by="mehmet"),
            hold(
                "h3",
                "otogar",
                9 * DAY,
                HOUR,
                lifted=text_time(now - DAY),
                lifted_by="ayse",
                lift_reason="Takipsizlik kararı",
            ),
        ],
        exports=[
            export("e1", "done", done=1_820_000_000, total=1_820_000_000, size=1_820_410_000),
            export(
                "e2",
                "running",
                cameras=["meydan-1", "meydan-2", "kuzey-kapi", "otogar", "itfaiye"],
                done=700_000_000,
                total=9_100_000_000,
            ),
            export("e3", "waiting", cameras=["hukumet"]),
            export("e4", "failed", error="No footage of kopru-alti in this span."),
            export("e5", "cancelled", cameras=["pazar-yeri"]),
        ],
        rules=[
            rule("varsayilan"),
            rule(
                "girisler",
                cameras=["group:girisler"],
                keep=60 * DAY,
                minimum=7 * DAY,
                reason="Giriş kameraları yönergesi, madde 4",
            ),
            rule(
                "koridor",
                origin="database",
                cameras=["arsiv", "itfaiye"],
                keep=7 * DAY,
                quota=500 * 10**9,
                reason="KVKK: kapalı alanda yedi gün",
            ),
        ],
        storage=storage(
            volumes=[
                volume("/srv/gozcu/video"),
                volume(
                    "/mnt/disk-2/video",
                    free=10**10,
                    used=7_900 * 10**9,
                    state="full",
                    quota=7_900 * 10**9,
                    detail="the reserve is reached",
                ),
                volume(
                    "/mnt/disk-3/video",
                    total=None,
                    free=None,
                    used=None,
                    state="missing",
                    detail="there is no identity file at this path",
                ),
            ],
            findings=[
                {
                    "kind": "footage_damaged",
                    "subject": "otogar/main/2026-11-21T10:00:00Z",
                    "detail": "the file's SHA-256 is not the one in the ledger",
                    "first": text_time(now - 3 * HOUR),
                    "last": text_time(now - 60),
                }
            ],
        ),
        stride=0.002,
        kept={"meydan-1": 30 * DAY, "yeni": None, "arsiv": 7 * DAY},
    )
    details = {"deleted": "varsayilan: Belediye Meclisi kararı 2025/114: otuz gün"}
    sick = {
        "meydan-2": ["turned"],
        "pazar-yeri": ["covered", "fps"],
        "itfaiye": ["keyframes", "losses"],
        "otogar": ["frozen"],
    }
    active = [(now - ago, now - ago + 7, 64 + ago % 190) for ago in range(70, 7_000, 410)]
    return World(signed_in=True, gaps=gaps, details=details, active=active, kept=kept, sick=sick)


async def main() -> None:
    """Serve until interrupted."""
    server = DevServer(showcase())
    async with server.serving(0):
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
