"""`vms hold`: adds, lists, lifts; what makes no sense is one sentence and changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.house import SETTINGS, START, Vms, record
from vms.app.site import open_site
from vms.core.clock import SECOND, rfc3339

FROM, TO = ("--from", rfc3339(START)), ("--to", rfc3339(START + 5 * SECOND))
WHY = ("--reason", "case 7")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with footage, made once."""
    folder = tmp_path_factory.mktemp("template")
    file = folder / "cameras.toml"
    file.write_text(SETTINGS)
    (folder / "video").mkdir()
    with open_site(file) as site:
        site.registry.apply(site.settings.cameras)
        record(site.settings)
    return folder


@pytest.fixture
def config(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "site")
    return tmp_path / "site" / "cameras.toml"


@pytest.fixture
def vms(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vms:
    return Vms(config, capsys, monkeypatch)


def test_a_hold_is_added_listed_shown_and_lifted(vms: Vms) -> None:
    added = vms("hold", "add", "gate-north", *FROM, *TO, *WHY, "--json")
    assert added.returncode == 0, added.stderr
    hold = json.loads(added.stdout)
    assert json.loads(vms("hold", "list", "--json").stdout) == [hold]
    segments = json.loads(vms("segments", "gate-north", "--json").stdout)
    assert [one["held"] for one in segments] == [True, True, False]
    assert vms("verify").stdout == "All is well.\n"

    lifted = vms("hold", "lift", hold["id"], "--reason", "closed")
    assert lifted.returncode == 0, lifted.stderr
    assert vms("hold", "list").stdout == "Nothing is held.\n"
    (listed,) = json.loads(vms("hold", "list", "--all", "--json").stdout)
    assert listed["lift_reason"] == "closed"
    assert "closed" in vms("hold", "list", "--all").stdout
    segments = json.loads(vms("segments", "gate-north", "--json").stdout)
    assert not any(one["held"] for one in segments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nobody", *FROM, *TO, *WHY), "no camera"),
        (("gate-north", *FROM, *TO, "--reason", " "), "reason"),
        (("gate-north", *TO, "--from", "2099-01-01T00:00:00Z", *WHY), "after its start"),
        (("gate-north", *FROM, "--to", "2099-01-01T00:00:00Z", *WHY), "future"),
        (
            ("gate-north", "--from", rfc3339(START + 99 * SECOND), "--to", "1 h ago", *WHY),
            "footage",
        ),
        (("gate-north", *FROM, *TO, *WHY, "--until", "1 min ago"), "past"),
    ],
)
def test_what_makes_no_sense_is_refused(
    vms: Vms, config: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = vms("hold", "add", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    with open_site(config) as site:
        assert site.holds.all() == []
    assert not (config.parent / "video/.gozcu/holds").exists()


def test_lifting_what_is_not_held_is_refused(vms: Vms) -> None:
    done = vms("hold", "lift", "0123456789ab", "--reason", "x")
    assert done.returncode == 1
    assert "there is no hold" in done.stderr


def test_verify_finds_where_database_and_volumes_disagree(vms: Vms, config: Path) -> None:
    added = vms("hold", "add", "gate-north", *FROM, *TO, *WHY, "--json")
    file = config.parent / "video/.gozcu/holds" / f"{json.loads(added.stdout)['id']}.json"
    file.unlink()
    done = vms("verify", "--level", "presence", "--json")
    assert done.returncode == 1
    (finding,) = json.loads(done.stdout)
    assert (finding["segment"], finding["kind"]) == (str(file), "hold_damaged")
