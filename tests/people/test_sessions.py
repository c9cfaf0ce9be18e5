"""Sign-ins: kept as hashes, sliding 12 hours, ended by signing out."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from vms.core.clock import HOUR, MINUTE, FakeClock
from vms.people.accounts import Accounts
from vms.people.schema import login_session
from vms.people.sessions import Sessions

PASSWORD = "correct horse battery"


def test_a_session_is_found_by_its_token_only(accounts: Accounts, sessions: Sessions) -> None:
    started = sessions.start(accounts.add("ali", PASSWORD), "10.0.0.9")
    found = sessions.find(started.token)
    assert found is not None
    assert (found.identity.name, found.identity.via, found.csrf) == ("ali", "session", started.csrf)
    assert sessions.find(started.token[:-1]) is None
    assert sessions.find("\udc80 not ascii") is None


def test_the_token_itself_is_not_in_the_database(
    accounts: Accounts, sessions: Sessions, engine: Engine
) -> None:
    started = sessions.start(accounts.add("ali", PASSWORD), "10.0.0.9")
    with engine.connect() as connection:
        row = connection.execute(select(login_session)).one()
    assert started.token not in str(tuple(row))
    assert len(row.token_hash) == 32


def test_use_prolongs_and_rest_ends_it(
    accounts: Accounts, sessions: Sessions, clock: FakeClock
) -> None:
    started = sessions.start(accounts.add("ali", PASSWORD), "10.0.0.9")
    for _ in range(3):
        clock.advance(11 * HOUR)
        assert sessions.find(started.token) is not None
    clock.advance(12 * HOUR)
    assert sessions.find(started.token) is None


def test_a_use_soon_after_another_writes_nothing(
    accounts: Accounts, sessions: Sessions, clock: FakeClock, engine: Engine
) -> None:
    started = sessions.start(accounts.add("ali", PASSWORD), "10.0.0.9")
    with engine.connect() as connection:
        before = connection.scalar(select(login_session.c.expires))
    clock.advance(5 * MINUTE)
    sessions.find(started.token)
    with engine.connect() as connection:
        assert connection.scalar(select(login_session.c.expires)) == before


def test_ended_sessions_are_swept_at_the_next_sign_in(
    accounts: Accounts, sessions: Sessions, clock: FakeClock, engine: Engine
) -> None:
    who = accounts.add("ali", PASSWORD)
    sessions.start(who, "10.0.0.9")
    clock.advance(13 * HOUR)
    sessions.start(who, "10.0.0.9")
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(login_session)) == 1


def test_signing_out_ends_it(accounts: Accounts, sessions: Sessions) -> None:
    started = sessions.start(accounts.add("ali", PASSWORD), "10.0.0.9")
    sessions.end(started.token)
    sessions.end(started.token)
    assert sessions.find(started.token) is None


def test_an_api_token_needs_no_csrf(accounts: Accounts, sessions: Sessions) -> None:
    token = sessions.make_token(accounts.add("ali", PASSWORD), "script")
    found = sessions.find_token(token)
    assert found is not None
    assert (found.identity.via, found.csrf) == ("token", None)
    assert sessions.find_token("vms_wrong") is None
    assert sessions.find(token) is None
