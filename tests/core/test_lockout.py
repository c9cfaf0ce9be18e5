"""What says that a camera locked us out, and what only sounds like it."""

import pytest

from vms.core.lockout import says_locked_out


@pytest.mark.parametrize(
    "text",
    [
        "Too many failed login attempts",
        "ter:TooManyAttempts",
        "Account locked",
        "ter:AccountLocked",
        "The account is locked",
        "User lock, 280 s left",
        "ter:UserLock",
        "Too many tries: locked out",
        "LOCKED",
        "login lockout",
        "IP is blocked",
        "IPBlocked",
        "Your IP address has been blocked",
    ],
)
def test_a_lock_is_heard_in_every_makers_words(text: str) -> None:
    assert says_locked_out(text)


@pytest.mark.parametrize(
    "text",
    [
        "Too many streams",
        "too many open connections, 3 attempts left",
        "",
        "Unauthorized",
        "clock skew too large",
        "method blocked by the firewall",
        "no block of that name, nor a locksmith",
        "user is unlocked",
        "Forbidden",
    ],
)
def test_what_only_sounds_like_one_is_none(text: str) -> None:
    assert not says_locked_out(text)
