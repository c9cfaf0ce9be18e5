"""One client run wild is told 429 with Retry-After; nobody else notices, and no wall of 36."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from tests.web.api.contract import send
from tests.web.site import WebSite, open_web_site
from web.guard import ClientLimits
from web.limits import (
    BURST,
    CLIENTS_MAX,
    DOWNLOADS,
    REQUESTS_PER_SECOND,
    UNDER_WAY,
    Limits,
    client_of,
)  # fmt: skip


def test_after_a_burst_requests_come_at_their_rate() -> None:
    limits, now = Limits(), 100.0
    assert [limits.wait("a", now) for _ in range(int(BURST))] == [0] * int(BURST)
    assert limits.wait("a", now) == 1
    assert limits.wait("b", now) == 0
    admitted = sum(limits.wait("a", now + 2) == 0 for _ in range(1_000))
    assert admitted == int(2 * REQUESTS_PER_SECOND)


def test_the_table_is_bounded() -> None:
    limits = Limits()
    for number in range(CLIENTS_MAX + 100):
        limits.wait(str(number), 0.0)
    assert len(limits._buckets) == CLIENTS_MAX


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("10.0.0.5", "10.0.0.5"), ("127.0.0.1", None), ("::1", None), (None, None), ("unix", None),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("::ffff:10.0.0.5", "10.0.0.5"),
        ("::ffff:127.0.0.1", None), ("fe80::1%eth0", "fe80::/64"),
    ],
)  # fmt: skip
def test_who_a_client_is(host: str | None, client: str | None) -> None:
    assert client_of(host) == client


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WebSite]:
    with open_web_site(tmp_path) as site:
        yield site


def test_a_wild_client_is_told_and_others_are_not(site: WebSite) -> None:
    async def scene() -> None:
        async def ask(address: str) -> tuple[int, dict[str, str], bytes]:
            found = await send(site.app, "GET", "/healthz", {}, b"", address)
            return found.status, dict(found.headers), found.content

        wild = await asyncio.gather(*(ask("10.9.9.9") for _ in range(int(BURST) + 400)))
        refused = [one for one in wild if one[0] == 429]
        assert refused
        _, headers, content = refused[0]
        assert headers["content-type"] == "application/problem+json"
        assert int(headers["retry-after"]) >= 1
        assert "content-security-policy" in headers
        assert json.loads(content)["code"] == "too_many_requests"
        assert (await ask("10.9.9.8"))[0] == 200

    asyncio.run(scene())


def test_a_wall_of_36_is_not_limited(site: WebSite) -> None:
    """What a console asks at its start: five requests a tile, all at once."""

    async def scene() -> None:
        token = site.parts.sessions.make_token(site.parts.accounts.get("ali"), "wall")
        headers = {"authorization": f"Bearer {token}"}
        found = await asyncio.gather(
            *(
                send(site.app, "GET", "/api/cameras/gate-north", headers, b"", "10.9.9.7")
                for _ in range(36 * 5)
            )
        )
        assert {one.status for one in found} == {200}

    asyncio.run(scene())


@pytest.mark.parametrize(("path", "most"), [("/slow", UNDER_WAY), ("/slow.mp4", DOWNLOADS)])
def test_what_is_under_way_is_bounded(path: str, most: int) -> None:
    async def scene() -> None:
        go_on, app = asyncio.Event(), FastAPI()

        @app.get("/{place}")
        async def slow(place: str) -> PlainTextResponse:
            await go_on.wait()
            return PlainTextResponse("done")

        limited: FastAPI = ClientLimits(app)  # type: ignore[assignment]
        asked = [
            asyncio.create_task(send(limited, "GET", path, {}, b"", "10.9.9.6"))
            for _ in range(most + 5)
        ]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert (await done.pop()).status == 429
        other = asyncio.create_task(send(limited, "GET", path, {}, b"", "10.9.9.5"))
        await asyncio.sleep(0)
        go_on.set()
        statuses = [one.status for one in await asyncio.gather(*asked)]
        assert statuses.count(429) == 5
        assert (await other).status == 200
        assert (await send(limited, "GET", path, {}, b"", "10.9.9.6")).status == 200

    asyncio.run(scene())
