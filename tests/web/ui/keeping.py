"""The made-up server's keeping: holds, exports, retention and storage, as the HTTP contract has
them. It decides nothing as the real one does: it remembers what it was told and answers plausibly.
"""

from __future__ import annotations

import fnmatch
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

HOUR = 3600.0
DAY = 24 * HOUR
GB = 10**9
TB = 10**12
NOTE = (
    "gozcu.example/ledger\n1284200\nq83vEjRWeJC7qN3vEjRWeJC7qN3vEjRWeJC7qN3vEjQ=\n\n"
    "— gozcu.example/ledger Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5\n"
)
PERMISSIONS = ("hold", "export", "retention", "registry", "storage")
CSRF = "csrf-of-the-test"


def text_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def problem(status: int, code: str, detail: str, **headers: str) -> web.Response:
    body = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code}
    return web.json_response(
        body, status=status, content_type="application/problem+json", headers=headers
    )


def hold(slug: str, camera: str, ago: float, length: float, **more: Any) -> dict[str, Any]:
    """A hold on `length` seconds that began `ago` seconds before now."""
    now = time.time()
    return {
        "id": slug,
        "camera": camera,
        "start": text_time(now - ago),
        "end": text_time(now - ago + length),
        "reason": "Soruşturma 2026/11873, Cumhuriyet Başsavcılığı",
        "until": None,
        "made": text_time(now - ago + length + HOUR),
        "made_by": "ayse",
        "lifted": None,
        "lifted_by": None,
        **more,
    }


def export(slug: str, state: str, **more: Any) -> dict[str, Any]:
    now = time.time()
    return {
        "id": slug,
        "state": state,
        "cameras": ["meydan-1"],
        "start": text_time(now - 5 * HOUR),
        "end": text_time(now - 4 * HOUR),
        "reason": "Emniyet Müdürlüğü, E-48213 sayılı yazı",
        "made": text_time(now - HOUR),
        "made_by": "ayse",
        "done": 0,
        "total": 0,
        "size": None,
        "error": None,
        **more,
    }


def rule(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "keep": 30 * DAY,
        "quota": None,
        "quota_all": None,
        "minimum": 0,
        "cameras": ["*"],
        "reason": "Belediye Meclisi kararı 2025/114: otuz gün",
        "origin": "file",
        **more,
    }


def volume(path: str, **more: Any) -> dict[str, Any]:
    return {
        "uuid": "6f1d2f0a-3d0c-4b52-9a3c-0a5a4c1e7b11",
        "path": path,
        "total": 8 * TB,
        "free": 3_400 * GB,
        "used": 4_100 * GB,
        "reserve": 10 * GB,
        "quota": None,
        "state": "good",
        "detail": "",
        **more,
    }


def storage(**more: Any) -> dict[str, Any]:
    now = time.time()
    return {
        "volumes": [volume("/srv/gozcu/video")],
        "forecast": {"rate": 6_030_000, "full_at": text_time(now + 6.5 * DAY), "days_kept": 15.3},
        "findings": [],
        "ledger": {
            "size": 1_284_311,
            "root": "abcdef12345678" + "90bba8dd" * 6 + "ef",
            "checkpoint": NOTE,
            "stamped": None,
        },
        "scrub": {
            "done": 1_720 * GB,
            "total": 4_100 * GB,
            "since": text_time(now - 12 * DAY),
            "last": text_time(now - 41 * DAY),
        },
        **more,
    }


@dataclass
class Kept:
    """What the made-up server keeps; tests change it while it runs."""

    may: set[str] = field(default_factory=lambda: set(PERMISSIONS))
    holds: list[dict[str, Any]] = field(default_factory=list)
    exports: list[dict[str, Any]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=lambda: [rule("varsayilan")])
    storage: dict[str, Any] = field(default_factory=storage)
    # How much of an export is done at each question; with 0 none goes on.
    stride: float = 0.25
    # Days that fit on the disks, and kept seconds per camera (else five days).
    fits: float | None = 18 * DAY
    kept: dict[str, float | None] = field(default_factory=dict)
    # Bodies of all changes asked for, by method and path.
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refuses_with: str = ""
    # Why a rule must be meant, and why the clock is in doubt.
    harm: str = ""
    clock: str | None = None


class Keeping:
    """The routes; `world` has `kept` and `cameras`."""

    def __init__(self, world: Any) -> None:
        self.world = world

    @property
    def kept(self) -> Kept:
        kept: Kept = self.world.kept
        return kept

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/api/holds", self._gated("hold", self.holds))
        app.router.add_post("/api/holds", self._gated("hold", self.make_hold))
        app.router.add_post("/api/holds/{id}/lift", self._gated("hold", self.lift))
        app.router.add_get("/api/exports", self._gated("export", self.exports))
        app.router.add_post("/api/exports", self._gated("export", self.make_export))
        app.router.add_get("/api/exports/{id}", self._gated("export", self.one_export))
        app.router.add_delete("/api/exports/{id}", self._gated("export", self.end_export))
        app.router.add_get("/api/exports/{id}/file", self._gated("export", self.file))
        app.router.add_get("/api/retention", self._gated("retention", self.retention))
        app.router.add_post("/api/retention/preview", self._gated("retention", self.preview))
        confirm = self._gated("retention", self.confirm_clock)
        app.router.add_post("/api/retention/confirm-clock", confirm)
        app.router.add_put("/api/retention/rules/{name}", self._gated("retention", self.put_rule))
        app.router.add_delete(
            "/api/retention/rules/{name}", self._gated("retention", self.delete_rule)
        )
        app.router.add_get("/api/storage", self._gated("storage", self.facts))

    def _gated(self, permission: str, handler: Any) -> Any:
        async def gate(request: web.Request) -> web.StreamResponse:
            if permission not in self.kept.may:
                return problem(403, "denied", f"ayse (operator) may not use {permission}.")
            if request.method != "GET":
                if request.headers.get("X-CSRF-Token") != CSRF:
                    return problem(403, "csrf", "The CSRF token is missing.")
                body = await request.json() if request.can_read_body else {}
                self.kept.asked.append((f"{request.method} {request.path}", body))
                if self.kept.refuses_with:
                    return problem(422, "refused", self.kept.refuses_with)
            answer: web.StreamResponse = await handler(request)
            return answer

        return gate

    def held_on(self, camera: str, start: float, end: float) -> list[dict[str, Any]]:
        """The timeline's holds."""
        return [
            {key: one[key] for key in ("id", "start", "end", "reason", "until")}
            for one in self.kept.holds
            if one["camera"] == camera
            and one["lifted"] is None
            and instant(one["start"]) < end
            and instant(one["end"]) > start
        ]

    async def holds(self, _request: web.Request) -> web.Response:
        return web.json_response(self.kept.holds)

    async def make_hold(self, request: web.Request) -> web.Response:
        made = {
            **hold(f"h{len(self.kept.holds) + 1}", "", 0, 0),
            **await request.json(),
            "made": text_time(time.time()),
        }
        self.kept.holds.append(made)
        return web.json_response(made, status=201)

    async def lift(self, request: web.Request) -> web.Response:
        body = await request.json()
        for one in self.kept.holds:
            if one["id"] == request.match_info["id"]:
                one |= {"lifted": text_time(time.time()), "lifted_by": "ayse"}
                one["lift_reason"] = body["reason"]
                return web.json_response(one)
        return problem(404, "not_found", "There is no such hold.")

    def _advance(self, job: dict[str, Any]) -> None:
        if job["state"] not in ("waiting", "running") or self.kept.stride == 0:
            return
        job["state"], job["total"] = "running", job["total"] or 1_800_000_000
        job["done"] = min(job["total"], job["done"] + int(job["total"] * self.kept.stride))
        if job["done"] == job["total"]:
            job["state"], job["size"] = "done", job["total"] + 41_000

    async def exports(self, _request: web.Request) -> web.Response:
        for job in self.kept.exports:
            self._advance(job)
        return web.json_response(self.kept.exports)

    async def make_export(self, request: web.Request) -> web.Response:
        body = await request.json()
        wanted = {key: body[key] for key in ("cameras", "start", "end", "reason")}
        made = {**export(f"e{len(self.kept.exports) + 1}", "waiting"), **wanted}
        made["made"] = text_time(time.time())
        self.kept.exports.append(made)
        return web.json_response(made, status=201)

    def _export(self, request: web.Request) -> dict[str, Any] | None:
        wanted = request.match_info["id"]
        return next((job for job in self.kept.exports if job["id"] == wanted), None)

    async def one_export(self, request: web.Request) -> web.Response:
        job = self._export(request)
        if job is None:
            return problem(404, "not_found", "There is no such export.")
        self._advance(job)
        return web.json_response(job)

    async def end_export(self, request: web.Request) -> web.Response:
        job = self._export(request)
        if job is None:
            return problem(404, "not_found", "There is no such export.")
        if job["state"] in ("waiting", "running"):
            job["state"] = "cancelled"
        else:
            self.kept.exports.remove(job)
        return web.Response(status=204)

    async def file(self, request: web.Request) -> web.Response:
        name = f"export-{request.match_info['id']}.zip"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return web.Response(body=b"PK\x05\x06" + bytes(18), headers=headers)

    def _matches(self, one: dict[str, Any], camera: dict[str, Any]) -> bool:
        names = [camera["id"], *(f"group:{group}" for group in camera["groups"])]
        return any(fnmatch.fnmatch(name, pattern) for name in names for pattern in one["cameras"])

    def _rule_of(self, camera: dict[str, Any]) -> dict[str, Any] | None:
        found = [one for one in self.kept.rules if self._matches(one, camera)]
        return found[-1] if found else None

    async def retention(self, _request: web.Request) -> web.Response:
        cameras = []
        for camera in self.world.cameras:
            ruling = self._rule_of(camera)
            cameras.append(
                {
                    "camera": camera["id"],
                    "rule": ruling["name"] if ruling else None,
                    "promised": ruling["keep"] if ruling else None,
                    "kept": self.kept.kept.get(camera["id"], 5 * DAY),
                    "bytes": 217 * GB,
                    "rate": 502_500,
                    "fits": self.kept.fits,
                }
            )
        rules = [
            {
                **one,
                "matches": [
                    camera["id"] for camera in self.world.cameras if self._rule_of(camera) is one
                ],
            }
            for one in self.kept.rules
        ]
        return web.json_response({"rules": rules, "cameras": cameras, "clock": self.kept.clock})

    async def preview(self, request: web.Request) -> web.Response:
        body = await request.json()
        cameras = []
        for camera in self.world.cameras:
            ruling = [one for one in body["rules"] if self._matches(one, camera)]
            keep = ruling[-1]["keep"] if ruling else None
            over = 0 if keep is None else max(0, 5 * DAY - keep)
            cameras.append(
                {
                    "camera": camera["id"],
                    "segments": int(over / 60),
                    "bytes": int(over * 502_500),
                    "seconds": over,
                    "oldest": text_time(time.time() - 5 * DAY) if over else None,
                    "fits": self.kept.fits,
                }
            )
        total = {
            key: sum(camera[key] for camera in cameras) for key in ("segments", "bytes", "seconds")
        }
        return web.json_response({**total, "cameras": cameras})

    async def put_rule(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if self.kept.harm and request.query.get("meant") != "true":
            return problem(422, "harmful", self.kept.harm)
        put = {**await request.json(), "name": name, "origin": "database"}
        for index, one in enumerate(self.kept.rules):
            if one["name"] == name:
                if one["origin"] == "file":
                    return problem(409, "read_only", "cameras.toml declares this rule.")
                self.kept.rules[index] = put
                return web.Response(status=204)
        self.kept.rules.append(put)
        return web.Response(status=204)

    async def confirm_clock(self, _request: web.Request) -> web.Response:
        self.kept.clock = None
        return web.json_response({"clock": text_time(time.time())})

    async def delete_rule(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.kept.rules = [one for one in self.kept.rules if one["name"] != name]
        return web.Response(status=204)

    async def facts(self, _request: web.Request) -> web.Response:
        return web.json_response(self.kept.storage)
