"""One HTTP exchange with a stranger, within bounds: time, size, no redirects, a checked address.

Our own small client because the bounds are the point (docs/decisions/0008): the address that is
connected to is the number that was checked, and nothing is read beyond what is allowed.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import re
import ssl
import zlib
from dataclasses import dataclass, field, replace

import httptools

from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import Address, OnvifError, Trouble, bare
from vms.cameras.onvif.xml import SIZE_MAX
from vms.core.plain import plain
from vms.core.unproven_tls import unproven

_HEAD_MAX = 32_768
_CHUNK = 65_536
DEADLINE_S = 5.0
_BLANK_LINE, _LINE_END = re.compile(rb"\r?\n\r?\n"), re.compile(rb"\r?\n")
_INTERIM = re.compile(rb"HTTP/\d(?:\.\d)? 1\d\d")
_CIPHERS = "DEFAULT:@SECLEVEL=0"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~\w-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Response:
    """`headers`: lower-case names with all their values, in order. `reason`: beside the status."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reason: str = ""

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass(slots=True)
class _Incoming:
    """What httptools tells while it reads."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False
    reason: str = ""

    def on_status(self, reason: bytes) -> None:
        self.reason += reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    @property
    def ends_unsaid(self) -> bool:
        """Whether a document has ended that nobody tells the length of: some servers tell none and
        hold the line, too."""
        return not any(
            name in ("content-length", "transfer-encoding") for name, _ in self.headers
        ) and self.body[-64:].rstrip().endswith(b"Envelope>")

    def on_message_complete(self) -> None:
        self.complete = True


class Http:
    """Exchanges with devices; each has a connection of its own, closed after."""

    def __init__(self, networks: Networks, deadline_s: float = DEADLINE_S) -> None:
        self._networks, self._deadline_s = networks, deadline_s

    async def exchange(
        self,
        address: Address,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        *,
        deadline_s: float | None = None,
        size_max: int = SIZE_MAX,
    ) -> Response:
        """Send one request and read its answer to the end. Raises OnvifError.

        `deadline_s`: another one than this client's; `size_max`: of the answer's body.
        """
        deadline = self._deadline_s if deadline_s is None else deadline_s
        self._networks.check(address.host)
        lines = {"Host": address.for_header, "Connection": "close", **headers}
        if body:
            lines["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
        connected = False
        try:
            async with asyncio.timeout(deadline):
                reader, writer = await _connect(address)
                connected = True
                try:
                    _check_certificate(writer, address)
                    writer.write(request)
                    return await _read(reader, address, size_max)
                finally:
                    writer.close()
        except TimeoutError:
            if not connected:
                raise OnvifError(Trouble.UNREACHABLE, f"{address} does not answer") from None
            late = f"{address}: no complete answer in {deadline:g} s"
            raise OnvifError(Trouble.SILENT, late) from None
        except ssl.SSLCertVerificationError as error:
            said = f"{address}: nobody vouches for its certificate: {error.verify_message}"
            raise OnvifError(Trouble.CERTIFICATE, said) from None
        except OSError as error:
            what = error.strerror or str(error)
            if connected:
                cut = f"{address} closed amid its answer: {what}"
                raise OnvifError(Trouble.BROKEN_ANSWER, cut) from None
            raise OnvifError(Trouble.UNREACHABLE, f"{address}: {what}") from None


async def _connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if not address.tls:
        return await asyncio.open_connection(address.host, address.port)
    name = address.name or bare(address.host)
    # Which one an unproven certificate is can still be asked for (`_check_certificate`).
    context = _checked() if address.certificate == "checked" else unproven(_CIPHERS)
    return await asyncio.open_connection(
        address.host, address.port, ssl=context, server_hostname=name
    )


@functools.cache
def _checked() -> ssl.SSLContext:
    """Certificates that the machine's authorities vouch for, for the host that is dialled."""
    return ssl.create_default_context()


def _check_certificate(writer: asyncio.StreamWriter, address: Address) -> None:
    """Nothing is sent to a camera that does not show the certificate its settings name."""
    tls = writer.get_extra_info("ssl_object")
    if tls is None or not address.certificate.startswith("sha256:"):
        return
    shown = f"sha256:{hashlib.sha256(tls.getpeercert(binary_form=True) or b'').hexdigest()}"
    if shown != address.certificate:
        raise OnvifError(Trouble.CERTIFICATE, f"{address} shows the certificate {shown}")


async def _read(reader: asyncio.StreamReader, address: Address, size_max: int) -> Response:
    head, data = await _head(reader, address)
    incoming = _Incoming()
    parser = httptools.HttpResponseParser(incoming)
    parser.set_dangerous_leniencies(
        lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    data = tidied(head) + data
    total = 0
    while True:
        total += len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as error:
            if incoming.complete:  # more than it said it would send
                break
            raise OnvifError(Trouble.NOT_ONVIF, f"{address} speaks no HTTP: {error}") from None
        if incoming.complete or incoming.ends_unsaid:
            break
        if total > size_max + _HEAD_MAX or len(incoming.body) > size_max:
            raise OnvifError(Trouble.HOSTILE, f"{address} answers more than {size_max} bytes")
        if not (data := await reader.read(_CHUNK)):
            break
    if len(incoming.body) > size_max:
        raise OnvifError(Trouble.HOSTILE, f"{address} answers more than {size_max} bytes")
    _check_end(incoming, address)
    status = parser.get_status_code()
    if 300 <= status < 400:
        raise OnvifError(Trouble.REDIRECTED, f"{address} answers {status}")
    body = bytes(incoming.body)
    response = Response(status, tuple(incoming.headers), body, incoming.reason)
    return replace(response, body=_unpacked(response, address, size_max))


async def _head(reader: asyncio.StreamReader, address: Address) -> tuple[bytes, bytes]:
    """Status line and headers, and what came behind them; what is said before (1xx) is skipped."""
    data = b""
    while True:
        data = data.lstrip(b"\r\n")
        if not data.startswith(b"HTTP/"[: len(data)]):
            said = plain(data[:40].decode("latin-1"))
            raise OnvifError(Trouble.NOT_ONVIF, f"{address} speaks no HTTP: {said!r}")
        end = _BLANK_LINE.search(data)
        if end is not None:
            head, data = data[: end.start()], data[end.end() :]
            if _INTERIM.match(head) is None:
                return head, data
            continue
        if len(data) > _HEAD_MAX:
            raise OnvifError(Trouble.HOSTILE, f"{address} sends more than {_HEAD_MAX} of headers")
        more = await reader.read(_CHUNK)
        if not more:
            raise OnvifError(Trouble.BROKEN_ANSWER, f"{address} closed amid its answer")
        data += more


def tidied(head: bytes) -> bytes:
    """Status line and headers as HTTP has them, of what small servers make of it: bare line feeds,
    blanks before colons, folded lines, control characters, lengths told twice. Pure."""
    first, *rest = _LINE_END.split(head)
    lines: list[tuple[bytes, bytes]] = []
    for line in rest:
        name, colon, value = line.partition(b":")
        if line[:1] in (b" ", b"\t") and lines:
            lines[-1] = lines[-1][0], lines[-1][1] + b" " + line.strip()
        elif colon and _TOKEN.fullmatch(name.strip()):
            lines.append((name.strip().lower(), value.strip()))
    chunked = any(name == b"transfer-encoding" and b"chunked" in v.lower() for name, v in lines)
    kept, told = [first.strip()], False
    for name, value in lines:
        if name == b"content-length":
            if chunked or told:
                continue
            told = True
        kept.append(name + b": " + _CONTROL.sub(b"", value))
    return b"\r\n".join(kept) + b"\r\n\r\n"


def _unpacked(response: Response, address: Address, size_max: int) -> bytes:
    """The body; some pack it although nobody asked. Never more than `size_max`."""
    packed = [value.strip().lower() for value in response.values("content-encoding")]
    if packed not in (["gzip"], ["x-gzip"], ["deflate"]):
        return response.body
    bare_deflate = packed == ["deflate"] and response.body[:1] != b"\x78"
    reader = zlib.decompressobj(-zlib.MAX_WBITS if bare_deflate else zlib.MAX_WBITS | 32)
    try:
        body = reader.decompress(response.body, size_max)
    except zlib.error as error:
        raise OnvifError(Trouble.BROKEN_ANSWER, f"{address}: {packed[0]}: {error}") from None
    if reader.unconsumed_tail:
        raise OnvifError(Trouble.HOSTILE, f"{address} answers more than {size_max} bytes")
    return body


def _check_end(incoming: _Incoming, address: Address) -> None:
    """A body without a length ends with the connection; one with a length ends there."""
    if incoming.complete:
        return
    names = {name for name, _ in incoming.headers}
    if "content-length" in names or "transfer-encoding" in names:
        raise OnvifError(Trouble.BROKEN_ANSWER, f"{address} closed amid its answer")
