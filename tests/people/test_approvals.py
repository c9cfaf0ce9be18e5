"""Approval by two: a yes is another person's, for exactly what was asked, and counts once."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from storage.database import migrate, open_database
from tests.postgresql import postgresql_server
from vms.core.clock import DAY, HOUR, MINUTE, FakeClock, Instant, Span
from vms.core.errors import BadRequest, Denied, NotFound, Refused, StorageError
from vms.core.model import CameraId, Cause
from vms.people.accounts import Accounts
from vms.people.approval import (
    HEARING,
    LAPSE,
    Action,
    Approval,
    State,
    Wanted,
    parameters,
    parse_wanted,
)
from vms.people.approvals import WAITING_MAX, Approvals, NotUsable
from vms.people.block import Named
from vms.people.duties import duties_of_two, needs_of
from vms.people.permissions import (
    BUILT_IN,
    INVESTIGATOR,
    TAKES,
    Asked,
    Grant,
    Heard,
    Identity,
    Permission,
    Role,
    decide,
    holds,
)
from vms.people.roles import Granted, Roles, RoleSettings
from vms.people.sessions import Sessions

PASSWORD = "correct horse battery"
GATE, YARD = CameraId("gate"), CameraId("yard")
NOW = Instant(1_000 * DAY)

# -- what is pure -------------------------------------------------------------------------------

instants = st.integers(0, 2_000 * DAY).map(Instant)
cameras = st.sampled_from([GATE, YARD, CameraId("otogar-1")])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
wishes = st.builds(
    Wanted,
    st.sampled_from(Action),
    st.lists(cameras, max_size=3).map(tuple),
    st.none() | instants,
    st.none() | instants,
    st.dictionaries(texts, texts | st.booleans(), max_size=3).map(lambda it: parameters(**it)),
)


@given(wishes)
def test_a_wish_is_read_as_it_was_written(wish: Wanted) -> None:
    assert parse_wanted(wish.to_json()) == wish
    assert parse_wanted(wish.to_json()).digest == wish.digest


@given(wishes, wishes)
def test_another_wish_has_another_digest(one: Wanted, other: Wanted) -> None:
    assert (one == other) == (one.digest == other.digest)


def test_the_order_of_cameras_is_no_difference() -> None:
    one = Wanted(Action.EXPORT, (YARD, GATE), NOW, Instant(NOW + 1))
    assert one == replace(one, cameras=(GATE, YARD, GATE))


@given(
    st.integers(0, 3 * DAY),
    st.sampled_from([None, True, False]),
    st.none() | instants,
    st.none() | instants,
)
def test_a_request_is_in_one_state_and_none_is_approved_without_a_yes(
    passed: int, yes: bool | None, taken_back: Instant | None, used: Instant | None
) -> None:
    wish, expires = Wanted(Action.LIFT), Instant(NOW + LAPSE)
    one = Approval("x", wish, Named(1, "ali"), NOW, expires, "why", yes)
    one = replace(one, taken_back=taken_back, used=used)
    state = one.state(Instant(NOW + passed))
    if state is State.APPROVED:
        assert (yes, taken_back, used, passed < LAPSE) == (True, None, None, True)
    if passed >= LAPSE:
        assert state not in (State.WAITING, State.APPROVED)


def who(*roles: Role, heard: tuple[Heard, ...] = (), scope: tuple[str, ...] = ("*",)) -> Identity:
    grants = tuple(Grant(role, scope) for role in roles)
    return Identity(1, "ali", "Ali", grants, "session", heard=heard)


def under(*actions: Action) -> Role:
    return Role("duty", frozenset(Permission), approval=frozenset(actions))


def asking(action: Action, **more: Any) -> Asked:
    return Asked(TAKES[action], NOW, "10.0.0.9", GATE, doing=action, **more)


@given(st.sampled_from(Action), st.sets(st.sampled_from(Action)))
def test_only_a_yes_opens_what_the_duty_is_about(action: Action, duty: set[Action]) -> None:
    holder = who(under(*duty))
    decision = decide(holder, asking(action))
    assert decision.allowed == (action not in duty)
    assert decision.needs == (action if action in duty else None)
    assert decide(holder, asking(action, approved=True)).allowed
    assert duties_of_two(holder) == duty
    # Another role that asks for nobody suffices, in either order.
    free = Role("free", frozenset(Permission))
    for both in (who(under(*duty), free), who(free, under(*duty))):
        assert decide(both, asking(action)).allowed
        assert not duties_of_two(both)


@given(st.sampled_from(Action))
def test_a_yes_gives_nothing_that_is_not_held(action: Action) -> None:
    nobody = who(Role("none", frozenset({Permission.CAMERAS}), approval=frozenset(Action)))
    assert not decide(nobody, asking(action, approved=True)).allowed
    elsewhere = who(under(*Action), scope=("yard",))
    assert not decide(elsewhere, asking(action, approved=True)).allowed


def test_other_uses_of_the_permission_ask_for_nobody() -> None:
    holder = who(under(*Action))
    for permission in (Permission.HOLD, Permission.RETENTION, Permission.EXPORT, Permission.LIVE):
        assert decide(holder, Asked(permission, NOW, "10.0.0.9", GATE)).allowed


BY = (Grant(BUILT_IN[INVESTIGATOR]),)
SPAN = (Instant(NOW - HOUR), Instant(NOW + HOUR))


@given(
    st.integers(-3 * HOUR, 3 * HOUR),
    st.integers(0, 2 * HOUR),
    st.integers(-2 * HOUR, 10 * HOUR),
    st.sampled_from([GATE, YARD]),
    st.booleans(),
)
def test_sound_is_heard_of_what_was_approved_and_while_it_is(
    begins: int, lasts: int, later: int, camera: CameraId, is_open: bool
) -> None:
    end = None if is_open else SPAN[1]
    yes = Heard(GATE, SPAN[0], end, NOW, Instant(NOW + HEARING), BY)
    footage, now = Instant(NOW + begins), Instant(NOW + later)
    until = Instant(footage + lasts)
    asked = Asked(Permission.SOUND, now, "10.0.0.9", camera, footage=footage, until=until)
    within = SPAN[0] <= footage and (is_open or until <= SPAN[1])
    timely = 0 <= later < HEARING
    allowed = decide(who(under(Action.SOUND), heard=(yes,)), asked).allowed
    assert allowed == (camera == GATE and within and timely)
    live = Asked(Permission.SOUND, now, "10.0.0.9", camera)
    heard_now = camera == GATE and timely and (is_open or now < SPAN[1])
    assert decide(who(under(Action.SOUND), heard=(yes,)), live).allowed == heard_now


def test_footage_whose_end_is_not_told_is_not_heard_by_a_bounded_yes() -> None:
    yes = Heard(GATE, *SPAN, NOW, Instant(NOW + HEARING), BY)
    asked = Asked(Permission.SOUND, NOW, "10.0.0.9", GATE, footage=SPAN[0])
    assert not decide(who(under(Action.SOUND), heard=(yes,)), asked).allowed


@pytest.mark.parametrize("by", [(), (Grant(BUILT_IN[INVESTIGATOR], ("yard",)),)])
def test_a_yes_to_sound_ends_with_the_right_to_say_it(by: tuple[Grant, ...]) -> None:
    yes = Heard(GATE, SPAN[0], None, NOW, Instant(NOW + HEARING), by)
    asked = Asked(Permission.SOUND, NOW, "10.0.0.9", GATE)
    assert not decide(who(under(Action.SOUND), heard=(yes,)), asked).allowed


def test_what_is_about_the_site_takes_the_whole_site() -> None:
    (need,) = needs_of(Wanted(Action.RETENTION))
    assert (need.permission, need.camera) == (Permission.RETENTION, None)
    assert holds([Grant(BUILT_IN["admin"])], need.permission, None)
    assert not holds([Grant(BUILT_IN["admin"], ("gate", "yard"))], need.permission, None)


def test_who_may_say_yes() -> None:
    held = {name: Permission.APPROVE in role.permissions for name, role in BUILT_IN.items()}
    assert held == {"admin": True, "operator": False, "investigator": True, "auditor": False}


# -- what is kept -------------------------------------------------------------------------------

LIFT = Wanted(Action.LIFT, (GATE,), Instant(NOW - HOUR), NOW, parameters(hold="h1", reason="over"))


class House:
    """Accounts, roles and approvals on one database."""

    def __init__(self, engine: Engine, clock: FakeClock) -> None:
        self.clock = clock
        self.roles = Roles(engine, "UTC")
        self.accounts = Accounts(engine, clock, self.roles)
        self.sessions = Sessions(engine, clock, self.roles)
        self.approvals = Approvals(engine, clock, self.roles)
        for name in ("ali", "ayse"):
            self.accounts.add(name, PASSWORD, role=INVESTIGATOR)
        self.accounts.add("kok", PASSWORD, role="admin")

    def who(self, name: str) -> Identity:
        return self.sessions.identity(self.accounts.get(name))

    def approved(self, wanted: Wanted = LIFT) -> str:
        one = self.approvals.ask(wanted, self.who("ali"), "case 7")
        return self.approvals.approve(one.id, self.who("ayse")).id

    def use(self, id_: str, wanted: Wanted = LIFT, by: str = "ali") -> None:
        with self.approvals.using(id_, self.who(by), wanted, {}):
            pass

    def why(self, id_: str, wanted: Wanted = LIFT) -> str:
        with pytest.raises(NotUsable) as refused:
            self.use(id_, wanted)
        return str(refused.value.why)


@pytest.fixture
def house(engine: Engine, clock: FakeClock) -> House:
    return House(engine, clock)


def test_a_yes_counts_once(house: House) -> None:
    id_ = house.approved()
    house.use(id_)
    assert house.why(id_) == "used"
    with pytest.raises(Refused, match="carried out already"):
        house.approvals.take_back(id_, house.who("ali"))


def test_two_at_once_can_not_both_use_it(house: House) -> None:
    id_, done = house.approved(), []

    def use(number: int) -> None:
        with (
            contextlib.suppress(NotUsable),
            house.approvals.using(id_, house.who("ali"), LIFT, {}),
        ):
            done.append(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert len(done) == 1


def test_postgresql_lets_one_use_it_and_one_decide_it() -> None:
    with postgresql_server() as url:
        engine = open_database(url)
        try:
            migrate(engine)
            house = House(engine, FakeClock())
            for _ in range(3):
                test_two_at_once_can_not_both_use_it(house)
            one = house.approvals.ask(replace(LIFT, cameras=(YARD,)), house.who("ali"), "case 7")
            said = []

            def decide_it(number: int) -> None:
                with contextlib.suppress(Refused):
                    if number % 2:
                        house.approvals.approve(one.id, house.who("ayse"))
                    else:
                        house.approvals.refuse(one.id, house.who("kok"), "open still")
                    said.append(number % 2 == 1)

            with ThreadPoolExecutor(8) as pool:
                list(pool.map(decide_it, range(8)))
            assert said == [house.approvals.get(one.id).yes]
            test_a_yes_to_sound_is_carried_by_the_identity(house)
        finally:
            engine.dispose()


def test_what_was_refused_was_not_done_so_the_yes_is_there_again(house: House) -> None:
    id_ = house.approved()
    with pytest.raises(NotFound), house.approvals.using(id_, house.who("ali"), LIFT, {}):
        raise NotFound("there is no hold")
    house.use(id_)


def test_where_it_is_in_doubt_the_yes_is_used_up(house: House) -> None:
    id_ = house.approved()
    with pytest.raises(StorageError), house.approvals.using(id_, house.who("ali"), LIFT, {}):
        raise StorageError(Cause.DISK_FAILED, "half way")
    assert house.why(id_) == "used"


def test_a_yes_is_for_exactly_what_was_asked(house: House) -> None:
    id_ = house.approved()
    for other in (
        replace(LIFT, params=parameters(hold="h2", reason="over")),
        replace(LIFT, params=parameters(hold="h1", reason="other")),
        replace(LIFT, cameras=(YARD,)),
        replace(LIFT, cameras=(GATE, YARD)),
        replace(LIFT, end=Instant(NOW + 1)),
        replace(LIFT, action=Action.EXPORT),
    ):
        assert house.why(id_, other) == "differs"
    house.use(id_)


def test_a_yes_is_for_who_asked(house: House) -> None:
    id_ = house.approved()
    for other in ("ayse", "kok"):
        with pytest.raises(NotUsable, match="asked for no request"):
            house.use(id_, by=other)


def test_nobody_says_yes_to_oneself_and_no_program_does(house: House) -> None:
    one = house.approvals.ask(LIFT, house.who("ali"), "case 7")
    with pytest.raises(Denied, match="second person"):
        house.approvals.approve(one.id, house.who("ali"))
    with pytest.raises(Denied, match="token"):
        house.approvals.approve(one.id, replace(house.who("ayse"), via="token"))
    assert house.why(one.id) == "waiting"


def test_a_request_lapses_waiting_and_approved(house: House) -> None:
    one = house.approvals.ask(LIFT, house.who("ali"), "case 7")
    house.clock.advance(Span(LAPSE))
    with pytest.raises(Refused, match="lapsed"):
        house.approvals.approve(one.id, house.who("ayse"))
    id_ = house.approved()
    house.clock.advance(Span(LAPSE))
    assert house.why(id_) == "lapsed"


def test_one_is_refused_with_a_reason_or_taken_back(house: House) -> None:
    one = house.approvals.ask(LIFT, house.who("ali"), "case 7")
    with pytest.raises(BadRequest):
        house.approvals.refuse(one.id, house.who("ayse"), " ")
    no = house.approvals.refuse(one.id, house.who("ayse"), "open still")
    assert (no.refusal, house.why(one.id)) == ("open still", "refused")
    with pytest.raises(Refused):
        house.approvals.approve(one.id, house.who("kok"))
    id_ = house.approved()
    with pytest.raises(NotFound):
        house.approvals.take_back(id_, house.who("ayse"))
    house.approvals.take_back(id_, house.who("ali"))
    assert house.why(id_) == "taken_back"


def test_the_same_asked_twice_is_one_request_and_there_is_an_end_to_asking(house: House) -> None:
    ali = house.who("ali")
    one = house.approvals.ask(LIFT, ali, "case 7")
    assert house.approvals.ask(LIFT, ali, "case 7").id == one.id
    with pytest.raises(BadRequest):
        house.approvals.ask(LIFT, ali, " ")
    for number in range(WAITING_MAX - 1):
        house.approvals.ask(replace(LIFT, params=parameters(hold=str(number))), ali, "case 7")
    with pytest.raises(Refused, match="wait already"):
        house.approvals.ask(replace(LIFT, cameras=()), ali, "case 7")


def test_a_yes_ends_with_the_right_to_say_it(house: House) -> None:
    id_ = house.approved()
    house.accounts.grant("ayse", [Granted("operator")])
    assert house.why(id_) == "void"
    house.accounts.grant("ayse", [Granted(INVESTIGATOR, ("yard",))])
    assert house.why(id_) == "void"
    house.accounts.grant("ayse", [Granted(INVESTIGATOR, ("gate",))])
    house.use(id_)


def test_who_is_gone_has_said_nothing_and_nobody_inherits_it(house: House) -> None:
    first, second = house.approved(), house.approved(replace(LIFT, cameras=(YARD,)))
    house.clock.advance(Span(MINUTE))
    house.accounts.remove("ayse")
    assert house.why(first) == "void"
    house.accounts.add("ayse", PASSWORD, role=INVESTIGATOR)
    assert house.why(first) == "void"
    house.accounts.remove("ali")
    house.accounts.add("ali", PASSWORD, role=INVESTIGATOR)
    with pytest.raises(NotUsable):
        house.use(second, replace(LIFT, cameras=(YARD,)))


def test_a_yes_to_sound_is_carried_by_the_identity(house: House) -> None:
    duty = RoleSettings(
        INVESTIGATOR, tuple(BUILT_IN[INVESTIGATOR].permissions), approval=("sound",)
    )
    house.roles.put(duty)
    house.approved(Wanted(Action.SOUND, (GATE,), house.clock.now()))
    ask = Asked(Permission.SOUND, house.clock.now(), "10.0.0.9", GATE)
    assert decide(house.who("ali"), ask).allowed
    assert not decide(house.who("ayse"), ask).allowed
    assert not decide(house.who("ali"), replace(ask, camera=YARD)).allowed
    house.accounts.grant("ayse", [Granted("operator")])
    assert not decide(house.who("ali"), ask).allowed
    house.accounts.grant("ayse", [Granted(INVESTIGATOR)])
    house.clock.advance(Span(HEARING))
    assert house.who("ali").heard == ()


def test_a_site_asks_it_of_built_in_roles_and_of_its_own(house: House) -> None:
    house.roles.put(
        RoleSettings(
            "admin", tuple(BUILT_IN["admin"].permissions), priority=2, approval=("retention",)
        )
    )
    assert duties_of_two(house.who("kok")) == {Action.RETENTION}
    with pytest.raises(BadRequest, match="approval is of export"):
        house.roles.put(RoleSettings("desk", ("export",), approval=("all",)))
    house.roles.put(RoleSettings("desk", ("export",), approval=("export", "lift")))
    house.accounts.grant("ali", [Granted("desk")])
    assert duties_of_two(house.who("ali")) == {Action.EXPORT}
