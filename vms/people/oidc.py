"""Signing in at a provider of OpenID Connect: authorisation code flow with PKCE (RFC 7636).

What a flow needs again when the person comes back travels in a sealed cookie of their browser, so
a flow that another browser began is none here; which flows have come back is remembered, so none
does twice.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

from vms.core.clock import HOUR, MINUTE, SECOND, Clock, Instant, Mono, Span
from vms.core.config_directory import OidcSettings
from vms.core.errors import ConfigError, Denied
from vms.core.networks import Networks
from vms.core.plain import plain
from vms.core.secret import Secret
from vms.people.accounts import NAME_MAX
from vms.people.exchange import Exchange
from vms.people.externals import External, ProviderDown, grants_of

FLOW_LASTS = Span(10 * MINUTE)
KEYS_LAST = Span(HOUR)
KEYS_ANEW = Span(30 * SECOND)  # a token of an unknown key asks for the keys again so often at most
USED_MAX = 4_096  # full: the flow that came back longest ago is forgotten; its code is used anyway
_OWNER = "oidc-flow"
_SHOWN = 200


class Vault(Protocol):
    """Seals with a key outside the database: `vms.cameras.vault.Vault`."""

    def seal(self, secret: Secret, owner: str) -> bytes: ...
    def open(self, sealed: bytes, owner: str) -> Secret: ...


class BadFlow(Denied):
    """Whoever comes back began no flow here, not in this browser, too long ago, or came already."""

    def __init__(self) -> None:
        super().__init__("This sign-in was begun elsewhere, too long ago, or used; begin again.")


class ProviderRefused(Denied):
    """The provider sent the person back without having proved them."""


class NotAsked(Denied):
    """The provider took somebody for who was signed in there before."""

    def __init__(self) -> None:
        super().__init__("The provider did not ask again who you are; sign out there first.")


@dataclass(frozen=True, slots=True)
class Flow:
    """What stays in the browser until the person comes back. `account`: they came, and still owe
    the code of the second factor."""

    state: str
    nonce: str
    verifier: str
    ends: int
    account: str = ""

    @property
    def began(self) -> Instant:
        return Instant(self.ends - FLOW_LASTS)


@dataclass(frozen=True, slots=True)
class Returned:
    """What the provider sends a person back with."""

    state: str = ""
    code: str = ""
    error: str = ""
    iss: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """The provider's own description and keys, and when they were asked for."""

    asked: Mono
    authorization: str
    token: str
    userinfo: str
    keys_at: str
    posts_secret: bool
    says_issuer: bool
    keys: Any


class OidcProvider:
    """The provider of `[oidc]`. Its methods block: for threads."""

    def __init__(self, settings: OidcSettings, clock: Clock, vault: Vault, reach: Networks) -> None:
        self.settings, self._clock, self._vault = settings, clock, vault
        self._exchange = Exchange(reach, settings.ca)
        self._known: _Known | None = None
        self._used: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()  # around the two above, never around an exchange

    def begin(self) -> tuple[str, str]:
        """Where the browser is sent, and the cookie's value. Raises ProviderDown."""
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        known = self._description()
        ends = self._clock.now() + FLOW_LASTS
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        flow = Flow(state, nonce, verifier, ends)
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": create_s256_code_challenge(flow.verifier),
            "code_challenge_method": "S256",
        }
        if self.settings.fresh:  # max_age: so that the token says when
            asked |= {"prompt": "login", "max_age": "0"}
        joint = "&" if urlsplit(known.authorization).query else "?"
        return f"{known.authorization}{joint}{urlencode(asked)}", self._sealed(flow)

    def finish(self, returned: Returned, cookie: str) -> External:
        """Who came back. Raises BadFlow, ProviderRefused, BadToken, NotAsked, ProviderDown."""
        flow = self._opened(cookie)
        if flow.account or not hmac.compare_digest(flow.state.encode(), returned.state.encode()):
            raise BadFlow
        self.use_up(flow.state)
        if returned.error or not returned.code:
            raise ProviderRefused(f"The provider says {plain(returned.error or 'nothing', 80)}.")
        known = self._description()
        issuer = self.settings.issuer
        if (returned.iss or known.says_issuer) and returned.iss != issuer:  # RFC 9207
            raise ProviderRefused("Another provider answers than was asked.")
        tokens = self._tokens(known, returned.code, flow.verifier)
        claims = self._claims(known, tokens, flow.nonce)
        if self.settings.fresh:
            _check_asked(claims, Span(self._clock.now() - flow.began))
        return self._external(known, claims, tokens["access_token"])

    def owes_code(self, account: str) -> str:
        """A cookie's value for who was proved and still owes the code of the second factor."""
        ends = self._clock.now() + FLOW_LASTS
        return self._sealed(Flow(secrets.token_urlsafe(32), "", "", ends, account))

    def who_owes_code(self, cookie: str) -> tuple[str, str]:
        """The account's name, and what `use_up` takes. Raises BadFlow."""
        flow = self._opened(cookie)
        with self._lock:
            used = flow.state in self._used
        if not flow.account or used:
            raise BadFlow
        return flow.account, flow.state

    def use_up(self, state: str) -> None:
        """The cookie of this flow opens nothing more. Raises BadFlow if it was used up before."""
        with self._lock:
            if state in self._used:
                raise BadFlow
            self._used[state] = None
            while len(self._used) > USED_MAX:
                self._used.popitem(last=False)

    def _sealed(self, flow: Flow) -> str:
        sealed = self._vault.seal(Secret(json.dumps(asdict(flow))), _OWNER)
        return base64.urlsafe_b64encode(sealed).decode()

    def _opened(self, cookie: str) -> Flow:
        try:
            sealed = base64.urlsafe_b64decode(cookie[:4_096].encode("ascii"))
            flow = Flow(**json.loads(self._vault.open(sealed, _OWNER).reveal()))
        except (ConfigError, ValueError, TypeError):  # whatever a stranger puts into a cookie
            raise BadFlow from None
        if self._clock.now() >= flow.ends:
            raise BadFlow
        return flow

    def _description(self, *, anew: bool = False) -> _Known:
        now = self._clock.monotonic()
        with self._lock:
            known = self._known
        if known is not None:
            age = now - known.asked
            if age < KEYS_ANEW or (not anew and age < KEYS_LAST):
                return known
        fresh = self._ask_description(now)
        with self._lock:
            self._known = fresh
        return fresh

    def _ask_description(self, now: Mono) -> _Known:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        issuer = self.settings.issuer
        status, told = self._exchange.ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if status != 200:
            raise ProviderDown(f"{issuer} answers {status} when asked for its description")
        if told.get("issuer") != issuer:
            said = plain(str(told.get("issuer")), _SHOWN)
            raise ProviderDown(
                f"the provider calls itself {said!r}, the settings {issuer!r}; write it under "
                "[oidc] issuer exactly as the provider does"
            )
        methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        keys_at = self._endpoint(told, "jwks_uri")
        userinfo = told.get("userinfo_endpoint")
        status, keys = self._exchange.ask(keys_at)
        try:
            found = KeySet.import_key_set(keys)  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProviderDown(f"{keys_at} answers {status} with no keys: {error}") from None
        return _Known(
            now,
            self._endpoint(told, "authorization_endpoint"),
            self._endpoint(told, "token_endpoint"),
            self._endpoint(told, "userinfo_endpoint") if userinfo else "",
            keys_at,
            "client_secret_basic" not in methods,
            told.get("authorization_response_iss_parameter_supported") is True,
            found,
        )

    def _endpoint(self, told: Mapping[str, Any], name: str) -> str:
        """Only where the settings name: what a provider writes sends nobody anywhere else."""
        url, issuer = told.get(name), urlsplit(self.settings.issuer)
        parts = urlsplit(url if isinstance(url, str) and len(url) < 2_000 else "")
        if not parts.hostname or parts.scheme != issuer.scheme or not str(url).isprintable():
            raise ProviderDown(f"the provider's {name} is no address with {issuer.scheme}://")
        if parts.hostname not in (issuer.hostname, *self.settings.hosts):
            raise ProviderDown(
                f"the provider's {name} lies on {plain(parts.hostname, _SHOWN)}; if that is right, "
                f'add hosts = ["{plain(parts.hostname, _SHOWN)}"] under [oidc]'
            )
        return str(url)

    def _tokens(self, known: _Known, code: str, verifier: str) -> dict[str, str]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.redirect_uri,
            "code_verifier": verifier,
        }
        headers, secret = {}, self.settings.client_secret
        if secret is not None and not known.posts_secret:
            both = f"{quote(self.settings.client_id, '')}:{quote(secret.reveal(), '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        else:
            form["client_id"] = self.settings.client_id
            if secret is not None:
                form["client_secret"] = secret.reveal()
        status, told = self._exchange.ask(known.token, urlencode(form).encode(), headers)
        if status != 200:
            why = plain(str(told.get("error", status)), 80)
            if why == "invalid_client":
                raise ProviderDown(
                    "the provider does not know this site; look at client_id and client_secret "
                    "under [oidc]"
                )
            raise ProviderRefused(f"The provider gives no token: {why}.")
        found = {name: told.get(name, "") for name in ("id_token", "access_token")}
        if not all(isinstance(one, str) for one in found.values()) or not found["id_token"]:
            raise ProviderRefused("The provider gives no ID token.")
        return found

    def _claims(self, known: _Known, tokens: Mapping[str, str], nonce: str) -> dict[str, Any]:
        from vms.people.oidc_claims import BadToken, Expected, claims_of

        settings, now = self.settings, Instant(self._clock.now())
        expected = Expected(settings.issuer, settings.client_id, nonce, tokens["access_token"])
        try:
            return claims_of(tokens["id_token"], known.keys, expected, now)
        except BadToken:
            fresh = self._description(anew=True)  # its keys may have changed
            if fresh is known:
                raise
            return claims_of(tokens["id_token"], fresh.keys, expected, now)

    def _external(self, known: _Known, claims: dict[str, Any], access_token: str) -> External:
        from vms.people.oidc_claims import text_of, texts_of

        settings = self.settings
        groups = texts_of(claims, settings.groups_claim)
        if groups is None and known.userinfo and access_token:
            claims = {**self._userinfo(known, claims["sub"], access_token), **claims}
            groups = texts_of(claims, settings.groups_claim)
        named = (text_of(claims, one) for one in (settings.name_claim, "email", "sub"))
        name = next((one for one in named if 1 <= len(one) <= NAME_MAX and " " not in one), "")
        factors = set(texts_of(claims, "amr") or ())
        return External(
            "oidc",
            f"{settings.issuer} {claims['sub']}",
            name,
            plain(text_of(claims, "name"), _SHOWN),
            grants_of(groups or (), settings.groups),
            factor_proved=bool(factors & set(settings.factor)),
        )

    def _userinfo(self, known: _Known, subject: str, access_token: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}"}
        status, told = self._exchange.ask(known.userinfo, headers=headers)
        if status != 200 or told.get("sub") != subject:
            raise ProviderDown(f"{known.userinfo} answers {status} and tells nothing of the person")
        return told


def _check_asked(claims: Mapping[str, Any], lasted: Span) -> None:
    """Whether the person was asked in this flow, as far as the provider says when it asked.

    Control rooms share machines: whoever sits down next must not come in as who went home. What
    was asked of the provider stood in an address, which its reader can change; the token can't be.
    Both times are the provider's, so its clock may be off. `lasted`: the flow until now.
    """
    from vms.people.oidc_claims import LEEWAY_S

    asked, made = claims.get("auth_time"), claims.get("iat")
    if asked is None:
        return
    if not (isinstance(asked, int) and isinstance(made, int)):
        raise NotAsked
    if made - asked > lasted // SECOND + LEEWAY_S:
        raise NotAsked
