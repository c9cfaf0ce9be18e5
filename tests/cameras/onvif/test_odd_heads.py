"""Heads that tell of themselves otherwise than the simulated one; presets as makers keep them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.cameras.onvif.odd import FAULT, Answer, Odd, asking, http, profile
from vms.cameras.onvif.client import OnvifClient
from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.ptz_facts import Preset, Vector
from vms.core.clock import SECOND

URI = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/VelocityGenericSpace"
USUAL = (
    f"<tt:DefaultContinuousPanTiltVelocitySpace>{URI}</tt:DefaultContinuousPanTiltVelocitySpace>"
)
OK = "<r/>"


def steered(
    scene: Callable[[Odd, OnvifClient], Coroutine[Any, Any, Any]], node: Answer,
    configuration: str = "", **answers: Answer,
) -> Any:  # fmt: skip
    head = f"<tt:PTZConfiguration><tt:NodeToken>n</tt:NodeToken>{configuration}"
    profiles = f"<r>{profile(more=f'{head}</tt:PTZConfiguration>')}</r>"
    return asking(scene, GetProfiles=profiles, GetNode=node, ContinuousMove=OK, **answers)


def node(x: tuple[str, str] | None = ("-1", "1"), y: tuple[str, str] | None = ("-1", "1"),
         uri: str = URI) -> str:  # fmt: skip
    ranges = "".join(
        f"<tt:{name}><tt:Min>{ends[0]}</tt:Min><tt:Max>{ends[1]}</tt:Max></tt:{name}>"
        for name, ends in (("XRange", x), ("YRange", y))
        if ends is not None
    )
    space = "ContinuousPanTiltVelocitySpace"
    return f"<r><tt:{space}><tt:URI>{uri}</tt:URI>{ranges}</tt:{space}></r>"


def _with_presets(most: str) -> str:
    told = f"<tt:MaximumNumberOfPresets>{most}</tt:MaximumNumberOfPresets>"
    return node().replace("<r>", f"<r>{told}")


async def moved(device: Odd, client: OnvifClient) -> str:
    await client.ptz.move(Vector(-0.5, 0.5), SECOND)
    body = device.asked[-1].body.decode()
    return body.partition("<tt:PanTilt ")[2].partition("/>")[0]


@pytest.mark.parametrize(
    ("told", "configuration", "vector"),
    [
        (node(), "", f'x="-0.5000" y="0.5000" space="{URI}"'),
        (node(y=("0", "0")), "", f'x="-0.5000" y="0.0000" space="{URI}"'),
        (node(y=None), "", f'x="-0.5000" y="0.0000" space="{URI}"'),
        (node(x=("0", "1")), "", f'x="-0.5000" y="0.5000" space="{URI}"'),
        (node(x=("-INF", "INF")), "", f'x="-0.5000" y="0.5000" space="{URI}"'),
        (node(x=("-1,0", "1,0")), "", f'x="-0.5000" y="0.5000" space="{URI}"'),
        (node(x=("-180", "180")), "", f'x="-90.0000" y="0.5000" space="{URI}"'),
        (node(uri=""), "", 'x="-0.5000" y="0.5000"'),
        (FAULT, "", 'x="-0.5000" y="0.5000"'),
        (http(b"<html/>", "404 Not Found"), "", 'x="-0.5000" y="0.5000"'),
        ("<r><tt:PTZNode/></r>", USUAL, f'x="-0.5000" y="0.5000" space="{URI}"'),
    ],
)
def test_a_head_turns_however_little_it_tells(
    told: Answer, configuration: str, vector: str
) -> None:
    assert steered(moved, told, configuration) == vector


@pytest.mark.parametrize("told", ["<r><tt:PTZNode/></r>", node(("0", "0"), ("0", "0"))])
def test_a_head_that_tells_of_no_way_to_turn_says_so(told: str) -> None:
    with pytest.raises(OnvifError) as caught:
        steered(moved, told)
    assert caught.value.trouble is Trouble.NO_SERVICE


def test_presets_are_told_once_each_and_never_too_many() -> None:
    many = "".join(f"<tptz:Preset token='{number}'/>" for number in range(500))
    twice = (
        "<tptz:Preset token='ü 1'><tt:Name>Kapı</tt:Name></tptz:Preset><tptz:Preset token='ü 1'/>"
    )

    async def scene(device: Odd, client: OnvifClient) -> list[Preset]:
        return await client.ptz.presets()

    presets = steered(scene, node(), GetPresets=f"<r>{twice}<tptz:Preset/>{many}</r>")
    assert presets[:2] == [Preset("ü 1", "Kapı"), Preset("0", "0")]
    assert len(presets) == len({one.token for one in presets}) == 256


@pytest.mark.parametrize(
    ("told", "most"),
    [(node(), 256), (FAULT, 256), (_with_presets("0"), 0), (_with_presets("300"), 256),
     (_with_presets("8"), 8)],
)  # fmt: skip
def test_a_head_that_does_not_tell_how_many_presets_it_keeps_is_asked_for_them(
    told: Answer, most: int
) -> None:
    async def scene(device: Odd, client: OnvifClient) -> int:
        return (await client.ptz.facts()).presets_max

    assert steered(scene, told) == most


def test_a_preset_whose_token_is_not_told_is_found_by_its_name() -> None:
    kept = "<r><tptz:Preset token='7'><tt:Name>Kapı</tt:Name></tptz:Preset></r>"

    async def scene(device: Odd, client: OnvifClient) -> tuple[str, str]:
        new = await client.ptz.set_preset("Kapı")
        return new, await client.ptz.set_preset("Kapı", "9")

    assert steered(scene, node(), SetPreset=OK, GetPresets=kept) == ("7", "9")
