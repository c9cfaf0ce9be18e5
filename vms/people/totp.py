"""One-time codes of RFC 6238 (SHA-1, 6 digits, 30 s) and recovery codes. Pure but for randomness.

The one module that knows pyotp.
"""

from __future__ import annotations

import hmac
import secrets

import pyotp

from vms.core.clock import SECOND, Instant

STEP = 30 * SECOND
DRIFT = 1  # steps a telephone's clock may be off (RFC 6238, 5.2)
RECOVERY_CODES = 10

# As in `passwords`: nothing that looks alike on paper. 31 signs: 10 of them are 49 bits.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUP, _GROUPS = 5, 2


def new_secret() -> str:
    """160 bits in base32, as RFC 4226 (4, R6) recommends."""
    return pyotp.random_base32(32)


def matching_step(secret: str, code: str, now: Instant, last_step: int) -> int | None:
    """The step whose code this is: of now, the one before or after, but none up to `last_step`.

    A code that was used is worth nothing to who looked over the shoulder (RFC 6238, 5.2).
    """
    totp, present = pyotp.TOTP(secret), now // STEP
    found = None
    for step in range(present - DRIFT, present + DRIFT + 1):
        is_it = hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())
        if is_it and step > last_step:
            found = step
    return found


def address_of_secret(secret: str, account: str, site: str) -> str:
    """What the picture holds: otpauth://totp/…"""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=site)


def new_recovery_codes() -> tuple[str, ...]:
    """Codes for the day the telephone is lost, each as `abcde-fgh23`."""
    return tuple(
        "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
        for _ in range(RECOVERY_CODES)
    )


def plain_code(typed: str) -> str:
    """A code as it is compared: without what people put between its signs."""
    return "".join(sign for sign in typed.lower() if sign.isascii() and sign.isalnum())
