"""A site under measurement: load cameras, a settings file, the recorder or the whole system."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import VMS, free_port, running, wait_until
from vms.simulator import control


@dataclass(frozen=True, slots=True)
class Cameras:
    """A running simulator. `process`: its process."""

    port: int
    control: int
    process: subprocess.Popen[bytes]

    def url(self, camera: str, stream: str = "main") -> str:
        return f"rtsp://127.0.0.1:{self.port}/{camera}/{stream}"

    def ask(self, **request: Any) -> Any:
        """One question to the simulator's control socket."""
        return control.ask(self.control, request)


@contextlib.contextmanager
def simulator(folder: Path, *arguments: str, within: float = 60) -> Iterator[Cameras]:
    """Run `vms simulate` with `arguments`, and wait until it listens."""
    port = free_port(2)
    command = (*VMS, "simulate", *arguments, "--port", str(port), "--control-port", str(port + 1))
    with running(command, log=folder / "simulator.log") as process:
        cameras = Cameras(port, port + 1, process)
        wait_until(lambda: listens(port), within, "the simulator listening")
        yield cameras


def load_name(number: int) -> str:
    """How the simulator names its load cameras."""
    return f"load-{number:03d}"


def write_settings(
    folder: Path, sources: dict[str, tuple[str, str | None]], *, more: str = ""
) -> Path:
    """A cameras.toml in `folder`; `sources`: id → (main URL, sub URL or None)."""
    text = [
        f'[system]\ndata = "{folder / "data"}"\n',
        f'[web]\nlisten = "127.0.0.1:{free_port()}"\n',
    ]
    text.append(f'[[volumes]]\npath = "{folder / "video"}"\nreserve = "100 MB"\n')
    text.append(more)
    for camera, (main, sub) in sources.items():
        text.append(f'[[cameras]]\nid = "{camera}"\nsource = "{main}"')
        if sub is not None:
            text.append(f'sub = "{sub}"')
    file = folder / "cameras.toml"
    file.write_text("\n".join(text) + "\n")
    return file


def recording_count(config: Path) -> int:
    """How many streams the running workers record."""
    data = config.parent / "data" / "run"
    count = 0
    for file in data.glob("recorder-*.status.json"):
        with contextlib.suppress(OSError, ValueError):
            streams = json.loads(file.read_text())["streams"].values()
            count += sum(stream["state"] == "recording" for stream in streams)
    return count


def wait_recording(config: Path, count: int, within: float = 60) -> float:
    """Wait until `count` streams are recorded; returns how long it took, in seconds."""
    started = time.monotonic()
    wait_until(lambda: recording_count(config) >= count, within, f"{count} cameras recording")
    return time.monotonic() - started


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
