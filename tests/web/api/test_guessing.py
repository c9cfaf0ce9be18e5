"""Ten thousand guesses over HTTP, from one address and from as many: none succeeds, and who
signs in honestly meanwhile gets in. `make test` makes four hundred of them."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx2
import pytest

from tests.web.site import PASSWORD, WebSite
from vms.core.clock import SECOND

COUNTS = [400, pytest.param(10_000, marks=[pytest.mark.nightly, pytest.mark.timeout(900)])]
HOME, OFFICE = "10.0.0.9", "10.0.0.77"


async def sign_in(site: WebSite, address: str, name: str, password: str) -> int:
    transport = httpx2.ASGITransport(site.app, client=(address, 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://vms.test") as client:
        credentials = {"username": name, "password": password}
        return (await client.post("/api/session", json=credentials)).status_code


def attacker(kind: str, number: int) -> str:
    if kind == "one address":
        return "203.0.113.5"
    return f"198.{18 + number // 65_536}.{number // 256 % 256}.{number % 256}"


@pytest.mark.parametrize("guesses", COUNTS)
@pytest.mark.parametrize("kind", ["one address", "as many addresses"])
def test_guessing_over_http_gets_nobody_in_and_keeps_nobody_out(
    site: WebSite, kind: str, guesses: int
) -> None:
    async def attack() -> tuple[Counter[int], Counter[int]]:
        theirs, ours = Counter[int](), Counter[int]()
        site.parts.accounts.add("ayse", PASSWORD, role="operator")
        ours[await sign_in(site, HOME, "ali", PASSWORD)] += 1
        for number in range(guesses):
            guess = f"password {number}"
            theirs[await sign_in(site, attacker(kind, number), "ali", guess)] += 1
            site.clock.advance(SECOND // 10)
            if number % (guesses // 10) == guesses // 20:
                ours[await sign_in(site, HOME, "ali", PASSWORD)] += 1  # where ali is known
                ours[await sign_in(site, OFFICE, "ayse", PASSWORD)] += 1  # another account
        return theirs, ours

    theirs, ours = asyncio.run(attack())
    assert set(theirs) == {401, 429}
    assert theirs[401] + theirs[429] == guesses
    assert theirs[401] < 150  # passwords that were tried at all
    assert ours == {200: 21}
    print(f"{guesses} guesses from {kind}: {theirs[401]} tried, 0 succeeded")
