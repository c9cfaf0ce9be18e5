"""The API keeps its own description, whoever asks and whatever they send."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis

from tests.cameras.onvif.house import beside
from tests.web import footage
from tests.web.api.contract import Contract
from tests.web.site import PASSWORD, WebSite, open_web_site
from vms.core.clock import FakeClock, rfc3339
from vms.core.config_camera import CameraSettings
from vms.people.permissions import BUILT_IN
from vms.people.roles import Granted, RoleSettings
from web.app import openapi_document

OWN = "gate-north"


@contextlib.contextmanager
def peopled(folder: Path) -> Iterator[tuple[WebSite, dict[str, str]]]:
    """A site with footage, a camera that answers, and a token of each role; of nobody an empty."""
    clock = FakeClock(footage.NOW)
    with (
        beside() as fleet,
        open_web_site(folder, clock) as site,
        footage.recorded(site.parts.settings, clock),
    ):
        parts = site.parts
        device = {
            "id": "gate", "source": fleet.url("gate"), "username": "vms", "password": "gozcu",
            "onvif": fleet.device("gate").url("device_service"),
        }  # fmt: skip
        parts.cameras.add(CameraSettings.model_validate(device), "test")
        parts.roles.put(RoleSettings("watcher", ("cameras", "live", "own_session")))
        tokens = {"nobody": ""}
        for role in (*BUILT_IN, "watcher"):
            who = parts.accounts.add(f"own-{role}", PASSWORD, grants=[Granted(role, (OWN,))])
            tokens[f"{role} of one camera"] = parts.sessions.make_token(who, "contract")
        root = parts.accounts.add("root", PASSWORD, role="admin")
        tokens["admin"] = parts.sessions.make_token(root, "contract")
        yield site, tokens


KNOWN = {
    "camera": (OWN, "gate-south", "gate"),
    "start_ns": (str(footage.START), str(footage.SECOND_FILE), str(footage.OPEN_FILE)),
    "start": (rfc3339(footage.START), rfc3339(footage.SECOND_FILE)),
    "end": (rfc3339(footage.GAP), rfc3339(footage.NOW)),
    "at": (rfc3339(footage.SECOND_FILE), rfc3339(footage.GAP)),
    "name": ("own-watcher", "watcher", "default", "ali"),
    "stream": ("main", "sub"),
}


def contract_kept(folder: Path, examples: int, *, derandomize: bool) -> str:
    schema = schemathesis.openapi.from_dict(openapi_document())
    with peopled(folder) as (site, tokens), Contract(site.app, tokens, KNOWN) as contract:
        told = contract.try_all(schema, examples, derandomize=derandomize)
    assert not told.wrong, f"{told}:\n" + "\n".join(told.wrong[:20])
    return str(told)


@pytest.mark.timeout(900)
def test_no_request_breaks_the_contract(tmp_path: Path, record_property: Any) -> None:
    said = contract_kept(tmp_path, 7, derandomize=True)
    record_property("contract", said)
    assert int(said.split()[0]) >= 10_000


@pytest.mark.nightly
def test_no_request_breaks_the_contract_all_night(tmp_path: Path, record_property: Any) -> None:
    record_property("contract", contract_kept(tmp_path, 400, derandomize=False))
