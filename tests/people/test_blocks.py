"""Blocks: what is hidden is hidden from everybody but who is named, whatever they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from storage.database import migrate, open_database
from tests.people.test_permissions import GATE, NOW, YARD, asked, who
from vms.core.clock import SECOND, FakeClock, Instant
from vms.core.errors import BadRequest, NotFound, Refused
from vms.people import blocks as repository
from vms.people.accounts import Accounts
from vms.people.block import Block, Named
from vms.people.blocks import BlockOrder, Blocks
from vms.people.permissions import ADMIN, BUILT_IN, Grant, Permission, decide, hidden_spans
from vms.people.roles import Granted, Roles
from vms.people.sessions import Sessions

ROOT = who(Grant(BUILT_IN[ADMIN]))
SHOWS = [Permission.ARCHIVE, Permission.SNAPSHOT, Permission.EXPORT, Permission.SOUND]
HOUR = 3_600 * SECOND


def block(start: int, end: int | None, *seen_by: Named) -> Block:
    until = None if end is None else Instant(end)
    return Block("b1", GATE, Instant(start), until, "case", seen_by, NOW, "ayse")


def test_the_administrator_does_not_see_what_is_hidden_and_others_cameras_stay() -> None:
    root = replace(ROOT, blocks=(block(NOW - HOUR, NOW - HOUR // 2),))
    for permission in SHOWS:
        spanning = replace(asked(permission, footage=Instant(NOW - HOUR)), until=NOW)
        refused = decide(root, spanning)
        assert (refused.allowed, refused.hidden) == (False, True), permission
        assert "b1" in refused.reason
        assert decide(root, replace(spanning, camera=YARD)).allowed
        assert decide(root, replace(spanning, footage=Instant(NOW - HOUR // 2))).allowed
    assert decide(root, asked(Permission.LIVE)).allowed


@pytest.mark.parametrize(
    ("start", "end", "seen"),
    [(-60, None, False), (60, None, True), (3, None, False), (-60, -5, False), (-60, -30, True)],
)
def test_live_closes_a_little_before_and_opens_a_little_after(
    start: int, end: int | None, seen: bool
) -> None:
    until = None if end is None else NOW + end * SECOND
    root = replace(ROOT, blocks=(block(NOW + start * SECOND, until),))
    for permission in (Permission.LIVE, Permission.SOUND, Permission.PTZ):
        assert decide(root, asked(permission)).allowed is seen
    assert decide(root, asked(Permission.CAMERAS)).allowed
    assert decide(root, asked(Permission.BLOCK)).allowed


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20) | st.none()), max_size=6))
def test_no_hidden_moment_is_allowed_and_no_other_is_refused(spans: list[tuple[int, int]]) -> None:
    blocks = tuple(
        block(start, None if length is None else start + length) for start, length in spans
    )
    root = replace(ROOT, blocks=blocks)
    found = hidden_spans(root, GATE, Instant(0), Instant(80))
    for at in range(80):
        hidden = any(a <= at and (n is None or at < a + n) for a, n in spans)
        moment = replace(asked(Permission.ARCHIVE, footage=Instant(at)), until=Instant(at + 1))
        assert decide(root, moment).allowed is not hidden
        assert any(a <= at < b for a, b in found) is hidden
        wide = replace(moment, permission=Permission.ARCHIVE, until=Instant(80))
        if hidden:
            assert not decide(root, wide).allowed


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'gozcu.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


def test_a_block_hides_from_the_next_identity_on_until_it_is_lifted(engine: Engine) -> None:
    clock, roles = FakeClock(), Roles(engine, "Europe/Istanbul")
    accounts, sessions = Accounts(engine, clock, roles), Sessions(engine, clock, roles)
    blocks = Blocks(engine, clock)
    for name in ("ali", "Ayşe"):
        accounts.add(name, "correct horse battery", grants=[Granted(ADMIN)])
    made = blocks.add(BlockOrder(GATE, NOW, None, "case 7", ("ayşe", "Ayşe")), "root")
    assert [one.name for one in made.seen_by] == ["Ayşe"]
    assert blocks.active() == [made]
    assert sessions.identity(accounts.get("ali")).blocks == (made,)
    assert sessions.identity(accounts.get("Ayşe")).blocks == ()
    with pytest.raises(BadRequest, match="why"):
        blocks.lift(made.id, "root", " ")
    lifted = blocks.lift(made.id, "root", "closed")
    assert (lifted.lifted, lifted.lift_reason) == (clock.now(), "closed")
    assert sessions.identity(accounts.get("ali")).blocks == ()
    assert (blocks.active(), blocks.all()) == ([], [lifted])
    with pytest.raises(NotFound):
        blocks.lift(made.id, "root", "again")


def test_whoever_comes_after_under_the_same_name_is_not_named(engine: Engine) -> None:
    made = block(NOW, None, Named(4, "veli"))
    assert not made.hides_from(4, "veli")
    assert made.hides_from(5, "veli")
    assert made.hides_from(4, "ali")


def test_what_makes_no_sense_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = Blocks(engine, FakeClock())
    for order, why in (
        (BlockOrder(GATE, NOW, None, " "), "reason"),
        (BlockOrder(GATE, NOW, NOW, "case"), "after its start"),
        (BlockOrder(GATE, Instant(-1), None, "case"), "1970"),
        (BlockOrder(GATE, NOW, None, "case", ("nobody",)), "no account 'nobody'"),
    ):
        with pytest.raises(BadRequest, match=why):
            blocks.add(order, "root")
    monkeypatch.setattr(repository, "BLOCKS_MAX", 1)
    blocks.add(BlockOrder(GATE, NOW, None, "case"), "root")
    with pytest.raises(Refused, match="lift one first"):
        blocks.add(BlockOrder(GATE, NOW, None, "case"), "root")
