"""The door: throttle first, one sentence for both mistakes, nothing secret in the log."""

from __future__ import annotations

import pytest
import structlog

from vms.core.clock import FakeClock
from vms.core.errors import Denied
from vms.people.accounts import Accounts
from vms.people.sessions import Sessions
from vms.people.signin import SignIn, TooManyTries
from vms.people.throttle import FREE_TRIES

PASSWORD = "correct horse battery"


def test_name_and_password_open_it(accounts: Accounts, sessions: Sessions, door: SignIn) -> None:
    accounts.add("ali", PASSWORD)
    who, session = door.sign_in("ALI", PASSWORD, "10.0.0.9")
    assert who.name == "ali"
    assert sessions.find(session.token) is not None


def test_it_does_not_say_which_was_wrong(
    accounts: Accounts, door: SignIn, clock: FakeClock
) -> None:
    accounts.add("ali", PASSWORD)
    said = []
    for name, password in (("ali", "wrong password"), ("nobody", PASSWORD)):
        with pytest.raises(Denied) as refusal:
            door.sign_in(name, password, "10.0.0.9")
        said.append(str(refusal.value))
    assert said[0] == said[1]


def test_guessing_is_told_to_wait_and_waiting_helps(
    accounts: Accounts, door: SignIn, clock: FakeClock
) -> None:
    accounts.add("ali", PASSWORD)
    for _ in range(FREE_TRIES):
        with pytest.raises(Denied, match="wrong"):
            door.sign_in("ali", "wrong password", "10.0.0.9")
    with pytest.raises(TooManyTries) as refusal:
        door.sign_in("ali", PASSWORD, "10.0.0.9")
    clock.advance(refusal.value.seconds * 1_000_000_000)
    door.sign_in("ali", PASSWORD, "10.0.0.9")


def test_the_log_names_known_accounts_only_and_no_password(
    accounts: Accounts, door: SignIn, clock: FakeClock
) -> None:
    accounts.add("ali", PASSWORD)
    with structlog.testing.capture_logs() as lines:
        for name in ("ali", "my-secret-typed-here"):
            with pytest.raises(Denied):
                door.sign_in(name, "wrong password", "10.0.0.9")
        door.sign_in("ali", PASSWORD, "10.0.0.9")
    assert [line["account"] for line in lines] == ["ali", "(unknown)", "ali"]
    assert "wrong password" not in str(lines)
    assert "my-secret" not in str(lines)
