"""What is done on the command line stands in the audit, with how it ended."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.cli.house import SETTINGS, START, Vms, record
from vms.app.site import open_site
from vms.cli.commands import app
from vms.cli.telling import ACTS
from vms.core.clock import SECOND, rfc3339


@pytest.fixture
def vms(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    file = tmp_path / "cameras.toml"
    file.write_text(SETTINGS)
    (tmp_path / "video").mkdir()
    with open_site(file) as site:
        site.registry.apply(site.settings.cameras)
        record(site.settings)
    return Vms(file, capsys, monkeypatch)


def test_commands_are_on_record(vms: Vms) -> None:
    span = ("--from", rfc3339(START), "--to", rfc3339(START + 5 * SECOND))
    assert vms("hold", "add", "gate-north", *span, "--reason", "case 7").returncode == 0
    assert vms("hold", "lift", "h-nothing", "--reason", "over").returncode == 1
    assert vms("hold", "list").returncode == 0
    told = json.loads(vms("audit", "--kind", "hold", "--kind", "lift", "--json").stdout)
    assert [(one["what"], one["via"], one["outcome"]) for one in told] == [
        ("lift", "cli", "failed"),
        ("hold", "cli", "done"),
    ]
    assert told[1]["detail"] == "case 7 · vms hold add"
    assert (told[1]["camera"], told[1]["start"]) == ("gate-north", rfc3339(START))
    assert vms("verify").stdout == "All is well.\n"

    file = vms.config.parent / "pack.zip"
    made = vms("audit", "pack", "gate-north", *span, "-o", str(file), "--json")
    assert json.loads(made.stdout)["entries"] == 1  # the hold of that footage
    assert zipfile.is_zipfile(file)
    turned = ("--from", span[3], "--to", span[1])
    refused = vms("audit", "pack", "gate-north", *turned, "-o", str(file))
    assert (refused.returncode, "must lie before" in refused.stderr) == (2, True)
    packs = json.loads(vms("audit", "--kind", "audit_pack", "--json").stdout)
    assert [(one["camera"], one["outcome"]) for one in packs][-1] == ("gate-north", "done")


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
