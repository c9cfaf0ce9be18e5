"""A running download ends when the right to it does, within 5 s, to the last byte."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from tests.web.api.test_exports import finish
from tests.web.site import Served, WebSite, serve_web_site
from vms.core.clock import SECOND, Instant
from vms.core.model import CameraId
from vms.evidence.order import Order, new_id
from vms.people.roles import Granted
from web.playback.ranges import ByteRange

SIZE = 64 << 20  # more than any socket's buffers take


@pytest.fixture
def package(site: WebSite) -> str:
    """A package of ayse's, as the custodian leaves it."""
    site.parts.accounts.add("ayse", "correct horse battery", role="investigator")
    now = site.clock.now()
    order = Order(
        new_id(now),
        (CameraId("gate-south"),),
        Instant(now - 60 * SECOND),
        Instant(now - 10 * SECOND),
        "2026/12",
        "ayse",
        now,
        "tr",
    )
    site.parts.exports.add(order, account=site.parts.accounts.get("ayse").id)
    finish(site, order.id, bytes(SIZE))
    return order.id


@contextlib.contextmanager
def fetching(served: Served, package: str, cookie: str) -> Iterator[socket.socket]:
    """A reader that has had the head, and takes its time."""
    request = f"GET /api/exports/{package}/file HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as sock:
        sock.sendall(request.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):  # byte by byte: what follows is counted
            head += sock.recv(1)
        assert head.startswith(b"HTTP/1.1 200"), head
        yield sock


def read_slowly(sock: socket.socket, seconds: float) -> tuple[int, float]:
    """How many bytes came, and after how many seconds the last."""
    began = last = time.monotonic()
    received = 0
    try:
        while time.monotonic() < began + seconds and (piece := sock.recv(16_384)):
            received += len(piece)
            last = time.monotonic()
            time.sleep(0.02)
    except ConnectionResetError:
        pass
    return received, last - began


@pytest.mark.parametrize("how", ["signs out", "loses the role", "is removed"])
def test_a_running_download_ends_with_the_right_to_it(
    site: WebSite, package: str, how: str
) -> None:
    parts = site.parts
    account = parts.accounts.get("ayse")
    here, there = (parts.sessions.start(account, "10.0.0.9") for _ in range(2))
    with (
        serve_web_site(site) as served,
        fetching(served, package, f"vms_session={here.token}") as ends,
        fetching(served, package, f"vms_session={there.token}") as other,
    ):
        if how == "signs out":
            parts.sessions.end(here.token)
        elif how == "loses the role":
            parts.accounts.grant("ayse", [Granted("auditor", ("*",))])
        else:
            parts.accounts.remove("ayse")
        received, last = read_slowly(ends, 20)
        assert last <= 5
        assert received < SIZE / 2
        if how == "signs out":  # another sign-in goes on
            received, _ = read_slowly(other, 3)
            other.settimeout(30)
            while received < SIZE:
                piece = other.recv(1 << 20)
                assert piece, "it was cut"
                received += len(piece)


def test_a_reader_that_leaves_is_read_for_no_more(
    site: WebSite, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web.playback import files

    reads = 0
    read = files._read

    async def counted(descriptor: int, span: ByteRange) -> bytes:
        nonlocal reads
        reads += 1
        return await read(descriptor, span)

    monkeypatch.setattr(files, "_read", counted)
    account = site.parts.accounts.get("ayse")
    cookie = f"vms_session={site.parts.sessions.start(account, '10.0.0.9').token}"
    with serve_web_site(site) as served:
        with fetching(served, package, cookie):
            pass
        before, until = 0, time.monotonic() + 30
        while reads != before and time.monotonic() < until:
            before = reads
            time.sleep(1)
        assert 0 < reads == before < SIZE / files.PIECE
