"""Roles and grants in the database: what means nothing is refused, what is held takes effect."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from storage.database import migrate, open_database
from vms.core.clock import DAY, FakeClock, Span
from vms.core.errors import BadRequest, NotFound, Refused
from vms.people.accounts import Accounts
from vms.people.permissions import ADMIN, OPERATOR, Permission, permissions_of
from vms.people.roles import Granted, Roles, RoleSettings
from vms.people.sessions import Sessions

PASSWORD = "correct horse battery"
GUARD = RoleSettings("guard", ("live", "cameras"), Span(2 * DAY), ("daily 06:00-14:00",), None)


@pytest.fixture
def roles(engine: Engine) -> Roles:
    return Roles(engine, "Europe/Istanbul")


def test_a_role_of_ones_own_is_held_and_changes_at_once(
    accounts: Accounts, sessions: Sessions, roles: Roles
) -> None:
    roles.put(GUARD)
    ali = accounts.add("ali", PASSWORD, grants=[Granted("guard", ("gate", "group:Ön kapı"))])
    (grant,) = sessions.identity(ali).grants
    assert grant.scope == ("gate", "group:Ön kapı")
    assert grant.role.permissions == {Permission.LIVE, Permission.CAMERAS}
    assert grant.role.limits.footage_age == 2 * DAY
    assert grant.role.limits.hours is not None
    roles.put(RoleSettings("guard", ("live", "ptz")))
    assert permissions_of(sessions.identity(ali)) == {Permission.LIVE, Permission.PTZ}
    assert roles.settings()[-1].permissions == ("live", "ptz")
    with pytest.raises(Refused, match="hold the role guard"):
        roles.remove("guard")
    accounts.grant("ali", [Granted(OPERATOR)])
    roles.remove("guard")
    with pytest.raises(NotFound):
        roles.remove("guard")


def test_written_hours_come_back_as_they_were_written(roles: Roles) -> None:
    roles.put(GUARD)
    assert roles.settings()[-1] == replace(GUARD, permissions=("cameras", "live"))


@pytest.mark.parametrize(
    ("role", "says"),
    [
        (RoleSettings("Guard!", ("live",)), "can't name a role"),
        (RoleSettings("guard", ()), "permits nothing"),
        (RoleSettings("guard", ("fly",)), "no permission 'fly'"),
        (RoleSettings("guard", ("live",), Span(1)), "footage_age"),
        (RoleSettings("guard", ("live",), None, ("noon",)), "noon"),
        (RoleSettings("guard", ("live",), None, ()), "empty limit"),
        (RoleSettings("guard", ("live",), None, None, ("10.0.0.300",)), "10.0.0.300"),
        (RoleSettings("guard", ("live",), priority=0), "priority"),
    ],
)
def test_a_role_that_means_nothing_is_refused(roles: Roles, role: RoleSettings, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        roles.put(role)


def test_built_in_roles_stay(roles: Roles) -> None:
    with pytest.raises(Refused, match="built in"):
        roles.put(RoleSettings(ADMIN, ("live",)))
    with pytest.raises(Refused, match="built in"):
        roles.remove(ADMIN)


@pytest.mark.parametrize(
    "grants",
    [
        [],
        [Granted("nobody")],
        [Granted(OPERATOR, ())],
        [Granted(OPERATOR, ("Gate North",))],
        [Granted(OPERATOR, ("../x",))],
        [Granted(OPERATOR)] * 21,
    ],
)
def test_grants_that_mean_nothing_are_refused(accounts: Accounts, grants: list[Granted]) -> None:
    accounts.add("ali", PASSWORD)
    with pytest.raises(BadRequest):
        accounts.grant("ali", grants)
    assert accounts.get("ali").grants == (Granted(OPERATOR),)


def test_somebody_always_administers_the_site(accounts: Accounts) -> None:
    accounts.add("ayse", PASSWORD, role=ADMIN)
    accounts.add("ali", PASSWORD, grants=[Granted(ADMIN, ("gate",))])
    with pytest.raises(BadRequest, match="only administrator"):
        accounts.grant("ayse", [Granted(ADMIN, ("gate",))])
    with pytest.raises(BadRequest, match="only administrator"):
        accounts.remove("ayse")
    accounts.grant("ali", [Granted(ADMIN)])
    accounts.remove("ayse")
    assert [one.name for one in accounts.list()] == ["ali"]


def test_a_role_that_is_gone_gives_nothing(
    engine: Engine, accounts: Accounts, sessions: Sessions, roles: Roles
) -> None:
    roles.put(GUARD)
    ali = accounts.add("ali", PASSWORD, grants=[Granted("guard")])
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM role")
    assert sessions.identity(ali).grants == ()


def test_roles_of_before_keep_sound_and_single_pictures(tmp_path: object, clock: FakeClock) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/old.db")
    migrate(engine, "0015_audit")
    with engine.begin() as connection:
        had = {"looks": '["archive", "cameras"]', "watches": '["live"]', "tells": '["events"]'}
        for name, permissions in had.items():
            connection.execute(
                sa.text("INSERT INTO role (name, permissions, priority) VALUES (:name, :had, 1)"),
                {"name": name, "had": permissions},
            )
    migrate(engine)
    held = {one.name: set(one.permissions) for one in Roles(engine, "UTC").all()}
    assert held["looks"] == {"archive", "cameras", "snapshot", "sound"}
    assert held["watches"] == {"live", "sound"}
    assert held["tells"] == {"events"}
    engine.dispose()


def test_built_in_roles_of_before_may_say_yes_and_keep_their_duties(tmp_path: object) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/old.db")
    migrate(engine, "0023_passwords")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO role (name, permissions, priority, purpose, watermark)"
            " VALUES ('investigator', '[]', 1, false, true)"
        )
    migrate(engine)
    (one,) = [one for one in Roles(engine, "UTC").all() if one.name == "investigator"]
    assert (Permission.APPROVE in one.permissions, one.watermark) == (True, True)
    assert one.approval == frozenset()
    engine.dispose()


def test_accounts_of_before_keep_what_they_had(tmp_path: object, clock: FakeClock) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/old.db")
    migrate(engine, "0010_health")
    with engine.begin() as connection:
        for number, role in enumerate(("admin", "operator"), 1):
            connection.execute(
                sa.text(
                    "INSERT INTO account (id, name, name_key, display_name, role, password_hash,"
                    " created, password_changed) VALUES (:id, :name, :name, '', :role, '', 1, 1)"
                ),
                {"id": number, "name": f"a{number}", "role": role},
            )
    migrate(engine)
    held = [one.grants for one in Accounts(engine, clock).list()]
    assert held == [(Granted("admin"),), (Granted("operator"),)]
    engine.dispose()
