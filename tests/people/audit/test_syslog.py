"""To a collector: the message's form, order, breaks, the bound, and a real rsyslog over TLS."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from vms.core.clock import FakeClock, Instant
from vms.core.networks import Networks
from vms.people.audit.book import Book
from vms.people.audit.entry import Entry, What
from vms.people.audit.forwarding import Collector, CollectorAway, Forwarding
from vms.people.audit.syslog import framed, message

HERE = Networks(("127.0.0.0/8",), ())
WAIT_S = 60.0


def entry(clock: FakeClock, subject: str) -> Entry:
    return Entry(clock.now(), What.HOLD, "ali", "session", "10.0.0.9", "gate-north", subject)


def written(number: int, one: Entry) -> bytes:
    return message(number, one, "vms.example", "1.0")


def test_a_message_is_that_of_rfc_5424(clock: FakeClock) -> None:
    one = Entry(clock.now(), What.LIVE, 'a"]\\b', camera="gate-north", start=Instant(0))
    text = written(7, one).decode()
    head = r"<109>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z vms\.example gozcu - live \["
    assert re.match(head, text)
    assert r'who="a\"\]\\b"' in text
    assert 'start="1970-01-01T00:00:00' in text
    assert framed(b"abc") == b"3 abc"


def test_cef_escapes_what_is_its_own(clock: FakeClock) -> None:
    one = Entry(clock.now(), What.HOLD, "a=b|c", outcome="denied", detail="x\\y")
    text = message(1, one, "h", "1|0", cef=True).decode()
    assert "CEF:0|Gozcu|Gozcu VMS|1\\|0|hold|hold|7|" in text
    assert "suser=a\\=b|c" in text
    assert "msg=x\\\\y" in text


class Listening:
    """A collector of our own that reads, breaks and comes back as a test wants."""

    def __init__(self, port: int = 0) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = self._server.getsockname()[1]

    def take(self) -> socket.socket:
        self._server.settimeout(WAIT_S)
        return self._server.accept()[0]

    def close(self) -> None:
        self._server.close()


def forwarding(
    engine: Engine, clock: FakeClock, url: str, told: list[Entry], *, spool: int = 1_000
) -> Forwarding:
    def connect() -> Collector:
        return Collector(url, None, HERE)

    return Forwarding(engine, clock, url, connect, written, told.append, spool)


def read(connection: socket.socket, count: int) -> list[str]:
    """The subjects of `count` messages."""
    data, deadline = b"", time.monotonic() + WAIT_S
    connection.settimeout(WAIT_S)
    while data.count(b"subject=") < count and time.monotonic() < deadline:
        data += connection.recv(65_536)
    return re.findall(r'subject="(\d+)"', data.decode())


def test_what_was_not_acknowledged_is_sent_again_in_order(
    book: Book, clock: FakeClock, engine: Engine
) -> None:
    server = Listening()
    book.write([entry(clock, str(n)) for n in range(4)])
    sending = forwarding(engine, clock, f"tcp://127.0.0.1:{server.port}", [])
    assert sending.step() == 4
    with server.take() as first:
        assert read(first, 4) == ["0", "1", "2", "3"]
    deadline = time.monotonic() + WAIT_S
    with pytest.raises(CollectorAway):
        while time.monotonic() < deadline:
            sending.step()
    book.write([entry(clock, "4")])
    assert sending.step() >= 1
    with server.take() as second:
        assert read(second, 5)[-5:] == ["0", "1", "2", "3", "4"]
    sending.close()
    server.close()
    with pytest.raises(CollectorAway, match="entries wait"):
        sending.step()


def test_beyond_the_bound_the_oldest_are_left_out_and_that_is_told(
    book: Book, clock: FakeClock, engine: Engine
) -> None:
    server, told = Listening(), list[Entry]()
    book.write([entry(clock, str(n)) for n in range(10)])
    sending = forwarding(engine, clock, f"tcp://127.0.0.1:{server.port}", told, spool=4)
    assert sending.step() == 4
    with server.take() as connection:
        assert read(connection, 4) == ["6", "7", "8", "9"]
    assert [one.what for one in told] == [What.LOST]
    assert told[0].detail.startswith("6 entries")
    sending.close()
    server.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    key, pem = folder / "key.pem", folder / "cert.pem"
    asked = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    )
    more = f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {pem}"
    subprocess.run(["openssl", *asked.split(), *more.split()], check=True, capture_output=True)
    return key, pem


@contextlib.contextmanager
def rsyslog(folder: Path, port: int) -> Iterator[tuple[Path, Path]]:
    """A real rsyslogd that takes TLS; its file of what came, and its certificate."""
    key, pem = certificate(folder)
    out, conf = folder / "came.log", folder / "rsyslog.conf"
    conf.write_text(
        f'global(workDirectory="{folder}" DefaultNetstreamDriver="ossl"\n'
        f' DefaultNetstreamDriverCAFile="{pem}" DefaultNetstreamDriverCertFile="{pem}"\n'
        f' DefaultNetstreamDriverKeyFile="{key}")\n'
        'module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1"'
        ' StreamDriver.AuthMode="anon")\n'
        f'input(type="imtcp" port="{port}" address="127.0.0.1")\n'
        'template(name="whole" type="string" string="%msgid% %structured-data%\\n")\n'
        f'action(type="omfile" file="{out}" template="whole")\n'
    )
    command = ["rsyslogd", "-n", "-f", str(conf), "-i", str(folder / "pid")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield out, pem
    finally:
        process.terminate()
        process.communicate(timeout=WAIT_S)


@pytest.mark.skipif(shutil.which("rsyslogd") is None, reason="needs Debian's rsyslog")
def test_rsyslog_takes_it_over_tls_and_after_having_been_away(
    book: Book, clock: FakeClock, engine: Engine, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    book.write([entry(clock, str(n)) for n in range(3)])
    pem = tmp_path / "cert.pem"

    def connect() -> Collector:
        return Collector(f"tls://127.0.0.1:{port}", pem, HERE)

    sending = Forwarding(engine, clock, "siem", connect, written, lambda _: None, 1_000)
    with pytest.raises(CollectorAway):
        sending.step()  # it is away; nothing is lost by that
    with rsyslog(tmp_path, port) as (out, _):
        deadline = time.monotonic() + WAIT_S
        lines: list[str] = []
        while len(lines) < 3 and time.monotonic() < deadline:
            with contextlib.suppress(CollectorAway):
                sending.step()
            time.sleep(0.1)
            lines = out.read_text().splitlines() if out.exists() else []
        told = [line for line in lines if line.startswith("hold ")]
        assert [re.findall(r'subject="(\d+)"', line) for line in told][:3] == [["0"], ["1"], ["2"]]
        sending.close()


def test_a_collector_whose_certificate_nobody_signed_is_not_told(tmp_path: Path) -> None:
    key, pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    server = Listening()

    def answer() -> None:
        with server.take() as plain, contextlib.suppress(OSError):
            context.wrap_socket(plain, server_side=True).close()

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(CollectorAway, match="certificate"):
        Collector(f"tls://127.0.0.1:{server.port}", None, HERE)
    thread.join(WAIT_S)
    server.close()
