"""One HTTP exchange with a service that the settings name, for threads: bounded in time, dialled
only where one may, and where it redirects to is not followed."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from vms.core.dialling import connect_now
from vms.core.networks import Networks


class Answer(NamedTuple):
    """What came; `body` holds at most as many bytes as were wanted."""

    status: int
    reason: str
    body: bytes


def exchange(
    url: str,
    reach: Networks,
    *,
    within_s: float,
    most: int,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    ca: Path | None = None,
) -> Answer:
    """GET, or POST of `body`. It blocks. Raises Forbidden, OSError, http.client.HTTPException.

    `within_s`: from the first packet to the last byte; `most`: bytes of the answer that are read;
    `ca`: PEM of who signs certificates, else the machine's.
    """
    parts = urlsplit(url)
    tls, host = parts.scheme == "https", parts.hostname or ""
    port = parts.port or (443 if tls else 80)
    connection = http.client.HTTPConnection(host, port, timeout=within_s)
    with contextlib.ExitStack() as opened:
        opened.enter_context(contextlib.closing(connection))
        sock = connect_now(host, port, reach, within_s)
        connection.sock = sock
        opened.enter_context(_ended(sock, within_s))
        if tls:
            context = ssl.create_default_context(cafile=ca)
            connection.sock = context.wrap_socket(sock, server_hostname=host)
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request("GET" if body is None else "POST", path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.reason, answer.read(most))


@contextlib.contextmanager
def _ended(sock: socket.socket, within_s: float) -> Iterator[None]:
    """After `within_s` the connection ends, however slowly bytes drip."""
    with sock.dup() as same:

        def end() -> None:
            with contextlib.suppress(OSError):
                same.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(within_s, end)
        timer.name = "end of an exchange"
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
