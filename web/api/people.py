"""People: who may sign in, which roles they hold on which cameras, and what that comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from vms.core.clock import parse_span, rfc3339
from vms.core.errors import BadRequest, NotFound
from vms.core.log import get_logger
from vms.people.accounts import Account
from vms.people.approval import Action
from vms.people.passwords import make_password
from vms.people.permissions import Asked, Permission, decide, permissions_of
from vms.people.roles import GRANTS_MAX, SCOPE_MAX, Granted, RoleSettings
from vms.people.sessions import SignedIn
from web.parts import WebParts, parts_of
from web.permit import Permit, address_of
from web.witness import note

_log = get_logger(__name__)
router = APIRouter(prefix="/api", tags=["people"])

By = Annotated[SignedIn, Depends(Permit(Permission.PEOPLE))]
Name = Annotated[str, Path(max_length=200)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class GrantForm(_Form):
    """A role on cameras: ids, globs or group:NAME; `*` is the whole site."""

    role: Annotated[str, Field(max_length=100)]
    cameras: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=SCOPE_MAX)] = [
        "*"
    ]


Grants = Annotated[list[GrantForm], Field(min_length=1, max_length=GRANTS_MAX)]


class Person(BaseModel):
    """`origin`: who proves them; what comes from elsewhere is changed there."""

    name: str
    display_name: str
    origin: Literal["local", "oidc", "ldap"]
    grants: list[GrantForm]
    created: str
    password_changed: str


class NewPerson(_Form):
    """Who is added. `password` null: one is made and told once, in the answer. Either way its
    person changes it at the first sign-in."""

    name: Annotated[str, Field(max_length=200)]
    display_name: Annotated[str, Field(max_length=200)] = ""
    grants: Grants
    password: Annotated[str, Field(min_length=1, max_length=1_024)] | None = None


class AddedPerson(Person):
    """`password`: told this once, if it was made here."""

    password: str | None


class PersonPatch(_Form):
    """What changes; what is left out stays. A new password ends the person's sign-ins, and is
    changed by the person at the next one."""

    display_name: Annotated[str, Field(max_length=200)] | None = None
    grants: Grants | None = None
    password: Annotated[str, Field(min_length=1, max_length=1_024)] | None = None


class Door(BaseModel):
    """A sign-in (`session`) or an API token.

    `address`: where it came from, or was last used from; `used`: when, to the minute, null for
    never and for sign-ins. `permissions`, `cameras`: to what a token is narrowed; null: all its
    person may.
    """

    id: str
    kind: Literal["session", "token"]
    created: str
    expires: str
    address: str
    label: str
    used: str | None
    permissions: list[Permission] | None
    cameras: list[str] | None


class RoleForm(_Form):
    """What a role permits, and within which limits. Null: without that limit.

    `footage_age`: how far back its holders look, such as `7 d`; `hours`: `mon-fri 08:00-18:00` by
    the site's clock; `networks`: as 10.0.0.0/8; `priority`: of two who steer one camera, the higher
    takes over; `purpose`: steering asks what for, or for an order's number; `second_factor`: its
    holders must set one up before anything else; `watermark`: pictures carry the name of who looks;
    `approval`: what takes a second person's yes.
    """

    permissions: list[Permission]
    footage_age: Annotated[str, Field(max_length=40)] | None = None
    hours: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=50)] | None = (
        None
    )
    networks: Annotated[list[Annotated[str, Field(max_length=50)]], Field(max_length=50)] | None = (
        None
    )
    priority: Annotated[int, Field(ge=1, le=9)] = 1
    purpose: bool = False
    second_factor: bool = False
    watermark: bool = False
    approval: list[Action] = []


class RoleFacts(RoleForm):
    """`built_in`: only its duties change: `purpose`, `second_factor`, `watermark`, `approval`."""

    name: str
    built_in: bool


class MayOnCamera(BaseModel):
    camera: str
    permissions: list[Permission]


class May(BaseModel):
    """What a person may do: on the site, and on each camera that is registered."""

    site: list[Permission]
    cameras: list[MayOnCamera]


@router.get("/people")
def people(request: Request, by: By) -> list[Person]:
    """Everybody who may sign in, by name."""
    return [_person(one) for one in parts_of(request).accounts.list()]


@router.post("/people", status_code=201)
def add(request: Request, wanted: NewPerson, by: By) -> AddedPerson:
    """Let somebody sign in."""
    note(request, subject=wanted.name, detail=f"added with {_told(wanted.grants)}")
    made = make_password() if wanted.password is None else None
    who = parts_of(request).accounts.add(
        wanted.name,
        wanted.password or made or "",
        display_name=wanted.display_name,
        grants=_granted(wanted.grants),
        must_change=True,
    )
    _log.info("account_added", account=who.name, by=by.identity.name)
    return AddedPerson(**_person(who).model_dump(), password=made)


@router.patch("/people/{name}")
def change(request: Request, name: Name, patch: PersonPatch, by: By) -> Person:
    """Change what a person may, is called, or signs in with."""
    accounts = parts_of(request).accounts
    who = accounts.get(name)
    note(request, subject=who.name, detail=_told_change(who, patch))
    if patch.grants is not None:
        who = accounts.grant(name, _granted(patch.grants))
    if patch.display_name is not None:
        who = accounts.rename(name, patch.display_name)
    if patch.password is not None:
        accounts.set_password(name, patch.password, must_change=True)
        who = accounts.get(name)
    fields = sorted(patch.model_fields_set)  # names, never what stands in them
    _log.info("account_changed", account=who.name, by=by.identity.name, fields=fields)
    return _person(who)


@router.delete("/people/{name}", status_code=204)
def remove(request: Request, name: Name, by: By) -> None:
    """Let somebody sign in no more."""
    parts_of(request).accounts.remove(name)
    _log.info("account_removed", account=name, by=by.identity.name)


@router.get("/people/{name}/may")
def may(request: Request, name: Name, by: By) -> May:
    """What a person may do now, from where this request comes: the site as they see it."""
    parts = parts_of(request)
    identity = parts.sessions.identity(parts.accounts.get(name))
    now, address, groups = parts.clock.now(), address_of(request), parts.cameras.groups()
    wanted = sorted(permissions_of(identity))

    def allowed(asked: Asked) -> bool:
        return decide(identity, asked).allowed

    cameras = []
    for registered in parts.cameras.list():
        camera = registered.settings.camera_id
        mine = groups.get(camera, ())
        found = [one for one in wanted if allowed(Asked(one, now, address, camera, mine))]
        if found:
            cameras.append(MayOnCamera(camera=camera, permissions=found))
    site = [one for one in wanted if allowed(Asked(one, now, address))]
    return May(site=site, cameras=cameras)


@router.get("/people/{name}/sessions")
def sessions(request: Request, name: Name, by: By) -> list[Door]:
    """By what a person is let in now: sign-ins, then API tokens; the newest first."""
    parts = parts_of(request)
    return doors_of(parts, parts.accounts.get(name))


@router.delete("/people/{name}/sessions/{door}", status_code=204)
def shut(
    request: Request, name: Name, door: Annotated[str, Path(pattern="^[0-9a-f]{16}$")], by: By
) -> None:
    """End one; what is watched by it ends within 5 s."""
    parts = parts_of(request)
    parts.sessions.shut(parts.accounts.get(name), door)
    _log.info("sign_in_ended", account=name, by=by.identity.name)


@router.delete("/people/{name}/second-factor", status_code=204)
def reset_second_factor(request: Request, name: Name, by: By) -> None:
    """Ask a person for no code any more, who lost the telephone; it ends their sign-ins."""
    parts = parts_of(request)
    who = parts.accounts.get(name)
    if not parts.second_factors.remove(who):
        raise NotFound(f"{who.name} has no second factor")
    _log.warning("second_factor_reset", account=who.name, by=by.identity.name)


@router.get("/roles")
def roles(request: Request, by: By) -> list[RoleFacts]:
    """The built-in roles, then one's own."""
    return [_facts(one) for one in parts_of(request).roles.settings()]


@router.put("/roles/{name}")
def put_role(request: Request, name: Name, form: RoleForm, by: By) -> RoleFacts:
    """Make a role, or change one; who holds it has what it permits from the next request on."""
    parts = parts_of(request)
    before = next((_facts(one) for one in parts.roles.settings() if one.name == name), None)
    note(request, subject=name, detail=_told_role(before, form))
    parts.roles.put(_settings(name, form))
    _log.info("role_changed", role=name, by=by.identity.name)
    return _facts(_stored(parts, name))


@router.delete("/roles/{name}", status_code=204)
def remove_role(request: Request, name: Name, by: By) -> None:
    """Remove a role that nobody holds."""
    parts_of(request).roles.remove(name)
    _log.info("role_removed", role=name, by=by.identity.name)


def doors_of(parts: WebParts, who: Account) -> list[Door]:
    """By what an account is let in now."""
    return [Door.model_validate(one.as_json()) for one in parts.sessions.doors(who)]


def _told(grants: Sequence[GrantForm]) -> str:
    """For the audit: `operator on group:meydan, auditor on *`."""
    return ", ".join(f"{one.role} on {' '.join(one.cameras)}" for one in grants) or "no role"


def _told_change(who: Account, patch: PersonPatch) -> str:
    """What was and what is to be; of a password only that it changes."""
    told = []
    if patch.grants is not None:
        told.append(f"roles: {_told(_person(who).grants)} → {_told(patch.grants)}")
    if patch.display_name is not None:
        told.append(f"display name: {who.display_name} → {patch.display_name}")
    if patch.password is not None:
        told.append("password")
    return "; ".join(told)


def _told_role(before: RoleForm | None, after: RoleForm) -> str:
    """What of a role was and what is to be, where that differs."""
    was = (before or RoleForm(permissions=[])).model_dump(mode="json")
    told = [
        f"{name}: {_words(was.get(name))} → {_words(value)}"
        for name, value in after.model_dump(mode="json").items()
        if was.get(name) != value
    ]
    return "; ".join(told)


def _words(value: object) -> str:
    return " ".join(map(str, value)) or "–" if isinstance(value, list) else str(value)


def _granted(forms: list[GrantForm]) -> list[Granted]:
    return [Granted(one.role, tuple(one.cameras)) for one in forms]


def _person(who: Account) -> Person:
    return Person(
        name=who.name,
        display_name=who.display_name,
        origin=who.origin,
        grants=[GrantForm(role=one.role, cameras=list(one.scope)) for one in who.grants],
        created=rfc3339(who.created),
        password_changed=rfc3339(who.password_changed),
    )


def _settings(name: str, form: RoleForm) -> RoleSettings:
    try:
        age = None if form.footage_age is None else parse_span(form.footage_age)
    except ValueError as error:
        raise BadRequest(f"footage_age: {error}") from None
    return RoleSettings(
        name,
        tuple(form.permissions),
        age,
        None if form.hours is None else tuple(form.hours),
        None if form.networks is None else tuple(form.networks),
        form.priority,
        form.purpose,
        form.second_factor,
        form.watermark,
        tuple(form.approval),
    )


def _stored(parts: WebParts, name: str) -> RoleSettings:
    return next(one for one in parts.roles.settings() if one.name == name)


def _facts(role: RoleSettings) -> RoleFacts:
    return RoleFacts.model_validate(role.as_json())
