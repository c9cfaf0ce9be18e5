"""Accounts: made, found whatever the case, removed; the last administrator stays."""

from __future__ import annotations

import argon2
import pytest
from sqlalchemy import Engine, select, update

from storage.database import migrate, open_database
from vms.core.errors import AlreadyExists, BadRequest, NotFound
from vms.people.accounts import Accounts, fold_name
from vms.people.passwords import WeakPassword, check_password, make_password
from vms.people.permissions import ADMIN
from vms.people.schema import account, metadata
from vms.people.sessions import Sessions

PASSWORD = "correct horse battery"


def test_the_administrator_is_made_once(accounts: Accounts) -> None:
    password = accounts.ensure_admin()
    assert password is not None
    assert accounts.ensure_admin() is None
    who = accounts.check("admin", password)
    assert who is not None
    assert who.role == ADMIN


def test_two_generated_passwords_differ(accounts: Accounts) -> None:
    assert make_password() != make_password()


@pytest.mark.parametrize("typed", ["AYŞE", "ayşe", " Ayşe "])
def test_names_ignore_case(accounts: Accounts, typed: str) -> None:
    accounts.add("Ayşe", PASSWORD)
    assert accounts.check(typed, PASSWORD) is not None


@pytest.mark.parametrize("typed", ["ADMİN", "ADMIN", "admin", "admın"])
def test_every_turkish_i_is_the_same_letter(typed: str) -> None:
    assert fold_name(typed) == "admin"


def test_a_name_is_taken_in_any_case(accounts: Accounts) -> None:
    accounts.add("ali", PASSWORD)
    with pytest.raises(AlreadyExists, match="ALİ"):
        accounts.add("ALİ", PASSWORD)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "line\nbreak"])
def test_a_bad_name_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(BadRequest):
        accounts.add(name, PASSWORD)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("elevenchars", "short"),
        ("x" * 1_025, "long"),
        ("My name is ALİ!", "name"),
        ("password1234", "common"),
        ("Password!2345", "common"),
        ("qwertyuiop123", "common"),
        ("galatasaray1905", "common"),
        ("aaaaaaaaaaaaaaaaaaaaaa", "common"),
    ],
)
def test_a_bad_password_is_refused(accounts: Accounts, password: str, why: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        accounts.add("ali", password)
    assert refused.value.why == why
    assert password not in str(refused.value)
    assert not accounts.knows("ali")


@pytest.mark.parametrize(
    "password", [PASSWORD, "üç ayrı kelime", "k7jq-9mzp-w4xd", "ÇAY tren 7 İğde"]
)
def test_what_a_password_is_made_of_is_free(accounts: Accounts, password: str) -> None:
    accounts.add("al", password)
    assert accounts.check("al", password) is not None


def test_passwords_we_make_are_accepted() -> None:
    for _ in range(50):
        check_password(make_password(), "admin")


def test_a_password_of_old_is_hashed_anew_whatever_its_length(
    accounts: Accounts, engine: Engine
) -> None:
    accounts.add("ali", PASSWORD)
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("ten chars.")
    with engine.begin() as connection:
        connection.execute(update(account).values(password_hash=weaker))
    for _ in range(2):
        assert accounts.check("ali", "ten chars.") is not None
    with engine.connect() as connection:
        assert connection.scalar(select(account.c.password_hash)) != weaker


def test_changing_ones_own_password_keeps_one_sign_in(
    accounts: Accounts, sessions: Sessions
) -> None:
    ali = accounts.add("ali", PASSWORD, must_change=True)
    here, there = sessions.start(ali, "10.0.0.9"), sessions.start(ali, "10.0.0.8")
    token = sessions.make_token(ali, "wall")
    found = sessions.find(here.token)
    assert found is not None
    assert found.identity.is_held
    keep = bytes.fromhex(found.permit.partition(":")[2])
    accounts.set_password("ali", "another horse battery", keep=keep)
    after = sessions.find(here.token)
    assert after is not None
    assert not after.identity.is_held
    assert sessions.find(there.token) is None
    assert sessions.find_token(token) is None


def test_an_unknown_role_names_the_known_ones(accounts: Accounts) -> None:
    with pytest.raises(BadRequest, match="admin, auditor, investigator, operator"):
        accounts.add("ali", PASSWORD, role="king")


def test_the_password_is_kept_as_argon2id(accounts: Accounts, engine: Engine) -> None:
    accounts.add("ali", PASSWORD)
    with engine.connect() as connection:
        stored = connection.scalar(select(account.c.password_hash))
    assert stored.startswith("$argon2id$")


def test_wrong_password_and_unknown_name_are_nobody(accounts: Accounts) -> None:
    accounts.add("ali", PASSWORD)
    assert accounts.check("ali", "wrong password") is None
    assert accounts.check("veli", PASSWORD) is None
    assert accounts.check("ali", "x" * 5_000) is None


def test_a_new_password_ends_sign_ins_and_tokens(accounts: Accounts, sessions: Sessions) -> None:
    who = accounts.add("ali", PASSWORD)
    session, token = sessions.start(who, "10.0.0.9"), sessions.make_token(who, "script")
    accounts.set_password("ALI", "another password")
    assert sessions.find(session.token) is None
    assert sessions.find_token(token) is None
    assert accounts.check("ali", PASSWORD) is None
    assert accounts.check("ali", "another password") is not None


def test_a_removed_account_is_signed_out(accounts: Accounts, sessions: Sessions) -> None:
    who = accounts.add("ali", PASSWORD)
    session = sessions.start(who, "10.0.0.9")
    accounts.remove("ali")
    assert sessions.find(session.token) is None
    with pytest.raises(NotFound):
        accounts.get("ali")


def test_the_last_administrator_stays(accounts: Accounts) -> None:
    accounts.ensure_admin()
    accounts.add("ali", PASSWORD)
    with pytest.raises(BadRequest, match="only administrator"):
        accounts.remove("admin")
    accounts.add("veli", PASSWORD, role="admin")
    accounts.remove("admin")
    assert [one.name for one in accounts.list()] == ["ali", "veli"]


def test_the_migrations_make_the_same_tables(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from sqlalchemy import inspect

    migrated = open_database(f"sqlite:///{tmp_path / 'm.db'}")
    declared = open_database(f"sqlite:///{tmp_path / 'd.db'}")
    migrate(migrated)
    metadata.create_all(declared)
    for name in metadata.tables:
        left, right = inspect(migrated), inspect(declared)
        assert _columns(left, name) == _columns(right, name)
        assert {i["name"] for i in left.get_indexes(name)} == {
            i["name"] for i in right.get_indexes(name)
        }
    migrated.dispose()
    declared.dispose()


def _columns(inspector, name):  # type: ignore[no-untyped-def]
    return {
        (c["name"], str(c["type"]), c["nullable"], c["primary_key"])
        for c in inspector.get_columns(name)
    }
