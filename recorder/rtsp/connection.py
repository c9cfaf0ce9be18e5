"""The RTSP connection until it plays: TCP or TLS, requests and their answers, with deadlines.

A thin shell around `messages` and `dialogue`. It reads a raw non-blocking socket, so that the
native source can take the socket over; media that comes before PLAY's answer is kept for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import replace

from recorder.rtp.interleaved import DOLLAR, PREFIX, skip_blanks
from recorder.rtsp.address import Address
from recorder.rtsp.dialogue import Dialogue, reply
from recorder.rtsp.messages import (
    BODY_MAX,
    MESSAGE_MAX,
    MalformedMessage,
    Request,
    Response,
    may_open,
    parse,
)
from recorder.source import LockedOut
from vms.core.clock import SECOND, Span
from vms.core.dialling import Forbidden, places
from vms.core.errors import CameraError
from vms.core.lockout import says_locked_out
from vms.core.model import Cause
from vms.core.networks import ANYWHERE, Networks
from vms.core.unproven_tls import unproven

RECEIVE_BUFFER = 1024 * 1024
"""Holds a sweep's peak and the largest keyframe (design §5)."""

EARLY_MAX = 1024 * 1024
_QUIET = 1.0  # s; then a body that is shorter than told is whole, a wrong number meant ours
_QUIET_BODY = 0.3  # s; then a body of which no length was told is whole
_OPENING = 6  # bytes of "RTSP/1." that may stand at the end of what came
_LOCKED = 423  # of HTTP (RFC 4918 §11.3); some answer so in RTSP
_CIPHERS = "DEFAULT:ALL:!aNULL:!eNULL:@SECLEVEL=0"
_SO_RCVBUFFORCE = 33  # Linux; root may exceed net.core.rmem_max with it
_WANT_IO = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """A conversation with one camera. Frames that come between messages are kept in `early`."""

    def __init__(
        self, sock: socket.socket, address: Address, dialogue: Dialogue, deadline: Span
    ) -> None:
        self.socket, self.address, self.dialogue = sock, address, dialogue
        self._deadline = deadline
        self._received = bytearray()  # at most one message or frame, and one read
        self.early = bytearray()  # more than EARLY_MAX: what comes is dropped
        self.keep_early = False
        self._spoke = False  # RTSP, so far
        self._garbage = b""  # how what was no RTSP began, behind the last message

    @property
    def peer(self) -> str:
        return f"{self.address.host}:{self.address.port}"

    async def request(
        self, method: str, uri: str, extra: Iterable[tuple[str, str]] = ()
    ) -> Response:
        """Ask and wait for the answer; signs in when the camera wants it.

        Raises CameraError(REFUSED) when it does not accept our user and password, LockedOut when
        it says that it would not even if they were right.
        """
        extra = tuple(extra)
        response = await self._exchange(method, uri, extra)
        for attempt in range(2):
            if response.status != 401:
                return response
            stale = self.dialogue.challenged(response)
            if stale is None or (attempt and not stale):
                break
            response = await self._exchange(method, uri, extra)
        if response.status != 401:
            return response
        if not self.dialogue.signs_in:
            text = f"{self.peer} asks for a user and password, and none are set for this camera."
            raise CameraError(Cause.REFUSED, text)
        raise CameraError(Cause.REFUSED, f"{self.peer} does not accept the user and password.")

    def take_over(self) -> bytes:
        """The bytes read beyond the last answer, early media first."""
        data = bytes(self.early + self._received)
        self.early.clear()
        self._received.clear()
        return data

    def abandon(self) -> None:
        """Close; tells the camera first, as far as that doesn't block (live555 keeps sessions)."""
        with contextlib.suppress(OSError):
            if self.dialogue.session is not None:
                self.socket.send(self.dialogue.ask("TEARDOWN", self.address.uri))
        self.socket.close()

    async def _exchange(
        self, method: str, uri: str, extra: tuple[tuple[str, str], ...]
    ) -> Response:
        try:
            async with asyncio.timeout(self._deadline / SECOND):
                await self._send(self.dialogue.ask(method, uri, extra))
                response = await self._answer(method)
                self._heed_lock(response)
                return response
        except TimeoutError:
            if self._garbage:
                said = f"it begins with {self._garbage!r}"
                text = f"{self.peer} answers {method}, but not in RTSP ({said})."
                raise CameraError(Cause.BROKEN_STREAM, text) from None
            raise CameraError(
                Cause.SILENT,
                f"{self.peer} did not answer {method} within {self._deadline / SECOND:g} s.",
            ) from None
        except OSError as error:
            raise CameraError(
                Cause.BROKEN_STREAM,
                f"{self.peer} broke the connection during {method}: {_reason(error)}.",
            ) from error
        except MalformedMessage as error:
            raise CameraError(
                Cause.BROKEN_STREAM, f"{self.peer} answers {method}, but not in RTSP ({error})."
            ) from error

    async def _answer(self, method: str) -> Response:
        """The answer to the last request. Cameras that miscount, numbers or bytes, are seen to by
        nothing more coming."""
        doubtful: Response | None = None  # of a lower number than asked
        while True:
            message = self._next_message()
            if message is None and not await self._receive_within(_QUIET):
                if doubtful is not None:
                    self.dialogue.distrust()
                    return await self._with_its_body(method, doubtful)
                message = self._cut_short(method)
            if message is None:
                continue
            self.dialogue.hear(message)
            if isinstance(message, Request):
                await self._send(reply(message))
            elif message.status >= 200:
                if self.dialogue.answers(message):
                    return await self._with_its_body(method, message)
                doubtful = message

    def _cut_short(self, method: str) -> Request | Response | None:
        """A description that is shorter than told, where it holds what a description must."""
        if method != "DESCRIBE" or b"\nm=" not in self._received.replace(b"\r", b"\n"):
            return None
        found = parse(bytes(self._received[:MESSAGE_MAX]), cut=True)
        if found is None:
            return None
        del self._received[: found[1]]
        return found[0]

    async def _with_its_body(self, method: str, response: Response) -> Response:
        """A description with what stands behind it, when its length was not told or too small."""
        data = self._received
        begins = bytes(data[:16]).lstrip(b"\r\n")
        over = bool(begins) and begins[0] != DOLLAR and not may_open(begins)
        if method != "DESCRIBE" or response.status != 200 or (response.body and not over):
            return response
        while len(data) < BODY_MAX and await self._receive_within(_QUIET_BODY):
            pass
        ends = [at for at in (data.find(b"\n$"), data.find(b"\nRTSP/1.")) if at >= 0]
        end = min(ends, default=len(data) - 1) + 1
        body = response.body + bytes(data[:end])
        del data[:end]
        return replace(response, body=body[:BODY_MAX])

    def _heed_lock(self, response: Response) -> None:
        named = response.status in (401, 403) and says_locked_out(response.reason)
        if named or response.status == _LOCKED:
            said = f"{response.status} {response.reason[:80]}".strip()
            raise LockedOut(self.peer, said)

    def _next_message(self) -> Request | Response | None:
        """The next message among what was received; frames before it are put aside."""
        data = self._received
        while True:
            del data[: skip_blanks(data, 0, len(data))]
            if not data or data[0] != DOLLAR:
                break
            stop = PREFIX + int.from_bytes(data[2:4], "big")
            if len(data) < max(PREFIX, stop):
                return None
            if self.keep_early and len(self.early) + stop <= EARLY_MAX:
                self.early += data[:stop]
            del data[:stop]
        if not data:
            return None
        if not may_open(bytes(data[:16])):
            if not self._spoke:
                raise MalformedMessage(f"it begins with {bytes(data[:24])!r}")
            self._garbage = self._garbage or bytes(data[:24])  # a body longer than told, mostly
            at = data.find(b"RTSP/1.")
            del data[: at if at >= 0 else max(0, len(data) - _OPENING)]
            if at < 0:
                return None
        found = parse(bytes(data[:MESSAGE_MAX]))
        if found is None:
            return None
        del data[: found[1]]
        self._spoke, self._garbage = True, b""
        return found[0]

    async def _receive_within(self, seconds: float) -> bool:
        """Take more; False if nothing comes for so long."""
        try:
            async with asyncio.timeout(seconds):
                self._received += await self._receive()
        except TimeoutError:
            return False
        return True

    async def _receive(self) -> bytes:
        while True:
            try:
                data = self.socket.recv(65_536)
            except _WANT_IO as want:
                await _ready(self.socket, write=isinstance(want, ssl.SSLWantWriteError))
                continue
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, "the camera closed it")
            return data

    async def _send(self, data: bytes) -> None:
        while data:
            try:
                data = data[self.socket.send(data) :]
            except _WANT_IO as want:
                await _ready(self.socket, write=not isinstance(want, ssl.SSLWantReadError))


async def connect(
    address: Address, dialogue: Dialogue, deadline: Span, reach: Networks = ANYWHERE
) -> Connection:
    """Open TCP, and TLS for rtsps, to an address in `reach`.

    Raises CameraError(UNREACHABLE) with the reason.
    """
    peer = f"{address.host}:{address.port}"
    try:
        async with asyncio.timeout(deadline / SECOND):
            sock = await _connect_tcp(address, reach)
    except TimeoutError:
        text = f"{peer} did not answer within {deadline / SECOND:g} s."
        raise CameraError(Cause.UNREACHABLE, text) from None
    except Forbidden as error:
        raise CameraError(Cause.UNREACHABLE, f"Not dialled: {error}.") from None
    except socket.gaierror as error:
        text = f"The name {address.host} can't be resolved: {error.strerror}."
        raise CameraError(Cause.UNREACHABLE, text) from error
    except OSError as error:
        text = f"{peer} can't be reached: {_reason(error)}."
        raise CameraError(Cause.UNREACHABLE, text) from error
    if address.scheme == "rtsps":
        sock = await _start_tls(sock, address, deadline)
    return Connection(sock, address, dialogue, deadline)


async def _connect_tcp(address: Address, reach: Networks) -> socket.socket:
    loop = asyncio.get_running_loop()
    last: OSError = OSError(errno.EHOSTUNREACH, "no address")
    for family, place in await places(address.host, address.port, reach):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _widen(sock)
            await loop.sock_connect(sock, place)
            return sock
        except OSError as error:
            sock.close()
            last = error
        except BaseException:
            sock.close()
            raise
    raise last


def _widen(sock: socket.socket) -> None:
    """A receive buffer of RECEIVE_BUFFER, before connecting (it decides the window's scale).

    Where the kernel's limit is below it, its own tuning (tcp_rmem) is left on: it goes further
    than a capped SO_RCVBUF, which would switch it off.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        return
    except OSError:
        pass
    with contextlib.suppress(OSError, ValueError):
        with open("/proc/sys/net/core/rmem_max") as limit:  # noqa: PTH123 - a number, not a file
            allowed = int(limit.read())
        if allowed >= RECEIVE_BUFFER:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


async def _start_tls(sock: socket.socket, address: Address, deadline: Span) -> ssl.SSLSocket:
    """TLS without proof of the peer: cameras sign their own certificates."""
    context = unproven(_CIPHERS)
    secured = context.wrap_socket(sock, server_hostname=address.host, do_handshake_on_connect=False)
    try:
        async with asyncio.timeout(deadline / SECOND):
            while True:
                try:
                    secured.do_handshake()
                    return secured
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as want:
                    await _ready(secured, write=isinstance(want, ssl.SSLWantWriteError))
    except (OSError, TimeoutError) as error:
        secured.close()
        text = f"{address.host}:{address.port} does not speak TLS with us: {_reason(error)}."
        raise CameraError(Cause.UNREACHABLE, text) from error
    except BaseException:
        secured.close()
        raise


async def _ready(sock: socket.socket, *, write: bool) -> None:
    """Wait until the socket can be read, or written."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (
        (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    )
    descriptor = sock.fileno()
    add(descriptor, _settle, ready)
    try:
        await ready
    finally:
        remove(descriptor)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _reason(error: OSError) -> str:
    """The system's words for an error, with its name for whoever searches."""
    if isinstance(error, ssl.SSLError):  # its number is no errno
        return error.reason or str(error)
    if error.errno is None:
        return str(error) or type(error).__name__
    name = errno.errorcode.get(error.errno, str(error.errno))
    return f"{error.strerror or os.strerror(error.errno)} ({name})"
