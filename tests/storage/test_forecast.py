"""How long footage can be kept, and when disks will be full."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.forecast import Room, cameras_kept, disk_forecast, rates
from tests.storage.stocked import main
from vms.core.clock import DAY, HOUR, SECOND, Instant
from vms.core.config_storage import RetentionRule

NOW = Instant(500_000 * HOUR)
MB = 1_000_000


def rule(name: str = "r", **values: object) -> RetentionRule:
    return RetentionRule.model_validate({"name": name, **values})


def kept(rules: dict[str, RetentionRule | None], rate: dict[str, float], room: Room, **more: dict):
    return cameras_kept(
        list(rules), rules, more.get("sizes", {}), more.get("oldest", {}), rate, room, NOW
    )


def test_the_rate_is_what_was_written_over_the_time_it_took() -> None:
    since_ever, new = main("old"), main("new")
    written = {since_ever: (86_400 * MB, DAY), new: (3_600 * MB, HOUR)}
    oldest = {since_ever: Instant(NOW - 30 * DAY), new: Instant(NOW - HOUR)}
    assert rates(written, oldest, NOW) == {"old": MB, "new": MB}


def test_days_kept_stand_against_days_promised() -> None:
    rules = {"gate": rule(keep="30 d"), "yard": rule(keep="30 d", quota="86400 MB"), "x": None}
    found = kept(
        rules,
        {"gate": MB, "yard": MB},
        Room(used=0, free=20 * 86_400 * MB),
        oldest={"gate": Instant(NOW - 3 * DAY)},
        sizes={"gate": 7},
    )
    gate, yard, other = found
    assert (gate.promised, gate.kept, gate.bytes, gate.rule) == (30 * DAY, 3 * DAY, 7, "r")
    # The yard's quota stops it at a day, so the gate has 19 days' worth of bytes for itself.
    assert (gate.fits, yard.fits) == (19 * DAY, DAY)
    assert gate.short
    assert yard.short
    assert (other.fits, other.promised, other.kept, other.short) == (None, None, 0, False)


def test_a_disk_without_rules_fills_at_the_write_rate() -> None:
    room = Room(used=0, free=100 * 86_400 * MB)
    rules: dict[str, RetentionRule | None] = {"gate": None}
    found = disk_forecast(kept(rules, {"gate": MB}, room), rules, room, NOW)
    assert (found.rate, found.full_at, found.fits) == (MB, NOW + 100 * DAY, 100 * DAY)


@pytest.mark.parametrize(
    "limit", [{"keep": "30 d"}, {"quota": "2592 GB"}, {"quota_all": "2592 GB"}]
)
def test_a_disk_large_enough_for_its_rule_is_never_full(limit: dict[str, str]) -> None:
    rules = {"gate": rule(**limit)}
    for days, full in ((31, None), (29, NOW + 29 * DAY)):
        room = Room(used=0, free=days * 86_400 * MB)
        oldest = {"gate": NOW}
        found = disk_forecast(kept(rules, {"gate": MB}, room, oldest=oldest), rules, room, NOW)
        assert found.full_at == full


@pytest.mark.parametrize("quota", ["quota", "quota_all"])
def test_what_is_held_counts_against_no_quota_in_a_forecast_either(quota: str) -> None:
    rules: dict[str, RetentionRule | None] = {"gate": rule(**{quota: f"{20 * 86_400} MB"})}
    day = 86_400 * MB
    room = Room(used=0, free=15 * day)
    full = cameras_kept(["gate"], rules, {"gate": 20 * day}, {}, {"gate": MB}, room, NOW)
    assert disk_forecast(full, rules, room, NOW).full_at is None
    held = cameras_kept(
        ["gate"], rules, {"gate": 20 * day}, {}, {"gate": MB}, room, NOW, {"gate": 20 * day}
    )
    assert disk_forecast(held, rules, room, NOW).full_at == NOW + 15 * DAY


def test_a_camera_that_reached_its_age_grows_no_more() -> None:
    rules = {"gate": rule(keep="30 d"), "yard": rule("long", keep="300 d")}
    room = Room(used=0, free=100 * 86_400 * MB)
    oldest = {"gate": Instant(NOW - 30 * DAY), "yard": Instant(NOW - 30 * DAY)}
    found = disk_forecast(
        kept(rules, {"gate": MB, "yard": MB}, room, oldest=oldest), rules, room, NOW
    )
    assert found.full_at == NOW + 100 * DAY


def test_without_anything_written_nothing_is_foretold() -> None:
    found = disk_forecast(kept({"gate": None}, {}, Room(0, 5)), {"gate": None}, Room(0, 5), NOW)
    assert (found.rate, found.full_at, found.fits) == (0.0, None, None)


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.tuples(st.sampled_from([None, 1, 5, 30]), st.integers(1, 50)),
        min_size=1,
    ),
    st.integers(0, 10**9),
)
def test_what_fits_fills_the_disks_and_no_more(
    cameras: dict[str, tuple[int | None, int]], capacity: int
) -> None:
    rules = {c: None if k is None else rule(c, keep=k * DAY) for c, (k, _) in cameras.items()}
    rate = {camera: float(one) for camera, (_, one) in cameras.items()}
    room = Room(0, capacity)
    found = kept(rules, rate, room)
    taken = sum(
        one.rate * min(one.fits or 0, one.promised or one.fits or 0) / SECOND for one in found
    )
    assert taken <= capacity * 1.0001 + len(found)
    if any(one.promised is None or one.short for one in found):
        assert taken >= capacity * 0.999 - 1
    full = disk_forecast(found, rules, room, NOW).full_at
    needed = sum(one.rate * (one.promised or 0) / SECOND for one in found)
    if all(one.promised for one in found):
        assert (full is None) == (needed <= capacity) or abs(needed - capacity) < 1 + 1e-6 * needed
