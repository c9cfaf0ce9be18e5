"""The made-up server's health of cameras: checks, pictures and days, by the HTTP contract."""

from __future__ import annotations

import functools
import time
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from aiohttp import web

from tests.cameras.streets import Street, planted
from tests.web.ui.keeping import CSRF, DAY, HOUR, problem, text_time
from vms.cameras.health.checks import RULES, Check
from vms.cameras.health.looks import Fault

_VALUES = {
    "fps": (7.8, 15.0),
    "bitrate": (4_020_000, 400_000),
    "keyframes": (16.0, 10.0),
    "losses": (0.021, 0.005),
    "clock": (0.012, 2.0),
    "turned": (0.31, 0.72),
    "covered": (0.94, 0.6),
    "gaps": (40.0, 60.0),
    "kept": (27.4, 30.0),
}
_BEGAN = 47 * 60
_NEVER_SET = -56 * 365.25 * 86_400  # s: a clock that counts from 1970


class World(Protocol):
    """What of the world is shown here."""

    sick: dict[str, list[str]] | None
    views: list[str]
    zone: str


class Checkups:
    def __init__(self, world: World) -> None:
        self.world = world

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/api/health", self.all)
        app.router.add_get("/api/cameras/{id}/health", self.one)
        app.router.add_post("/api/cameras/{id}/health/view", self.view)
        app.router.add_get("/api/cameras/{id}/days", self.days)
        app.router.add_get("/api/cameras/{id}/frame.jpg", self.frame)

    async def all(self, _request: web.Request) -> web.Response:
        if self.world.sick is None:
            return web.json_response({"looked": None, "cameras": []})
        cameras = [
            {"camera": name, "checks": [check(one, "sick") for one in sick], **pictures(name)}
            for name, sick in self.world.sick.items()
        ]
        return web.json_response({"looked": text_time(time.time()), "cameras": cameras})

    async def one(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        nobody = self.world.sick is None
        sick = (self.world.sick or {}).get(name, [])
        state = dict.fromkeys(Check, "unknown" if nobody else "well") | dict.fromkeys(sick, "sick")
        state[Check.RESYNCS] = "unknown"
        return web.json_response(
            {
                "camera": name,
                "looked": None if nobody else text_time(time.time()),
                "checks": [check(one, state[one]) for one in Check],
                **pictures(name),
                "history": [
                    {
                        "check": one,
                        "start": text_time(time.time() - ago),
                        "end": text_time(time.time() - ago + lasted),
                        "value": None,
                        "limit": None,
                        "detail": "",
                        "good": text_time(time.time() - ago - 60),
                    }
                    for one, ago, lasted in (
                        ("reachable", 2.2 * HOUR, 0.4 * HOUR),
                        ("blurred", 3 * DAY, 9 * HOUR),
                    )
                ],
            }
        )

    async def view(self, request: web.Request) -> web.Response:
        if request.headers.get("X-CSRF-Token") != CSRF:
            return problem(403, "csrf", "The CSRF token is missing.")
        name = request.match_info["id"]
        self.world.views.append(name)
        return web.json_response({"camera": name, "since": text_time(time.time())}, status=201)

    async def days(self, request: web.Request) -> web.Response:
        count = int(request.query["days"])
        zone = ZoneInfo(self.world.zone)
        now = datetime.now(zone)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        days = [day(today - timedelta(days=back), back, now) for back in range(count - 1, -1, -1)]
        return web.json_response({"timezone": self.world.zone, "days": days})

    async def frame(self, request: web.Request) -> web.Response:
        at = datetime.fromisoformat(request.query["at"]).timestamp()
        sick = (self.world.sick or {}).get(request.match_info["id"], [])
        fault = sick[0] if sick and time.time() - at < _BEGAN else None
        return web.Response(body=_jpeg(request.match_info["id"], fault), content_type="image/jpeg")


def check(name: str, state: str) -> dict[str, Any]:
    value, limit = _VALUES.get(name, (None, None))
    if (name, state) == ("clock", "sick"):
        value = _NEVER_SET
    now = time.time()
    return {
        "check": str(name),
        "state": state,
        "since": text_time(now - _BEGAN) if state == "sick" else None,
        "at": None if state == "unknown" else text_time(now - 40),
        "value": None if state == "unknown" else value,
        "limit": limit,
        "unit": RULES[Check(name)].unit,
        "detail": "",
    }


def pictures(name: str) -> dict[str, Any]:
    def stored(at: float) -> dict[str, str]:
        text = text_time(at)
        return {"at": text, "url": f"/api/cameras/{name}/frame.jpg?at={text}"}

    return {"good": stored(time.time() - _BEGAN - 60), "present": stored(time.time() - 65)}


def day(start: datetime, back: int, now: datetime) -> dict[str, Any]:
    """A month with something of everything: deleted, lost, private."""
    end = start + timedelta(days=1)
    passed = (min(now, end) - start).total_seconds()
    gaps: dict[str, float] = {}
    if back > 25:
        gaps = {"deleted": passed}
    elif back == 17:
        gaps = {"unreachable": 9 * HOUR, "connecting": 40.0}
    elif back in (11, 4):
        gaps = {"silent": 35.0}
    elif back in (8, 9):
        gaps = {"privacy": 10 * HOUR}
    lost = sum(seconds for cause, seconds in gaps.items() if cause not in ("deleted", "privacy"))
    return {
        "date": start.date().isoformat(),
        "start": text_time(start.timestamp()),
        "end": text_time(end.timestamp()),
        "recorded": passed - sum(gaps.values()),
        "lost": lost,
        "chosen": gaps.get("privacy", 0.0),
        "gaps": [
            {"cause": cause, "seconds": seconds, "lost": cause not in ("deleted", "privacy")}
            for cause, seconds in gaps.items()
        ],
    }


@functools.cache
def _jpeg(name: str, fault: str | None) -> bytes:
    street = Street(len(name))
    picture = street.picture(1)
    if fault in list(Fault):
        picture = planted(street, Fault(fault), picture, picture)
    coded: np.ndarray[Any, Any] = cv2.imencode(".jpg", picture)[1]
    return coded.tobytes()
