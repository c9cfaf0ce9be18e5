"""The drill: a machine is lost, a bare one with its volumes and a backup carries everything on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.site import SIGN_IN, Fleet, Site, drawn, town

PASSWORD = "correct horse battery"


def ask_everything(site: Site, footage: list[dict[str, object]]) -> None:
    """What people ask of an archive is answered, and what was there before is there."""
    known = {one["id"]: one["sha256"] for one in site.facts("segments", "gate")}
    assert {one["id"]: one["sha256"] for one in footage}.items() <= known.items()
    assert site.facts("events", "list", "gate")[0]["kind"] == "motion"
    assert [hold["reason"] for hold in site.facts("hold", "list")] == ["2026/1"]
    assert [one["id"] for one in site.facts("cameras")] == ["gate"]
    # The backup was made while it recorded: what came after, up to the bare machine, is a crash.
    causes = {gap["cause"] for gap in site.facts("gaps", "gate")}
    assert causes <= {"connecting", "recorder_crashed", "recorder_stopped"}
    assert site.facts("activity", "gate", "--from", str(footage[0]["start"]))
    checked = site.vms("verify")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    handed = site.folder / "handed.zip"
    span = ("--from", str(footage[0]["start"]), "--to", str(footage[1]["end"]))
    done = site.vms("export", "gate", *span, "--reason", "2026/1", "-o", str(handed))
    assert done.returncode == 0, done.stderr
    assert site.vms("verify", str(handed)).returncode == 0


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_lost_machine_is_carried_on_by_a_bare_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    database: str,
) -> None:
    urls: dict[str, Callable[[], str]] = {
        "sqlite": lambda: f"sqlite:///{tmp_path}/data/new.db",
        "postgresql": lambda: str(request.getfixturevalue("postgresql")),
    }
    monkeypatch.setenv("VMS_BACKUP_PASSWORD", PASSWORD)
    monkeypatch.setenv("DRILL_DATABASE", f"sqlite:///{tmp_path}/data/old.db")
    with town(tmp_path, [drawn("gate")]) as (site, fleet):
        user, password, footage = lived(site, fleet)
        for path in ("data", "cameras.toml", "site.log"):
            (tmp_path / path).rename(tmp_path / f"lost-{path}")
        monkeypatch.setenv("DRILL_DATABASE", urls[database]())
        done = site.vms("restore", str(tmp_path / "site.backup"))
        assert done.returncode == 0, done.stderr
        with site.up() as up:
            site.wait_recording("gate")
            assert SIGN_IN.search(up.said) is None  # nobody new: who could sign in before, can
            with up.signed_in(user, password) as client:
                assert client.get("/api/cameras").json()[0]["id"] == "gate"
            site.wait_segments("gate", len(footage) + 2)
            ask_everything(site, footage)
        assert site.facts("cameras")[0]["id"] == "gate"


def lived(site: Site, fleet: Fleet) -> tuple[str, str, list[dict[str, object]]]:
    """A site that recorded, was held and was backed up, and recorded on; who may sign in."""
    cameras = [{"id": "gate", "source": fleet.url("gate")}]
    site.write(cameras, segment="2 s", system='database = "${DRILL_DATABASE}"')
    with site.up() as up:
        found = SIGN_IN.search(up.said)
        assert found is not None
        site.wait_segments("gate", 2)
        first = site.facts("segments", "gate")[0]
        add = ("hold", "add", "gate", "--from", first["start"], "--to", first["end"])
        assert site.vms(*add, "--reason", "2026/1").returncode == 0
        with up.signed_in(found[2], found[3]) as client:
            answer = client.post("/api/cameras/gate/events", json={"kind": "motion"})
            assert answer.status_code in (200, 201), answer.text
        done = site.vms("backup", "-o", str(site.folder / "site.backup"))
        assert done.returncode == 0, done.stderr
        site.wait_segments("gate", len(site.files("gate")) + 1)  # newer than the backup
    footage, _ = site.coverage("gate")
    return found[2], found[3], footage
