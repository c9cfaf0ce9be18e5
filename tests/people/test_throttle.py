"""Guessing is slowed down, never locked out, and the table is bounded."""

from __future__ import annotations

from vms.core.clock import MINUTE, SECOND, Mono
from vms.people.throttle import FREE_TRIES, LONGEST_DELAY, TABLE_MAX, Throttle

START = Mono(1_000 * SECOND)


def test_a_few_mistypes_cost_nothing() -> None:
    throttle = Throttle()
    assert [throttle.admit("ali", "a", START) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES


def test_the_delay_grows_to_its_bound() -> None:
    throttle, now, waits = Throttle(), START, []
    for _ in range(20):
        wait = throttle.admit("ali", "a", now)
        waits.append(wait)
        now = Mono(now + wait)
        throttle.admit("ali", "a", now) if wait else None
    grown = [wait for wait in waits if wait]
    assert grown == sorted(grown)
    assert grown[-1] <= LONGEST_DELAY


def test_a_refused_try_does_not_prolong_the_wait() -> None:
    throttle = Throttle()
    for _ in range(FREE_TRIES):
        throttle.admit("ali", "a", START)
    first = throttle.admit("ali", "a", START)
    assert first > 0
    assert throttle.admit("ali", "a", START) == first
    assert throttle.admit("ali", "a", Mono(START + first)) == 0


def test_another_address_is_not_held_up() -> None:
    throttle = Throttle()
    for _ in range(FREE_TRIES + 2):
        throttle.admit("ali", "a", START)
    assert throttle.admit("ali", "a", START) > 0
    assert throttle.admit("ali", "b", START) == 0


def test_many_accounts_from_one_address_are_slowed() -> None:
    throttle = Throttle()
    waits = [throttle.admit(f"user{n}", "a", START) for n in range(40)]
    assert waits[-1] > 0


def test_signing_in_properly_all_day_is_never_slowed() -> None:
    throttle = Throttle()
    for n in range(200):
        assert throttle.admit(f"user{n % 50}", "proxy", Mono(START + n * SECOND)) == 0
        throttle.forget(f"user{n % 50}", "proxy")


def test_own_successes_buy_no_guesses_on_others() -> None:
    throttle, slowed = Throttle(), False
    for n in range(60):
        slowed |= throttle.admit("mine", "a", START) > 0
        throttle.forget("mine", "a")
        slowed |= throttle.admit(f"other{n}", "a", START) > 0
    assert slowed


def test_it_forgets_after_a_while() -> None:
    throttle = Throttle()
    for _ in range(FREE_TRIES):
        throttle.admit("ali", "a", START)
    later = Mono(START + 20 * MINUTE)
    assert [throttle.admit("ali", "a", later) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES


def test_the_table_is_bounded() -> None:
    throttle = Throttle()
    for n in range(TABLE_MAX * 2):
        throttle.admit("ali", f"address{n}", START)
    assert len(throttle) == TABLE_MAX
