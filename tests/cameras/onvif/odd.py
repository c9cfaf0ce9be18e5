"""A device by hand whose every answer a test may write anew: what makers do that ours does not.

An answer is what stands in the SOAP body, or whole bytes of HTTP, or what is called with the
request. It asks for no password unless a test says so.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.cameras.onvif.house import RIGHT, sign_in
from vms.cameras.onvif.asking import Allowance
from vms.cameras.onvif.client import Credentials, OnvifClient
from vms.cameras.onvif.http import Http
from vms.cameras.onvif.networks import Networks
from vms.cameras.onvif.port import Address
from vms.core.clock import Clock, SystemClock

ACTION = re.compile(rb"<s:Body><\w+:(\w+)")
SERVICES = "".join(
    f"<tds:Service><tds:Namespace>http://www.onvif.org/{name}/wsdl</tds:Namespace>"
    f"<tds:XAddr>http://{{host}}/onvif/{path}</tds:XAddr></tds:Service>"
    for name, path in (
        ("ver10/device", "device_service"), ("ver10/media", "media"), ("ver20/ptz", "ptz"),
        ("ver20/imaging", "imaging"), ("ver10/events", "events"),
    )
)  # fmt: skip


def profile(
    token: str = "p1", codec: str = "H264", size: tuple[int, int] = (1920, 1080), more: str = ""
) -> str:
    """A profile of Media."""
    return (
        f'<trt:Profiles token="{token}"><tt:Name>{token}</tt:Name>'
        "<tt:VideoSourceConfiguration token='vsc'><tt:SourceToken>vs</tt:SourceToken>"
        "</tt:VideoSourceConfiguration>"
        f'<tt:VideoEncoderConfiguration token="e"><tt:Encoding>{codec}</tt:Encoding>'
        f"<tt:Resolution><tt:Width>{size[0]}</tt:Width><tt:Height>{size[1]}</tt:Height>"
        "</tt:Resolution></tt:VideoEncoderConfiguration>"
        f"{more}</trt:Profiles>"
    )


USUAL: dict[str, str] = {
    "GetSystemDateAndTime": "<tds:R><tt:UTCDateTime><tt:Time><tt:Hour>12</tt:Hour><tt:Minute>0"
    "</tt:Minute><tt:Second>0</tt:Second></tt:Time><tt:Date><tt:Year>2026</tt:Year>"
    "<tt:Month>1</tt:Month><tt:Day>2</tt:Day></tt:Date></tt:UTCDateTime></tds:R>",
    "GetDeviceInformation": "<tds:R><tds:Manufacturer>M</tds:Manufacturer><tds:Model>X</tds:Model>"
    "<tds:FirmwareVersion>1</tds:FirmwareVersion><tds:SerialNumber>S</tds:SerialNumber></tds:R>",
    "GetNetworkInterfaces": "<tds:R><tt:HwAddress>00:11:22:33:44:55</tt:HwAddress></tds:R>",
    "GetServices": f"<tds:R>{SERVICES}</tds:R>",
    "GetProfiles": f"<trt:R>{profile()}{profile('p2', size=(640, 360))}</trt:R>",
    "GetStreamUri": "<trt:R><tt:Uri>rtsp://{name}:554/main</tt:Uri></trt:R>",
    "GetSnapshotUri": "<trt:R><tt:Uri>http://{host}/snap.jpg</tt:Uri></trt:R>",
}  # fmt: skip
FAULT = (
    "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>ter:ActionNotSupported"
    "</s:Value></s:Subcode></s:Code><s:Reason><s:Text>no</s:Text></s:Reason></s:Fault>"
)
REFUSED = FAULT.replace("ter:ActionNotSupported", "ter:NotAuthorized")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `action`: of a SOAP call; else `GET` and the path."""

    action: str
    path: str
    head: str
    body: bytes


Answer = str | bytes | Callable[[Asked], str | bytes]


@dataclass(slots=True)
class Odd:
    """The device. `wrapped`: makes the document of what stands in the body; `framed`: the bytes
    of HTTP of that; `held_s`: how long the line is held after it."""

    answers: dict[str, Answer]
    host: str = ""
    asked: list[Asked] = field(default_factory=list)
    wrapped: Callable[[str], bytes] = field(default=lambda inner: envelope(inner))
    framed: Callable[[bytes], bytes] = field(default=lambda body: http(body))
    held_s: float = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"content-length: (\d+)", head.lower())
            body = await reader.readexactly(int(length[1])) if length else b""
            method, path, _ = head.split(" ", 2)
            found = ACTION.search(body)
            action = found[1].decode() if found else f"{method} {path}"
            one = Asked(action, path, head, body)
            self.asked.append(one)
            answer = self.answers.get(action, FAULT)
            if callable(answer):
                answer = answer(one)
            writer.write(answer if isinstance(answer, bytes) else self.http(answer))
            await writer.drain()
            if self.held_s:
                await asyncio.wait_for(reader.read(1), self.held_s)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def http(self, inner: str) -> bytes:
        """HTTP around a SOAP answer."""
        name = self.host.partition(":")[0]
        said = inner.replace("{host}", self.host).replace("{name}", name)
        return self.framed(self.wrapped(said))

    @property
    def actions(self) -> list[str]:
        return [one.action for one in self.asked]


def envelope(inner: str) -> bytes:
    """SOAP around what stands in the body."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><s:Envelope '
        f'xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{inner}</s:Body></s:Envelope>'
    ).encode()


def http(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    """HTTP around bytes."""
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def odd(**answers: Answer) -> AsyncIterator[Odd]:
    """A device with some answers of its own."""
    device = Odd({**USUAL, **answers})
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    device.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield device


def client_at(
    device: Odd, credentials: Credentials | None = RIGHT, clock: Clock | None = None,
    deadline_s: float = 1.0, allowance: Allowance | None = None,
) -> OnvifClient:  # fmt: skip
    """Our client of it."""
    host, _, port = device.host.partition(":")
    net = Http(Networks(("127.0.0.0/8",)), deadline_s)
    where = Address(host, int(port))
    return OnvifClient(
        net, where, credentials, sign_in, clock or SystemClock(), allowance=allowance
    )


def asking(scene: Callable[[Odd, OnvifClient], Coroutine[Any, Any, Any]], **answers: Answer) -> Any:
    """What a scene with a device and its client returns."""

    async def run() -> Any:
        async with odd(**answers) as device:
            return await scene(device, client_at(device))

    return asyncio.run(run())
