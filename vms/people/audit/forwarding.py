"""Sends the audit to a collector of logs as it grows: order kept, nothing lost up to a bound.

The table of entries is the spool; how far the collector was told stands beside it. TCP takes bytes
for a dead peer without a word, so an entry counts as told only once the peer's system has
acknowledged it and a round later the connection still stands; after a break what was not counted is
sent again, and the collector knows it by its `id`. UDP promises nothing. Every call blocks.
"""

from __future__ import annotations

import contextlib
import fcntl
import select as readiness
import socket
import ssl
import struct
import termios
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Engine, delete, insert, select

from storage.database import writing
from vms.core.clock import Clock
from vms.core.dialling import connect_now, places_now
from vms.core.errors import VmsError
from vms.core.networks import Networks
from vms.people.audit.entry import Entry, What
from vms.people.audit.records import Records
from vms.people.audit.schema import audit_forward
from vms.people.audit.syslog import framed

AT_ONCE = 500
TIMEOUT_S = 10.0

Written = Callable[[int, Entry], bytes]


class CollectorAway(VmsError):
    """The collector can't be reached or closed the connection; what waits is sent later."""


class Collector:
    """One connection to `url` (`tls://host:port`, `tcp://…`, `udp://…`). `certificates`: PEM of who
    signed the collector's; None: whom the machine trusts. Raises CollectorAway."""

    def __init__(self, url: str, certificates: Path | None, networks: Networks) -> None:
        parts = urlsplit(url)
        self._scheme, self._host, self._port = parts.scheme, parts.hostname or "", parts.port or 0
        with self._translated():
            if self._scheme == "udp":
                family, place = places_now(self._host, self._port, networks)[0]
                self._socket = socket.socket(family, socket.SOCK_DGRAM)
                self._socket.connect(place)
                return
            plain = connect_now(self._host, self._port, networks, TIMEOUT_S)
            self._socket = plain
            if self._scheme == "tls":
                try:
                    context = ssl.create_default_context(cafile=certificates)
                    context.minimum_version = ssl.TLSVersion.TLSv1_2
                    self._socket = context.wrap_socket(plain, server_hostname=self._host)
                except BaseException:
                    plain.close()
                    raise

    def send(self, texts: list[bytes]) -> None:
        """Send messages in order."""
        with self._translated():
            if self._scheme == "udp":
                for text in texts:
                    self._socket.send(text)
            else:
                self._socket.sendall(b"".join(framed(text) for text in texts))

    def stands(self) -> bool:
        """Whether all that was sent is acknowledged; raises if the peer has closed."""
        if self._scheme == "udp":
            return True
        with self._translated():
            if readiness.select([self._socket], [], [], 0)[0]:
                self._socket.settimeout(0)
                try:
                    if not self._socket.recv(1):
                        raise ConnectionError("it closed the connection")
                except (BlockingIOError, ssl.SSLWantReadError):
                    pass  # a record of TLS itself
                finally:
                    self._socket.settimeout(TIMEOUT_S)
            waiting = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, b"\0" * 4)
        return bool(struct.unpack("i", waiting)[0] == 0)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._socket.close()

    @contextlib.contextmanager
    def _translated(self):  # type: ignore[no-untyped-def]
        try:
            yield
        except (OSError, VmsError) as error:
            where = f"{self._scheme}://{self._host}:{self._port}"
            raise CollectorAway(
                f"the collector at {where} is not reached: {error}; entries wait meanwhile"
            ) from error


class Forwarding:
    """Keeps one collector up to date. `connect`: opens it; `written`: an entry as a message.

    `tell`: takes the entry of a loss; `spool`: how many entries wait at most.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        name: str,
        connect: Callable[[], Collector],
        written: Written,
        tell: Callable[[Entry], None],
        spool: int,
    ) -> None:
        self._engine, self._clock, self._name = engine, clock, name
        self._connect, self._written, self._tell, self._spool = connect, written, tell, spool
        self._records = Records(engine)
        self._collector: Collector | None = None
        self._sent = 0  # up to this entry, over this connection
        self._before = 0  # up to this entry, a round ago

    def step(self) -> int:
        """One round: send what is new; how many. Raises CollectorAway."""
        told = self._bound(self._told())
        if self._collector is None:
            self._collector = self._connect()
            self._sent = self._before = told
        try:
            if self._collector.stands() and self._before > told:
                self._remember(self._before)
            fresh = self._records.after(self._sent, AT_ONCE)
            self._before = self._sent
            self._collector.send([self._written(one.id, one.entry) for one in fresh])
        except CollectorAway:
            self.close()
            raise
        if fresh:
            self._sent = fresh[-1].id
        return len(fresh)

    def close(self) -> None:
        """Let the collector go; what is not counted is sent again."""
        if self._collector is not None:
            self._collector.close()
            self._collector = None

    def _bound(self, told: int) -> int:
        """Where to go on: beyond the bound the oldest are left out, and that is an entry."""
        last = self._records.last()
        if last - told <= self._spool:
            return told
        first = last - self._spool
        lost = f"{first - told} entries were not sent to {self._name}"
        self._tell(Entry(self._clock.now(), What.LOST, "", "system", detail=lost, outcome="failed"))
        self._remember(first)
        return first

    def _told(self) -> int:
        asked = select(audit_forward.c.entry).where(audit_forward.c.collector == self._name)
        with self._engine.connect() as connection:
            return connection.scalar(asked) or 0

    def _remember(self, entry: int) -> None:
        with writing(self._engine) as connection:
            mine = audit_forward.c.collector == self._name
            connection.execute(delete(audit_forward).where(mine))
            connection.execute(insert(audit_forward).values(collector=self._name, entry=entry))
