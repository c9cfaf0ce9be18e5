"""`vms users role --approval` and `vms approvals list`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.house import SETTINGS, Vms
from vms.app.site import open_site
from vms.people.approval import Action, Wanted
from vms.people.duties import duties_of_two


@pytest.fixture
def vms(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    file = tmp_path / "cameras.toml"
    file.write_text(SETTINGS)
    (tmp_path / "video").mkdir()
    with open_site(file) as site:
        site.accounts.add("ali", "correct horse battery", role="investigator")
        site.accounts.add("ayse", "correct horse battery", role="admin")
    return Vms(file, capsys, monkeypatch)


def test_a_role_asks_for_a_second_person_and_what_waits_is_listed(vms: Vms) -> None:
    assert vms("approvals", "list").stdout == "Nothing waits.\n"
    set_up = vms("users", "role", "investigator", "--approval", "export", "--approval", "lift")
    assert set_up.returncode == 0, set_up.stderr
    told = {
        one["name"]: one["approval"] for one in json.loads(vms("users", "roles", "--json").stdout)
    }
    assert (told["investigator"], told["admin"]) == (["export", "lift"], [])
    wrong = vms("users", "role", "investigator", "--approval", "live")
    assert wrong.returncode != 0
    assert "approval is of export" in wrong.stderr
    with open_site(vms.config) as site:
        ali, ayse = (site.sessions.identity(site.accounts.get(one)) for one in ("ali", "ayse"))
        assert duties_of_two(ali) == {Action.EXPORT, Action.LIFT}
        waiting = site.approvals.ask(Wanted(Action.RETENTION), ali, "Karar 4")
        other = site.approvals.ask(Wanted(Action.LIFT), ali, "case 7")
        site.approvals.refuse(other.id, ayse, "open still")
    (listed,) = json.loads(vms("approvals", "list", "--json").stdout)
    assert (listed["id"], listed["state"], listed["asked_by"]) == (waiting.id, "waiting", "ali")
    assert "Karar 4" in vms("approvals", "list").stdout
    every = json.loads(vms("approvals", "list", "--all", "--json").stdout)
    assert {one["state"]: one["refusal"] for one in every}["refused"] == "open still"
