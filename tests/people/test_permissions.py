"""The one decision: what no grant allows is denied, and limits only ever take away."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from vms.core.clock import DAY, Instant, Span, parse_rfc3339
from vms.core.model import CameraId
from vms.core.schedule import Weekly, parse_week_spans
from vms.people.duties import steering_priority, steers_for_a_purpose
from vms.people.permissions import (
    ADMIN,
    AUDITOR,
    BUILT_IN,
    INVESTIGATOR,
    OPERATOR,
    Asked,
    Grant,
    Identity,
    Limits,
    Narrowed,
    Permission,
    Role,
    decide,
    permissions_of,
)

NOW = Instant(parse_rfc3339("2026-11-25T10:00:00Z"))  # a Wednesday, 13:00 in Istanbul
GATE, YARD = CameraId("gate"), CameraId("yard")
WEEK = Weekly("hours", parse_week_spans(["mon-fri 08:00-18:00"]), "Europe/Istanbul")


def who(*grants: Grant) -> Identity:
    return Identity(1, "ali", "Ali", grants, "session")


def asked(
    permission: Permission = Permission.LIVE,
    camera: CameraId | None = GATE,
    groups: tuple[str, ...] = (),
    footage: Instant | None = None,
    now: Instant = NOW,
    address: str = "10.0.0.9",
    *,
    each: bool = False,
) -> Asked:
    return Asked(permission, now, address, camera, groups, footage, each)


def looks(**limits: object) -> Role:
    allowed = frozenset({Permission.LIVE, Permission.ARCHIVE, Permission.CAMERAS})
    return Role("looks", allowed, Limits(**limits))  # type: ignore[arg-type]


def test_who_holds_nothing_may_nothing() -> None:
    for permission in Permission:
        assert not decide(who(), asked(permission)).allowed
        assert not decide(who(), asked(permission, None)).allowed


def test_the_administrator_of_the_site_may_everything() -> None:
    for permission in Permission:
        assert decide(who(Grant(BUILT_IN[ADMIN])), asked(permission)).allowed
        assert decide(who(Grant(BUILT_IN[ADMIN])), asked(permission, None)).allowed


def test_a_role_reaches_its_cameras_and_no_others() -> None:
    for scope, groups in ((("gate",), ()), (("g*",), ()), (("group:meydan",), ("meydan",))):
        ali = who(Grant(BUILT_IN[OPERATOR], scope))
        assert decide(ali, asked(groups=groups)).allowed
        denied = decide(ali, asked(camera=YARD))
        assert (denied.allowed, denied.reason) == (False, "ali may not use live on camera yard.")


def test_a_part_of_the_site_is_not_the_site() -> None:
    local = who(Grant(BUILT_IN[ADMIN], ("gate",)))
    for permission in (Permission.RETENTION, Permission.PEOPLE, Permission.STORAGE):
        assert not decide(local, asked(permission, None)).allowed
    assert decide(local, asked(Permission.SYSTEM, None)).allowed
    assert decide(local, asked(Permission.CAMERAS, None)).allowed
    assert not decide(local, asked(Permission.HOLD, None)).allowed
    assert decide(local, asked(Permission.HOLD, None, each=True)).allowed


def test_any_one_grant_suffices() -> None:
    both = who(Grant(BUILT_IN[OPERATOR], ("gate",)), Grant(BUILT_IN[INVESTIGATOR], ("yard",)))
    assert not decide(both, asked(Permission.EXPORT)).allowed
    assert decide(both, asked(Permission.EXPORT, YARD)).allowed
    assert Permission.PTZ in permissions_of(both)
    assert (steering_priority(both), steering_priority(who(Grant(BUILT_IN[ADMIN])))) == (1, 2)
    assert steering_priority(who(Grant(BUILT_IN[AUDITOR]))) == 0


def test_a_purpose_is_asked_of_who_steers_by_no_other_role() -> None:
    ptz = frozenset({Permission.PTZ})
    asks, asks_not = Role("chase", ptz, purpose=True), Role("patrol", ptz)
    assert steers_for_a_purpose(who(Grant(asks)))
    assert steers_for_a_purpose(who(Grant(asks), Grant(BUILT_IN[AUDITOR])))
    assert not steers_for_a_purpose(who(Grant(asks), Grant(asks_not)))
    assert not steers_for_a_purpose(who(Grant(BUILT_IN[AUDITOR])))


def test_limits_are_told() -> None:
    week = who(Grant(looks(hours=WEEK)))
    assert decide(week, asked()).allowed
    night = Instant(parse_rfc3339("2026-11-25T20:00:00Z"))
    assert "at the hours of the role looks" in decide(week, asked(now=night)).reason
    inside = who(Grant(looks(networks=("10.0.0.0/8", "::1/128"))))
    assert decide(inside, asked()).allowed
    assert decide(inside, asked(address="::ffff:10.0.0.9")).allowed
    for address in ("192.168.1.1", "local", "", "fe80::1%eth0"):
        assert "from the networks" in decide(inside, asked(address=address)).reason
    days = who(Grant(looks(footage_age=Span(7 * DAY))))
    assert decide(days, asked(Permission.ARCHIVE, footage=Instant(NOW - 7 * DAY))).allowed
    old = decide(days, asked(Permission.ARCHIVE, footage=Instant(NOW - 7 * DAY - 1)))
    assert old.reason == "ali may use archive on camera gate only for footage of the last 7 days."
    free = who(Grant(looks(footage_age=Span(7 * DAY))), Grant(looks(), ("gate",)))
    assert decide(free, asked(Permission.ARCHIVE, footage=Instant(0))).allowed


def test_a_narrowed_token_opens_its_part_only() -> None:
    live = Narrowed(frozenset({Permission.LIVE, Permission.RETENTION}), ("gate", "group:a"))
    token = replace(who(Grant(BUILT_IN[ADMIN])), narrowed=live)
    assert decide(token, asked()).allowed
    assert decide(token, asked(camera=YARD, groups=("a",))).allowed
    denied = decide(token, asked(camera=YARD))
    assert denied.reason == "This token of ali may not use live on camera yard."
    assert not decide(token, asked(Permission.ARCHIVE)).allowed
    assert not decide(token, asked(Permission.RETENTION, None)).allowed  # the site takes `*`
    assert token.asks_groups
    assert permissions_of(token) == live.permissions


_roles = st.sampled_from([*BUILT_IN.values(), looks(), looks(hours=WEEK)])
_scopes = st.sampled_from([("*",), ("gate",), ("yard", "group:a"), ("g*",)])
_grants = st.builds(Grant, _roles, _scopes)


@given(
    st.lists(_grants, max_size=4),
    _grants,
    st.sampled_from(Permission),
    st.sampled_from([GATE, YARD, None]),
    st.sampled_from([(), ("a",)]),
)
def test_one_grant_more_never_takes_anything_away(
    grants: list[Grant],
    more: Grant,
    permission: Permission,
    camera: CameraId | None,
    groups: tuple[str, ...],
) -> None:
    question = asked(permission, camera, groups)
    if decide(who(*grants), question).allowed:
        assert decide(who(*grants, more), question).allowed


@given(
    st.integers(0, 10**18),
    st.integers(0, 2 * 10**18),
    st.sampled_from(Permission),
    st.sampled_from([GATE, YARD]),
)
def test_a_limit_never_gives_anything(
    age: int, footage: int, permission: Permission, camera: CameraId
) -> None:
    question = asked(permission, camera, footage=Instant(footage))
    limited = who(Grant(looks(footage_age=Span(age), hours=WEEK), ("gate",)))
    if decide(limited, question).allowed:
        assert decide(who(Grant(looks(), ("gate",))), question).allowed


_narrowed = st.builds(Narrowed, st.frozensets(st.sampled_from(Permission)), _scopes)


@given(
    st.lists(_grants, max_size=4),
    _narrowed,
    st.sampled_from(Permission),
    st.sampled_from([GATE, YARD, None]),
    st.booleans(),
)
def test_narrowing_only_takes_away(
    held: list[Grant], to: Narrowed, permission: Permission, camera: CameraId | None, each: bool
) -> None:
    question = asked(permission, camera, each=each)
    wide = who(*held)
    narrow = replace(wide, narrowed=to)
    if decide(narrow, question).allowed:
        assert decide(wide, question).allowed
        assert permission in to.permissions
    assert permissions_of(narrow) <= permissions_of(wide)
