"""A power cut on the street: hundreds of cameras come back together, and are not stormed."""

from __future__ import annotations

import re
import selectors
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from benchmarks.processes import (
    VMS,
    cpu_seconds,
    free_port,
    running,
    tree,
    wait_until,
    workplace,
)
from benchmarks.report import Figure, Report
from benchmarks.site import listens, load_name, wait_recording, write_settings

CAMERAS = 400
AWAY = 20.0  # seconds until the cameras have booted
_WINDOW = 5.0  # seconds: one connection within it
_URL = re.compile(rb"rtsp://[^/\s]+/([^/\s]+)/")


def run(cameras: int = CAMERAS) -> Report:
    """Record, let all cameras go at once, count who knocks meanwhile, let them come back."""
    names = [load_name(number) for number in range(cameras)]
    port = free_port()
    with workplace() as folder:
        sources: dict[str, tuple[str, str | None]] = {
            name: (f"rtsp://127.0.0.1:{port}/{name}/main", None) for name in names
        }
        config = write_settings(folder, sources)
        with running((*VMS, "recorder", "--config", str(config)), log=folder / "r.log") as recorder:
            with _street(folder, port, cameras):
                first = wait_recording(config, cameras, within=180)
            with _booting(port) as knocks:
                time.sleep(AWAY)
            with _street(folder, port, cameras):
                before = cpu_seconds(tree(recorder.pid))
                back = wait_recording(config, cameras, within=180)
                busy = cpu_seconds(tree(recorder.pid)) - before
    gaps = [b - a for times in knocks.values() for a, b in pairwise(times)]
    return Report(
        name="restart",
        title="All cameras restart together",
        how=(
            f"{cameras} simulated cameras of 4 Mbit/s and their recorder on this machine. All "
            f"cameras close their connections at once; for {AWAY:.0f} s a port in their place "
            "ends each connection and counts it by the camera it is for; then all are back."
        ),
        figures=(
            Figure("cameras", cameras, digits=0),
            Figure("all recording again, from the moment they listen", back, "s", 60, digits=1),
            Figure(
                "shortest time between two connections for one camera",
                min(gaps, default=_WINDOW),
                "s",
                _WINDOW,
                "at least",
            ),
            Figure("most connections for one camera while away", _most(knocks), digits=0),
            Figure("all recording at the first start", first, "s", digits=1),
            Figure("recorder's CPU while they come back", busy, "s", digits=1),
        ),
    )


def _most(knocks: dict[str, list[float]]) -> int:
    return max((len(times) for times in knocks.values()), default=0)


@contextmanager
def _street(folder: Path, port: int, cameras: int) -> Iterator[None]:
    """The cameras, from the moment they listen until they lose their power."""
    ports = ("--port", str(port), "--control-port", str(free_port()))
    with running((*VMS, "simulate", "--load", str(cameras), *ports), log=folder / "cameras.log"):
        wait_until(lambda: listens(port), 120, "the cameras listening")
        yield


@contextmanager
def _booting(port: int) -> Iterator[dict[str, list[float]]]:
    """A port that ends each connection once it knows whom it is for; when each camera was asked."""
    knocks: dict[str, list[float]] = defaultdict(list)
    stop = threading.Event()
    wait_until(lambda: not listens(port), 30, "the cameras gone")
    with socket.create_server(("127.0.0.1", port), backlog=1_024) as server:
        thread = threading.Thread(target=_count, args=(server, knocks, stop), name="booting")
        thread.start()
        yield knocks
        stop.set()
        thread.join()


def _count(server: socket.socket, knocks: dict[str, list[float]], stop: threading.Event) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        while not stop.is_set():
            for key, _ in selector.select(0.1):
                if key.fileobj is server:
                    connection, _ = server.accept()
                    selector.register(connection, selectors.EVENT_READ, time.monotonic())
                    continue
                assert isinstance(key.fileobj, socket.socket)
                asked = _URL.search(_first(key.fileobj))
                if asked is not None:
                    knocks[asked[1].decode()].append(key.data)
                selector.unregister(key.fileobj)
                key.fileobj.close()
        for key in list(selector.get_map().values()):
            if key.fileobj is not server and isinstance(key.fileobj, socket.socket):
                key.fileobj.close()


def _first(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4_096)
    except OSError:
        return b""
