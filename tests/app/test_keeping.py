"""Rules for people: shown, tried before they are saved, refused where they would empty a camera."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.findings import Findings, Kind
from storage.ledger.leaves import RuleLeaf, parse
from storage.ledger.log import Ledger
from storage.synthetic import fill_index
from tests.storage.house import FORMAT, fresh_database, key
from vms.app.reload import apply_rules, take_rules
from vms.app.site import Site, open_site
from vms.core.clock import DAY, HOUR, SECOND, FakeClock, Instant
from vms.core.config import Settings
from vms.core.config_storage import RetentionRule
from vms.core.errors import AlreadyExists, Harmful, NotFound

START = Instant(1_760_000_400 * SECOND // HOUR * HOUR)


def settings(root: Path, *rules: dict[str, object]) -> Settings:
    return Settings.model_validate(
        {
            "file": root / "cameras.toml",
            "system": {"data": root},
            "volumes": [{"path": root / "video", "reserve": 0}],
            "retention": list(rules),
            "cameras": [
                {"id": "gate", "source": "rtsp://10.0.0.5/main", "groups": ["Doors"]},
                {"id": "yard", "source": "rtsp://10.0.0.6/main"},
            ],
        }
    )


@pytest.fixture
def site(tmp_path: Path, template: Path) -> Iterator[Site]:
    """Two cameras that recorded for two days up to now: 90 MB a minute, one segment each."""
    (tmp_path / "video" / ".gozcu").mkdir(parents=True)
    (tmp_path / "video" / ".gozcu" / "volume.json").write_text(
        '{"uuid": "11111111-1111-4111-8111-111111111111"}'
    )
    clock = FakeClock(now=START + 2 * DAY)
    fresh_database(tmp_path, template)
    with open_site(settings(tmp_path), clock) as site:
        site.registry.apply(site.settings.cameras)
        fill_index(
            site.engine,
            [key("gate"), key("yard")],
            START,
            2 * 24 * 60,
            FORMAT,
            gap_each=10**9,
            volume_at=("11111111-1111-4111-8111-111111111111", str(tmp_path)),
        )
        yield site


def rule(name: str = "r", **more: object) -> RetentionRule:
    return RetentionRule.model_validate({"name": name, **more})


def test_an_effect_is_seen_before_it_is_saved(site: Site) -> None:
    effects = site.keeping.effect([rule(keep="12 h", cameras=["group:Doors"])])
    per = {one.camera: one for one in effects}
    assert per["gate"].segments == 36 * 60
    assert per["gate"].span == 36 * HOUR
    assert per["gate"].bytes == 36 * 60 * 30_000_000
    assert per["gate"].oldest == START + 36 * HOUR
    assert (per["yard"].segments, per["yard"].oldest) == (0, START)
    assert sum(one.segments for one in effects) == 36 * 60
    assert site.keeping.stored() == ()


def test_a_rule_that_would_empty_a_camera_is_refused_until_it_is_meant(site: Site) -> None:
    tight = rule(quota="1 B", cameras=["gate"])
    with pytest.raises(Harmful, match="everything there is of gate, 2,880 segments"):
        site.keeping.put(tight, "ayse")
    assert site.keeping.stored() == ()
    site.keeping.put(tight, "ayse", meant=True)
    assert [one.rule for one in site.keeping.stored()] == [tight]


def test_a_rule_that_would_delete_nearly_all_at_once_is_refused(site: Site) -> None:
    with pytest.raises(Harmful, match="95 % of the footage at once"):
        site.keeping.put(rule(keep="2 h"), "ayse")
    site.keeping.put(rule(keep="12 h"), "ayse")


def test_taking_a_rule_away_is_looked_at_too(site: Site) -> None:
    site.keeping.apply([rule("file", keep="1 d")], "ayse")
    site.keeping.put(rule("ours", cameras=["gate"]), "ayse")
    site.keeping.put(rule("more", keep="2 d", cameras=["gate"]), "ayse")
    assert site.keeping.matches([one.rule for one in site.keeping.stored()])["more"] == ["gate"]
    site.keeping.delete("more", "ayse")
    assert [one.rule.name for one in site.keeping.stored()] == ["file", "ours"]


def test_what_goes_anyhow_is_no_reason_to_refuse_a_change(site: Site) -> None:
    site.keeping.apply([rule("file", quota="1 B", cameras=["yard"])], "ayse", meant=True)
    site.keeping.put(rule("ours", keep="40 h", cameras=["gate"]), "ayse")
    with pytest.raises(AlreadyExists):
        site.keeping.put(rule("file"), "ayse")


def test_the_files_harmful_rules_are_left_alone_and_those_before_hold(site: Site) -> None:
    findings = Findings(site.engine, site.clock)
    site.keeping.apply([rule("file", keep="1 d")], "ayse")
    apply_rules(site, [rule("file", keep="1 min", cameras=["*"])])
    assert [one.rule.keep for one in site.keeping.stored()] == [DAY]
    (told,) = findings.open(Kind.RULES_REFUSED)
    assert told.subject == "cameras.toml"
    apply_rules(site, [rule("file", keep="30 h")])
    assert [one.rule.keep for one in site.keeping.stored()] == [30 * HOUR]
    assert findings.open(Kind.RULES_REFUSED) == []


def test_harmful_rules_that_are_meant_are_no_finding_any_more(site: Site) -> None:
    site.keeping.apply([rule("file", keep="1 d")], "ayse")
    harmful = [rule("file", keep="1 min", cameras=["*"])]
    apply_rules(site, harmful)
    take_rules(site, harmful, "ayse", meant=True)
    assert Findings(site.engine, site.clock).open(Kind.RULES_REFUSED) == []


def test_days_kept_and_promised_and_rates(site: Site) -> None:
    site.keeping.apply([rule("file", keep="30 d")], "ayse")
    kept = {one.camera: one for one in site.keeping.kept()}
    assert kept["gate"].kept == 2 * DAY
    assert kept["gate"].promised == 30 * DAY
    assert kept["gate"].bytes == 2_880 * 30_000_000
    assert kept["gate"].rate == pytest.approx(500_000, rel=0.05)
    assert site.keeping.forecast().rate == pytest.approx(1_000_000, rel=0.05)


def test_a_clock_that_is_far_ahead_of_the_footage_is_doubted(tmp_path: Path, site: Site) -> None:
    assert site.keeping.clock_doubt() is None
    assert isinstance(site.clock, FakeClock)
    site.clock.step(400 * DAY)
    assert "after the newest footage" in str(site.keeping.clock_doubt())
    assert site.keeping.confirm_clock("ayse") == START + 402 * DAY
    assert site.keeping.clock_doubt() is None


def test_a_change_of_a_rule_stands_in_the_ledger_before_it_holds(site: Site) -> None:
    site.keeping.apply([rule("file", keep="30 d")], "vms apply")
    site.keeping.put(rule("ours", keep="40 h"), "ayse")
    site.keeping.delete("ours", "ali")
    with pytest.raises(AlreadyExists):
        site.keeping.put(rule("file"), "ayse")
    with pytest.raises(NotFound):
        site.keeping.delete("nothing", "ayse")
    ledger = Ledger.of(site.settings, site.clock)
    leaves = [parse(line) for _, line in ledger.leaves()]
    assert all(isinstance(leaf, RuleLeaf) for leaf in leaves)
    assert [(one.name, one.settings is None, one.by) for one in leaves] == [
        ("file", False, "vms apply"),
        ("ours", False, "ayse"),
        ("ours", True, "ali"),
    ]
