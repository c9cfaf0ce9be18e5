"""`vms audit`: what was done is shown, as text, JSON and table; the command line itself is told."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.house import SETTINGS, START, Vms, record
from vms.app.site import open_site
from vms.cli.commands import app
from vms.cli.telling import ACTS
from vms.core.clock import SECOND, Instant, rfc3339
from vms.people.audit.entry import Entry, What


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "cameras.toml"
    file.write_text(SETTINGS)
    (tmp_path / "video").mkdir()
    with open_site(file) as site:
        site.registry.apply(site.settings.cameras)
        record(site.settings)
    return file


@pytest.fixture
def vms(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    return Vms(config, capsys, monkeypatch)


def test_commands_are_on_record_and_found_and_a_change_past_them_is_named(
    vms: Vms, config: Path
) -> None:
    span = ("--from", rfc3339(START), "--to", rfc3339(START + 5 * SECOND))
    assert vms("hold", "add", "gate-north", *span, "--reason", "case 7").returncode == 0
    assert vms("hold", "lift", "h-nothing", "--reason", "over").returncode == 1
    assert vms("hold", "list").returncode == 0
    with open_site(config) as site:
        now = site.clock.now()
        seen = {"start": Instant(START), "end": Instant(START + 60 * SECOND)}
        site.audit.write(
            [Entry(now, What.LOOK_BACK, "ali", "session", "10.0.0.9", "gate-north", **seen)]
        )
    told = json.loads(vms("audit", "--json").stdout)
    assert [(one["what"], one["via"], one["outcome"]) for one in told] == [
        ("look_back", "session", "done"),
        ("lift", "cli", "failed"),
        ("hold", "cli", "done"),
    ]
    assert told[2]["detail"] == "case 7 · vms hold add"
    assert (told[2]["camera"], told[2]["start"]) == ("gate-north", rfc3339(START))
    who = json.loads(
        vms(
            *("audit", "--camera", "gate-north", "--person", "ali", "--kind", "look_back"),
            *("--footage", *span, "--json"),
        ).stdout
    )
    assert [one["who"] for one in who] == ["ali"]
    assert "10.0.0.9 (session)" in vms("audit", "--person", "ali").stdout
    rows = list(csv.DictReader(io.StringIO(vms("audit", "--csv").stdout, newline="")))
    assert {row["what"] for row in rows} == {"look_back", "hold", "lift", "read_audit"}
    assert vms("audit", "--kind", "nonsense").returncode == 2

    assert vms("verify").stdout == "All is well.\n"
    with open_site(config) as site, site.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE audit_entry SET line = replace(line, 'ali', 'veli') WHERE who = 'ali'")
        )
    found = vms("verify", "--json")
    assert found.returncode == 1
    (finding,) = json.loads(found.stdout)
    assert finding["kind"] == "audit_changed"
    assert "was changed" in finding["detail"]


def test_every_command_that_is_told_exists() -> None:
    def names(group: object, above: str = "") -> set[str]:
        found = set[str]()
        for info in group.registered_commands:  # type: ignore[attr-defined]
            found.add(above + (info.name or info.callback.__name__.replace("_", "-")))
        for inner in group.registered_groups:  # type: ignore[attr-defined]
            found |= names(inner.typer_instance, f"{above}{inner.name} ")
        return found

    known = names(app)
    assert ACTS.keys() <= known
    assert len(known) > 30
