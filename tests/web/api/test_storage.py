"""GET /api/storage: volumes, findings, and who may see them."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from storage.database import open_database
from storage.disk import RealDisk
from storage.findings import Findings, Kind
from storage.index import Index
from storage.ledger.leaves import LiftLeaf
from storage.ledger.log import Ledger
from storage.volume import prepare_volume
from tests.web.site import PASSWORD, WebSite
from vms.core.clock import HOUR, rfc3339


@pytest.fixture
def staff(site: WebSite, client: TestClient) -> TestClient:
    """The client, signed in as an administrator."""
    site.parts.accounts.add("ayse", PASSWORD, role="admin")
    session = site.parts.sessions.start(site.parts.accounts.get("ayse"), "10.0.0.9")
    client.cookies.set("vms_session", session.token)
    return client


@pytest.fixture
def engine(site: WebSite) -> sa.Engine:
    return open_database(site.parts.settings.database_url)


def test_an_operator_may_not_see_it(ali: TestClient) -> None:
    assert ali.get("/api/storage").status_code == 403


def test_a_volume_is_told_with_its_room(
    site: WebSite, staff: TestClient, engine: sa.Engine
) -> None:
    settings = site.parts.settings.volumes[0]
    before = staff.get("/api/storage").json()
    assert (before["volumes"][0]["uuid"], before["volumes"][0]["state"]) == (None, "good")
    volume = prepare_volume(settings, RealDisk(), site.clock)
    Index(engine).know_volume(volume.uuid, str(volume.root))
    (told,) = staff.get("/api/storage").json()["volumes"]
    assert (told["uuid"], told["path"], told["used"]) == (volume.uuid, str(volume.root), 0)
    assert told["total"] >= told["free"] > 0


@pytest.mark.parametrize("harm", ["gone", "unmounted", "swapped", "full"])
def test_the_state_of_a_volume(
    site: WebSite, staff: TestClient, engine: sa.Engine, harm: str
) -> None:
    settings = site.parts.settings.volumes[0]
    volume = prepare_volume(settings, RealDisk(), site.clock)
    Index(engine).know_volume(volume.uuid, str(volume.root))
    identity: Path = volume.root / ".gozcu" / "volume.json"
    if harm == "gone":
        volume.root.rename(volume.root.with_name("elsewhere"))
    elif harm == "unmounted":
        identity.unlink()
    elif harm == "swapped":
        identity.write_text('{"uuid": "00000000-0000-4000-8000-000000000000"}')
    else:
        object.__setattr__(settings, "reserve", 1 << 60)
    (told,) = staff.get("/api/storage").json()["volumes"]
    states = {"gone": "missing", "unmounted": "missing", "swapped": "foreign", "full": "full"}
    assert told["state"] == states[harm]
    assert told["detail"]


def test_findings_are_told_while_they_last(
    site: WebSite, staff: TestClient, engine: sa.Engine
) -> None:
    kept = Findings(engine, site.clock)
    first = site.clock.now()
    kept.report(Kind.FOOTAGE_DAMAGED, "gate-north.main.1", "SHA-256")
    site.clock.advance(HOUR)
    kept.report(Kind.FOOTAGE_DAMAGED, "gate-north.main.1", "SHA-256")
    kept.report(Kind.VOLUME_FULL, "/video", "4 GB left")
    kept.well(Kind.VOLUME_FULL, "/video")
    assert staff.get("/api/storage").json()["findings"] == [
        {
            "kind": "footage_damaged",
            "subject": "gate-north.main.1",
            "detail": "SHA-256",
            "first": rfc3339(first),
            "last": rfc3339(site.clock.now()),
        }
    ]
    metrics = staff.get("/metrics").text
    assert 'vms_findings{kind="footage_damaged"} 1.0' in metrics
    assert 'vms_findings{kind="volume_full"} 0.0' in metrics


def test_the_scrub_the_forecast_and_the_ledgers_head_are_told(
    site: WebSite, staff: TestClient
) -> None:
    told = staff.get("/api/storage").json()
    assert told["scrub"] == {"done": 0, "total": 0, "since": None, "last": None}
    assert told["forecast"] == {"rate": 0.0, "full_at": None, "days_kept": None}
    assert told["ledger"] is None
    ledger = Ledger.of(site.parts.settings, site.clock)
    ledger.append([LiftLeaf("1", "ayse", site.clock.now())])
    note = ledger.checkpoint()
    head = staff.get("/api/storage").json()["ledger"]
    assert (head["size"], head["root"], head["checkpoint"]) == (
        ledger.size(),
        ledger.root(ledger.size()).hex(),
        note,
    )
