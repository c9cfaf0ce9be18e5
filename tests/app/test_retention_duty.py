"""The custodian lets footage go: by rule, for a full volume, and never because a clock jumped."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.clock_hands import ClockHands
from storage.custody import Memory
from storage.disk import RealDisk
from storage.facts import RunFacts
from storage.findings import Findings, Kind
from storage.holds.repository import HoldOrder
from storage.index import Index
from storage.volume import prepare_volume
from tests.storage.house import FORMAT, fresh_database, key, open_store, second
from vms.app.retention_duty import RetentionDuty
from vms.app.site import Site, open_site
from vms.cameras.vault import Vault
from vms.core.clock import DAY, HOUR, MINUTE, SECOND, FakeClock, Instant
from vms.core.config import Settings
from vms.core.config_storage import RetentionRule
from vms.core.model import CameraId
from vms.evidence.jobs import Jobs
from vms.evidence.order import Order

BEGIN = Instant(1_763_800_000 * SECOND // HOUR * HOUR)
YEAR = 365 * DAY
STOP = threading.Event()


class SmallDisk(RealDisk):
    """A disk of `size` bytes, as far as it tells how much is free."""

    def __init__(self, size: int = 10**12) -> None:
        self.size = size
        self.dead: Path | None = None

    def free(self, root: Path) -> int:
        if root == self.dead:
            raise OSError(errno.EIO, "Input/output error", str(root))
        return self.size - sum(file.stat().st_size for file in root.rglob("*.mp4"))


class Run:
    """A site, and its duty on clocks that are moved by hand."""

    def __init__(self, site: Site, clock: FakeClock, boot: str = "a") -> None:
        self.site, self.clock, self.disk = site, clock, SmallDisk()
        self.index, self.findings = Index(site.engine), Findings(site.engine, clock)
        self.start(boot)

    def start(self, boot: str) -> None:
        hands = ClockHands(
            Memory(self.site.engine),
            self.clock,
            running=self.clock.monotonic,
            synchronised=lambda: True,
            boot=boot,
        )
        if hasattr(self, "duty"):
            self.duty.close()
        self.duty = RetentionDuty(self.site, disk=self.disk, hands=hands, pause=0)

    def minute(self) -> int:
        """One round; how many segments are left."""
        self.clock.advance(MINUTE)
        self.duty.work(STOP)
        return self.left()

    def left(self) -> int:
        return sum(len(self.index.segments(key(c), Instant(0), Instant(2**62))) for c in "ab")

    def told(self) -> dict[str, str]:
        return {one.kind: one.detail for one in self.findings.open()}


@pytest.fixture
def run(tmp_path: Path, template: Path) -> Iterator[Run]:
    """Twenty minutes of two cameras, which ended a minute ago."""
    fresh_database(tmp_path, template)
    clock = FakeClock(now=BEGIN)
    with open_store(tmp_path, clock) as store:
        store.recover([])
        for n in range(20):
            for camera in "ab":
                start = Instant(BEGIN + n * MINUTE)
                one = store.open_segment(key(camera), start, FORMAT, RunFacts(1, start))
                one.append(second(n, 0, key=True))
                one.append(second(n + 500, 59))
                one.close(Instant(start + MINUTE))
            clock.advance(MINUTE)
            store.pump()
    settings = Settings.model_validate(
        {
            "file": tmp_path / "cameras.toml",
            "system": {"data": tmp_path},
            "volumes": [{"path": tmp_path / name, "reserve": 0} for name in ("video", "other")],
            "cameras": [{"id": c, "source": f"rtsp://10.0.0.1/{c}"} for c in "ab"],
        }
    )
    with open_site(settings, clock) as site:
        site.registry.apply(settings.cameras)
        run = Run(site, clock)
        yield run
        run.duty.close()


def rule(**values: object) -> RetentionRule:
    return RetentionRule.model_validate({"name": "r"} | values)


def test_footage_goes_when_it_is_as_old_as_its_rule_says(run: Run) -> None:
    run.site.keeping.put(rule(keep="10 min", cameras=["a"]), "ayse")
    assert run.minute() == 20 + 9
    assert run.minute() == 20 + 8


def test_without_rules_nothing_goes(run: Run) -> None:
    run.clock.advance(DAY // 2)
    assert run.minute() == 40


@pytest.mark.parametrize("step", [YEAR, -YEAR, DAY, -HOUR])
def test_a_clock_that_is_set_deletes_nothing_and_is_asked_about(run: Run, step: int) -> None:
    run.site.keeping.put(rule(keep="20 h"), "ayse")
    assert run.minute() == 40
    run.clock.step(step)
    assert run.minute() == 40
    assert run.minute() == 40
    assert "vms retention --confirm" in run.told()["clock_jumped"]
    run.start("after a restart")
    assert run.minute() == 40
    run.clock.step(-step)
    assert run.minute() == 40
    assert "clock_jumped" not in run.told()


def test_a_person_can_say_that_the_clock_is_right(run: Run) -> None:
    run.site.keeping.put(rule(keep="20 h"), "ayse")
    run.minute()
    run.clock.step(YEAR)
    assert run.minute() == 40
    run.duty._hands.believe(run.duty._hands.read())
    assert run.minute() == 0


def test_a_full_volume_is_relieved_whatever_the_clock_says(run: Run) -> None:
    run.minute()
    run.clock.step(YEAR)
    total = sum(file.stat().st_size for file in (run.site.settings.volumes[0].path).rglob("*.mp4"))
    run.disk.size = total + 200_000  # nothing like the headroom is left
    left = run.minute()
    assert left < 40
    assert run.told().keys() >= {"clock_jumped"}


def test_a_full_volume_is_relieved_beside_one_that_fails(run: Run) -> None:
    full, failing = (volume.path for volume in run.site.settings.volumes)
    prepare_volume(run.site.settings.volumes[1], run.disk, run.clock)
    run.disk.dead = failing
    run.disk.size = sum(file.stat().st_size for file in full.rglob("*.mp4")) + 200_000
    assert run.minute() < 40


def test_the_oldest_of_all_cameras_goes_for_room(run: Run) -> None:
    files = list(run.site.settings.volumes[0].path.rglob("*.mp4"))
    size = sum(file.stat().st_size for file in files)
    head = run.duty._fills(run.duty._shelves())[0].headroom
    each = size // len(files)
    run.disk.size = size + head - 3 * each
    run.duty.work(STOP)
    gone = 40 - run.left()
    assert gone >= 3
    for camera in "ab":
        first = run.index.first_start(key(camera))
        assert first is None or first - BEGIN in (gone // 2 * MINUTE, (gone + 1) // 2 * MINUTE)


def test_what_is_held_stays_on_a_full_volume_and_a_person_is_told(run: Run) -> None:
    for camera in "ab":
        order = HoldOrder(CameraId(camera), BEGIN, Instant(BEGIN + DAY), "case")
        run.site.holds.add(order, "ayse")
    run.disk.size = 0
    assert run.minute() == 40
    assert "nothing on it may go" in run.told()["only_held_left"]


def test_a_promise_that_the_disk_breaks_is_told(run: Run) -> None:
    run.site.keeping.put(rule(keep="30 d"), "ayse")
    run.disk.size = 0
    assert run.minute() < 40
    assert "instead of 30 d" in run.told()["promise_broken"]


@pytest.mark.parametrize("quota", ["quota", "quota_all"])
def test_a_promise_that_a_quota_breaks_is_told_until_it_is_kept(run: Run, quota: str) -> None:
    size = sum(one.bytes for one in run.site.keeping.kept())
    run.site.keeping.put(rule(name="small", keep="30 d", **{quota: size // 4}), "ayse")
    assert run.minute() < 40
    (told,) = run.findings.open(Kind.PROMISE_BROKEN)
    assert told.subject == "small"
    assert "instead of 30 d" in told.detail
    run.clock.advance(2 * HOUR)
    run.minute()
    assert run.findings.open(Kind.PROMISE_BROKEN) == []


def test_a_hold_over_a_quota_costs_no_other_footage(run: Run) -> None:
    sizes = {one.camera: one.bytes for one in run.site.keeping.kept()}
    order = HoldOrder(CameraId("a"), BEGIN, Instant(BEGIN + 15 * MINUTE), "case")
    run.site.holds.add(order, "savcilik")
    run.site.keeping.put(rule(quota=sizes["a"] // 2, cameras=["a"]), "ayse")
    assert run.minute() == 40
    (kept, _) = run.site.keeping.kept()
    assert 0 < kept.held < kept.bytes


def ordered(run: Run, id_: str, minutes: int, cameras: str = "a") -> Jobs:
    """An order of the oldest footage, accepted."""
    jobs = Jobs(run.site.engine, run.clock, Vault(bytes(32)), lambda order: None)
    span = BEGIN, Instant(BEGIN + minutes * MINUTE)
    ids = tuple(CameraId(camera) for camera in cameras)
    jobs.add(Order(id_, ids, *span, "2026/1", "mehmet", run.clock.now()))
    return jobs


@pytest.mark.parametrize("settings", [{"keep": "1 min"}, {"quota": 1}, {"quota_all": 1}])
def test_what_is_ordered_goes_by_no_rule_until_the_export_ended(
    run: Run, settings: dict[str, object]
) -> None:
    jobs = ordered(run, "one", 5)
    run.clock.advance(MINUTE)
    run.site.keeping.put(rule(**settings), "ayse", meant=True)
    assert sum(one.segments for one in run.site.keeping.due()) == 35
    assert run.minute() == 5
    jobs.cancel("one")
    assert run.minute() == 0


def test_what_is_ordered_goes_last_from_a_full_volume(run: Run) -> None:
    ordered(run, "one", 5)
    run.disk.size = 0
    run.duty.work(STOP)
    assert run.left() == 5
    run.duty.work(STOP)
    assert run.left() == 0, "recording is worth more than an export"


def test_a_full_volume_spares_no_more_than_a_share_of_it_for_exports(run: Run) -> None:
    ordered(run, "huge", 20, cameras="ab")
    ordered(run, "small", 2)
    run.disk.size = 0
    run.duty.work(STOP)
    assert run.left() == 2


def test_a_second_custodian_stands_aside(run: Run) -> None:
    run.site.keeping.put(rule(keep="1 min"), "ayse", meant=True)
    run.duty.work(STOP)
    left = run.left()
    other = RetentionDuty(run.site, disk=run.disk)
    run.clock.advance(5 * MINUTE)
    other.work(STOP)
    assert run.left() == left
    run.duty.close()
    other.work(STOP)
    assert run.left() < left or left == 0
    other.close()
