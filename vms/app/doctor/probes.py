"""What can be measured of the machine: disk, sockets, limits. Bounded in time and bytes."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from recorder.rtsp.connection import RECEIVE_BUFFER
from vms.app.doctor.diagnosis import DiskSpeed
from vms.core.clock import SECOND, Span

PIECE = 4_000_000  # bytes; a second of eight cameras
_BYTES_MOST = 256_000_000
LASTS = Span(2 * SECOND)
_SO_RCVBUFFORCE = 33  # Linux; root may exceed net.core.rmem_max with it


def disk_speed(folder: Path, lasts: Span = LASTS, most: int = _BYTES_MOST) -> DiskSpeed:
    """Write and sync for so long, at most so much, into a file without a name. Raises OSError."""
    piece = memoryview(os.urandom(PIECE))  # some disks make nothing of zeros
    written, slowest = 0, 0
    with _nameless(folder) as fd:
        begin = at = time.monotonic_ns()
        while at - begin < lasts and written < most:
            written += os.write(fd, piece)
            os.fdatasync(fd)
            before, at = at, time.monotonic_ns()
            slowest = max(slowest, at - before)
    return DiskSpeed(written * SECOND / max(1, at - begin), Span(slowest))


@contextlib.contextmanager
def _nameless(folder: Path) -> Iterator[int]:
    """A file that is gone when it is closed, even if we are killed before."""
    with tempfile.TemporaryFile(dir=folder, prefix=".vms-doctor-", buffering=0) as file:
        yield file.fileno()


def given_buffer() -> int:
    """What a camera's socket gets when the recorder asks for its buffer, in bytes."""
    with socket.socket() as sock:
        for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
                break
        # The kernel tells twice what it was asked for: the other half is its own bookkeeping.
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def tuned_buffer() -> int:
    """How far the kernel's own tuning goes; 0 where it does not say."""
    try:
        return int(Path("/proc/sys/net/ipv4/tcp_rmem").read_text().split()[2])
    except (OSError, ValueError, IndexError):
        return 0


def file_limit() -> int:
    """How many files one of our processes may have open, when started from here."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 30


def memory() -> tuple[int, int]:
    """Available and total, in bytes; zeros where /proc does not say."""
    found = {}
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            found[name] = int(value.split()[0]) * 1024
    return found.get("MemAvailable", 0), found.get("MemTotal", 0)


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError:
            return False
    return True


def answers(host: str, port: int, deadline: float = 5.0) -> str:
    """Empty when somebody accepts a connection there, else why not."""
    try:
        with socket.create_connection((host, port), timeout=deadline):
            return ""
    except OSError as error:
        return error.strerror or str(error)
