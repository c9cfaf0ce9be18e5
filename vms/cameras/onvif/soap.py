"""SOAP envelopes: written with a signature, read with their faults. Pure but for randomness."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
import secrets
from xml.sax.saxutils import escape

from vms.cameras.onvif.port import OnvifError, Trouble
from vms.cameras.onvif.xml import Element, HostileXml, NotXml, parse
from vms.core.clock import SECOND
from vms.core.lockout import says_locked_out
from vms.core.secret import Secret

NAMESPACES = {
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wsa": "http://www.w3.org/2005/08/addressing",
}
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
_ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  # seconds of the years 1 and 9999
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
# Fault codes of a refused sign-in: ONVIF Core §5.11, WS-Security 1.1 §12, and makers' own.
_REFUSED = (
    "notauthorized", "unauthorized", "operationprohibited", "accessdenied", "forbidden",
    "failedauthentication", "failedcheck", "invalidsecurity", "unsupportedsecuritytoken",
    "securitytokenunavailable", "messageexpired",
)  # fmt: skip
_REFUSED_WORDS = re.compile(
    r"authori[sz]|authenticat|user ?name|password|credential|access denied|forbidden"
    r"|skew|time ?stamp|nonce|replay"  # the signature's age: another one may do
)


def envelope(body: str, header: str = "") -> bytes:
    """A call; `body` and the blocks of `header` use the prefixes of NAMESPACES."""
    header = f"<s:Header>{header}</s:Header>" if header else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{_ENVELOPE}" {_DECLARED}>'
        f"{header}<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def security(username: str, password: Secret, now: int) -> str:
    """A UsernameToken with digest (WS-Security UsernameToken Profile 1.1 §3.1).

    `now`: the camera's time in ns of UTC; a token of our own time is refused where clocks differ.
    """
    nonce = secrets.token_bytes(16)
    seconds = min(max(now // SECOND, _FIRST), _LAST)  # cameras tell any year
    created = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = nonce + created.encode() + password.reveal().encode()
    digest = base64.b64encode(hashlib.sha1(told, usedforsecurity=False).digest()).decode()
    return (
        f'<wsse:Security s:mustUnderstand="1" xmlns:wsse="{_WSS}wssecurity-secext-1.0.xsd" '
        f'xmlns:wsu="{_WSS}wssecurity-utility-1.0.xsd"><wsse:UsernameToken>'
        f"<wsse:Username>{escape(username)}</wsse:Username>"
        f'<wsse:Password Type="{_WSS}username-token-profile-1.0#PasswordDigest">{digest}'
        f'</wsse:Password><wsse:Nonce EncodingType="{_WSS}soap-message-security-1.0#Base64Binary">'
        f"{base64.b64encode(nonce).decode()}</wsse:Nonce><wsu:Created>{created}</wsu:Created>"
        "</wsse:UsernameToken></wsse:Security>"
    )


def answer_of(data: bytes, peer: str) -> Element:
    """The first element of an answer's body. Raises OnvifError, also for the camera's faults."""
    try:
        root = parse(data)
    except HostileXml as error:
        raise OnvifError(Trouble.HOSTILE, f"{peer}: {error}") from None
    except NotXml as error:
        raise OnvifError(Trouble.NOT_ONVIF, f"{peer} sends no XML: {error}") from None
    body = root.first("Body") if root.name == "Envelope" else None
    if body is None:
        raise OnvifError(Trouble.NOT_ONVIF, f"{peer} sends <{root.name}> instead of SOAP")
    if not body.children:
        raise OnvifError(Trouble.BROKEN_ANSWER, f"{peer} sends an empty SOAP body")
    if body.children[0].name == "Fault":
        raise _fault(body.children[0], peer)
    return body.children[0]


def _fault(fault: Element, peer: str) -> OnvifError:
    codes = [one.text.strip() for one in fault.walk() if one.name in ("Value", "faultcode")]
    words = fault.words("Reason", "Text") or fault.words("faultstring")
    told = f"{peer}: {words} ({', '.join(codes)})"
    if says_locked_out(" ".join((words, *codes))):
        return OnvifError(Trouble.LOCKED, told)
    plain_codes = [code.lower() for code in codes]
    if any(word in code for code in plain_codes for word in _REFUSED):
        return OnvifError(Trouble.REFUSED, told)
    if _REFUSED_WORDS.search(words.lower()):
        return OnvifError(Trouble.REFUSED, told)
    return OnvifError(Trouble.FAULT, told)
