"""The made-up server's registry: cameras as people enter them, a search and trials, as the HTTP
contract has them. It remembers what it was told and answers plausibly.
"""

from __future__ import annotations

import base64
import copy
import functools
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
from aiohttp import web

from tests.web.ui.keeping import CSRF, HOUR, Kept, problem, text_time
from vms.cameras.schedule_change import entered_schedule

CLOCK_OFF = {
    "code": "clock_off",
    "en": "Its clock is off by more than 2 s; give it an NTP server.",
    "tr": "Saati 2 saniyeden fazla sapmış; bir NTP sunucusu verin.",
}
LONG = "Hükûmet Caddesi ile Atatürk Bulvarı Kavşağı, Kuzeydoğu Direği"


def registered(slug: str, name: str, *groups: str, **more: Any) -> dict[str, Any]:
    return {
        "id": slug,
        "name": name,
        "groups": list(groups),
        "source": f"rtsp://10.1.0.{5 + len(slug)}/main",
        "sub": f"rtsp://10.1.0.{5 + len(slug)}/sub",
        "onvif": None,
        "onvif_certificate": "any",
        "onvif_source": None,
        "username": "vms",
        "transport": "auto",
        "record": "continuous",
        "privacy": None,
        "pre_roll": 10_000_000_000,
        "post_roll": 20_000_000_000,
        "location": None,
        "motion": None,
        "inventory": None,
        "has_password": True,
        "origin": "database",
        **more,
    }


def hours() -> list[dict[str, Any]]:
    return [
        {"name": "gece", "spans": ["daily 22:00-06:00"], "origin": "database"},
        {
            "name": "mesai",
            "spans": ["mon-fri 08:00-18:00", "sat 09:00-12:00"],
            "origin": "file",
        },
    ]


def label(make: str, model: str, **more: Any) -> dict[str, Any]:
    return {
        "make": make, "model": model, "serial": "", "firmware": "", "mac": "",
        "installed": None, "warranty_until": None, "notes": "", **more,
    }  # fmt: skip


def everything() -> list[dict[str, Any]]:
    """Of both origins and each way of recording, with the names that break layouts."""
    return [
        registered("meydan-1", "Meydan 1", "meydan", origin="file"),
        registered("meydan-2", "Meydan 2", "meydan", inventory=label("Hikvision", "DS-2CD2143G2")),
        registered("kuzey-kapi", "Kuzey Kapı", "girisler", record="events"),
        registered("kopru-alti", "Köprü Altı", "girisler", "meydan", record="schedule:mesai"),
        registered("hukumet", LONG, "kurum-binalari",
                   inventory=label("Axis", "P3265-LVE High-Performance Outdoor Dome")),
        registered("arsiv", "Arşiv Koridoru", "kurum-binalari", record="off", username=None,
                   has_password=False),
        registered("yeni", "", source="rtsp://kamera-deposu.ornek-belediyesi.lan:8554/live/ch0"),
    ]  # fmt: skip


def found(number: int, **more: Any) -> dict[str, Any]:
    streams = [
        {"stream": "main", "uri": "", "codec": "h265", "width": 3840, "height": 2160, "fps": 25.0},
        {"stream": "sub", "uri": "", "codec": "h264", "width": 640, "height": 360, "fps": 12.0},
    ]
    return {
        "number": number,
        "address": f"10.1.0.{20 + number}",
        "port": 80,
        "onvif": f"http://10.1.0.{20 + number}:80/onvif/device_service",
        "name": "IPC",
        "hardware": "DS-2CD2143G2-I",
        "make": "Hikvision",
        "model": "DS-2CD2143G2-I",
        "firmware": "V5.7.1",
        "serial": "DS2143",
        "mac": "aa:bb:cc:00:11:22",
        "clock_offset_ms": 0.0,
        "streams": streams,
        "username": "vms",
        "camera": None,
        "suggestion": {"id": "ipc", "name": "IPC"},
        "trouble": None,
        "problem": None,
        "detail": None,
        "picture": True,
        **more,
    }


def refused(number: int) -> dict[str, Any]:
    nothing = dict.fromkeys(("make", "model", "firmware", "clock_offset_ms", "suggestion"))
    return found(
        number, **nothing, streams=[], picture=False, trouble="refused", username=None,
        problem={"en": "The camera refuses the user or the password.",
                 "tr": "Kamera kullanıcı adını ya da parolayı kabul etmiyor."},
        detail=f"10.1.0.{20 + number}:80: Sender not Authorized (HTTP 401)",
    )  # fmt: skip


def crowd() -> list[dict[str, Any]]:
    return [
        found(0),
        found(1, make="Axis", model="P3265-LVE", name="AXIS P3265-LVE", clock_offset_ms=-94_000.0,
              suggestion={"id": "axis-p3265-lve", "name": "AXIS P3265-LVE"}),
        found(2, camera="meydan-2", suggestion=None),
        refused(3),
        found(4, port=8080, picture=True),
    ]  # fmt: skip


@functools.cache
def jpeg(shade: int = 90) -> bytes:
    picture = np.full((180, 320, 3), (shade, 80, 60), np.uint8)
    cv2.rectangle(picture, (0, 110), (320, 180), (70, 90, 70), -1)
    return bytes(cv2.imencode(".jpg", picture)[1].tobytes())


def tried(camera: str | None = None, **more: Any) -> dict[str, Any]:
    stream = {
        "stream": "main", "url": "rtsp://10.1.0.5/main", "problem": None, "detail": None,
        "connected_ms": 38.0, "source": "native", "reason": None, "notes": [], "codec": "h264",
        "width": 1920, "height": 1080, "sound": "aac 16000 Hz",
        "pictures": {
            "count": 60, "keyframes": 2, "fps": 12.4, "fps_of_camera": 12.5, "fps_declared": 25.0,
            "first_keyframe_ms": 412.0, "keyframe_distance": 50, "keyframe_distance_ms": 4_000.0,
            "keyframe_bytes": 90_000, "picture_bytes": 9_000, "largest_bytes": 91_000,
            "bitrate": 2_100_000,
        },
        "counters": {"lost": 0}, "sender_reports": 1, "clock_offset_ms": -94_000.0,
        "keep_alive_answered": True,
        "warnings": [CLOCK_OFF],
        "picture": base64.b64encode(jpeg()).decode(), **more,
    }  # fmt: skip
    well = stream["problem"] is None
    return {"at": text_time(time.time()), "camera": camera, "well": well, "streams": [stream],
            "onvif": None}  # fmt: skip


def failed_trial() -> dict[str, Any]:
    return tried(
        problem={"code": "refused", "en": "The camera refuses the user or the password.",
                 "tr": "Kamera kullanıcı adını ya da parolayı kabul etmiyor."},
        detail="10.1.0.5:554 does not accept the user and password.", pictures=None, codec=None,
        width=None, height=None, source=None, picture=None, warnings=[], clock_offset_ms=None,
    )  # fmt: skip


@dataclass
class Registry:
    """What stands in it. `trial`: what the next test answers; `slow`: seconds it takes."""

    cameras: list[dict[str, Any]] = field(default_factory=everything)
    searches: list[dict[str, Any]] = field(default_factory=list)
    crowd: list[dict[str, Any]] = field(default_factory=crowd)
    trial: dict[str, Any] = field(default_factory=tried)
    schedules: list[dict[str, Any]] = field(default_factory=hours)
    # What is wrong with the next change, by field.
    wrong: dict[str, str] = field(default_factory=dict)
    said: list[tuple[str, Any]] = field(default_factory=list)


class World(Protocol):
    registry: Registry
    kept: Kept


class Registering:
    """Routes over a world's registry."""

    def __init__(self, world: World) -> None:
        self._world = world

    def add_to(self, app: web.Application) -> None:
        router = app.router
        router.add_get("/api/registry", self.list)
        router.add_get("/api/schedules", self.schedules)
        router.add_post("/api/schedules", self.make_schedule)
        router.add_put("/api/schedules/{name}", self.change_schedule)
        router.add_delete("/api/schedules/{name}", self.remove_schedule)
        router.add_post("/api/registry/file", self.file)
        router.add_post("/api/cameras", self.add)
        router.add_post("/api/cameras/test", self.test)
        router.add_post("/api/cameras/{id}/test", self.test)
        router.add_post("/api/cameras/{id}/replace", self.patch)
        router.add_patch("/api/cameras/{id}", self.patch)
        router.add_delete("/api/cameras/{id}", self.remove)
        router.add_get("/api/cameras/{id}/history", self.history)
        router.add_get("/api/cameras/{id}/settings", self.settings)
        router.add_get("/api/cameras/{id}/motion", self.motion)
        router.add_get("/api/discovery", self.searches)
        router.add_post("/api/discovery", self.search)
        router.add_get("/api/discovery/networks", self.networks)
        router.add_post("/api/discovery/{id}/stop", self.stop)
        router.add_post("/api/discovery/{id}/cameras", self.take)
        router.add_post("/api/discovery/{id}/cameras/{n}/test", self.test)
        router.add_get("/api/discovery/{id}/pictures/{n}.jpg", self.picture)

    @property
    def _here(self) -> Registry:
        return self._world.registry

    async def _body(self, request: web.Request) -> Any:
        assert request.headers.get("X-CSRF-Token") == CSRF
        body = await request.json()
        self._here.said.append((request.path, copy.deepcopy(body)))
        return body

    def _refusal(self) -> web.Response | None:
        wrong, self._here.wrong = self._here.wrong, {}
        if not wrong:
            return None
        errors = [
            {"in": "body", "field": k, "message": v, "remedy": None} for k, v in wrong.items()
        ]
        body = {"status": 422, "code": "validation", "detail": "; ".join(wrong.values())}
        return web.json_response(
            body | {"errors": errors}, status=422, content_type="application/problem+json"
        )

    def _denied(self) -> web.Response | None:
        if "registry" in self._world.kept.may:
            return None
        return problem(403, "denied", "ali (operator) may not use registry.")

    async def list(self, _request: web.Request) -> web.Response:
        return self._denied() or web.json_response(self._here.cameras)

    async def schedules(self, _request: web.Request) -> web.Response:
        return self._denied() or web.json_response([*map(self._used, self._here.schedules)])

    def _used(self, schedule: dict[str, Any]) -> dict[str, Any]:
        name, cameras = schedule["name"], self._here.cameras
        recorded = [one["id"] for one in cameras if one["record"] == f"schedule:{name}"]
        hidden = [one["id"] for one in cameras if one["privacy"] == name]
        return schedule | {"recorded": recorded, "hidden": hidden}

    async def make_schedule(self, request: web.Request) -> web.Response:
        return await self._take(await self._body(request), 201)

    async def change_schedule(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        return await self._take({"name": request.match_info["name"], **body}, 200)

    async def _take(self, body: dict[str, Any], status: int) -> web.Response:
        """As the server reads it: what the screens write must be what cameras.toml may hold."""
        if refusal := self._refusal():
            return refusal
        wanted = entered_schedule(body)
        one = {"name": wanted.name, "spans": list(wanted.spans), "origin": "database"}
        others = [known for known in self._here.schedules if known["name"] != wanted.name]
        self._here.schedules = sorted([*others, one], key=lambda known: str(known["name"]))
        return web.json_response(self._used(one), status=status)

    async def remove_schedule(self, request: web.Request) -> web.Response:
        assert request.headers.get("X-CSRF-Token") == CSRF
        name = request.match_info["name"]
        self._here.said.append((request.path, "removed"))
        self._here.schedules = [one for one in self._here.schedules if one["name"] != name]
        return web.Response(status=204)

    def whole(self, camera: dict[str, Any]) -> dict[str, Any]:
        """What a camera's own answer has besides what the list says."""
        known = next((one for one in self._here.cameras if one["id"] == camera["id"]), {})
        names = {camera["record"].removeprefix("schedule:"), camera.get("privacy")}
        return {
            "location": known.get("location"),
            "inventory": known.get("inventory"),
            "schedules": [
                {"name": one["name"], "spans": one["spans"]}
                for one in self._here.schedules
                if one["name"] in names
            ],
        }

    async def add(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if refusal := self._refusal():
            return refusal
        body.pop("password", None)
        made = registered(body.pop("id"), body.pop("name"), **body)
        self._here.cameras.append(made)
        return web.json_response(made, status=201)

    async def patch(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if refusal := self._refusal():
            return refusal
        body.pop("password", None)
        one = self._one(request)
        if body.get("inventory"):  # what is left out of a device is empty
            body["inventory"] = {**label("", ""), **body["inventory"]}
        one |= body
        return web.json_response(one)

    async def settings(self, request: web.Request) -> web.Response:
        return self._denied() or web.json_response(self._one(request))

    async def motion(self, request: web.Request) -> web.Response:
        """Something moves in the first zone, in the middle of the picture."""
        drawn = (self._one(request)["motion"] or {}).get("zones", [])
        names = [zone["name"] for zone in drawn if zone["include"]] or ["*"]
        now = text_time(time.time())
        zones = [
            {"name": name, "share": 0.0042 if number == 0 else 0.0008, "limit": 0.003,
             "since": now if number == 0 else None}
            for number, name in enumerate(names)
        ]  # fmt: skip
        cells = np.zeros((18, 32), np.bool_)
        cells[8:12, 10:14] = True
        return web.json_response({
            "looks": True, "at": now, "view": True, "seldom": False, "zones": zones,
            "columns": 32, "rows": 18, "cells": np.packbits(cells).tobytes().hex(),
        })  # fmt: skip

    async def remove(self, request: web.Request) -> web.Response:
        self._here.cameras.remove(self._one(request))
        return web.json_response({"camera": "", "first": None, "detail": ""})

    async def history(self, _request: web.Request) -> web.Response:
        now = time.time()
        fields = [{"name": "source", "before": "rtsp://10.1.0.4/a", "after": "rtsp://10.1.0.9/main"},
                  {"name": "inventory.make", "before": "none", "after": "Axis"}]  # fmt: skip
        return web.json_response([
            {"at": text_time(now - HOUR), "by": "ayse", "kind": "replaced", "fields": fields},
            {"at": text_time(now - 90 * HOUR), "by": "root (command line)", "kind": "added",
             "fields": []},
        ])  # fmt: skip

    async def test(self, request: web.Request) -> web.Response:
        await self._body(request)
        return self._refusal() or web.json_response(self._here.trial)

    async def file(self, request: web.Request) -> web.Response:
        text = await request.text()
        self._here.said.append((request.path_qs, text))
        if "wrong" in text:
            detail = "nothing was imported:\ncameras.csv:2: column 1 id: can't name a camera"
            return problem(409, "refused", detail)
        return web.json_response([
            {"camera": "park-1", "kind": "added", "fields": []},
            {"camera": "meydan-2", "kind": "changed",
             "fields": [{"name": "name", "before": "Meydan 2", "after": "Meydan 2 Kuzey"}]},
        ])  # fmt: skip

    async def networks(self, _request: web.Request) -> web.Response:
        return web.json_response(["10.0.0.0/8", "192.168.0.0/16"])

    async def searches(self, _request: web.Request) -> web.Response:
        return self._denied() or web.json_response(self._here.searches)

    async def search(self, request: web.Request) -> web.Response:
        order = await self._body(request)
        begun = {
            "id": f"s{len(self._here.searches)}", "state": "running", "by": "admin",
            "started": text_time(time.time()), "ranges": order["ranges"],
            "multicast": order["multicast"], "answers": None, "described": 0, "error": None,
            "found": [],
        }  # fmt: skip
        self._here.searches.insert(0, begun)
        return web.json_response(begun, status=201)

    def answer(self, count: int, *, over: bool) -> None:
        """Let the search go on: so many are described."""
        now, crowd = self._here.searches[0], self._here.crowd
        now |= {"answers": len(crowd), "described": count, "found": crowd[:count]}
        now["state"] = "done" if over else "running"

    async def stop(self, _request: web.Request) -> web.Response:
        self._here.searches[0]["state"] = "stopped"
        return web.json_response(self._here.searches[0])

    async def take(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if refusal := self._refusal():
            return refusal
        for one in body:
            self._here.crowd[one["number"]] |= {"camera": one["camera"]["id"], "suggestion": None}
        return web.json_response({"cameras": [one["camera"]["id"] for one in body]}, status=201)

    async def picture(self, request: web.Request) -> web.Response:
        number = int(request.match_info["n"])
        if number == 4:
            return problem(503, "camera", "the camera answers 404 and no JPEG")
        return web.Response(body=jpeg(60 + 40 * number), content_type="image/jpeg")

    def _one(self, request: web.Request) -> dict[str, Any]:
        wanted = request.match_info["id"]
        known = next((one for one in self._here.cameras if one["id"] == wanted), None)
        if known is None:  # the wall has cameras that the list of these tests has not
            known = registered(wanted, wanted)
            self._here.cameras.append(known)
        return known
