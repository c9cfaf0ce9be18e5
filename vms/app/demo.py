"""`vms demo`: the site of cameras.toml, with its cameras simulated beside it."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from vms.app.up import Options, log_file
from vms.core.clock import SECOND
from vms.core.config import Settings
from vms.core.config_file import load_settings
from vms.core.errors import ConfigError
from vms.core.processes import ProcessSpec


def options(config: Path) -> Options:
    """How to run the demo: its simulator first. Raises ConfigError when its port is taken."""
    settings = load_settings(config)
    port = _simulator_port(settings)
    _refuse_taken(port, settings)
    argv = (
        sys.executable,
        "-m",
        "vms",
        "simulate",
        "--demo",
        "--port",
        str(port),
        "--control-port",
        str(port + 1),
        *_onvif(settings),
    )
    log = log_file(settings, "simulator")
    simulator = ProcessSpec("simulator", argv, log, grace=3 * SECOND)
    return Options(before=(simulator,), log_files=True, fresh_password=True)


def _onvif(settings: Settings) -> tuple[str, ...]:
    """The devices' ports, counted back from a camera that says where it speaks ONVIF.

    Nobody is to find simulated cameras on their network: probes are answered at no known port.
    """
    for number, camera in enumerate(settings.cameras):
        parts = urlsplit(camera.onvif or "")
        if parts.hostname in ("127.0.0.1", "localhost") and parts.port is not None:
            first = str(parts.port - number)
            return ("--onvif", "--onvif-port", first, "--discovery-port", "0")
    return ()


def _simulator_port(settings: Settings) -> int:
    """The local port that the cameras' sources name."""
    ports = {
        parts.port or 554
        for camera in settings.cameras
        if (parts := urlsplit(camera.source)).hostname in ("127.0.0.1", "localhost")
    }
    if len(ports) != 1:
        raise ConfigError(
            "the demo simulates cameras at one port of this machine",
            file=str(settings.file),
            key="cameras",
            remedy="use the project's cameras.toml, or for your own cameras: vms up --config FILE",
        )
    return ports.pop()


def _refuse_taken(port: int, settings: Settings) -> None:
    for number in (port, port + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError as error:
                raise ConfigError(
                    f"the simulated cameras can't listen on port {number}: {error.strerror}",
                    file=str(settings.file),
                    remedy="another demo may be running; stop it, or change the cameras' ports",
                ) from None
