"""Planning what goes: by age, by quotas, for a full disk; never what is held."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.holds.held import HeldSpans, Hold
from storage.patterns import rule_of
from storage.retention import Stored, Why, emptied, plan, relieve, sentence
from tests.storage.stocked import ListedStock, hold, is_held, main
from vms.core.clock import DAY, HOUR, INSTANT_MAX, MINUTE, Instant
from vms.core.config_storage import RetentionRule
from vms.core.model import CameraId, StreamKey

NOW = Instant(500_000 * HOUR + 17 * MINUTE)
V = "volume-1"
HELD = HeldSpans()


def minutes(
    camera: str, since: int, count: int, *, size: int = 10, volume: str = V
) -> list[Stored]:
    """`count` segments of a minute each, the first `since` before NOW."""
    begin = NOW - since
    return [
        Stored(
            main(camera),
            Instant(begin + n * MINUTE),
            Instant(begin + (n + 1) * MINUTE),
            volume,
            size,
        )
        for n in range(count)
    ]


def rule(**values: object) -> RetentionRule:
    return RetentionRule.model_validate({"name": "r", **values})


def test_what_is_older_than_its_rule_keeps_goes_to_the_minute() -> None:
    stock = ListedStock(minutes("gate", 5 * HOUR, 290))
    due = plan(stock, {"gate": rule(keep="90 min")}, HELD, NOW, [V])
    gone = stock.without(due, HELD)
    assert {one.end <= NOW - 90 * MINUTE for one in gone} == {True}
    assert min(one.end for one in stock.segments_) == NOW - 89 * MINUTE
    assert {(one.rule, one.why) for one in due} == {("r", Why.AGE)}


def test_whole_hours_are_planned_without_looking_at_their_segments() -> None:
    stock = ListedStock(minutes("gate", 40 * HOUR, 2_000))
    plan(stock, {"gate": rule(keep="1 h")}, HELD, NOW, [V])
    assert stock.asked <= 3


def test_a_camera_without_a_rule_keeps_everything() -> None:
    stock = ListedStock(minutes("gate", 400 * DAY, 50))
    assert plan(stock, {"gate": None}, HELD, NOW, [V]) == []


def test_a_quota_of_each_camera_lets_its_own_oldest_go_over_both_streams() -> None:
    sub = StreamKey(CameraId("gate"), "sub")
    stock = ListedStock(
        [
            *minutes("gate", 3 * HOUR, 60),
            *(one._replace(stream=sub, bytes=1) for one in minutes("gate", 3 * HOUR, 60)),
            *minutes("yard", 3 * HOUR, 5),
        ]
    )
    quota = rule(quota="440 B")
    due = plan(stock, {"gate": quota, "yard": quota}, HELD, NOW, [V])
    gone = stock.without(due, HELD)
    assert {one.stream.camera for one in gone} == {"gate"}
    assert {one.why for one in due} == {Why.QUOTA}
    left = [one for one in stock.segments_ if one.stream.camera == "gate"]
    assert 430 <= sum(one.bytes for one in left) <= 440
    assert max(one.start for one in gone) <= min(one.start for one in left)


def test_a_quota_of_all_takes_the_oldest_of_whichever_camera() -> None:
    stock = ListedStock([*minutes("gate", 3 * HOUR, 60), *minutes("yard", 2 * HOUR, 60)])
    both = rule(quota_all="900 B")
    due = plan(stock, {"gate": both, "yard": both}, HELD, NOW, [V])
    gone = stock.without(due, HELD)
    assert {one.stream.camera for one in gone} == {"gate"}
    assert sum(one.bytes for one in stock.segments_) == 900
    assert {one.why for one in due} == {Why.QUOTA_ALL}


@pytest.mark.parametrize("quota", ["quota", "quota_all"])
def test_held_footage_counts_against_no_quota(quota: str) -> None:
    old, new = minutes("gate", 40 * DAY, 60), minutes("gate", 50 * MINUTE, 50)
    stock = ListedStock([*old, *new])
    held = HeldSpans([hold("gate", NOW - 41 * DAY, NOW - 39 * DAY)])
    bounded = {"gate": rule(keep="60 d", **{quota: "450 B"})}
    gone = stock.without(plan(stock, bounded, held, NOW, [V]), held)
    assert gone == new[:5], "the 600 B that are held lie over the 450 B of the quota"


def test_of_hours_held_in_part_only_the_held_segments_count_against_no_quota() -> None:
    stock = ListedStock(minutes("gate", 4 * HOUR, 240))
    held = HeldSpans([hold("gate", NOW - 200 * MINUTE, NOW - 90 * MINUTE)])
    gone = stock.without(plan(stock, {"gate": rule(quota="1300 B")}, held, NOW, [V]), held)
    assert gone == []
    gone = stock.without(plan(stock, {"gate": rule(quota="1000 B")}, held, NOW, [V]), held)
    assert len(gone) == 30
    assert stock.asked < 20


def test_a_minimum_is_stronger_than_a_quota() -> None:
    stock = ListedStock(minutes("gate", 3 * HOUR, 180))
    small = rule(quota="10 B", minimum="1 h")
    stock.without(plan(stock, {"gate": small}, HELD, NOW, [V]), HELD)
    assert min(one.end for one in stock.segments_) == NOW - 59 * MINUTE


def test_a_full_disk_takes_what_a_minimum_protects_only_when_nothing_else_is_left() -> None:
    stock = ListedStock([*minutes("gate", 3 * HOUR, 60), *minutes("yard", 1 * HOUR, 60)])
    rules: Mapping[str, RetentionRule | None] = {"gate": rule(minimum="1 d"), "yard": None}
    due = relieve(stock, rules, HELD, NOW, V, 300)
    assert {one.stream.camera for one in due} == {"yard"}
    due = relieve(stock, rules, HELD, NOW, V, 700)
    gone = stock.without(due, HELD)
    assert sum(one.bytes for one in gone) == 700
    assert sum(one.stream.camera == "gate" for one in gone) == 10


def test_a_full_disk_asks_no_clock() -> None:
    stock = ListedStock(minutes("gate", HOUR, 60))
    for now in (NOW - 400 * DAY, NOW + 400 * DAY):
        due = relieve(stock, {"gate": rule(minimum="1 d")}, HELD, Instant(now), V, 100)
        assert sum(one.bytes for one in due) == 100


def test_only_the_full_volume_is_relieved() -> None:
    stock = ListedStock([*minutes("gate", 9 * HOUR, 60), *minutes("gate", HOUR, 60, volume="v2")])
    due = relieve(stock, {}, HELD, NOW, "v2", 100)
    assert {one.volume for one in due} == {"v2"}


def test_what_lies_on_a_volume_that_is_not_there_is_left_alone() -> None:
    stock = ListedStock(minutes("gate", 9 * HOUR, 60))
    assert plan(stock, {"gate": rule(keep="1 h", quota="10 B")}, HELD, NOW, ["v2"]) == []


def test_nothing_goes_by_age_while_the_clock_is_in_doubt_but_quotas_hold() -> None:
    stock = ListedStock(minutes("gate", 9 * HOUR, 60))
    due = plan(stock, {"gate": rule(keep="1 h", quota="590 B")}, HELD, NOW, [V], by_age=False)
    assert [(one.why, one.bytes) for one in due] == [(Why.QUOTA, 10)]


def test_a_clock_set_back_makes_nothing_old() -> None:
    stock = ListedStock(minutes("gate", 9 * HOUR, 60))
    assert plan(stock, {"gate": rule(keep="1 h")}, HELD, Instant(NOW - DAY), [V]) == []


def test_cameras_that_would_be_empty_are_named() -> None:
    stock = ListedStock([*minutes("gate", 9 * HOUR, 60), *minutes("yard", HOUR, 60)])
    two = {"gate": rule(keep="2 h"), "yard": rule(keep="2 h")}
    assert emptied(plan(stock, two, HELD, NOW, [V]), stock) == ["gate"]


def test_why_it_goes_is_said_with_the_rules_own_reason() -> None:
    stock = ListedStock(minutes("gate", 9 * HOUR, 60))
    asked = rule(keep="2 h", reason="Yönerge")
    one = plan(stock, {"gate": asked}, HELD, NOW, [V])[0]
    assert sentence(one, asked) == "older than 2 h (Yönerge)"


def test_the_last_rule_that_matches_wins() -> None:
    all_, gates, group = (
        RetentionRule(name="all"),
        RetentionRule(name="gates", cameras=("gate-*",)),
        RetentionRule(name="yard", cameras=("group:Yard",)),
    )
    groups = {"gate-1": ("Yard",), "gate-2": (), "square": ()}
    chosen = {camera: rule_of((all_, gates, group), camera, groups) for camera in groups}
    assert {camera: one.name for camera, one in chosen.items() if one} == {
        "gate-1": "yard",
        "gate-2": "gates",
        "square": "all",
    }
    assert rule_of((gates,), "square", groups) is None
    assert rule_of((gates,), "gate-9", {}) is gates  # no longer in the settings


@pytest.mark.parametrize("bad", [{"quota": 0}, {"quota_all": "0 B"}, {"cameras": []}])
def test_a_rule_that_can_only_mean_everything_or_nobody_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"would delete everything|for nobody"):
        rule(**bad)


# -- properties ---------------------------------------------------------------------------

CAMERAS = ("a", "b", "c")
spans = st.integers(0, 30 * 60)


@st.composite
def stocks(draw: st.DrawFn) -> ListedStock:
    found: list[Stored] = []
    for camera in CAMERAS:
        at = NOW - draw(st.integers(0, 40)) * HOUR - draw(st.integers(0, 59)) * MINUTE
        for _ in range(draw(st.integers(0, 12))):
            at += draw(st.sampled_from([0, 0, 0, MINUTE, 3 * HOUR]))
            length = draw(st.sampled_from([1, MINUTE, 10 * MINUTE]))
            if at + length > NOW:
                break
            size, volume = draw(st.integers(1, 50)), draw(st.sampled_from([V, "v2"]))
            found.append(Stored(main(camera), Instant(at), Instant(at + length), volume, size))
            at += length
    return ListedStock(found)


@st.composite
def held_span(draw: st.DrawFn) -> Hold:
    start = NOW - draw(st.integers(0, 41 * 60)) * MINUTE
    return hold(draw(st.sampled_from(CAMERAS)), start, start + draw(st.integers(1, 120)) * MINUTE)


@st.composite
def some_rule(draw: st.DrawFn, name: str) -> RetentionRule | None:
    if draw(st.integers(0, 4)) == 0:
        return None
    keep = draw(st.sampled_from([None, MINUTE, HOUR, 7 * HOUR, 30 * DAY]))
    return RetentionRule(
        name=name,
        keep=keep,
        quota=draw(st.sampled_from([None, 1, 60, 200])),
        quota_all=draw(st.sampled_from([None, 1, 100, 400])),
        minimum=min(keep or DAY, draw(st.sampled_from([0, MINUTE, 5 * HOUR]))),
    )


@st.composite
def some_rules(draw: st.DrawFn) -> dict[str, RetentionRule | None]:
    one, two = draw(some_rule("one")), draw(some_rule("two"))
    return {camera: draw(st.sampled_from([one, two])) for camera in CAMERAS}


@given(stocks(), some_rules(), st.lists(held_span(), max_size=3).map(HeldSpans))
def test_a_plan_takes_what_must_go_and_nothing_else(
    stock: ListedStock, rules: dict[str, RetentionRule | None], holds: HeldSpans
) -> None:
    before = list(stock.segments_)
    due = plan(stock, rules, holds, NOW, [V])
    gone = stock.without(due, holds)
    left = stock.segments_
    assert not [one for one in gone if is_held(one, holds) or one.volume != V]
    for one in gone:
        of_camera = rules[one.stream.camera]
        assert of_camera is not None
        old = of_camera.keep is not None and one.end <= NOW - of_camera.keep
        young = one.end > NOW - of_camera.minimum
        assert old or (not young and (of_camera.quota or of_camera.quota_all))
    for one in left:
        of_camera = rules[one.stream.camera]
        if of_camera and of_camera.keep is not None and one.volume == V:
            assert one.end > NOW - of_camera.keep or is_held(one, holds)
    _assert_quotas_met(left, rules, holds)
    _assert_not_more_than_needed(before, due, rules, holds)
    assert plan(stock, rules, holds, NOW, [V]) == [], "a second time there is nothing to do"


def _assert_quotas_met(
    left: list[Stored], rules: dict[str, RetentionRule | None], holds: HeldSpans
) -> None:
    for camera in CAMERAS:
        mine = rules[camera]
        if mine is None:
            continue
        own = [one for one in left if one.stream.camera == camera and one.volume == V]
        free = [one for one in own if not is_held(one, holds) and one.end <= NOW - mine.minimum]
        if mine.quota is not None and free:
            assert _unheld(own, holds) <= mine.quota
        shared = [
            one
            for one in left
            if one.volume == V and (r := rules[one.stream.camera]) and r.name == mine.name
        ]
        if mine.quota_all is not None and free:
            assert _unheld(shared, holds) <= mine.quota_all


def _unheld(some: list[Stored], holds: HeldSpans) -> int:
    return sum(one.bytes for one in some if not is_held(one, holds))


def _assert_not_more_than_needed(
    before: list[Stored], due: list, rules: dict[str, RetentionRule | None], holds: HeldSpans
) -> None:
    """Without its last segment a quota would not be met."""
    for camera in CAMERAS:
        mine = rules[camera]
        taken = [one for one in due if one.stream.camera == camera and one.why is Why.QUOTA]
        if not taken:
            continue
        assert mine is not None
        assert mine.quota is not None
        mine_there = [one for one in before if one.stream.camera == camera and one.volume == V]
        total = _unheld(mine_there, holds)
        aged = sum(one.bytes for one in due if one.stream.camera == camera and one.why is Why.AGE)
        assert total - aged - sum(one.bytes for one in taken) > mine.quota - 50


@given(
    stocks(), some_rules(), st.lists(held_span(), max_size=3).map(HeldSpans), st.integers(1, 900)
)
def test_a_full_volume_gives_what_is_needed_the_oldest_first(
    stock: ListedStock, rules: dict[str, RetentionRule | None], holds: HeldSpans, need: int
) -> None:
    there = [one for one in stock.segments_ if one.volume == V and not is_held(one, holds)]
    due = relieve(stock, rules, holds, NOW, V, need)
    gone = stock.without(due, holds)
    assert set(gone) <= set(there)
    assert sum(one.bytes for one in gone) >= min(need, sum(one.bytes for one in there))
    assert sum(one.bytes for one in gone) < need + 50

    def protected(one: Stored) -> bool:
        mine = rules[one.stream.camera]
        return mine is not None and mine.minimum > 0 and one.end > NOW - mine.minimum

    left = [one for one in there if one not in gone]
    if any(protected(one) for one in gone):
        assert all(protected(one) for one in left)
    for group in (True, False):
        latest = max((one.start for one in gone if protected(one) is group), default=-INSTANT_MAX)
        first = min((one.start for one in left if protected(one) is group), default=INSTANT_MAX)
        assert latest <= first
