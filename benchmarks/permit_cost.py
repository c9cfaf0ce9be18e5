"""What it costs to decide who may have a piece of footage, beside sending that piece.

A real server and a real database; a person whose role is held on a group of 200 cameras asks again
and again for a second of a 4 Mbit/s camera (512 KB), over one connection. Promise: the decision
takes at most 1 % of the processor time of the request. Told beside it: the whole door, which also
finds out who asks, remembered (a player's burst) and asked of the database anew.
"""

from __future__ import annotations

import http.client
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.requests import HTTPConnection

from benchmarks.report import Figure, Report
from storage.facts import RunFacts
from storage.recording import Store
from tests.storage.encoded import coded, fragments
from tests.web.site import Served, WebSite, open_web_site, serve_web_site
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.config_camera import CameraSettings
from vms.core.model import CameraId, StreamKey
from vms.people.roles import Granted
from web import permit, recognised

REQUESTS = 2_000
CAMERAS = 200
SIZE = 512 * 1024
PROMISE = 1.0
_FILLER = (20_000).to_bytes(4, "big") + b"\x0c" + b"\xff" * 19_999  # a NAL unit of filler data
_PLACES: tuple[tuple[Any, str], ...] = (
    (permit, "decide"),
    (permit.Permit, "__call__"),
    (recognised._Kept, "ask"),
)
START = Instant(1_763_800_000 * SECOND)
CAMERA = "city-000"


def run(requests: int = REQUESTS) -> Report:
    """Three rounds of each; the median is told."""
    with tempfile.TemporaryDirectory() as folder, _site(Path(folder)) as served:
        rounds = [_round(served, requests // 3, remembered=True) for _ in range(3)]
        anew = [_round(served, requests // 3, remembered=False) for _ in range(3)]
    decide = statistics.median(one["decide"] for one in rounds)
    door, asked = (statistics.median(one["door"] for one in them) for them in (rounds, anew))
    whole = statistics.median(one["request"] for one in rounds)
    return Report(
        name="permit_cost",
        title="Deciding who may have a piece of footage",
        how=(
            f"{requests:,} requests for {SIZE // 1024} KB of a camera, whose reader holds a role "
            f"on a group of {CAMERAS} cameras; processor time of the process that serves, its "
            "client in it too."
        ),
        figures=(
            Figure("the decision, of the request", 100 * decide / whole, "%", PROMISE, digits=2),
            Figure("who asks and the decision, remembered", 100 * door / whole, "%", digits=2),
            Figure("the same, asked of the database", 100 * asked / whole, "%", digits=1),
            Figure("a whole request", whole, "µs", digits=0),
        ),
    )


@contextmanager
def _site(folder: Path) -> Iterator[Served]:
    clock = FakeClock(Instant(START + 60 * SECOND))
    with open_web_site(folder, clock) as site:
        for number in range(CAMERAS):
            site.parts.cameras.add(
                CameraSettings.model_validate(
                    {"id": f"city-{number:03d}", "source": "rtsp://10.0.0.5/x", "groups": ["city"]}
                ),
                "bench",
            )
        _footage(site)
        site.parts.accounts.grant("ali", [Granted("operator", ("group:city",))])
        with serve_web_site(site) as served:
            yield served


def _footage(site: WebSite) -> None:
    """A file of more than `SIZE`."""
    stream, clock = coded(), site.clock
    key = StreamKey(CameraId(CAMERA))
    with Store(site.parts.settings, clock, threads=False) as store:
        store.recover([key])
        segment = store.open_segment(key, START, stream.format, RunFacts(1, START))
        for fragment in fragments(stream):
            samples = [one._replace(data=one.data + _FILLER) for one in fragment.video]
            if not segment.append(replace(fragment, video=samples)):
                raise RuntimeError("the store took no footage")
        segment.close(Instant(START + 4 * SECOND))
        store.pump()


class _Timed:
    """Processor time of the decision, of the whole door, and of questions to the database, ns.

    The door runs in the loop's thread; where it asks the database it waits for another thread,
    whose time is told by itself.
    """

    def __init__(self) -> None:
        self.spent = dict.fromkeys(("decide", "door", "database", "asked"), 0)

    def __enter__(self) -> _Timed:
        self._before = [getattr(owner, name) for owner, name in _PLACES]
        decide, door, ask = self._before

        def timed_decide(*asked: Any) -> Any:
            begun = time.thread_time_ns()
            found = decide(*asked)
            self.spent["decide"] += time.thread_time_ns() - begun
            return found

        async def timed_door(self_: permit.Permit, connection: HTTPConnection) -> Any:
            begun = time.thread_time_ns()
            found = await door(self_, connection)
            self.spent["door"] += time.thread_time_ns() - begun
            return found

        def timed_ask(*asked: Any) -> Any:
            begun = time.thread_time_ns()
            found = ask(*asked)
            self.spent["database"] += time.thread_time_ns() - begun
            self.spent["asked"] += 1
            return found

        self._put([timed_decide, timed_door, timed_ask])
        return self

    def __exit__(self, *_: object) -> None:
        self._put(self._before)

    def _put(self, functions: list[Any]) -> None:
        for (owner, name), function in zip(_PLACES, functions, strict=True):
            setattr(owner, name, function)


def _round(served: Served, requests: int, *, remembered: bool) -> dict[str, float]:
    """µs of processor time for each request: decide, the whole door, all of it."""
    client = http.client.HTTPConnection("127.0.0.1", served.port)
    path = f"/api/cameras/{CAMERA}/segments/{START}.mp4"
    headers = {"Cookie": served.cookie, "Range": f"bytes=0-{SIZE - 1}"}
    with _Timed() as timed:
        begun = time.process_time_ns()
        for _ in range(requests):
            if not remembered:
                served.site.clock.advance(recognised.FRESH)
            client.request("GET", path, headers=headers)
            answer = client.getresponse()
            body = answer.read()
            if (answer.status, len(body)) != (206, SIZE):
                raise RuntimeError(f"answered {answer.status} with {len(body)} bytes")
        whole = time.process_time_ns() - begun
    client.close()
    spent = timed.spent
    if (spent["asked"] >= requests) is remembered:
        raise RuntimeError(f"the database was asked {spent['asked']} times in {requests} requests")
    found = {"request": whole, "decide": spent["decide"], "door": spent["door"] + spent["database"]}
    return {name: value / requests / 1_000 for name, value in found.items()}
