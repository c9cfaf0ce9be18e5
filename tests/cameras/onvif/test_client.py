"""The client against simulated devices: what it learns, and what harm it bears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.cameras.onvif.house import RIGHT, WRONG, address_of, client_of, devices
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.sentences import SENTENCES
from vms.core.clock import SECOND
from vms.simulator.faults import KINDS
from vms.simulator.fleet import Fleet


def within(scene: Callable[[Fleet], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        async with devices() as fleet:
            return await scene(fleet)

    return asyncio.run(run())


def test_a_camera_is_described() -> None:
    async def scene(fleet: Fleet) -> None:
        facts = await client_of(fleet).describe()
        device = fleet.device("gate")
        assert (facts.device.make, facts.device.serial) == ("Gozcu", device.serial)
        assert facts.device.mac == device.mac
        assert (facts.main.uri, facts.main.profile.codec) == (fleet.url("gate"), "h264")
        assert facts.sub is not None
        assert facts.sub.uri == fleet.url("gate", "sub")
        assert facts.snapshot == device.url("snapshot/main.jpg")
        assert abs(facts.device.clock_offset) < 2 * SECOND
        assert device.signin.refusals == 0

    within(scene)


def test_h265_comes_from_media2() -> None:
    async def scene(fleet: Fleet) -> None:
        main = (await client_of(fleet, camera="yard").describe()).main
        assert (main.profile.codec, main.profile.width) == ("h265", 1920)

    within(scene)


@pytest.mark.parametrize("fault", ["jump-clock", "onvif-1970"])
def test_a_wrong_clock_is_measured_and_the_signature_follows_it(fault: str) -> None:
    async def scene(fleet: Fleet) -> None:
        fleet.set_fault("gate", fault)
        device = fleet.device("gate")
        client = client_of(fleet)
        facts = await client.describe()
        expected = device.now - device.clock.now()
        assert abs(facts.device.clock_offset - expected) < 2 * SECOND
        assert device.signin.refusals == 0
        await client.set_time()
        assert abs(await client.clock_offset()) < 2 * SECOND

    within(scene)


def test_a_camera_that_takes_http_digest_only_is_signed_in_to() -> None:
    async def scene(fleet: Fleet) -> None:
        device = fleet.device("yard")
        device.signin.tokens = False
        client = client_of(fleet, camera="yard")
        assert (await client.describe()).device.serial == device.serial
        assert client.refusals == 1  # the token; the header is right at once and kept

    within(scene)


def test_ntp_is_named_and_the_camera_starts_again() -> None:
    async def scene(fleet: Fleet) -> None:
        device, client = fleet.device("gate"), client_of(fleet)
        await client.set_ntp("ntp.example.org")
        await client.reboot()
        assert (device.ntp, device.time_from_ntp, device.reboots) == ("ntp.example.org", True, 1)

    within(scene)


def test_an_address_of_another_network_is_dialled_where_we_found_the_camera() -> None:
    async def scene(fleet: Fleet) -> None:
        fleet.set_fault("gate", "onvif-foreign-xaddr")
        facts = await client_of(fleet).describe()
        assert facts.main.uri == fleet.url("gate")
        assert facts.snapshot == f"http://{address_of(fleet)}/onvif/snapshot/main.jpg"

    within(scene)


TROUBLES = {
    "hang": Trouble.SILENT,
    "stop": Trouble.BROKEN_ANSWER,
    "password": Trouble.REFUSED,
    "onvif-html": Trouble.NOT_ONVIF,
    "onvif-entities": Trouble.HOSTILE,
    "onvif-deep": Trouble.HOSTILE,
    "onvif-endless": Trouble.HOSTILE,
    "onvif-length": Trouble.BROKEN_ANSWER,
    "onvif-redirect": Trouble.REDIRECTED,
    "onvif-no-profile": Trouble.NO_PROFILE,
}


@pytest.mark.parametrize(("fault", "trouble"), TROUBLES.items())
def test_each_fault_says_so_and_harms_no_other_camera(fault: str, trouble: Trouble) -> None:
    async def scene(fleet: Fleet) -> None:
        fleet.set_fault("gate", fault)
        other = client_of(fleet, camera="yard", deadline_s=5).describe()
        told, well = await asyncio.gather(
            client_of(fleet).describe(), other, return_exceptions=True
        )
        assert isinstance(told, OnvifError), told
        assert told.trouble is trouble, told.detail
        assert not isinstance(well, BaseException)
        fleet.clear_fault("gate")
        await client_of(fleet).describe()

    within(scene)


def test_no_fault_of_the_simulator_is_untested() -> None:
    elsewhere = {
        "onvif-1970", "onvif-lock", "onvif-foreign-xaddr", "onvif-empty-matches", "onvif-fixed",
        "onvif-parameters", "onvif-inline-backup", "onvif-prefixes", "onvif-control",
        "onvif-fault-refusal", "onvif-channels",
    }  # fmt: skip
    named = {name for name in KINDS if name.startswith("onvif-")}
    assert named == elsewhere | {name for name in TROUBLES if name.startswith("onvif-")}


def test_a_wrong_password_costs_two_tries_and_a_locked_account_is_told_apart() -> None:
    async def scene(fleet: Fleet) -> None:
        fleet.set_fault("gate", "onvif-lock", after=3)
        client = client_of(fleet, WRONG)
        with pytest.raises(OnvifError) as refused:
            await client.describe()
        assert refused.value.trouble is Trouble.REFUSED
        assert client.refusals == fleet.device("gate").signin.refusals == 2
        assert (await client_of(fleet, RIGHT).describe()).main
        with pytest.raises(OnvifError):
            await client_of(fleet, WRONG).describe()
        with pytest.raises(OnvifError) as locked:
            await client_of(fleet, RIGHT).describe()
        assert locked.value.trouble is Trouble.LOCKED

    within(scene)


def test_an_address_outside_the_allowed_networks_is_never_dialled() -> None:
    async def scene(fleet: Fleet) -> None:
        with pytest.raises(OnvifError) as refused:
            await client_of(fleet, networks=("10.0.0.0/8",)).describe()
        assert refused.value.trouble is Trouble.FORBIDDEN_NETWORK

    within(scene)


def test_every_trouble_has_its_sentence_in_both_languages() -> None:
    assert set(SENTENCES) == set(Trouble)
    assert all(one.en and one.tr and one.en != one.tr for one in SENTENCES.values())
