"""Retention: the rules, what they would delete before they are saved, and the days kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field, ValidationError

from storage.forecast import CameraKept
from storage.keeping import CameraEffect
from storage.rule_changes import StoredRule, in_order
from vms.core.clock import SECOND, rfc3339
from vms.core.config_storage import RetentionRule
from vms.core.errors import BadRequest
from vms.people.approval import Action, Wanted
from vms.people.permissions import Permission
from vms.people.sessions import SignedIn
from web.approving import (
    ApprovalId,
    second_yes,
    wanted_of_clock,
    wanted_of_removal,
    wanted_of_rule,
)
from web.parts import parts_of
from web.permit import Eyes, Permit

_permit = Permit(Permission.RETENTION)
router = APIRouter(prefix="/api/retention", tags=["retention"], dependencies=[Depends(_permit)])

By = Annotated[SignedIn, Depends(_permit)]
Seconds = Annotated[float, Field(ge=0, le=36_500 * 86_400, allow_inf_nan=False)]
Bytes = Annotated[int, Field(ge=0, le=2**62)]
Name = Annotated[str, Path(min_length=1, max_length=100)]
Meant = Annotated[
    bool, Query(description="delete even if a camera loses everything, or the archive nearly all")
]

Approval = Annotated[ApprovalId | None, Query(description="of a second person, where it takes one")]


class RuleBody(BaseModel):
    """What a rule says: seconds and bytes; null: no such limit. See docs/retention.md."""

    keep: Seconds | None = None
    quota: Bytes | None = None
    quota_all: Bytes | None = None
    minimum: Seconds = 0
    cameras: Annotated[list[str], Field(max_length=400)] = ["*"]
    reason: Annotated[str, Field(max_length=500)] = ""


class NamedRule(RuleBody):
    """A rule with its name."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


class Rule(NamedRule):
    """A rule, where it was declared (`file`: read-only here), and for whom it holds."""

    origin: Literal["file", "database"]
    matches: list[str]


class Kept(BaseModel):
    """A camera: seconds promised by its rule and kept; `rate`: bytes a second; `fits`: seconds
    that the disks and its quota have room for."""

    camera: str
    rule: str | None
    promised: float | None
    kept: float
    bytes: int
    rate: float
    fits: float | None


class Retention(BaseModel):
    """`clock`: why nothing goes by age just now, or null."""

    rules: list[Rule]
    cameras: list[Kept]
    clock: str | None


class Draft(BaseModel):
    """All rules of origin `database`, in their order, as they would be."""

    rules: Annotated[list[NamedRule], Field(max_length=200)]


class Effect(BaseModel):
    """What would go at once of a camera; `oldest`: where it would begin then."""

    camera: str
    segments: int
    bytes: int
    seconds: float
    oldest: str | None
    fits: float | None


class Preview(BaseModel):
    """What would go at once of all."""

    segments: int
    bytes: int
    seconds: float
    cameras: list[Effect]


@router.get("")
def show(request: Request) -> Retention:
    """The rules as they are matched (the last that fits a camera wins), and what is kept."""
    keeping = parts_of(request).keeping
    stored = keeping.stored()
    matches = keeping.matches(in_order(stored))
    return Retention(
        rules=[_rule(one, matches[one.rule.name]) for one in stored],
        cameras=[_kept(one) for one in keeping.kept()],
        clock=keeping.clock_doubt(),
    )


@router.post("/preview")
def preview(request: Request, draft: Draft) -> Preview:
    """What would be deleted at once if the people's rules were these; changes nothing."""
    rules = [read_rule(one.name, one) for one in draft.rules]
    if len({one.name for one in rules}) < len(rules):
        raise BadRequest("two of the rules have the same name; rename one")
    effects = parts_of(request).keeping.effect(rules)
    return Preview(
        segments=sum(one.segments for one in effects),
        bytes=sum(one.bytes for one in effects),
        seconds=sum(one.span for one in effects) / SECOND,
        cameras=_effects(effects),
    )


@router.put("/rules/{name}", status_code=204)
def put(
    request: Request,
    name: Name,
    body: RuleBody,
    by: By,
    meant: Meant = False,
    approval: Approval = None,
) -> None:
    """Add a rule or change it. 409 for one of the file; 422 `harmful` if it would delete
    everything of a camera, or nearly all there is, and `meant` does not say that it should."""
    keeping, rule = parts_of(request).keeping, read_rule(name, body)
    with _changing(request, by, wanted_of_rule(rule, meant=meant), approval):
        keeping.put(rule, by.identity.name, meant=meant)


@router.delete("/rules/{name}", status_code=204)
def delete(
    request: Request, name: Name, by: By, meant: Meant = False, approval: Approval = None
) -> None:
    """Take a rule away; what another rule then lets go may be harmful too."""
    with _changing(request, by, wanted_of_removal(name, meant=meant), approval):
        parts_of(request).keeping.delete(name, by.identity.name, meant=meant)


@router.post("/confirm-clock")
def confirm_clock(request: Request, by: By, approval: Approval = None) -> dict[str, str]:
    """Say that the machine's clock is right, after it was doubted: then footage goes by age."""
    with _changing(request, by, wanted_of_clock(), approval):
        return {"clock": rfc3339(parts_of(request).keeping.confirm_clock(by.identity.name))}


@contextlib.contextmanager
def _changing(
    request: Request, by: SignedIn, wanted: Wanted, approval: str | None
) -> Iterator[None]:
    """While what is kept changes, by a second person's yes where it takes one."""
    with second_yes(request, by, wanted, approval) as approved:
        eyes = Eyes(request, by.identity)
        eyes.require(Permission.RETENTION, None, doing=Action.RETENTION, approved=approved)
        yield


def read_rule(name: str, body: RuleBody) -> RetentionRule:
    try:
        return RetentionRule(
            name=name,
            keep=None if body.keep is None else round(body.keep * SECOND),
            quota=body.quota,
            quota_all=body.quota_all,
            minimum=round(body.minimum * SECOND),
            cameras=tuple(body.cameras),
            reason=body.reason,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        raise BadRequest(f"{name}: {place}: {said}" if place else f"{name}: {said}") from None


def _rule(one: StoredRule, matches: list[str]) -> Rule:
    rule = one.rule
    return Rule(
        name=rule.name,
        keep=None if rule.keep is None else rule.keep / SECOND,
        quota=rule.quota,
        quota_all=rule.quota_all,
        minimum=rule.minimum / SECOND,
        cameras=list(rule.cameras),
        reason=rule.reason,
        origin=one.origin,
        matches=matches,
    )


def _kept(one: CameraKept) -> Kept:
    return Kept(
        camera=one.camera,
        rule=one.rule,
        promised=_seconds(one.promised),
        kept=one.kept / SECOND,
        bytes=one.bytes,
        rate=one.rate,
        fits=_seconds(one.fits),
    )


def _effects(effects: Iterable[CameraEffect]) -> list[Effect]:
    return [
        Effect(
            camera=one.camera,
            segments=one.segments,
            bytes=one.bytes,
            seconds=one.span / SECOND,
            oldest=None if one.oldest is None else rfc3339(one.oldest),
            fits=_seconds(one.fits),
        )
        for one in effects
    ]


def _seconds(span: int | None) -> float | None:
    return None if span is None else span / SECOND
