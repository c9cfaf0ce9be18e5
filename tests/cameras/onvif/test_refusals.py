"""Refused sign-ins: told however a camera says so, counted, bounded, and remembered a while."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cameras.onvif.house import RIGHT, WRONG, devices, sign_in
from vms.cameras.onvif.asking import Allowance, Asking
from vms.cameras.onvif.http import Response
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import Address, OnvifError, Trouble
from vms.cameras.onvif.refusals import KEPT_MAX, REFUSALS_MAX, REMEMBERED, Refusals
from vms.cameras.onvif.search import Found, Search, Wanted
from vms.cameras.onvif.soap import answer_of
from vms.core.clock import FakeClock, SystemClock
from vms.simulator.fleet import Fleet
from vms.simulator.onvif.soap import SoapFault, envelope, fault

LOCAL = Networks(("127.0.0.0/8",))


@pytest.mark.parametrize(
    ("code", "reason", "trouble"),
    [
        ("ter:NotAuthorized", "no", Trouble.REFUSED),
        ("ter:OperationProhibited", "The requested operation is not permitted", Trouble.REFUSED),
        ("wsse:FailedAuthentication", "The security token is invalid", Trouble.REFUSED),
        ("wsu:MessageExpired", "The message has expired", Trouble.REFUSED),
        ("ter:InvalidArgVal", "Sender not Authorised", Trouble.REFUSED),
        ("ter:Action", "Wrong username or password", Trouble.REFUSED),
        ("ter:Action", "clock skew too large", Trouble.REFUSED),
        ("ter:AccountLocked", "try again later", Trouble.LOCKED),
        ("ter:NotAuthorized", "The account is locked", Trouble.LOCKED),
        ("ter:NotAuthorized", "User lock, 280 s left", Trouble.LOCKED),
        ("ter:Action", "Too many tries: locked out", Trouble.LOCKED),
        ("ter:ActionNotSupported", "method blocked by the firewall", Trouble.FAULT),
        ("ter:ActionNotSupported", "no block of that name, nor a locksmith", Trouble.FAULT),
        ("ter:NotAuthorized", "clock skew too large", Trouble.REFUSED),
    ],
)
def test_what_a_fault_means(code: str, reason: str, trouble: Trouble) -> None:
    with pytest.raises(OnvifError) as told:
        answer_of(fault(SoapFault(code, reason)), "10.0.0.5:80")
    assert told.value.trouble is trouble


class _Http:
    """Answers from a list; the last one for ever."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers, self.bodies = list(answers), list[bytes]()

    async def exchange(self, *args: Any, **more: Any) -> Response:
        if b"GetSystemDateAndTime" in args[4]:
            return Response(200, (), _TIME)
        self.bodies.append(args[4])
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Response(status, (), body)


_TIME = envelope(
    "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime><tt:Time>"
    "<tt:Hour>1</tt:Hour><tt:Minute>2</tt:Minute><tt:Second>3</tt:Second></tt:Time><tt:Date>"
    "<tt:Year>2026</tt:Year><tt:Month>5</tt:Month><tt:Day>6</tt:Day></tt:Date></tt:UTCDateTime>"
    "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
)
_WELL = (200, envelope("<tds:Well/>"))


def _asking(http: _Http, allowance: Allowance | None = None) -> Asking:
    where = Address("10.0.0.5")
    return Asking(http, where, RIGHT, sign_in, SystemClock(), allowance=allowance)  # type: ignore[arg-type]


def test_a_refusal_for_the_clock_is_tried_again_with_a_fresh_look_at_it() -> None:
    skewed = (400, fault(SoapFault("ter:NotAuthorized", "clock skew too large")))
    http = _Http(_WELL, skewed, _WELL)
    asking = _asking(http)

    async def scene() -> None:
        await asking.ask("tds", "<tds:One/>")
        assert (await asking.ask("tds", "<tds:Two/>")).name == "Well"

    asyncio.run(scene())
    assert asking.refusals == 1


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_each_refusal_counts_and_a_spent_allowance_signs_nothing(status: int) -> None:
    http = _Http((status, fault(SoapFault("ter:NotAuthorized", "Sender not Authorized"))))
    allowance = Allowance(2)
    asking = _asking(http, allowance)

    async def scene() -> None:
        for _ in range(5):
            with pytest.raises(OnvifError) as refused:
                await asking.ask("tds", "<tds:One/>")
            assert refused.value.trouble is Trouble.REFUSED

    asyncio.run(scene())
    assert (asking.refusals, allowance.left, len(http.bodies)) == (2, 0, 2)


async def _searched(search: Search, fleet: Fleet, *credentials: object) -> dict[str, Found]:
    wanted = Wanted(
        ("127.0.0.1",), credentials, multicast=False,  # type: ignore[arg-type]
        port=fleet.discovery_port or 0, listen_s=0.7,
    )  # fmt: skip
    found = await search.run(wanted)
    return {one.match.name.removeprefix("Gozcu "): one for one in found}


@pytest.mark.parametrize("status", [400, 500])
def test_a_camera_that_refuses_by_a_fault_is_left_alone_before_it_locks(status: int) -> None:
    async def scene() -> None:
        async with devices() as fleet:
            for name in ("gate", "yard"):
                fleet.set_fault(name, "onvif-fault-refusal", status=status)
            search = Search(LOCAL, sign_in, SystemClock())
            found = await _searched(search, fleet, *[WRONG] * 8)
            assert {one.trouble for one in found.values()} == {Trouble.REFUSED}
            assert all(fleet.device(n).signin.refusals <= REFUSALS_MAX for n in found)

    asyncio.run(scene())


def test_the_searches_after_it_spend_no_more_until_the_camera_has_forgotten() -> None:
    async def scene() -> None:
        clock = FakeClock()
        async with devices() as fleet:
            search = Search(LOCAL, sign_in, clock)
            await _searched(search, fleet, WRONG, WRONG)
            found = await _searched(search, fleet, *[WRONG] * 8)
            assert {one.trouble for one in found.values()} == {Trouble.SPARED}
            assert "refused 4 requests" in (found["gate"].detail or "")
            assert fleet.device("gate").signin.refusals == REFUSALS_MAX
            clock.advance(REMEMBERED + 1)
            assert (await _searched(search, fleet, RIGHT))["gate"].facts is not None

    asyncio.run(scene())


def test_a_camera_that_lets_us_in_begins_anew() -> None:
    async def scene() -> None:
        async with devices() as fleet:
            search = Search(LOCAL, sign_in, SystemClock())
            for _ in range(3):
                found = await _searched(search, fleet, WRONG, RIGHT)
                assert {one.credentials for one in found.values()} == {RIGHT}

    asyncio.run(scene())


def test_a_camera_is_known_by_each_of_its_names_and_memory_is_bounded() -> None:
    clock = FakeClock()
    refusals = Refusals(clock)
    refusals.remember(["10.0.0.5:80", "urn:uuid:1"], Allowance(1))
    assert refusals.allowance(["10.0.0.9:80", "urn:uuid:1"]).left == 1
    assert refusals.allowance(["10.0.0.9:80"]).left == REFUSALS_MAX
    refusals.remember(map(str, range(KEPT_MAX)), Allowance(0))
    assert refusals.allowance(["urn:uuid:1"]).left == REFUSALS_MAX
    assert len(refusals._seen) == KEPT_MAX
    clock.advance(REMEMBERED)
    assert refusals.allowance([str(KEPT_MAX - 1)]).left == REFUSALS_MAX
