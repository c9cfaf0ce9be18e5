"""The HTTP side of a simulated device: one port, its services at their own paths, its faults."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass
from urllib.parse import urlsplit
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from vms.core.clock import SECOND
from vms.core.log import get_logger
from vms.simulator.onvif import answers_device, answers_events, answers_media, answers_ptz
from vms.simulator.onvif.answers_device import Answer
from vms.simulator.onvif.certificate import self_signed
from vms.simulator.onvif.device import Device
from vms.simulator.onvif.picture import snapshot
from vms.simulator.onvif.soap import (
    NAMESPACES,
    BadCall,
    Call,
    SoapFault,
    envelope,
    fault,
    garbled,
    parse_call,
    renamed,
)

log = get_logger(__name__)

_LARGEST_HEAD, _LARGEST_BODY = 16_384, 262_144  # more ends the connection
_IDLE_S = 30.0
_SERVICES: dict[str, tuple[str, dict[str, Answer]]] = {
    "device_service": ("tds", answers_device.ANSWERS),
    "media_service": ("trt", answers_media.MEDIA),
    "media2_service": ("tr2", answers_media.MEDIA2),
    "ptz_service": ("tptz", answers_ptz.PTZ),
    "imaging_service": ("timg", answers_ptz.IMAGING),
    "event_service": ("tev", answers_events.EVENTS),
}
# Core §5.12.2.1: access class PRE_AUTH.
_FOR_EVERYBODY = frozenset(
    {"GetSystemDateAndTime", "GetCapabilities", "GetServices", "GetServiceCapabilities",
     "GetHostname"}
)  # fmt: skip
_SOAP = "application/soap+xml; charset=utf-8"
_REASONS = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
            500: "Internal Server Error"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes = b""
    kind: str = _SOAP
    more: tuple[tuple[str, str], ...] = ()

    def raw(self, promised: int | None = None) -> bytes:
        """The bytes; `promised`: a Content-Length that is not the body's."""
        length = len(self.body) if promised is None else promised
        lines = [
            f"HTTP/1.1 {self.status} {_REASONS[self.status]}",
            f"Content-Type: {self.kind}",
            f"Content-Length: {length}",
            *(f"{name}: {value}" for name, value in self.more),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


class DeviceServer:
    """Serves one device on `host`:`port` (0: any free one). An async context manager."""

    def __init__(
        self, device: Device, host: str, port: int, executor: Executor, zone: ZoneInfo, seed: int
    ) -> None:
        self.device, self.host, self.port = device, host, port
        self._executor, self._zone, self._seed = executor, zone, seed
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._event = asyncio.Event()
        device.when_woken(self._wake)

    async def __aenter__(self) -> DeviceServer:
        self._server = await asyncio.start_server(
            self._serve, self.host, self.port, limit=_LARGEST_HEAD,
            ssl=self_signed(self.device.name) if self.device.tls else None,
        )  # fmt: skip
        self.port = self._server.sockets[0].getsockname()[1]
        host = f"[{self.host}]" if ":" in self.host else self.host
        self.device.address = f"{host}:{self.port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _wake(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError):
            pass  # the client is gone, silent for too long, or speaks something else
        except asyncio.CancelledError:
            pass  # closed with the server; a re-raise would only be logged
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False when the connection is over."""
        async with asyncio.timeout(_IDLE_S):
            request = await _read(reader)
        faults = self.device.faults
        if "stop" in faults:
            return False
        await faults.over("hang")
        if "onvif-endless" in faults:
            await _endless(writer)
            return False
        reply = self._spoilt() or await self._reply(request)
        broken = "onvif-length" in faults
        writer.write(reply.raw(len(reply.body) + 4096 if broken else None))
        await writer.drain()
        return not broken and request.headers.get("connection", "").lower() != "close"

    def _spoilt(self) -> _Reply | None:
        """What a fault answers instead, to every request."""
        faults = self.device.faults
        if "onvif-html" in faults:
            return _Reply(200, b"<html><body><p>Welcome<br></body></html>", "text/html")
        if "onvif-redirect" in faults:
            return _Reply(302, more=(("Location", "http://169.254.169.254/latest/meta-data"),))
        if "onvif-entities" in faults:
            return _Reply(200, _entities())
        if deep := faults.get("onvif-deep"):
            return _Reply(200, b"<a>" * deep["depth"])
        return None

    async def _reply(self, request: _Request) -> _Reply:
        path = urlsplit(request.path).path.strip("/").split("/")
        if path[:2] == ["onvif", "snapshot"] and request.method == "GET" and len(path) == 3:
            return await self._snapshot(request)
        if path == ["onvif", "backup"] and request.method == "GET":
            return self._backup(request)
        if path[0] != "onvif" or request.method != "POST":
            return _Reply(404, b"not here", "text/plain")
        try:
            call = parse_call(request.body)
        except BadCall as error:
            return _Reply(400, fault(SoapFault("ter:WellFormed", str(error))))
        header = request.headers.get("authorization", "")
        free = path[1] == "device_service" and call.action in _FOR_EVERYBODY
        signin = self.device.signin
        if not free and not signin.accepts(call.token, "POST", request.path, header):
            return self._refusal()
        try:
            body = await self._answer(path[1:], call)
        except SoapFault as error:
            return _Reply(400 if error.sender else 500, fault(error))
        return _Reply(200, self._oddly(envelope(body, _related(call))))

    def _oddly(self, answer: bytes) -> bytes:
        """As a fault has it written."""
        if "onvif-prefixes" in self.device.faults:
            return renamed(answer)
        return garbled(answer) if "onvif-control" in self.device.faults else answer

    def _refusal(self) -> _Reply:
        signin = self.device.signin
        if signin.locked:
            locked = SoapFault("ter:AccountLocked", "The account is locked, try again later")
            return _Reply(400, fault(locked))
        refused = fault(SoapFault("ter:NotAuthorized", "Sender not Authorized"))
        if said := self.device.faults.get("onvif-fault-refusal"):
            return _Reply(500 if said["status"] == 500 else 400, refused)
        return _Reply(401, refused, more=(("WWW-Authenticate", signin.challenge()),))

    async def _answer(self, path: list[str], call: Call) -> str:
        if path[0] == "subscription":
            key = path[1] if len(path) == 2 else call.subscription
            if call.action == "PullMessages":
                return await self._pull(key, call)
            return answers_events.at_subscription(self.device, key, call)
        prefix, answers = _SERVICES.get(path[0], ("", {}))
        answer = answers.get(call.action)
        # A service answers at its own address only, as some cameras do.
        if answer is None or call.namespace != NAMESPACES[prefix]:
            raise SoapFault("ter:ActionNotSupported", f"{call.action} is not served here")
        return answer(self.device, call)

    async def _pull(self, key: str, call: Call) -> str:
        subscription = answers_events.subscription_of(self.device, key)
        waiting = answers_events.pull_timeout(call) / SECOND
        try:
            async with asyncio.timeout(waiting):
                while not subscription.waiting:
                    await self._event.wait()
                    answers_events.subscription_of(self.device, key)  # it may be gone meanwhile
        except TimeoutError:
            pass  # an empty answer then
        return answers_events.pulled(self.device, subscription, call)

    def _backup(self, request: _Request) -> _Reply:
        header = request.headers.get("authorization", "")
        if not self.device.signin.accepts(None, "GET", request.path, header):
            return self._refusal()
        return _Reply(200, self.device.configuration, "application/octet-stream")

    async def _snapshot(self, request: _Request) -> _Reply:
        header = request.headers.get("authorization", "")
        if not self.device.signin.accepts(None, "GET", request.path, header):
            return self._refusal()
        device = self.device
        picture = await asyncio.get_running_loop().run_in_executor(
            self._executor, snapshot, self._seed, device.title, self._zone, device.head.view,
            device.now,
        )  # fmt: skip
        return _Reply(200, picture, "image/jpeg")


def _related(call: Call) -> str:
    return f"<wsa:RelatesTo>{escape(call.message_id)}</wsa:RelatesTo>" if call.message_id else ""


async def _read(reader: asyncio.StreamReader) -> _Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip()
        for name, colon, value in (line.partition(":") for line in lines)
        if colon
    }
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _LARGEST_BODY:
        raise ValueError(f"Content-Length {length}")
    return _Request(method, path, headers, await reader.readexactly(length))


async def _endless(writer: asyncio.StreamWriter) -> None:
    """Until the client closes: spaces are whitespace of a document that goes on."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<a>")
    while not writer.is_closing():
        writer.write(b" " * 65_536)
        await writer.drain()


def _entities() -> bytes:
    """Ten times ten, nine times: a billion words (CWE-776)."""
    lines = ['<!ENTITY e0 "ha">']
    lines += [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)]
    return f"<!DOCTYPE x [{''.join(lines)}]><x>&e9;</x>".encode()
