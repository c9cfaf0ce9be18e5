"""`vms ptz log`: who steered which camera, and what for."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.house import SETTINGS, Vms
from vms.app.site import open_site
from vms.app.steering_audit import SteeringAudit
from vms.cameras.steering.lease import Operator
from vms.cameras.steering.logbook import Logged
from vms.cameras.steering.records import Records
from vms.cameras.steering.scribe import Ending
from vms.core.clock import MINUTE, SECOND, Instant
from vms.people.audit.records import Records as AuditRecords
from vms.people.audit.trail import Trail

BEGIN = Instant(1_763_800_000 * SECOND)


@pytest.fixture
def vms(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    config = tmp_path / "cameras.toml"
    config.write_text(SETTINGS)
    with open_site(config) as site:
        records = Records(site.engine)
        for minute, (camera, who) in enumerate((("gate-north", "ali"), ("yard", "veli"))):
            at = Instant(BEGIN + minute * MINUTE)
            until = Instant(at + 2 * SECOND)
            records.log(Logged(camera, at, who, "move", "0.5 0 0", "done", "2026/41", until, 9))
    return Vms(config, capsys, monkeypatch)


def found(vms: Vms, *asked: str) -> list[str]:
    answer = vms("ptz", "log", "--json", *asked)
    assert answer.returncode == 0, answer.stderr
    return [one["camera"] for one in json.loads(answer.stdout)]


def test_the_log_is_searched(vms: Vms, tmp_path: Path) -> None:
    assert found(vms) == ["yard", "gate-north"]
    assert found(vms, "--camera", "gate-north") == ["gate-north"]
    assert found(vms, "--who", "veli") == ["yard"]
    assert found(vms, "--purpose", "26/4") == ["yard", "gate-north"]
    assert found(vms, "--start", "2025-11-22T08:27:30Z") == ["yard"]
    assert found(vms, "--end", "2025-11-22T08:27:30Z") == ["gate-north"]
    table = vms("ptz", "log").stdout
    assert "2026/41" in table
    assert "0.5 0 0 (9 commands)" in table
    sheet = tmp_path / "log.csv"
    assert vms("ptz", "log", "--csv", str(sheet)).returncode == 0
    with sheet.open(newline="", encoding="utf-8") as file:
        assert [one["operator"] for one in csv.DictReader(file)] == ["veli", "ali"]
    audit = json.loads(vms("audit", "--kind", "read_audit", "--json").stdout)
    assert any("ptz log --json --who veli" in one["detail"] for one in audit)


def test_verify_names_a_line_that_was_changed(vms: Vms, tmp_path: Path) -> None:
    with open_site(tmp_path / "cameras.toml") as site:
        records, trail = Records(site.engine), Trail(site.audit, site.clock)
        now = site.clock.now()
        moved = Logged("yard", now, "ali", "move", "1 0 0", "done", "", now, moves="0 1 0 0")
        number = records.log(moved)
        audit = SteeringAudit(trail, AuditRecords(site.engine), site.clock)
        (line,) = records.logbook.lines([number]).values()
        audit.ended(line, Operator("ali", 1), Ending("stop", "ali"))
        trail.flush()
    assert not [one for one in verified(vms) if one["kind"] == "ptz_log_changed"]
    with open_site(tmp_path / "cameras.toml") as site, site.engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE ptz_command SET operator = 'veli' WHERE id = {number}"))
    (finding,) = [one for one in verified(vms) if one["kind"] == "ptz_log_changed"]
    assert f"line {number}" in json.dumps(finding)


def verified(vms: Vms) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(vms("verify", "--json").stdout)
    return found
