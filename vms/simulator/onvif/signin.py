"""A device's sign-in: WS-Security UsernameToken, HTTP Digest, and the lock after wrong ones."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from collections import OrderedDict

from vms.core.clock import MILLISECOND, SECOND, Clock
from vms.simulator import rtsp
from vms.simulator.faults import Faults
from vms.simulator.onvif.soap import Token
from vms.simulator.server import Nonces

CLOCK_TOLERANCE = 30 * SECOND
"""How far a token's time may be off; real cameras take 5 s to 5 min."""
_SAME = 100 * MILLISECOND
_TOKENS_KEPT = 256  # older ones are too old anyway


class SignIn:
    """Decides who is let in. `refusals` counts wrong passwords, as a lock does."""

    def __init__(self, gate: rtsp.Gate, clock: Clock, nonces: Nonces, faults: Faults) -> None:
        self._gate, self._clock, self._nonces, self._faults = gate, clock, nonces, faults
        self._used: OrderedDict[tuple[str, str], int] = OrderedDict()  # when first, monotonic
        self.clock_shift = 0  # what SetSystemDateAndTime has added, ns
        self.refusals = 0
        self.tokens = True  # False: only HTTP sign-in is taken, as newer firmware does

    @property
    def username(self) -> str:
        return self._gate.username

    def accepts(self, token: Token | None, method: str, path: str, header: str) -> bool:
        """Whether the call is signed rightly, by its token or by its Authorization header."""
        if self._gate.auth == "none":
            return True
        if token is None and not header:
            return False  # asks for the challenge: no try
        right = self._by_header(method, path, header) if header else self._by_token(token)
        if not right:
            self.refusals += 1
        return right and not self.locked and "password" not in self._faults

    @property
    def locked(self) -> bool:
        """Whether the account is locked: no password helps any more."""
        lock = self._faults.get("onvif-lock")
        return lock is not None and self.refusals >= lock["after"]

    @property
    def device_time(self) -> int:
        """The device's clock, ns of UTC: right, off by `jump-clock`, or since 1970."""
        if "onvif-1970" in self._faults and not self.clock_shift:
            return self._clock.monotonic() % (86_400 * SECOND)
        return self._clock.now() + self._faults.jump + self.clock_shift

    def challenge(self) -> str:
        """The WWW-Authenticate header."""
        return self._gate.challenge(self._nonces.new(), stale=False)

    def _by_header(self, method: str, path: str, header: str) -> bool:
        request = rtsp.Request(method, path, {"authorization": header})
        nonce = rtsp.digest_fields(header).get("nonce", "")
        return self._gate.accepts(request) and (
            self._gate.auth != "digest" or self._nonces.fresh(nonce)
        )

    def _is_replayed(self, token: Token) -> bool:
        """Whether it was used before. libonvif draws one nonce a second and signs two requests of
        the same millisecond the same, and cameras take it."""
        first = self._used.get((token.nonce, token.created))
        return first is not None and self._clock.monotonic() - first > _SAME

    def _by_token(self, token: Token | None) -> bool:
        """WS-Security UsernameToken Profile 1.1 §3.1: Base64(SHA1(nonce + created + password))."""
        if (
            not self.tokens
            or token is None
            or token.username != self._gate.username
            or self._is_replayed(token)
        ):
            return False
        try:
            nonce = base64.b64decode(token.nonce, validate=True)
            created = dt.datetime.fromisoformat(token.created)
        except ValueError:
            return False
        seconds = int(created.timestamp()) * SECOND
        if abs(seconds - self.device_time) > CLOCK_TOLERANCE:
            return False
        secret = nonce + token.created.encode() + self._gate.password.encode()
        expected = base64.b64encode(hashlib.sha1(secret, usedforsecurity=False).digest())
        if not hmac.compare_digest(token.digest.encode(), expected):
            return False
        self._used.setdefault((token.nonce, token.created), self._clock.monotonic())
        while len(self._used) > _TOKENS_KEPT:
            self._used.popitem(last=False)
        return True
