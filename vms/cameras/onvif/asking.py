"""Asking one camera: where its services are, how a call is signed, what is tried again.

One call costs one request. A second is sent only when the first was refused and there is something
new to sign it with: the camera's HTTP challenge, or its clock after it was set. So a wrong password
costs two refusals at first and one a call from then on. Every signed request that is refused
counts, whether the camera says so by HTTP 401 or by a fault; an `Allowance` bounds how many there
may be.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from vms.cameras.onvif import reading
from vms.cameras.onvif.http import Http, Response
from vms.cameras.onvif.port import Address, OnvifError, Trouble
from vms.cameras.onvif.soap import answer_of, envelope, security
from vms.cameras.onvif.xml import SIZE_MAX, Element
from vms.core.clock import Clock
from vms.core.lockout import says_locked_out
from vms.core.secret import Secret

DEVICE_PATH = "/onvif/device_service"
UNKNOWN_CALL = (Trouble.FAULT, Trouble.NOT_ONVIF, Trouble.BROKEN_ANSWER)
"""How cameras that let us in say that they don't know a call: some by a page of HTML."""
_LOCKS = (423, 429)  # Locked, Too Many Requests
_STALE = re.compile(r"""\bstale\s*=\s*"?true\b""")
_WORDS_MAX = 4096  # bytes of a refusal's page that are looked at for a lock
_TIME = "<tds:GetSystemDateAndTime/>"
_SOAP = "application/soap+xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of cameras."""

    username: str
    password: Secret


@dataclass(slots=True)
class Allowance:
    """How many more refused requests a camera may see from us before we leave it alone."""

    left: int


class HttpSignIn(Protocol):
    """Answers HTTP challenges for one user; `accept` gives None when none can be answered."""

    def accept(self, values: Iterable[str]) -> object | None: ...
    def header(self, method: str, uri: str) -> str | None: ...


HttpSignIns = Callable[[Credentials], HttpSignIn]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service answers. `header`: SOAP header blocks that calls there must carry."""

    address: Address
    path: str
    header: str = ""


class Asking:
    """Calls to the camera at `address`. `refusals` counts the requests it refused us in.

    Once `allowance` is used up, nothing is signed any more and every such call is REFUSED.
    """

    def __init__(
        self,
        http: Http,
        address: Address,
        credentials: Credentials | None,
        sign_ins: HttpSignIns,
        clock: Clock,
        path: str = DEVICE_PATH,
        allowance: Allowance | None = None,
    ) -> None:
        self._http, self.address, self.clock = http, address, clock
        self._credentials = credentials
        self._sign_in = sign_ins(credentials) if credentials is not None else None
        self._challenged = False  # we answer HTTP challenges from now on
        # For files apart: many take a token for calls, and want HTTP's sign-in for pictures.
        self._file_sign_in = sign_ins(credentials) if credentials is not None else None
        self._file_challenged = self._files_open = False
        self._let_in = False  # what we sign with was right the last time
        self._device = Place(address, path)
        self._offset: int | None = None
        self._assumed = False  # its time can't be had: what is signed is signed in ours
        self._services: dict[str, str] | None = None
        self._allowance = allowance
        self.refusals = 0

    async def answers(self) -> bool:
        """Whether a device is there: it tells a stranger its time, or in SOAP that it does not.

        Raises OnvifError.
        """
        response = await self._send(self._device, _TIME, sign=False)
        try:
            answer = answer_of(response.body, str(self.address))
        except OnvifError as error:
            return error.trouble in (Trouble.REFUSED, Trouble.LOCKED)
        return any(answer.first(name) is not None for name in ("SystemDateAndTime", "UTCDateTime"))

    async def clock_offset(self) -> int:
        """The camera's clock minus ours, ns. Asked once, and without signing: every camera must
        answer it to everybody, and the signature needs it. Some do not: they are asked once more,
        signed in our time."""
        if self._offset is None:
            before = self.clock.now()
            response = await self._send(self._device, _TIME, sign=False)
            try:
                answer = _answer(response, self.address)
            except OnvifError as error:
                if error.trouble is not Trouble.REFUSED or self._credentials is None:
                    raise
                self._assumed = True
                self._take(response)
                before = self.clock.now()
                answer = await self.ask_at(self._device, _TIME)
            middle = (before + self.clock.now()) // 2
            self._offset = reading.time_of(answer) - middle
            self._assumed = False
        return self._offset

    def forget_clock(self) -> None:
        """The camera's clock was set: measure it anew."""
        self._offset, self._assumed = None, False

    async def _signing_offset(self) -> int:
        """What its clock is off by, as far as it can be known."""
        if self._assumed:
            return 0
        try:
            return await self.clock_offset()
        except OnvifError as error:
            if error.trouble not in (Trouble.FAULT, Trouble.BROKEN_ANSWER):
                raise
            self._assumed = True
            return 0

    async def services(self) -> dict[str, str]:
        """Prefix → XAddr; asked once. Older cameras know GetCapabilities only, and some do not name
        all in GetServices."""
        if self._services is None:
            ask = "<tds:GetServices><tds:IncludeCapability>false</tds:IncludeCapability>"
            found: dict[str, str] = {}
            try:
                found = reading.services_of(await self.ask("tds", f"{ask}</tds:GetServices>"))
            except OnvifError as error:
                if error.trouble not in UNKNOWN_CALL:
                    raise
                found = await self._capabilities()
            else:
                if not found.keys() & {"trt", "tr2"}:
                    with contextlib.suppress(OnvifError):
                        found = await self._capabilities() | found
            self._services = found
        return self._services

    async def _capabilities(self) -> dict[str, str]:
        old = "<tds:GetCapabilities><tds:Category>All</tds:Category></tds:GetCapabilities>"
        return reading.services_of(await self.ask("tds", old))

    async def ask(self, prefix: str, body: str) -> Element:
        """A call to the service of a prefix of `soap.NAMESPACES`. Raises OnvifError."""
        return await self.ask_at(await self._place(prefix), body)

    async def ask_at(self, place: Place, body: str, deadline_s: float | None = None) -> Element:
        """A call to a place; `deadline_s`: for one that the camera answers late on purpose."""
        response = await self._send(place, body, deadline_s=deadline_s)
        try:
            answer = self._signed_answer(response, place.address)
        except OnvifError as error:
            if error.trouble is not Trouble.REFUSED or not self._renew(response):
                raise
            response = await self._send(place, body, deadline_s=deadline_s)
            answer = self._signed_answer(response, place.address)
        self._let_in = True
        return answer

    async def fetch(self, uri: str, size_max: int = SIZE_MAX) -> bytes:
        """What lies at an HTTP address of this camera (`reading.uri_at`). Raises OnvifError."""
        address, path = reading.path_at(self.address, uri)
        response = await self._get(address, path, size_max)
        if response.status == 401 and self._renew_for_files(response):
            response = await self._get(address, path, size_max)
        if response.status != 200:
            trouble = _refusal(response) or Trouble.FAULT
            what = reading.shown(urlsplit(uri).path)
            raise OnvifError(trouble, f"{address}: {what} is answered with {response.status}")
        self._files_open = True
        return response.body

    # -- how

    async def _place(self, prefix: str) -> Place:
        if prefix == "tds":
            return self._device
        services = await self.services()
        if prefix not in services:
            what = _NAMES[prefix]
            trouble = Trouble.NO_PROFILE if prefix in ("trt", "tr2") else Trouble.NO_SERVICE
            raise OnvifError(trouble, f"{self.address} has no {what} service")
        if not services[prefix]:  # all of it answers at one place
            return self._device
        return Place(*reading.path_at(self.address, services[prefix]))

    def _signed_answer(self, response: Response, address: Address) -> Element:
        """What was answered to a signed request; a refusal counts, however it is said.

        A fault of another kind counts as one, too, while the camera has not let us in: makers have
        words of their own. A nonce that the camera itself calls stale is no wrong password.
        """
        try:
            return _answer(response, address)
        except OnvifError as error:
            refused = error.trouble in (Trouble.REFUSED, Trouble.LOCKED)
            if (
                self._credentials is not None
                and not _stale(response)
                and (refused or (error.trouble is Trouble.FAULT and not self._let_in))
            ):
                self._count_refusal()
            raise

    def _count_refusal(self) -> None:
        self.refusals += 1
        if self._allowance is not None:
            self._allowance.left -= 1

    def _check_allowance(self) -> None:
        if self._allowance is not None and self._allowance.left <= 0:
            spent = f"{self.address} refused as many sign-ins as it may see; it is left alone"
            raise OnvifError(Trouble.REFUSED, spent)

    def _take(self, response: Response) -> None:
        """Answer the challenge of one that wants HTTP's sign-in, from now on."""
        challenges = response.values("www-authenticate")
        if self._sign_in is not None and challenges and not self._challenged:
            self._challenged = self._sign_in.accept(challenges) is not None

    def _renew_for_files(self, response: Response) -> bool:
        """After a 401 to a GET: whether there is something new to sign with; see `_renew`."""
        was_in, self._files_open = self._files_open, False
        challenges = response.values("www-authenticate")
        if self._file_sign_in is None or not challenges or (self._file_challenged and not was_in):
            return False
        self._file_challenged = self._file_sign_in.accept(challenges) is not None
        return self._file_challenged

    def _renew(self, response: Response) -> bool:
        """After a refusal: whether there is something new to sign with.

        A camera that let us in before is believed to refuse the signature's age, once: its nonce
        is over, or its clock was set.
        """
        if self._sign_in is None:
            return False
        was_in, self._let_in = self._let_in, False
        challenges = response.values("www-authenticate")
        if challenges and (was_in or not self._challenged):
            self._challenged = self._sign_in.accept(challenges) is not None
            return self._challenged
        if was_in:
            self.forget_clock()
        return was_in

    async def _send(
        self, place: Place, body: str, *, sign: bool = True, deadline_s: float | None = None
    ) -> Response:
        """One request, signed by HTTP once the camera asked for that, else by WS-Security."""
        headers = {"Content-Type": _SOAP}
        token = ""
        if sign and self._credentials is not None:
            self._check_allowance()
            if signed := self._authorization(place.path):
                headers["Authorization"] = signed
            else:
                now = self.clock.now() + await self._signing_offset()
                token = security(self._credentials.username, self._credentials.password, now)
        content = envelope(body, token + place.header)
        return await self._http.exchange(
            place.address, "POST", place.path, headers, content, deadline_s=deadline_s
        )

    async def _get(self, address: Address, path: str, size_max: int) -> Response:
        signed = None
        if self._file_sign_in is not None and self._file_challenged:
            self._check_allowance()
            signed = self._file_sign_in.header("GET", path)
        headers = {"Authorization": signed} if signed else {}
        response = await self._http.exchange(address, "GET", path, headers, b"", size_max=size_max)
        if signed and response.status in (401, 403):
            self._count_refusal()
        return response

    def _authorization(self, path: str) -> str | None:
        if self._sign_in is None or not self._challenged:
            return None
        return self._sign_in.header("POST", path)


_NAMES = {"trt": "media", "tr2": "media", "tptz": "PTZ", "timg": "imaging", "tev": "event"}


def _answer(response: Response, address: Address) -> Element:
    """What was answered; a refusal by HTTP is one, whatever stands in its body."""
    try:
        return answer_of(response.body, str(address))
    except OnvifError as error:
        refused = _refusal(response)
        if refused is None or error.trouble is Trouble.LOCKED:
            raise
        raise OnvifError(refused, f"{error.detail} (HTTP {response.status})") from None


def _stale(response: Response) -> bool:
    """Whether a refusal is for the age of our nonce alone (RFC 7616 §3.3)."""
    said = " ".join(response.values("www-authenticate")).lower()
    return response.status == 401 and _STALE.search(said) is not None


def _refusal(response: Response) -> Trouble | None:
    """What HTTP alone says of our user; None where it says nothing of it."""
    if response.status not in (401, 403, *_LOCKS):
        return None
    said = f"{response.reason} {response.body[:_WORDS_MAX].decode('utf-8', 'replace')}"
    locked = response.status in _LOCKS or says_locked_out(said)
    return Trouble.LOCKED if locked else Trouble.REFUSED
