"""What an installation copies holds: the unit by systemd's own judgement, what it is told while
the system runs, the container file's steps, the proxies' examples."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from vms.core import service_manager
from vms.core.config_file import parse_settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "vms" / "deploy"
UNIT = (DEPLOY / "gozcu.service").read_text()


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a command and a user that this machine has."""
    text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT)
    text = re.sub(r"(?m)^(User|Group)=.*", r"\1=root", text)
    file = tmp_path / "gozcu.service"
    file.write_text(text)
    return file


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_unit_and_finds_it_closed(unit: Path) -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    verified = subprocess.run(command, capture_output=True, text=True, timeout=60)
    told = [line for line in verified.stderr.splitlines() if "gozcu.service" in line]
    assert told == []
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(unit)]
    judged = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert judged.returncode == 0, judged.stdout[-300:]  # an exposure of at most 2.5 of 10


def test_the_unit_says_what_the_guide_promises() -> None:
    for line in ("Type=notify", "WatchdogSec=30", "LimitCORE=0", "NoNewPrivileges=yes"):
        assert f"\n{line}\n" in UNIT


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_the_unit_lets_through_what_the_system_calls() -> None:
    """Of what a filter may take away: how the clock is kept, and what gives way to the recorder."""
    allowed: set[str] = set()
    for line in re.findall(r"(?m)^SystemCallFilter=(.*)", UNIT):
        names = set().union(*(_calls_of(name) for name in line.lstrip("~").split()))
        allowed = allowed - names if line.startswith("~") else allowed | names
    assert {"adjtimex", "clock_adjtime", "setpriority", "ioprio_set"} <= allowed
    assert {"clock_settime", "settimeofday", "mount", "reboot"}.isdisjoint(allowed)
    assert "\nProtectClock=yes\n" not in UNIT  # it forbids asking too


def _calls_of(name: str) -> set[str]:
    """A call, or those of a group of systemd's."""
    if not name.startswith("@"):
        return {name}
    command = ["systemd-analyze", "syscall-filter", name]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    members = [line.strip() for line in told.splitlines()[1:]]
    return set().union(*(_calls_of(one) for one in members if one and not one.startswith("#")))


class Manager:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(10)

    def heard(self) -> str:
        return self.socket.recv(1_000).decode()


def test_the_manager_is_told_and_pinged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager(tmp_path / "notify")
    with manager.socket:
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        service_manager.tell("READY=1")
        assert manager.heard() == "READY=1"
        monkeypatch.setenv("WATCHDOG_USEC", "60000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)

        async def scene() -> None:
            pinging = asyncio.create_task(service_manager.keep_alive())
            for _ in range(3):
                assert await asyncio.to_thread(manager.heard) == "WATCHDOG=1"
            pinging.cancel()

        asyncio.run(scene())


def test_without_a_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
        monkeypatch.delenv(name, raising=False)
    service_manager.tell("READY=1")
    asyncio.run(asyncio.wait_for(service_manager.keep_alive(), 10))
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")  # another process's
    assert service_manager.watchdog_s() is None


def test_passwords_come_from_credentials(tmp_path: Path) -> None:
    """As LoadCredential= gives them."""
    (tmp_path / "gate-north").write_text("geheim\n")
    text = (
        '[[cameras]]\nid = "gate-north"\nsource = "rtsp://10.0.0.5/main"\n'
        'secret = "${CREDENTIALS_DIRECTORY}/gate-north"\n'
    )
    variables = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    password = parse_settings(text, tmp_path / "cameras.toml", variables).cameras[0].password
    assert password is not None
    assert password.reveal() == "geheim"


def test_the_container_file_copies_what_is_there_and_runs_as_nobody_special() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    for places in re.findall(r"(?m)^COPY (?!--from)(.+)$", text):
        *sources, _ = places.split()
        assert all((ROOT / source).exists() for source in sources), places
    wheel = (ROOT / "pyproject.toml").read_text()
    for package in re.findall(r"packages = \[(.*?)\]", wheel)[0].replace('"', "").split(", "):
        assert f"COPY {package} " in text
    assert "\nUSER gozcu\n" in text
    assert not re.search(r"(?i)(password|secret|token)\s*=", text)


@pytest.mark.parametrize("file", ["nginx.conf", "Caddyfile"])
def test_the_proxies_reach_what_the_guide_sets_up(file: str) -> None:
    text = (DEPLOY / file).read_text()
    assert "127.0.0.1:8080" in text
    if file == "nginx.conf":
        assert "X-Forwarded-For $remote_addr" in text  # replaced, not added to
        assert "Upgrade $http_upgrade" in text
