"""Firefox driven by WebDriver BiDi, the little of it that the players' tests need.

Playwright drives only its own build of Firefox; the one that sites use has H.265 and is the peer.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

_START_DEADLINE = 60.0
_PREFERENCES = {
    "media.autoplay.default": 0,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
}


class Tab:
    """One page: scripts run in it, their JSON comes back."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)
        self._command("session.new", capabilities={})
        tree = self._command("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]  # type: ignore[index]

    def goto(self, url: str) -> None:
        self._command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression: str) -> object:
        """The value of an expression, after awaiting it, by way of JSON."""
        answer = self._command(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({expression})) ?? null))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        if answer["type"] != "success":
            raise AssertionError(f"{expression}: {json.dumps(answer)[:400]}")
        return json.loads(answer["result"]["value"])  # type: ignore[index,call-overload]

    def until(self, condition: str, timeout: float = 10) -> None:
        deadline = time.monotonic() + timeout
        while not self.evaluate(condition):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {timeout} s: {condition}")
            time.sleep(0.03)

    def _command(self, method: str, **params: object) -> dict[str, object]:
        number = next(self._ids)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._connection.recv(timeout=30))
            if answer.get("id") != number:
                continue
            if answer["type"] == "error":
                raise AssertionError(f"{method}: {answer['error']}: {answer['message']}")
            result: dict[str, object] = answer["result"]
            return result


@contextmanager
def firefox(profile: Path) -> Iterator[Tab]:
    """A headless Firefox with a profile of its own, ended at the end."""
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _PREFERENCES.items())
    (profile / "user.js").write_text("\n".join(lines))
    command = ["firefox-esr", "--headless", "--no-remote", "--profile", str(profile)]
    # Its chatter goes to a file: a pipe nobody reads would stop it.
    log = profile / "firefox.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--remote-debugging-port", "0"],
            stdout=output,
            stderr=output,
            env={**os.environ, "HOME": str(profile)},
        )
    try:
        with connect(f"{_address(log, process)}/session", max_size=None) as connection:
            yield Tab(connection)
    finally:
        process.terminate()
        process.wait(10)


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _START_DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"WebDriver BiDi listening on (ws://\S+)", log.read_text())
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"Firefox did not start: {log.read_text()[-500:]}")
