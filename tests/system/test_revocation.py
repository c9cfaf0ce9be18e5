"""Who may watch no more is sent away while they watch, within 5 s."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.system.conftest import Town

PASSWORD = "correct horse battery"


@contextlib.contextmanager
def watching(town: Town, client: httpx2.Client, camera: str) -> Iterator[ClientConnection]:
    """A WebSocket that shows a camera live, by the client's sign-in."""
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    url = f"ws://127.0.0.1:{town.site.web_port}/api/cameras/{camera}/live/mse"
    with connect(url, additional_headers={"Cookie": cookie}, max_size=None) as socket:
        assert isinstance(socket.recv(timeout=10), str)
        assert isinstance(socket.recv(timeout=10), bytes)
        yield socket


def seconds_until_the_last_byte(socket: ClientConnection, within: float) -> float:
    began = last = time.monotonic()
    try:
        while time.monotonic() < began + within:
            socket.recv(timeout=within)
            last = time.monotonic()
    except ConnectionClosed:
        return last - began
    except TimeoutError:
        pass
    raise AssertionError(f"it still sends after {within} s, or hangs open")


def add(town: Town, user: str, *more: str) -> None:
    made = ("users", "add", user, "--password-stdin", "--stays", *more)
    done = town.site.vms(*made, say=PASSWORD)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("how", ["signs out", "loses the role", "is removed"])
def test_a_running_stream_ends_with_the_right_to_it(running_town: Town, how: str) -> None:
    town, user = running_town, how.replace(" ", "-")
    add(town, user, "--role", "operator", "--cameras", "square", "--cameras", "gate")
    with (
        town.up.signed_in(user, PASSWORD) as here,
        town.up.signed_in(user, PASSWORD) as there,
        watching(town, here, "square") as ends,
        watching(town, there, "gate") as other,
    ):
        if how == "signs out":
            assert here.delete("/api/session").status_code == 204
        elif how == "loses the role":
            grant = ("users", "grant", user, "operator", "--cameras", "gate")
            assert town.site.vms(*grant).returncode == 0
        else:
            assert town.site.vms("users", "remove", user).returncode == 0
        assert seconds_until_the_last_byte(ends, 15) <= 5
        if how == "is removed":
            assert seconds_until_the_last_byte(other, 15) <= 5
        else:  # another sign-in, on a camera that is still theirs
            until = time.monotonic() + 3
            while time.monotonic() < until:
                assert other.recv(timeout=5)
