"""A site under test: simulated cameras, a settings file, and the real processes over them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.console import fleet_toml
from benchmarks.processes import ROOT, VMS, free_port, running, wait_until
from vms.app.site import open_site
from vms.core.clock import Instant, SystemClock
from vms.core.model import Cause, State, StreamKey
from vms.core.status import StreamStatus, read_statuses, read_workers
from vms.simulator import control

SIGN_IN = re.compile(r"Sign in at (\S+) as (\S+) with (\S+)$", re.MULTILINE)
GST_SERVER = ROOT / "tests" / "interop" / "gst_server.py"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Running simulated cameras. `urls`: camera → main URL."""

    control: int
    urls: dict[str, str]

    def url(self, camera: str, stream: str = "main") -> str:
        return self.urls[camera].removesuffix("main") + stream

    def fault(self, camera: str, name: str, lasting: float | None = None, **args: Any) -> None:
        request = {"op": "fault", "camera": camera, "name": name, "args": args}
        control.ask(self.control, request | {"lasting": lasting})

    def clear(self, camera: str) -> None:
        control.ask(self.control, {"op": "clear", "camera": camera})


@contextlib.contextmanager
def simulated(folder: Path, cameras: list[dict[str, Any]]) -> Iterator[Fleet]:
    """Run `vms simulate` with `cameras` (keys of vms.simulator.spec) on ports of its own."""
    fleet = fleet_toml(folder, cameras)
    ports = ("--port", "0", "--control-port", "0", "--json")
    process = subprocess.Popen(
        (*VMS, "simulate", "--config", str(fleet), *ports),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        facts = json.loads(_line(process, within=40))
        urls = {camera["id"]: camera["main"] for camera in facts["cameras"]}
        yield Fleet(facts["control_port"], urls)
    finally:
        _end(process)


@contextlib.contextmanager
def gst_server(pipelines: dict[str, str]) -> Iterator[str]:
    """Run gst-rtsp-server with `pipelines` by path; the value is its URL without a path."""
    arguments = [f"{path}={pipeline}" for path, pipeline in pipelines.items()]
    process = subprocess.Popen(
        ["/usr/bin/python3", str(GST_SERVER), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"rtsp://127.0.0.1:{int(_line(process, within=30))}"
    finally:
        assert process.stdin is not None
        process.stdin.close()
        _end(process)


@dataclass(frozen=True, slots=True)
class Site:
    """One site in `folder`; its settings file is written anew by `write`."""

    folder: Path
    web_port: int

    @property
    def config(self) -> Path:
        return self.folder / "cameras.toml"

    @property
    def run_dir(self) -> Path:
        return self.folder / "data" / "run"

    @property
    def video(self) -> Path:
        return self.folder / "video"

    def write(
        self,
        cameras: Sequence[dict[str, Any]],
        *,
        segment: str = "60 s",
        workers: int = 1,
        system: str = "",
    ) -> None:
        """Write cameras.toml; `cameras` in its own keys, `system`: lines more of that table."""
        text = [
            f'[system]\nname = "Deneme Belediyesi"\ndata = "{self.folder / "data"}"\n{system}',
            f'[web]\nlisten = "127.0.0.1:{self.web_port}"',
            f'[recorder]\nworkers = {workers}\nsegment = "{segment}"',
            f'[[volumes]]\npath = "{self.video}"\nreserve = "100 MB"',
        ]
        for camera in cameras:
            keys = "\n".join(f"{key} = {json.dumps(value)}" for key, value in camera.items())
            text.append(f"[[cameras]]\n{keys}")
        # In one step, as good editors do: half a file is never read.
        fresh = self.config.with_suffix(".new")
        fresh.write_text("\n\n".join(text) + "\n")
        fresh.replace(self.config)

    def vms(
        self, *arguments: str, config: Path | None = None, say: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on this site, or with another settings file; `say`: on standard input."""
        return subprocess.run(
            [*VMS, *arguments, "--config", str(config or self.config)],
            input=say,
            capture_output=True,
            cwd=ROOT,
            text=True,
            timeout=60,
        )

    def facts(self, *arguments: str) -> Any:
        """What a command prints with --json."""
        done = self.vms(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def coverage(self, camera: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Segments and gaps of a camera, as the commands print them, without starting two."""
        key, now = StreamKey.parse(f"{camera}/main"), SystemClock().now()
        with open_site(self.config) as site:
            gaps = [gap.as_json(now) for gap in site.archive.gaps(key, Instant(0), now)]
            found = site.archive.segments(key, Instant(0), now)
        return [fact.as_json() for fact in found], gaps

    def statuses(self) -> dict[StreamKey, StreamStatus]:
        return read_statuses(self.run_dir, SystemClock().now())

    def status(self, camera: str, stream: str = "main") -> StreamStatus | None:
        return self.statuses().get(StreamKey.parse(f"{camera}/{stream}"))

    def worker_pids(self) -> dict[int, int]:
        return {w.worker: w.pid for w in read_workers(self.run_dir, SystemClock().now())}

    def wait_state(
        self, camera: str, state: State, cause: Cause | None = None, within: float = 30
    ) -> StreamStatus:
        """Wait until a camera's main stream is so, as its worker reports."""

        def look() -> StreamStatus | None:
            status = self.status(camera)
            if status is None or status.state is not state:
                return None
            return status if cause in (None, status.cause) else None

        try:
            found: StreamStatus = wait_until(look, within, f"{camera} {state} {cause or ''}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; it is {self.status(camera)}") from None
        return found

    def wait_recording(self, *cameras: str, within: float = 30) -> None:
        for camera in cameras:
            self.wait_state(camera, State.RECORDING, within=within)

    def wait_segments(self, camera: str, count: int, within: float = 40) -> list[Path]:
        """Wait until `count` finished files of a camera lie on the volume; they, by time."""

        def look() -> list[Path] | None:
            files = self.files(camera)
            return files if len(files) >= count else None

        found: list[Path] = wait_until(look, within, f"{count} files of {camera}")
        return found

    def files(self, camera: str) -> list[Path]:
        """A camera's finished main segments, by time."""
        return sorted(file for file in self.video.rglob("*.mp4") if camera in file.parts)

    def parts(self) -> list[Path]:
        return list(self.video.rglob("*.part"))

    @property
    def log(self) -> Path:
        return self.folder / "site.log"

    @contextlib.contextmanager
    def recorder(self) -> Iterator[subprocess.Popen[bytes]]:
        """`vms recorder`, stopped at the end; its exit code stays in the process."""
        command = (*VMS, "recorder", "--config", str(self.config))
        with running(command, log=self.log) as process:
            yield process

    @contextlib.contextmanager
    def up(self) -> Iterator[Up]:
        """`vms up`, from the moment it says how to sign in."""
        with running((*VMS, "up", "--config", str(self.config)), log=self.log) as process:
            said = wait_until(lambda: self._said(process), 40, "the line that says how to sign in")
            yield Up(self, process, said)

    def _said(self, process: subprocess.Popen[bytes]) -> str:
        assert process.poll() is None, self.log.read_text()
        lines = self.log.read_text().splitlines()
        return next((line for line in reversed(lines) if line.startswith("Sign in at")), "")


@dataclass(frozen=True, slots=True)
class Up:
    """A running `vms up`. `said`: its line about signing in."""

    site: Site
    process: subprocess.Popen[bytes]
    said: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.site.web_port}"

    @contextlib.contextmanager
    def signed_in(self, user: str, password: str) -> Iterator[httpx2.Client]:
        """An HTTP client with the session's cookie and CSRF token."""
        with httpx2.Client(base_url=self.url, timeout=20) as client:
            answer = client.post("/api/session", json={"username": user, "password": password})
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF-Token"] = answer.json()["csrf"]
            yield client


@contextlib.contextmanager
def town(folder: Path, cameras: list[dict[str, Any]]) -> Iterator[tuple[Site, Fleet]]:
    """A site whose cameras are simulated; its settings file is yet to be written."""
    with simulated(folder, cameras) as fleet:
        yield new_site(folder), fleet


def new_site(folder: Path) -> Site:
    return Site(folder, free_port())


def drawn(camera: str, **more: Any) -> dict[str, Any]:
    """A small drawn camera for the simulator: a keyframe each second, cheap to code."""
    video = {"width": 320, "height": 180, "fps": 10, "gop": 10, "bitrate": 300_000}
    video |= more.pop("video", {})
    return {"id": camera, "video": video, "sub": False, **more}


def tree_killed(pids: Sequence[int]) -> None:
    """kill -9 for each; those already gone are none the worse."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _line(process: subprocess.Popen[bytes], within: float) -> bytes:
    """The first line a process prints."""
    out = process.stdout
    assert out is not None
    deadline = time.monotonic() + within
    poll = select.poll()  # select() refuses descriptors above 1,024
    poll.register(out, select.POLLIN | select.POLLHUP)
    while time.monotonic() < deadline:
        if poll.poll(200):
            line: bytes = out.readline()
            if line:
                return line
        if process.poll() is not None:
            break
    raise TimeoutError(f"{process.args!r} said nothing in {within:g} s; {process.poll()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
