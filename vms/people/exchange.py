"""One HTTP exchange with a provider that the settings name: bounded in bytes and time, and where
it redirects to is not followed. It blocks: for threads.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from vms.core.dialling import Forbidden, connect_now
from vms.core.networks import Networks
from vms.people.externals import ProviderDown

WITHIN_S = 10  # one exchange, from the first packet to the last byte
ANSWER_MAX = 1 << 20
UNDER_WAY = 4  # exchanges at once; full: the next one waits WAIT_S, and is then refused
WAIT_S = 5


class Exchange:
    """`reach`: which numbers may be dialled; `ca`: PEM of who signs certificates, else the
    machine's."""

    def __init__(self, reach: Networks, ca: Path | None = None) -> None:
        self._reach, self._ca = reach, ca
        self._slots = threading.BoundedSemaphore(UNDER_WAY)

    def ask(
        self, url: str, form: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object of an answer. Raises ProviderDown."""
        host = urlsplit(url).hostname or ""
        if not self._slots.acquire(timeout=WAIT_S):
            raise ProviderDown(f"{host} answers too slowly: others wait for it already")
        try:
            status, body = self._exchange(url, form, dict(headers or {}))
        except (OSError, Forbidden, http.client.HTTPException, ValueError) as error:
            raise ProviderDown(f"{host} can't be asked: {error or type(error).__name__}") from None
        finally:
            self._slots.release()
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise ProviderDown(f"{host} answers {status} with something that is no JSON") from None
        if not isinstance(found, dict):
            raise ProviderDown(f"{host} answers {status} with JSON that is no object")
        return status, found

    def _exchange(self, url: str, form: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        parts = urlsplit(url)
        tls, host = parts.scheme == "https", parts.hostname or ""
        port = parts.port or (443 if tls else 80)
        connection = http.client.HTTPConnection(host, port, timeout=WITHIN_S)
        with contextlib.ExitStack() as opened:
            opened.enter_context(contextlib.closing(connection))
            sock = connect_now(host, port, self._reach, WITHIN_S)
            connection.sock = sock
            opened.enter_context(_ended(sock))
            if tls:
                context = ssl.create_default_context(cafile=self._ca)
                connection.sock = context.wrap_socket(sock, server_hostname=host)
            path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
            if form is not None:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers |= {"Accept": "application/json", "Accept-Encoding": "identity"}
            connection.request("GET" if form is None else "POST", path, form, headers)
            answer = connection.getresponse()
            body = answer.read(ANSWER_MAX + 1)
        if len(body) > ANSWER_MAX:
            raise ValueError(f"it answers with more than {ANSWER_MAX} bytes")
        if 300 <= answer.status < 400:
            raise ValueError(f"it answers {answer.status} and redirects, which is not followed")
        return answer.status, body


@contextlib.contextmanager
def _ended(sock: socket.socket) -> Iterator[None]:
    """After WITHIN_S the connection ends, however slowly bytes drip."""
    with sock.dup() as same:

        def end() -> None:
            with contextlib.suppress(OSError):
                same.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(WITHIN_S, end)
        timer.name = "end of an exchange"
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
