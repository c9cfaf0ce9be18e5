"""Guessing is slowed down, never locked out, and the table is bounded."""

from __future__ import annotations

from vms.core.clock import MINUTE, SECOND, Mono
from vms.people.throttle import (
    ACCOUNT_EVERY,
    ACCOUNT_TRIES,
    FREE_TRIES,
    LONGEST_DELAY,
    TABLE_MAX,
    Throttle,
    source,
)

START = Mono(1_000 * SECOND)


def test_a_few_mistypes_cost_nothing() -> None:
    throttle = Throttle()
    assert [throttle.admit("ali", "a", START) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES


def test_accents_buy_no_tries() -> None:
    """A directory may take `ali`, `àli` and `âli` for one name."""
    throttle = Throttle()
    for name in ("ali", "àli", "âli", "ali\u0301")[:FREE_TRIES]:
        assert throttle.admit(name, "a", START) == 0
    assert throttle.admit("älï", "a", START) > 0
    throttle.forget("ÁLI".casefold(), "a")
    assert throttle.admit("ali", "a", START) == 0


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
    for n in range(TABLE_MAX * 2):  # an account each: one alone would be slowed long before
        throttle.admit(f"user{n}", f"address{n}", START)
        throttle.forget(f"user{n}", f"address{n}")
        throttle.admit(f"user{n}", f"address{n}", START)
    assert len(throttle) == TABLE_MAX


def test_ten_thousand_guesses_from_one_address_hold_up_nobody_elsewhere() -> None:
    throttle, now, checked = Throttle(), START, 0
    for n in range(10_000):
        checked += throttle.admit("ali", "203.0.113.9", now) == 0
        now = Mono(now + SECOND)
        if n % 500 == 0:
            honest = f"198.51.100.{n // 500}"  # a new one each time: never seen before
            assert throttle.admit("ali", honest, now) == 0
            throttle.forget("ali", honest)
    assert checked <= 60  # 10,000 s at one try in five minutes, and the first few


def test_guessing_for_days_from_one_address_never_slows_the_account() -> None:
    throttle, now = Throttle(), START
    for _ in range(1_000):
        now = Mono(now + throttle.admit("ali", "203.0.113.9", now))
        throttle.admit("ali", "203.0.113.9", now)
    assert throttle.admit("ali", "198.51.100.7", now) == 0


def test_ten_thousand_guesses_from_as_many_addresses_are_slowed_but_not_for_the_owner() -> None:
    throttle, now, checked = Throttle(), START, 0
    assert throttle.admit("ali", "192.0.2.4", now) == 0
    throttle.forget("ali", "192.0.2.4")
    for n in range(10_000):
        checked += throttle.admit("ali", f"10.{n >> 8}.{n & 255}.1", now) == 0
        now = Mono(now + SECOND // 10)
        if n % 500 == 0:
            assert throttle.admit("ali", "192.0.2.4", now) == 0
            throttle.forget("ali", "192.0.2.4")
    assert checked <= ACCOUNT_TRIES + 1_000 // 60 + 1
    assert throttle.admit("veli", "198.51.100.7", now) == 0


def test_a_slowed_account_says_how_long_and_keeps_its_word() -> None:
    throttle, now = Throttle(), START
    for n in range(ACCOUNT_TRIES):
        assert throttle.admit("ali", f"10.0.{n}.1", now) == 0
    wait = throttle.admit("ali", "198.51.100.7", now)
    assert 0 < wait <= ACCOUNT_EVERY
    assert throttle.admit("ali", "198.51.100.7", Mono(now + wait)) == 0


def test_an_ipv6_host_is_its_whole_network() -> None:
    assert source("2001:db8:1:2:3::1%eth0") == source("2001:db8:1:2::9")
    assert source("2001:db8:1:2::9") != source("2001:db8:1:3::9")
    assert source("::ffff:192.0.2.4") == source("192.0.2.4") == "192.0.2.4"
    assert source("") == ""
