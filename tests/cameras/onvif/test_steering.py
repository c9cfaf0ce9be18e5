"""Steering, picture settings and the rest of the client's new nouns, against simulated devices."""

from __future__ import annotations

import asyncio

import pytest

from tests.cameras.onvif.house import client_of, devices
from tests.cameras.onvif.test_client import within
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.ptz_facts import PtzFacts, Range, Spaces, Vector, facts_of, status_of
from vms.cameras.onvif.xml import parse
from vms.core.clock import SECOND, Span
from vms.core.errors import BadRequest
from vms.simulator.fleet import Fleet
from vms.simulator.onvif.head import View


def test_a_move_carries_its_end_and_stop_ends_it_before() -> None:
    async def scene(fleet: Fleet) -> None:
        head, ptz = fleet.device("gate").head, client_of(fleet).ptz
        await ptz.move(Vector(1.0, 0.0, 0.0), Span(SECOND // 2))
        assert head._ends is not None
        assert head._ends - head._began == SECOND  # whole seconds: some cameras take no others
        assert (await ptz.status()).moving
        await ptz.stop()
        stopped = await ptz.status()
        assert stopped.moving is False
        assert stopped.position is not None
        assert stopped.position.pan > 0

    within(scene)


def test_places_and_steps_arrive_as_meant() -> None:
    async def scene(fleet: Fleet) -> None:
        head, ptz = fleet.device("gate").head, client_of(fleet).ptz
        await ptz.go(Vector(-0.5, 0.25, 1.0))
        assert head._target == View(-0.5, 0.25, 1.0)
        await ptz.stop()
        head._from = View(0.1, 0.1, 0.5)
        await ptz.turn(Vector(0.2, -0.1, 0.25))
        assert head._target is not None
        assert head._target.pan == pytest.approx(0.3, abs=0.01)
        assert head._target.zoom == pytest.approx(0.75, abs=0.01)

    within(scene)


def test_a_point_of_the_picture_comes_into_its_middle() -> None:
    async def scene(fleet: Fleet) -> None:
        head, ptz = fleet.device("gate").head, client_of(fleet).ptz
        head._from = View(0.0, 0.0, 1.0)  # a fifth of the street is seen
        await ptz.centre(1.0, -0.5)
        assert head._target is not None
        # Half of the picture to the right is a tenth of the street; 0.8 of it is 2 units of pan.
        assert head._target.pan == pytest.approx(0.25, abs=0.01)
        assert head._target.tilt == pytest.approx(-0.125, abs=0.01)

    within(scene)


def test_presets_are_kept_shown_gone_to_and_forgotten() -> None:
    async def scene(fleet: Fleet) -> None:
        head, ptz = fleet.device("gate").head, client_of(fleet).ptz
        token = await ptz.set_preset("Kapı <önü>")
        assert [(one.token, one.name) for one in await ptz.presets()] == [(token, "Kapı <önü>")]
        await ptz.set_preset("Köşe", token)
        assert [one.name for one in await ptz.presets()] == ["Köşe"]
        await ptz.goto_preset(token)
        assert head._target == head.presets[token][1]
        await ptz.set_home()
        await ptz.goto_home()
        await ptz.remove_preset(token)
        assert await ptz.presets() == []
        with pytest.raises(OnvifError) as gone:
            await ptz.goto_preset(token)
        assert gone.value.trouble is Trouble.FAULT

    within(scene)


def test_a_camera_that_does_not_turn_says_so() -> None:
    async def scene(fleet: Fleet) -> None:
        fleet.set_fault("gate", "onvif-fixed")
        with pytest.raises(OnvifError) as fixed:
            await client_of(fleet).ptz.facts()
        assert fixed.value.trouble is Trouble.NO_SERVICE

    within(scene)


def test_picture_settings_are_read_set_and_kept_within_bounds() -> None:
    async def scene(fleet: Fleet) -> None:
        device, imaging = fleet.device("gate"), client_of(fleet).imaging
        before = await imaging.settings()
        assert (before.levels["contrast"].value, before.ir_cut, before.focus) == (50, "auto", True)
        await imaging.set({"brightness": 70, "sharpness": 20}, ir_cut="off")
        assert (device.imaging.brightness, device.imaging.sharpness) == (70, 20)
        assert (await imaging.settings()).ir_cut == "off"
        with pytest.raises(BadRequest, match="0 to 100"):
            await imaging.set({"contrast": 101})
        await imaging.focus(-0.5)
        assert device.imaging.focusing == -0.5
        await imaging.stop_focus()
        assert device.imaging.focusing == 0

    within(scene)


@pytest.mark.parametrize("fault", [None, "onvif-inline-backup"])
def test_the_configuration_is_fetched_where_the_camera_offers_it(fault: str | None) -> None:
    async def scene(fleet: Fleet) -> None:
        if fault is not None:
            fleet.set_fault("gate", fault)
        assert await client_of(fleet).backup() == fleet.device("gate").configuration

    within(scene)


def test_a_picture_of_now_is_fetched() -> None:
    async def scene(fleet: Fleet) -> None:
        picture = await client_of(fleet, deadline_s=5).picture()
        assert picture is not None
        assert picture.startswith(b"\xff\xd8")

    within(scene)


def test_a_sign_in_that_grew_old_is_renewed_once() -> None:
    """A nonce that is over, and a clock that was set, are no wrong password."""

    async def scene(fleet: Fleet) -> None:
        signin, client = fleet.device("gate").signin, client_of(fleet)
        signin.tokens = False
        await client.device()
        signin._nonces._given.clear()
        await client.device()
        fleet.set_fault("gate", "password")
        before = client.refusals
        with pytest.raises(OnvifError):
            await client.device()
        assert client.refusals - before <= 2
        before = client.refusals
        with pytest.raises(OnvifError):
            await client.device()
        assert client.refusals - before == 1

    within(scene)


def test_a_clock_that_was_set_meanwhile_costs_one_more_request() -> None:
    async def scene(fleet: Fleet) -> None:
        client = client_of(fleet)
        await client.device()
        fleet.device("gate").signin.clock_shift = -3600 * SECOND
        assert (await client.device()).serial == fleet.device("gate").serial

    within(scene)


NODE = """<n><PTZNode><SupportedPTZSpaces>
<AbsolutePanTiltPositionSpace><URI>Spherical</URI><XRange><Min>0</Min><Max>360</Max></XRange>
<YRange><Min>-90</Min><Max>0</Max></YRange></AbsolutePanTiltPositionSpace>
<AbsoluteZoomPositionSpace><URI>mm</URI><XRange><Min>4</Min><Max>120</Max></XRange>
</AbsoluteZoomPositionSpace>
<ContinuousPanTiltVelocitySpace><URI>a</URI><XRange><Min>x</Min><Max>1</Max></XRange>
</ContinuousPanTiltVelocitySpace></SupportedPTZSpaces>
<MaximumNumberOfPresets>9999999</MaximumNumberOfPresets></PTZNode></n>"""


def _odd() -> PtzFacts:
    return facts_of(parse(NODE.encode()), "p", "n")


def test_a_camera_that_counts_in_degrees_is_translated() -> None:
    facts = _odd()
    assert facts.absolute.pan_tilt is not None
    assert facts.absolute.pan_tilt.x == Range(0, 360)
    assert facts.absolute.pan_tilt.x.place(0, -1) == 180
    told = parse(b'<s><Position><PanTilt x="270" y="-45"/><Zoom x="62"/></Position></s>')
    assert status_of(told, facts.absolute).position == Vector(0.5, 0.0, 0.5)
    assert facts.continuous == Spaces()
    assert (facts.home, facts.presets_max, facts.field) == (False, 256, None)


@pytest.mark.parametrize("x", ["NaN", "1e999", "", "ten"])
def test_a_place_that_is_no_number_counts_as_untold(x: str) -> None:
    told = parse(f'<s><Position><PanTilt x="{x}" y="0"/></Position></s>'.encode())
    position = status_of(told, _odd().absolute).position
    assert position is None or abs(position.pan) <= 1


def test_two_cameras_are_steered_beside_each_other() -> None:
    async def scene() -> None:
        async with devices() as fleet:
            await asyncio.gather(
                *(client_of(fleet, camera=one).ptz.move(Vector(1), SECOND)
                  for one in ("gate", "yard"))
            )  # fmt: skip
            assert all(fleet.device(one).head.moving for one in ("gate", "yard"))

    asyncio.run(scene())
