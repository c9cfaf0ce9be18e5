"""What an ID token says, if it holds: signature, issuer, audience, times, nonce. Pure but for
Authlib, which knows the rules (OpenID Connect Core 1.0 §3.1.3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from vms.core.clock import SECOND, Instant
from vms.core.errors import Denied

# None of a shared secret, and never `none`: only who holds the provider's key signs.
ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
]
LEEWAY_S = 60  # the two clocks may differ so much
TEXT_MAX = 200
GROUPS_MAX = 5_000


class BadToken(Denied):
    """The provider's token does not hold."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must be about."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str = ""


def claims_of(token: str, keys: KeySet, expected: Expected, now: Instant) -> dict[str, Any]:
    """The claims of a token that holds. Raises BadToken."""
    try:
        decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": expected.issuer},
                "aud": {"essential": True, "value": expected.client_id},
                "nonce": {"essential": True, "value": expected.nonce},
                "exp": {"essential": True},
            },
            {
                "nonce": expected.nonce,
                "client_id": expected.client_id,
                "access_token": expected.access_token,
            },
        )
        claims.validate(now=now // SECOND, leeway=LEEWAY_S)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadToken(f"The token does not hold: {str(error)[:TEXT_MAX]}") from None
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
        raise BadToken("The token does not hold: its sub is no text of 1 to 255 characters")
    return dict(claims)


def text_of(claims: Mapping[str, Any], name: str) -> str:
    """A claim that is a text, else an empty one."""
    found = _at(claims, name)
    return found.strip() if isinstance(found, str) else ""


def texts_of(claims: Mapping[str, Any], name: str) -> list[str] | None:
    """A claim that lists texts, or is one; None: it is not there."""
    found = _at(claims, name)
    if isinstance(found, str):
        return [found]
    if not isinstance(found, list):
        return None
    return [one for one in found[:GROUPS_MAX] if isinstance(one, str)]


def _at(claims: Mapping[str, Any], name: str) -> Any:
    """By its whole name, or by the way to it: realm_access.roles."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
