"""API tokens: they end, may be narrowed, and tell when they were used."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, select

from vms.core.clock import DAY, SECOND, FakeClock, Span
from vms.core.errors import BadRequest, Refused
from vms.people.accounts import Accounts
from vms.people.permissions import Narrowed, Permission
from vms.people.schema import api_token
from vms.people.sessions import Sessions
from vms.people.tokens import TOKENS_MAX, TokenOrder, narrowed_of, narrowing

PASSWORD = "correct horse battery"


def test_a_token_ends_when_it_is_due(
    accounts: Accounts, sessions: Sessions, clock: FakeClock
) -> None:
    ali = accounts.add("ali", PASSWORD)
    token = sessions.make_token(ali, TokenOrder("wall", Span(2 * DAY)))
    clock.advance(2 * DAY - 1)
    found = sessions.find_token(token)
    assert found is not None
    assert sessions.permitted(found.permit) is not None
    clock.advance(1)
    assert sessions.find_token(token) is None
    assert sessions.permitted(found.permit) is None
    assert sessions.doors(ali) == []


def test_a_token_lives_for_90_days_unless_told(accounts: Accounts, sessions: Sessions) -> None:
    ali = accounts.add("ali", PASSWORD)
    sessions.make_token(ali, "wall")
    (door,) = sessions.doors(ali)
    assert door.expires - door.created == 90 * DAY


def test_a_row_that_says_no_end_opens_nothing(
    accounts: Accounts, sessions: Sessions, engine: Engine
) -> None:
    ali = accounts.add("ali", PASSWORD)
    with engine.begin() as connection:
        row = {"token_hash": b"\1" * 32, "account_id": ali.id, "label": "old", "created": 1}
        connection.execute(insert(api_token).values(row))
    assert sessions.permitted("token:" + "01" * 32) is None


def test_its_use_is_kept_at_most_once_a_minute(
    accounts: Accounts, sessions: Sessions, clock: FakeClock
) -> None:
    ali = accounts.add("ali", PASSWORD)
    token = sessions.make_token(ali, "wall")
    assert sessions.doors(ali)[0].used is None
    first = clock.now()
    sessions.find_token(token, "10.0.0.9")
    clock.advance(59 * SECOND)
    sessions.find_token(token, "10.0.0.8")
    (door,) = sessions.doors(ali)
    assert (door.used, door.address) == (first, "10.0.0.9")
    clock.advance(SECOND)
    sessions.find_token(token, "10.0.0.8")
    (door,) = sessions.doors(ali)
    assert (door.used, door.address) == (clock.now(), "10.0.0.8")


def test_what_it_is_narrowed_to_goes_with_it(accounts: Accounts, sessions: Sessions) -> None:
    ali = accounts.add("ali", PASSWORD)
    wanted = Narrowed(frozenset({Permission.LIVE}), ("gate-*", "group:meydan"))
    found = sessions.find_token(sessions.make_token(ali, TokenOrder("wall", narrowed=wanted)))
    assert found is not None
    assert found.identity.narrowed == wanted
    later = sessions.permitted(found.permit)
    assert later is not None
    assert later.narrowed == wanted


def test_a_permission_of_a_later_version_opens_nothing() -> None:
    text = '{"permissions": ["live", "fly"], "cameras": ["*"]}'
    assert narrowed_of(text) == Narrowed(frozenset({Permission.LIVE}))


@pytest.mark.parametrize(
    ("label", "days", "permissions", "cameras"),
    [
        ("", 1, None, None),
        ("x" * 101, 1, None, None),
        ("two\nlines", 1, None, None),
        ("wall", 0, None, None),
        ("wall", 367, None, None),
        ("wall", 1, [], None),
        ("wall", 1, ["fly"], None),
        ("wall", 1, ["live"], []),
        ("wall", 1, ["live"], ["../etc"]),
    ],
)
def test_what_can_not_be_is_refused(
    label: str, days: int, permissions: list[str] | None, cameras: list[str] | None
) -> None:
    with pytest.raises(BadRequest):
        TokenOrder(label, Span(days * DAY), narrowing(permissions, cameras))


def test_tokens_of_one_account_are_bounded(
    accounts: Accounts, sessions: Sessions, clock: FakeClock, engine: Engine
) -> None:
    ali = accounts.add("ali", PASSWORD)
    for number in range(TOKENS_MAX):
        sessions.make_token(ali, TokenOrder(f"wall {number}", Span(DAY)))
    with pytest.raises(Refused, match="revoke one first"):
        sessions.make_token(ali, "one more")
    sessions.make_token(accounts.add("veli", PASSWORD), "of another")
    clock.advance(DAY)
    sessions.make_token(ali, "one more")
    with engine.connect() as connection:
        assert len(connection.execute(select(api_token)).all()) == 2
