"""Roles and who holds them: the repository of grants."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select

from storage.database import writing
from vms.core.clock import DAY, HOUR, Span, span_text
from vms.core.config_directory import SCOPE
from vms.core.errors import BadRequest, NotFound, Refused
from vms.core.schedule import Weekly, parse_week_spans
from vms.people.approval import Action
from vms.people.permissions import ADMIN, BUILT_IN, WHOLE_SITE, Grant, Limits, Permission, Role
from vms.people.schema import account_grant
from vms.people.schema import role as role_table

ROLES_MAX = 100
GRANTS_MAX = 20
# What a site may ask of a built-in role too.
_DUTIES = ("purpose", "second_factor", "watermark", "approval")
SCOPE_MAX = 100
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_AGE_LEAST, _AGE_MOST = HOUR, 36_500 * DAY


@dataclass(frozen=True, slots=True)
class Granted:
    """A role's name, and the cameras it is held on, as people say it."""

    role: str
    scope: tuple[str, ...] = (WHOLE_SITE,)

    def as_json(self) -> dict[str, object]:
        return {"role": self.role, "cameras": list(self.scope)}


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """A role as people write it. None: without that limit.

    `hours`: spans of the week, `mon-fri 08:00-18:00`; `networks`: as 10.0.0.0/8; `priority`: 1 to
    9, of two who steer one camera the higher takes over; `purpose`: steering asks what for;
    `second_factor`: its holders must have one; `watermark`: pictures carry the viewer's name;
    `approval`: what takes a second person's yes.
    """

    name: str
    permissions: tuple[str, ...]
    footage_age: Span | None = None
    hours: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None
    priority: int = 1
    purpose: bool = False
    second_factor: bool = False
    watermark: bool = False
    approval: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "built_in": self.name in BUILT_IN,
            "permissions": list(self.permissions),
            "footage_age": None if self.footage_age is None else span_text(self.footage_age),
            "hours": None if self.hours is None else list(self.hours),
            "networks": None if self.networks is None else list(self.networks),
            "priority": self.priority,
            "purpose": self.purpose,
            "second_factor": self.second_factor,
            "watermark": self.watermark,
            "approval": list(self.approval),
        }


def check_scope(scope: Sequence[str]) -> None:
    """Raise BadRequest for cameras that can't be meant."""
    if not 0 < len(scope) <= SCOPE_MAX:
        raise BadRequest(f"it is held on 1 to {SCOPE_MAX} cameras or groups")
    for pattern in scope:
        if SCOPE.fullmatch(pattern) is None:
            raise BadRequest(
                f"{pattern[:80]!r} is no camera; use an id, a glob such as gate-*, "
                "group:NAME, or * for the whole site"
            )


class Roles:
    """The tables of roles and grants. Each method blocks. `zone`: in which hours are meant."""

    def __init__(self, engine: Engine, zone: str) -> None:
        self._engine, self._zone = engine, zone

    def all(self) -> list[Role]:
        """The built-in ones, then those people made, by name."""
        return [self._role(one) for one in self.settings()]

    def settings(self) -> list[RoleSettings]:
        """The same roles as people write them."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(role_table).order_by(role_table.c.name))
            found = {row.name: _settings_of(row) for row in rows}
        built_in = [found.pop(name, _built_in(name)) for name in BUILT_IN]
        return [*built_in, *found.values()]

    def put(self, settings: RoleSettings) -> Role:
        """Make a role or change it; of a built-in one, its duties. Raises BadRequest or Refused."""
        _keep_built_in(settings)
        values = checked(settings, self._zone)
        with writing(self._engine) as connection:
            names = set(connection.scalars(select(role_table.c.name)))
            if settings.name not in names and len(names) >= ROLES_MAX:
                raise Refused(f"there are {ROLES_MAX} roles already; remove one first")
            connection.execute(delete(role_table).where(role_table.c.name == settings.name))
            connection.execute(insert(role_table).values(name=settings.name, **values))
            query = select(role_table).where(role_table.c.name == settings.name)
            return self._role(_settings_of(connection.execute(query).one()))

    def remove(self, name: str) -> None:
        """Raises NotFound, or Refused while somebody holds it."""
        if name in BUILT_IN:
            raise Refused(f"the role {name} is built in and stays")
        with writing(self._engine) as connection:
            if connection.scalar(select(account_grant.c.role).where(account_grant.c.role == name)):
                raise Refused(f"people hold the role {name}; give them another one first")
            gone = connection.execute(delete(role_table).where(role_table.c.name == name))
            if not gone.rowcount:
                raise NotFound(f"there is no role {name!r}")

    def grants_of(self, connection: Connection, account: int) -> tuple[Grant, ...]:
        """What an account holds now. A role that is gone gives nothing."""
        query = select(account_grant.c.scope, account_grant.c.role, role_table).select_from(_HELD)
        rows = connection.execute(
            query.where(account_grant.c.account_id == account).order_by(account_grant.c.position)
        )
        grants = []
        for row in rows:
            if row.permissions is not None:
                role = self._role(_settings_of(row))
            elif row.role in BUILT_IN:
                role = BUILT_IN[row.role]
            else:
                continue
            grants.append(Grant(role, tuple(json.loads(row.scope))))
        return tuple(grants)

    def check(self, connection: Connection, grants: Sequence[Granted]) -> None:
        """Raise BadRequest for grants that mean nothing."""
        if not grants or len(grants) > GRANTS_MAX:
            raise BadRequest(f"a person holds 1 to {GRANTS_MAX} roles")
        known = {*BUILT_IN, *connection.scalars(select(role_table.c.name))}
        for grant in grants:
            if grant.role not in known:
                raise BadRequest(
                    f"{grant.role!r} is not a role; use one of {', '.join(sorted(known))}"
                )
            check_scope(grant.scope)

    def _role(self, one: RoleSettings) -> Role:
        hours = None if one.hours is None else _weekly(one.hours, self._zone)
        limits = Limits(one.footage_age, hours, one.networks)
        permissions = _known(one.permissions)
        duties = (one.purpose, one.second_factor, one.watermark)
        approval = frozenset(Action(name) for name in one.approval if name in set(Action))
        return Role(one.name, permissions, limits, one.priority, *duties, approval)


_HELD = account_grant.outerjoin(role_table, account_grant.c.role == role_table.c.name)


def _built_in(name: str) -> RoleSettings:
    role = BUILT_IN[name]
    return RoleSettings(name, tuple(sorted(role.permissions)), priority=role.priority)


def _keep_built_in(settings: RoleSettings) -> None:
    """Raise Refused for another meaning of a built-in role; a site may ask duties of it."""
    if settings.name not in BUILT_IN:
        return
    asked = replace(_built_in(settings.name), **_duties(settings))
    if replace(settings, permissions=tuple(sorted(set(settings.permissions)))) != asked:
        raise Refused(
            f"what the role {settings.name} permits is built in and stays, only its duties change "
            "(purpose, second factor, watermark, approval); make another role for the rest"
        )


def _duties(settings: RoleSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in _DUTIES}


def _settings_of(row: Any) -> RoleSettings:
    """A row of the table of roles. Of a built-in role only its duties stand there."""
    approval = tuple(json.loads(row.approval))
    duties = (row.purpose, row.second_factor, row.watermark, approval)
    if row.name in BUILT_IN:
        return replace(_built_in(row.name), **dict(zip(_DUTIES, duties, strict=True)))
    return RoleSettings(
        row.name,
        tuple(json.loads(row.permissions)),
        None if row.footage_age is None else Span(row.footage_age),
        None if row.hours is None else tuple(json.loads(row.hours)),
        None if row.networks is None else tuple(json.loads(row.networks)),
        row.priority,
        *duties,
    )


def grant(connection: Connection, account: int, grants: Sequence[Granted]) -> None:
    """Let an account hold these and nothing else; they were checked."""
    connection.execute(delete(account_grant).where(account_grant.c.account_id == account))
    for position, one in enumerate(grants):
        connection.execute(
            insert(account_grant).values(
                account_id=account,
                position=position,
                role=one.role,
                scope=json.dumps(list(one.scope)),
            )
        )


def granted(connection: Connection, account: int | None = None) -> dict[int, tuple[Granted, ...]]:
    """What each account holds, or only one."""
    found: dict[int, tuple[Granted, ...]] = {}
    query = select(account_grant).order_by(account_grant.c.account_id, account_grant.c.position)
    if account is not None:
        query = query.where(account_grant.c.account_id == account)
    for row in connection.execute(query):
        one = Granted(row.role, tuple(json.loads(row.scope)))
        found[row.account_id] = (*found.get(row.account_id, ()), one)
    return found


def is_administrator(grants: Iterable[Granted]) -> bool:
    """Whether somebody administers the whole site."""
    return any(one.role == ADMIN and WHOLE_SITE in one.scope for one in grants)


def checked(settings: RoleSettings, zone: str) -> dict[str, object]:
    """A role's columns. Raises BadRequest."""
    if _NAME.fullmatch(settings.name) is None:
        raise BadRequest(
            f"{settings.name[:80]!r} can't name a role; use lower-case letters, digits and hyphens"
        )
    unknown = sorted(set(settings.permissions) - set(Permission))
    if unknown or not settings.permissions:
        told = f"there is no permission {unknown[0][:80]!r}" if unknown else "it permits nothing"
        raise BadRequest(f"role {settings.name}: {told}; known: {', '.join(sorted(Permission))}")
    strange = sorted(set(settings.approval) - set(Action))
    if strange:
        known = ", ".join(Action)
        raise BadRequest(f"role {settings.name}: approval is of {known}, not {strange[0][:80]!r}")
    age = settings.footage_age
    if age is not None and not _AGE_LEAST <= age <= _AGE_MOST:
        raise BadRequest(f"role {settings.name}: footage_age must lie between 1 h and 36500 d")
    if not 1 <= settings.priority <= 9:
        raise BadRequest(f"role {settings.name}: priority must lie between 1 and 9")
    try:
        if settings.hours is not None:
            _weekly(settings.hours, zone)
        for network in settings.networks or ():
            ipaddress.ip_network(network)
    except ValueError as error:
        raise BadRequest(f"role {settings.name}: {error}") from None
    if settings.hours == () or settings.networks == ():
        raise BadRequest(f"role {settings.name}: an empty limit lets nobody in; leave it out")
    return {
        "permissions": json.dumps(sorted(set(settings.permissions))),
        "footage_age": age,
        "hours": None if settings.hours is None else json.dumps(list(settings.hours)),
        "networks": None if settings.networks is None else json.dumps(list(settings.networks)),
        "priority": settings.priority,
        "purpose": settings.purpose,
        "second_factor": settings.second_factor,
        "watermark": settings.watermark,
        "approval": json.dumps(sorted(set(settings.approval))),
    }


def _known(names: Iterable[str]) -> frozenset[Permission]:
    """Those this version knows: of a newer one's role the rest stays."""
    return frozenset(Permission(name) for name in names if name in set(Permission))


def _weekly(spans: Sequence[str], zone: str) -> Weekly:
    return Weekly("hours", parse_week_spans(spans), zone)
