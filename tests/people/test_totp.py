"""One-time codes: the standard's vectors, a step's drift, and none twice."""

from __future__ import annotations

import base64

import pytest

from vms.core.clock import SECOND, Instant
from vms.people.totp import (
    RECOVERY_CODES,
    address_of_secret,
    matching_step,
    new_recovery_codes,
    new_secret,
    plain_code,
)

# RFC 6238, appendix B: the ASCII secret and the SHA-1 codes, of whose eight digits we show six.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = (
    (59, "94287082"),
    (1_111_111_109, "07081804"),
    (1_111_111_111, "14050471"),
    (1_234_567_890, "89005924"),
    (2_000_000_000, "69279037"),
    (20_000_000_000, "65353130"),
)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_the_standards_codes_match(seconds: int, code: str) -> None:
    if seconds * SECOND >= 1 << 63:
        pytest.skip("beyond our instants")
    assert matching_step(SECRET, code[-6:], Instant(seconds * SECOND), 0) == seconds // 30


def test_a_clock_may_be_one_step_off_and_not_two() -> None:
    moment, code = 1_111_111_111, "050471"
    found = {
        off: matching_step(SECRET, code, Instant((moment + off * 30) * SECOND), 0)
        for off in range(-3, 4)
    }
    assert {off for off, step in found.items() if step is not None} == {-1, 0, 1}


def test_no_step_counts_twice_nor_an_earlier_one() -> None:
    now, step = Instant(1_111_111_111 * SECOND), 1_111_111_111 // 30
    assert matching_step(SECRET, "050471", now, step - 1) == step
    assert matching_step(SECRET, "050471", now, step) is None
    assert matching_step(SECRET, "081804", now, step) is None  # of the step before


@pytest.mark.parametrize("code", ["", "0", "0504711", "١٢٣٤٥٦", "abcdef", "\udcff"])
def test_what_is_no_code_is_refused(code: str) -> None:
    assert matching_step(SECRET, plain_code(code), Instant(1_111_111_111 * SECOND), 0) is None


def test_secrets_and_recovery_codes_differ_and_can_be_typed() -> None:
    assert len({new_secret() for _ in range(50)}) == 50
    codes = new_recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES
    assert plain_code(f" {codes[0].upper()} ") == codes[0].replace("-", "")


def test_the_telephone_is_told_site_and_account() -> None:
    told = address_of_secret(SECRET, "ayşe", "Kent İzleme")
    assert told.startswith("otpauth://totp/Kent%20%C4%B0zleme:ay%C5%9Fe?secret=")
