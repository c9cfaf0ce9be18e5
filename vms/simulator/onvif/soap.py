"""SOAP as a device sees it: a call read from bytes, an answer or a fault written as bytes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from xml.sax.saxutils import escape

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tt": "http://www.onvif.org/ver10/schema",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wstop": "http://docs.oasis-open.org/wsn/t-1",
    "tns1": "http://www.onvif.org/ver10/topics",
    "ter": "http://www.onvif.org/ver10/error",
}
_ADDRESS = re.compile(r"(<(?:\w+:)?(?:XAddr|Uri)>)([^<]+)")
_DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())


class BadCall(ValueError):
    """Bytes that are no SOAP call."""


class SoapFault(Exception):
    """A fault the device answers. `code`: an ONVIF subcode such as ter:NoProfile."""

    def __init__(self, code: str, reason: str, *, sender: bool = True) -> None:
        self.code, self.reason, self.sender = code, reason, sender
        super().__init__(f"{code}: {reason}")


@dataclass(frozen=True, slots=True)
class Token:
    """A UsernameToken of WS-Security; `digest` and `nonce` in base64 as sent."""

    username: str
    digest: str
    nonce: str
    created: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what is asked of which service, with what."""

    action: str
    namespace: str
    body: ET.Element
    token: Token | None
    message_id: str
    subscription: str = ""  # a reference parameter of ours in the header

    def text(self, name: str, default: str = "") -> str:
        """The text of the first element of that local name."""
        found = self.find(name)
        return (found.text or "").strip() if found is not None else default

    def find(self, name: str) -> ET.Element | None:
        """The first element of that local name; the body itself is not looked at."""
        return next((one for one in self.body.iter() if local(one) == name), None)


def local(element: ET.Element) -> str:
    """An element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def parse_call(data: bytes) -> Call:
    """Read one envelope. Raises BadCall."""
    try:
        root = ET.fromstring(data)  # noqa: S314 - what tests on this machine send, size bounded
    except ET.ParseError as error:
        raise BadCall(f"not XML: {error}") from error
    body = next((one for one in root if local(one) == "Body"), None)
    if body is None or not len(body):
        raise BadCall("an envelope without a body")
    asked = body[0]
    texts = {local(one): (one.text or "").strip() for one in root.iter()}
    token = None
    if "Password" in texts and "Username" in texts and "Created" in texts:
        token = Token(
            texts["Username"], texts["Password"], texts.get("Nonce", ""), texts["Created"]
        )
    namespace = asked.tag[1:].rpartition("}")[0]
    return Call(local(asked), namespace, asked, token, texts.get("MessageID", ""),
                texts.get("SubscriptionId", ""))  # fmt: skip


def envelope(body: str, header: str = "") -> bytes:
    """An answer around its body, both XML with the prefixes of NAMESPACES."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope {_DECLARED}>'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def renamed(answer: bytes) -> bytes:
    """The same answer with prefixes nobody else uses, and line breaks around its addresses."""
    broken = _ADDRESS.sub(r"\1\n    \2\r\n", answer.decode())
    return re.sub(r"(</?|xmlns:)(\w+)(?=[:=])", r"\1odd-\2", broken).encode()


def garbled(answer: bytes) -> bytes:
    """The same answer with a tab and a line break inside each address."""
    return re.sub(r"(<(?:\w+:)?(?:XAddr|Uri)>\w+://)", r"\1&#9;&#10;", answer.decode()).encode()


def fault(error: SoapFault) -> bytes:
    """A SOAP 1.2 fault as ONVIF Core §5.11 wants it."""
    side = "Sender" if error.sender else "Receiver"
    return envelope(
        f"<s:Fault><s:Code><s:Value>s:{side}</s:Value><s:Subcode><s:Value>{error.code}</s:Value>"
        f'</s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">{escape(error.reason)}</s:Text>'
        "</s:Reason></s:Fault>"
    )
