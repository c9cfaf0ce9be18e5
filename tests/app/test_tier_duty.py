"""The custodian and the tiers: what moves, what waits, what goes from there by its rule."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from storage.clock_hands import ClockHands
from storage.custody import Memory
from storage.facts import RunFacts
from storage.findings import Findings
from storage.holds.repository import HoldOrder
from storage.index import Index
from storage.tiers.bucket import Listed
from storage.tiers.facts import tier_facts
from storage.tiers.opened import IDENTITY
from tests.storage.bucket_server import ACCESS, SECRET, BucketServer, bucket_server
from tests.storage.house import FORMAT, fresh_database, key, open_store, second
from vms.app.custodian import duties
from vms.app.retention_duty import RetentionDuty
from vms.app.site import Site, open_site
from vms.app.tier_duty import TierDuty
from vms.core.clock import DAY, HOUR, MINUTE, SECOND, FakeClock, Instant
from vms.core.config import Settings
from vms.core.config_storage import RetentionRule
from vms.core.model import CameraId

BEGIN = Instant(1_763_800_000 * SECOND // HOUR * HOUR)
STOP = threading.Event()


@pytest.fixture
def server() -> Iterator[BucketServer]:
    with bucket_server() as running:
        yield running


class Run:
    """A site with ten minutes of two cameras, a tier, and what the custodian does about both."""

    def __init__(self, site: Site, clock: FakeClock, server: BucketServer) -> None:
        self.site, self.clock, self.server = site, clock, server
        self.findings, self.index = Findings(site.engine, clock), Index(site.engine)
        self.tiers = TierDuty(site)
        hands = ClockHands(
            Memory(site.engine), clock, running=clock.monotonic, synchronised=lambda: True, boot="a"
        )
        self.retention = RetentionDuty(site, hands=hands, pause=0)

    def round(self, span: int = MINUTE) -> None:
        self.clock.advance(span)
        self.tiers.work(STOP)

    def clean(self) -> None:
        self.clock.advance(MINUTE)
        self.retention.work(STOP)

    def there(self) -> list[str]:
        found: list[Listed] = list(self.server.bucket("/site").listed())
        return [one.key for one in found if one.key != IDENTITY]

    def here(self) -> list[Path]:
        return sorted(self.site.settings.volumes[0].path.glob("?/**/*.mp4"))

    def rows(self) -> int:
        return sum(len(self.index.segments(key(c), Instant(0), Instant(2**62))) for c in "ab")


def settings(root: Path, server: BucketServer, **more: object) -> Settings:
    tier = {
        "name": "archive",
        "url": "s3://kayitlar/site",
        "endpoint": server.endpoint,
        "access_key": ACCESS,
        "secret_key": SECRET,
        "after": "5 min",
        "cameras": ["group:gates"],
    }
    cameras = [{"id": c, "source": f"rtsp://10.0.0.1/{c}"} for c in "ab"]
    cameras[0]["groups"] = ["gates"]  # type: ignore[assignment]
    return Settings.model_validate(
        {
            "file": root / "cameras.toml",
            "system": {"data": root},
            "volumes": [{"path": root / "video", "reserve": 0}],
            "cameras": cameras,
            "tiers": [tier | more],
        }
    )


@pytest.fixture
def run(tmp_path: Path, template: Path, server: BucketServer) -> Iterator[Run]:
    fresh_database(tmp_path, template)
    clock = FakeClock(now=BEGIN)
    with open_store(tmp_path, clock) as store:
        store.recover([])
        for n in range(10):
            for camera in "ab":
                start = Instant(BEGIN + n * MINUTE)
                one = store.open_segment(key(camera), start, FORMAT, RunFacts(1, start))
                one.append(second(n, 0, key=True))
                one.append(second(n + 500, 59))
                one.close(Instant(start + MINUTE))
            clock.advance(MINUTE)
            store.pump()
    with open_site(settings(tmp_path, server), clock) as site:
        site.registry.apply(site.settings.cameras)
        made = Run(site, clock, server)
        yield made
        made.retention.close()


def test_what_is_old_enough_moves_for_the_cameras_meant(run: Run) -> None:
    assert any(duty.name == "tiers" for duty in duties(run.site))
    run.round(0)
    assert len(run.there()) == 5  # of ten minutes, five are older than five minutes
    assert all(name.startswith("a/main/") for name in run.there())
    run.round()
    assert (len(run.there()), len(run.here()), run.rows()) == (6, 14, 20)
    (facts,) = tier_facts(run.site.tiers, run.site.engine, run.clock)
    told = facts.as_json()
    assert (told["state"], told["segments"], told["last_error"]) == ("good", 6, None)
    assert told["bytes"] == sum(one.size for one in run.server.bucket("/site/a").listed())
    assert told["oldest"] == "2025-11-22T08:00:00.000000000Z"


def test_rules_let_footage_go_from_the_bucket_too(run: Run) -> None:
    run.round(10 * MINUTE)
    assert len(run.there()) == 10
    run.site.keeping.rules.put(RetentionRule(name="r", keep=15 * MINUTE))
    order = HoldOrder(CameraId("a"), BEGIN, Instant(BEGIN + 2 * MINUTE), "case 7", None)
    run.site.holds.add(order, "ayşe")
    run.clean()  # 21 minutes since the beginning: six of each are older than 15
    assert len(run.there()) == 6  # two of them are held
    assert len(run.here()) == 4
    gaps = run.index.gaps(key("a"), BEGIN, run.clock.now())
    assert (gaps[0].start, gaps[0].end) == (BEGIN + 2 * MINUTE, BEGIN + 6 * MINUTE)


def test_in_an_outage_everything_waits_and_nothing_is_lost(run: Run) -> None:
    run.round(2 * MINUTE)
    moved = len(run.there())
    run.site.keeping.rules.put(RetentionRule(name="r", keep=MINUTE))
    run.server.stop()
    with capture_logs() as logs:
        run.round()
        run.round()
        run.clean()
    assert [one["event"] for one in logs].count("a tier is not well") == 1
    (finding,) = run.findings.open()
    assert (finding.kind, finding.subject) == ("tier_unreachable", "archive")
    assert "can't be reached" in finding.detail
    assert len(run.here()) == 0, "what stands here went by its rule all the same"
    assert run.rows() == moved
    (facts,) = tier_facts(run.site.tiers, run.site.engine, run.clock)
    assert (facts.state, facts.stored.segments) == ("unreachable", moved)
    run.server.start()
    run.round(10 * MINUTE)
    assert run.findings.open() == []
    run.clean()
    assert (run.there(), run.rows()) == ([], 0)


def test_wrong_keys_are_a_finding_and_move_nothing(run: Run) -> None:
    run.server.call("POST", "/moto-api/reset-auth", b"0")
    with capture_logs() as logs:
        run.round()
    run.server.call("POST", "/moto-api/reset-auth", b"inf")
    assert "refuses the keys" in next(
        one["error"] for one in logs if one["event"] == "a tier is not well"
    )
    (finding,) = run.findings.open()
    assert "refuses the keys" in finding.detail
    assert SECRET not in str(logs)
    assert (len(run.here()), run.there()) == (20, [])
    run.round(DAY)
    assert run.findings.open() == []
    assert len(run.there()) == 10


def test_a_missing_bucket_is_a_finding(
    tmp_path: Path, template: Path, server: BucketServer
) -> None:
    fresh_database(tmp_path, template)
    clock = FakeClock(now=BEGIN)
    with open_site(settings(tmp_path, server, url="s3://yok-boyle"), clock) as site:
        TierDuty(site).work(STOP)
        (finding,) = Findings(site.engine, clock).open()
        assert "there is no bucket yok-boyle; make it" in finding.detail
        (facts,) = tier_facts(site.tiers, site.engine, clock)
        assert facts.state == "not_found"
