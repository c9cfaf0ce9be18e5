"""The town: one running site that most tests look at, so that it is started only once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.system.site import SIGN_IN, Fleet, Site, Up, drawn, town
from vms.core.model import Cause, State

SEGMENT_S = 4


@dataclass(frozen=True, slots=True)
class Town:
    """The running site. `password`: the one it printed at its first start."""

    site: Site
    fleet: Fleet
    up: Up
    user: str
    password: str

    def client(self) -> contextlib.AbstractContextManager[httpx2.Client]:
        return self.up.signed_in(self.user, self.password)


@pytest.fixture(scope="package")
def running_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """`vms up` over five cameras, one of which had a gap.

    square: H.264 and AAC, with a sub stream; gate: H.264 High and G.711, behind a password;
    market: H.265; bridge: fails once; wide: a picture of 720 lines.
    """
    folder = tmp_path_factory.mktemp("town")
    cameras: list[dict[str, Any]] = [
        drawn("square", audio="aac", video={"fps": 10}) | {"sub": {"fps": 5}},
        drawn("gate", audio="pcma", auth="digest", video={"profile": "high"}),
        drawn("market", video={"codec": "h265", "fps": 8, "gop": 8}),
        drawn("bridge", port=0),
    ]
    with town(folder, cameras) as (site, fleet):
        listed: list[dict[str, Any]] = [
            {"id": "square", "source": fleet.url("square"), "sub": fleet.url("square", "sub")},
            {"id": "gate", "source": fleet.url("gate"), "username": "vms", "password": "gozcu"},
            {"id": "market", "name": "Çarşı", "source": fleet.url("market")},
            {"id": "bridge", "source": fleet.url("bridge"), "groups": ["Girişler"]},
        ]
        site.write(listed, segment=f"{SEGMENT_S} s")
        with site.up() as up:
            found = SIGN_IN.search(up.said)
            assert found is not None, up.said
            site.wait_recording("square", "gate", "market", "bridge")
            time.sleep(2)
            fleet.fault("bridge", "stop")
            site.wait_state("bridge", State.FAILED, Cause.UNREACHABLE)
            fleet.clear("bridge")
            yield Town(site, fleet, up, found[2], found[3])


@pytest.fixture(scope="package")
def whole_town(running_town: Town) -> Town:
    """The town once every camera has two finished files, the bridge one after its gap too."""
    site = running_town.site
    site.wait_recording("bridge", within=40)
    back = len(site.files("bridge"))
    for camera in ("square", "gate", "market"):
        site.wait_segments(camera, 2)
    site.wait_segments("bridge", back + 1)
    return running_town
