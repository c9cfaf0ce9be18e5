"""Retention rules in the database: what the file says, and beside it what people added."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from storage.rule_changes import dump_rules, in_order, with_declared
from storage.rules import Rules
from storage.schema import metadata
from vms.core.clock import DAY, HOUR, parse_span, span_text
from vms.core.config_file import parse_settings
from vms.core.config_storage import RetentionRule
from vms.core.config_values import parse_size, size_text
from vms.core.errors import AlreadyExists, NotFound


@pytest.fixture
def rules() -> Iterator[Rules]:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    metadata.create_all(engine)
    yield Rules(engine)
    engine.dispose()


def rule(name: str, **more: object) -> RetentionRule:
    return RetentionRule.model_validate({"name": name, "keep": "30 d", **more})


def test_the_files_rules_are_added_changed_removed_and_put_in_order(rules: Rules) -> None:
    assert [c.kind for c in rules.apply([rule("a"), rule("b")])] == ["added", "added"]
    changes = rules.apply([rule("b", keep="12 h", quota="5 GB"), rule("c")])
    assert {(c.kind, c.rule) for c in changes} == {
        ("changed", "b"),
        ("added", "c"),
        ("removed", "a"),
    }
    said = "\n".join(map(str, changes))
    assert "keep: 30 d → 12 h" in said
    assert "quota: none → 5 GB" in said
    assert rules.apply([rule("c"), rule("b", keep="12 h", quota="5 GB")]) == ()
    assert [one.rule.name for one in rules.list()] == ["c", "b"]


def test_peoples_rules_come_last_and_stay_when_the_file_changes(rules: Rules) -> None:
    rules.put(rule("ours"))
    rules.put(rule("later"))
    rules.put(rule("ours", keep="7 d"))
    rules.apply([rule("file")])
    rules.apply([])
    rules.apply([rule("zz file")])
    names = [(one.rule.name, one.origin) for one in rules.list()]
    assert names == [("zz file", "file"), ("ours", "database"), ("later", "database")]
    assert rules.list()[1].rule.keep == 7 * DAY


def test_the_file_takes_over_a_rule_that_people_added(rules: Rules) -> None:
    rules.put(rule("night"))
    changes = rules.apply([rule("night", keep="1 h")])
    assert [(c.kind, c.fields) for c in changes] == [("taken over", (("keep", "30 d", "1 h"),))]
    assert [one.origin for one in rules.list()] == ["file"]


def test_the_files_rules_are_not_changed_by_people(rules: Rules) -> None:
    rules.apply([rule("file")])
    with pytest.raises(AlreadyExists, match=r"declared in cameras\.toml"):
        rules.put(rule("file", keep="1 h"))
    with pytest.raises(AlreadyExists, match=r"declared in cameras\.toml"):
        rules.delete("file")
    with pytest.raises(NotFound, match="no retention rule 'nothing'"):
        rules.delete("nothing")
    rules.put(rule("ours"))
    rules.delete("ours")
    assert [one.rule.name for one in rules.list()] == ["file"]


def test_what_would_hold_is_the_declared_and_then_what_people_added(rules: Rules) -> None:
    rules.apply([rule("old")])
    rules.put(rule("ours"))
    rules.put(rule("new", keep="1 h"))
    names = [one.name for one in with_declared(rules.list(), [rule("new"), rule("newer")])]
    assert names == ["new", "newer", "ours"]


def test_a_dump_is_read_back_as_the_same_rules(rules: Rules) -> None:
    rules.apply([rule("default", reason='Yönerge "30 gün"', minimum="90 min")])
    rules.put(RetentionRule(name="big", quota_all=1_500_000_000, cameras=("group:Meydan", "a-*")))
    text = dump_rules(rules.list())
    assert "declared in the console" in text
    tomllib.loads(text)
    assert parse_settings(text, Path("/x/cameras.toml"), {}).retention == in_order(rules.list())


@given(st.integers(0, 10_000).map(lambda n: n * 500_000_000))
def test_spans_are_read_back_as_they_were(span: int) -> None:
    assert parse_span(span_text(span)) == span


@given(st.integers(0, 10**15))
def test_sizes_are_read_back_as_they_were(size: int) -> None:
    assert parse_size(size_text(size)) == size


def test_spans_and_sizes_are_said_in_their_largest_unit() -> None:
    assert [span_text(n) for n in (30 * DAY, 36 * HOUR, 0)] == ["30 d", "36 h", "0 s"]
    assert [size_text(n) for n in (500 * 10**9, 1500, 0)] == ["500 GB", "1500 B", "0 B"]
