"""Firefox driven through Marionette, its own remote control: JSON behind its length, over TCP.

Playwright drives only a Firefox of its own build; this one is the distribution's, as users have it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.processes import running, wait_until

BINARY = "/usr/bin/firefox-esr"

_PREFERENCES: dict[str, object] = {
    "marionette.port": 0,  # any free one; it stands in MarionetteActivePort
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # Nothing asks the net.
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "extensions.update.enabled": False,
    "toolkit.telemetry.server": "",
    "remote.prefs.recommended": True,
}


class Firefox:
    """One window. Scripts are the body of a function; its last argument is a callback if async."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._buffer = b""
        self._number = 0
        self._receive()  # who speaks
        capabilities = {"acceptInsecureCerts": True, "pageLoadStrategy": "normal"}
        self.session = self.command(
            "WebDriver:NewSession", capabilities={"alwaysMatch": capabilities}
        )
        self.command("WebDriver:SetTimeouts", script=30_000, pageLoad=30_000)

    def close(self) -> None:
        self._socket.close()

    def command(self, name: str, **parameters: Any) -> Any:
        """Ask for one thing; raises RuntimeError with what Firefox says went wrong."""
        self._number += 1
        text = json.dumps([0, self._number, name, parameters]).encode()
        self._socket.sendall(str(len(text)).encode() + b":" + text)
        _, number, error, result = self._receive()
        assert number == self._number
        if error is not None:
            raise RuntimeError(f"{name}: {error['error']}: {error['message']}")
        return result

    def open(self, url: str) -> None:
        self.command("WebDriver:Navigate", url=url)

    def run(self, script: str, *arguments: Any) -> Any:
        """The value that `script` returns; `arguments` are its `arguments`."""
        return self.command("WebDriver:ExecuteScript", script=script, args=arguments, sandbox=None)[
            "value"
        ]

    def wait(self, script: str, *arguments: Any) -> Any:
        """The value that `script` gives to its last argument, a callback."""
        return self.command(
            "WebDriver:ExecuteAsyncScript", script=script, args=arguments, sandbox=None
        )["value"]

    def _receive(self) -> Any:
        while b":" not in self._buffer:
            self._more()
        size, _, self._buffer = self._buffer.partition(b":")
        while len(self._buffer) < int(size):
            self._more()
        text, self._buffer = self._buffer[: int(size)], self._buffer[int(size) :]
        return json.loads(text)

    def _more(self) -> None:
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("Firefox closed the connection")
        self._buffer += data


@contextlib.contextmanager
def firefox(folder: Path, **preferences: object) -> Iterator[Firefox]:
    """A headless Firefox with a fresh profile in `folder`, gone at the end."""
    profile = folder / "firefox"
    profile.mkdir()
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in (_PREFERENCES | preferences).items()
    ]
    (profile / "user.js").write_text("\n".join(lines) + "\n")
    command = (BINARY, "--headless", "--marionette", "--no-remote", "--profile", str(profile))
    with running(command, log=folder / "firefox.log") as process:
        number = profile / "MarionetteActivePort"
        wait_until(lambda: _number_in(number) or _gone(process), 60, "Firefox listening")
        browser = Firefox(_number_in(number))
        try:
            yield browser
        finally:
            with contextlib.suppress(OSError, RuntimeError):
                browser.command("Marionette:Quit", flags=["eForceQuit"])
            browser.close()


def _number_in(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _gone(process: subprocess.Popen[bytes]) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"Firefox ended with {process.returncode}, process {os.getpid()}")
    return False
