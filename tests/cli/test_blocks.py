"""`vms block`: adds, lists, lifts; what makes no sense is one sentence and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.house import SETTINGS, START, Vms
from vms.app.site import open_site
from vms.core.clock import SECOND, rfc3339


@pytest.fixture
def vms(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    file = tmp_path / "cameras.toml"
    file.write_text(SETTINGS)
    (tmp_path / "video").mkdir()
    with open_site(file) as site:
        site.registry.apply(site.settings.cameras)
        site.accounts.add("ayse", "correct horse battery", role="operator")
    return Vms(file, capsys, monkeypatch)


def test_a_block_is_added_listed_and_lifted(vms: Vms) -> None:
    span = ("--from", rfc3339(START), "--to", rfc3339(START + 5 * SECOND))
    why = ("--reason", "case 7", "--seen-by", "ayse")
    added = vms("block", "add", "gate-north", *span, *why, "--json")
    assert added.returncode == 0, added.stderr
    block = json.loads(added.stdout)
    assert (block["seen_by"], block["reason"], block["lifted"]) == (["ayse"], "case 7", None)
    assert json.loads(vms("block", "list", "--json").stdout) == [block]
    assert json.loads(vms("block", "list", "--camera", "other", "--json").stdout) == []
    open_end = vms("block", "add", "gate-north", "--reason", "case 8")
    assert "nobody still sees it" in open_end.stdout
    assert "case 8" in vms("block", "list").stdout

    lifted = vms("block", "lift", block["id"], "--reason", "decided")
    assert lifted.returncode == 0, lifted.stderr
    assert block["id"] not in vms("block", "list").stdout
    assert "decided" in vms("block", "list", "--all").stdout


def test_what_makes_no_sense_is_refused(vms: Vms) -> None:
    for wrong, why in (
        (("add", "gate-north", "--reason", " "), "needs a reason"),
        (("add", "gate-north", "--reason", "x", "--seen-by", "nobody"), "no account"),
        (("add", "nowhere", "--reason", "x"), "nowhere"),
        (("lift", "none", "--reason", "x"), "no block"),
    ):
        refused = vms("block", *wrong)
        assert refused.returncode != 0
        assert why in refused.stderr, refused.stderr
    assert vms("block", "list").stdout == "Nothing is hidden.\n"
