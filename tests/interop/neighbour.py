"""Another machine on a network of its own, as far as the kernel can tell: for programs that find
devices by multicast and, as a machine does, not those that run on itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Neighbour:
    """`address`: this machine's, as the other one sees it."""

    address: str
    namespace: str

    def run(self, *command: str, text: str = "") -> str:
        """What a command over there prints; `text`: what is typed."""
        there = ["ip", "netns", "exec", self.namespace, *command]
        done = subprocess.run(there, input=text, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout


@contextmanager
def neighbour() -> Iterator[Neighbour]:
    """A network namespace at the end of a cable. Needs root: elsewhere the test is skipped."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("another machine is made of a network namespace, which takes root")
    pid = os.getpid()
    name, ours, theirs = f"vms-{pid}", f"vmsa{pid}", f"vmsb{pid}"
    # Addresses for tests of networks (RFC 2544), one small network for each test process.
    network = f"198.{18 + pid // 256 % 2}.{pid % 256}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        _ip("address", "add", f"{network}.1/24", "dev", ours)
        _ip("link", "set", ours, "up")
        _ip("-n", name, "address", "add", f"{network}.2/24", "dev", theirs)
        _ip("-n", name, "link", "set", theirs, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "route", "add", "default", "via", f"{network}.1")
        yield Neighbour(f"{network}.1", name)
    finally:
        # The cable goes with the namespace, but at some later time; the next one has its name.
        with suppress(AssertionError):
            _ip("link", "delete", ours)
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    done = subprocess.run(
        ["ip", *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
