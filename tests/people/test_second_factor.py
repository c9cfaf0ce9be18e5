"""The second factor: set up, asked, used once, recovered, reset; nothing legible at rest."""

from __future__ import annotations

from pathlib import Path

import pyotp
import pytest

from vms.core.clock import SECOND, FakeClock
from vms.core.errors import Denied, Refused
from vms.people.accounts import Account, Accounts
from vms.people.permissions import Asked, Permission, decide, permissions_of
from vms.people.roles import Granted, Roles, RoleSettings
from vms.people.second_factor import SecondFactors
from vms.people.sessions import Sessions
from vms.people.signin import CodeAsked, SignIn, TooManyTries, WrongCode

PASSWORD, ADDRESS = "correct horse battery", "10.0.0.9"


@pytest.fixture
def ali(accounts: Accounts) -> Account:
    return accounts.add("ali", PASSWORD)


def code_of(secret: str, clock: FakeClock) -> str:
    return pyotp.TOTP(secret).at(clock.now() // SECOND)


def enrolled(
    factors: SecondFactors, who: Account, clock: FakeClock, keep: bytes | None = None
) -> tuple[str, tuple[str, ...]]:
    secret = factors.begin(who).secret.reveal()
    codes = factors.confirm(who, code_of(secret, clock), keep)
    clock.advance(30 * SECOND)
    return secret, codes


def test_it_is_asked_once_confirmed_and_each_code_is_good_once(
    factors: SecondFactors, door: SignIn, ali: Account, clock: FakeClock
) -> None:
    secret = factors.begin(ali).secret.reveal()
    door.sign_in("ali", PASSWORD, ADDRESS)  # begun is not set up
    with pytest.raises(Denied):
        factors.confirm(ali, "000000" if code_of(secret, clock) != "000000" else "111111")
    factors.confirm(ali, code_of(secret, clock))
    with pytest.raises(CodeAsked):
        door.sign_in("ali", PASSWORD, ADDRESS)
    with pytest.raises(WrongCode):  # the code that confirmed is used up
        door.sign_in("ali", PASSWORD, ADDRESS, code_of(secret, clock))
    clock.advance(30 * SECOND)
    code = code_of(secret, clock)
    door.sign_in("ali", PASSWORD, ADDRESS, f"{code[:3]} {code[3:]}")
    with pytest.raises(WrongCode):
        door.sign_in("ali", PASSWORD, ADDRESS, code)


def test_a_recovery_code_is_good_once_and_only_for_its_account(
    factors: SecondFactors, door: SignIn, accounts: Accounts, ali: Account, clock: FakeClock
) -> None:
    _, codes = enrolled(factors, ali, clock)
    veli = accounts.add("veli", PASSWORD)
    enrolled(factors, veli, clock)
    with pytest.raises(WrongCode):
        door.sign_in("veli", PASSWORD, ADDRESS, codes[0])
    door.sign_in("ali", PASSWORD, ADDRESS, codes[0].upper())
    with pytest.raises(WrongCode):
        door.sign_in("ali", PASSWORD, ADDRESS, codes[0])
    assert (factors.state(ali).recovery_left, factors.state(veli).recovery_left) == (9, 10)


def test_guessing_codes_is_slowed_like_passwords(
    factors: SecondFactors, door: SignIn, ali: Account, clock: FakeClock
) -> None:
    enrolled(factors, ali, clock)
    refused: list[type[Exception]] = []
    for attempt in range(12):
        with pytest.raises(Denied) as refusal:
            door.sign_in("ali", PASSWORD, ADDRESS, None if attempt % 2 else "abc")
        refused.append(refusal.type)
    assert refused[-1] is TooManyTries


def test_a_second_one_is_refused_and_a_reset_ends_sign_ins(
    factors: SecondFactors, sessions: Sessions, door: SignIn, ali: Account, clock: FakeClock
) -> None:
    _, codes = enrolled(factors, ali, clock)
    with pytest.raises(Refused, match="already"):
        factors.begin(ali)
    with pytest.raises(Refused, match="begin again"):
        factors.confirm(ali, "123456")
    _, session = door.sign_in("ali", PASSWORD, ADDRESS, codes[0])
    assert factors.remove(ali)
    assert sessions.find(session.token) is None
    door.sign_in("ali", PASSWORD, ADDRESS)
    assert not factors.remove(ali)


def test_who_must_have_one_may_nothing_else_until_then(
    factors: SecondFactors, accounts: Accounts, sessions: Sessions, clock: FakeClock
) -> None:
    roles = Roles(accounts._engine, "UTC")
    roles.put(RoleSettings("guard", ("own_session", "cameras", "live"), second_factor=True))
    guard = accounts.add("guard", PASSWORD, grants=[Granted("guard"), Granted("operator")])
    token = sessions.start(guard, ADDRESS).token
    live = Asked(Permission.LIVE, clock.now(), ADDRESS, each=True)
    before = sessions.find(token)
    assert before is not None
    assert before.identity.must_enrol
    assert permissions_of(before.identity) == {Permission.OWN_SESSION}
    assert not decide(before.identity, live).allowed
    permitted = sessions.permitted(before.permit)
    assert permitted is not None
    assert not decide(permitted, live).allowed
    thief = sessions.start(guard, ADDRESS).token  # by the password alone
    enrolled(factors, guard, clock, keep=bytes.fromhex(before.permit.partition(":")[2]))
    assert sessions.find(thief) is None
    after = sessions.find(token)
    assert after is not None
    assert decide(after.identity, live).allowed
    machine = sessions.find_token(sessions.make_token(guard, "wall"))
    assert machine is not None
    assert not machine.identity.must_enrol


def test_neither_secret_nor_recovery_codes_stand_in_the_database(
    factors: SecondFactors, ali: Account, clock: FakeClock, tmp_path: Path
) -> None:
    secret, codes = enrolled(factors, ali, clock)
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("people.db*"))
    assert kept.count(b"ali") > 0
    for told in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert told.encode() not in kept


def test_an_account_that_goes_leaves_nothing_behind(
    factors: SecondFactors, accounts: Accounts, ali: Account, clock: FakeClock
) -> None:
    enrolled(factors, ali, clock)
    accounts.remove("ali")
    assert factors.state(ali).since is None
    assert factors.state(ali).recovery_left == 0
